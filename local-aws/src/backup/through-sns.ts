import type * as SNS from '@aws-sdk/client-sns';
import { evaluateResource } from '../auth/evaluate.ts';
import { parsePolicy } from '../auth/policy-document.ts';
import type { Call, Handlers, Service } from '../wire/handlers.ts';
import type { Publish } from './notifications.ts';

const SERVICE = 'backup.amazonaws.com';

/**
 * Publishes vault notifications. AWS Backup comes as itself: the topic's own policy must allow `sns:Publish` to backup.amazonaws.com,
 * which the policy of a new topic does not.
 */
export function throughSns(sns: Service): Publish {
  const { GetTopicAttributes, Publish } = sns.handlers as Handlers<typeof SNS>;
  return async ({ topicArn, subject, message, attributes }) => {
    if (!GetTopicAttributes || !Publish) throw new Error('SNS cannot publish.');
    const call = ownerOf(topicArn);
    const { Attributes } = await GetTopicAttributes({ TopicArn: topicArn }, call);
    const { effect } = evaluateResource(
      parsePolicy(Attributes?.['Policy'] ?? '', 'resource'),
      { action: 'sns:Publish', resource: topicArn, context: { 'aws:SourceAccount': call.accountId } },
      { accountId: call.accountId, principalArn: SERVICE, roleArn: undefined, service: SERVICE },
    );
    if (effect === 'none' || effect === 'deny')
      throw new Error(`the policy of ${topicArn} does not allow sns:Publish to ${SERVICE}`);
    const MessageAttributes = Object.fromEntries(
      Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
    );
    await Publish({ TopicArn: topicArn, Subject: subject, Message: message, MessageAttributes }, call);
  };
}

/** What reads the policy and hands the message over, once the policy has let AWS Backup in. */
function ownerOf(topicArn: string): Call {
  const [, , , region = '', accountId = ''] = topicArn.split(':');
  return {
    ...{ accountId, region, principalArn: `arn:aws:iam::${accountId}:user/administrator` },
    ...{ requestId: 'service', sourceIp: '127.0.0.1', service: 'sns', operation: 'Publish' },
  };
}
