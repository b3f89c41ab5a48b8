import { randomUUID } from 'node:crypto';
import type { ConditionContext, Platform } from '../platform.ts';
import { pageBy } from '../paging.ts';
import { notImplemented } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import type { Deliveries } from './deliveries.ts';
import { invalid, noTopic } from './faults.ts';
import type { DeliveryRecord, SnsStore, SubscriptionRecord, TopicRecord } from './records.ts';
import type { Envelope, Signer } from './signer.ts';

export interface SnsContext {
  readonly platform: Platform;
  readonly store: SnsStore;
  readonly signer: Signer;
  readonly deliveries: Deliveries;
}

/** Finds a topic by ARN and checks the right to `action` on it; its own policy counts. */
export function topicFor(
  { platform, store }: SnsContext,
  call: Call,
  action: string,
  arn: string | undefined,
  context: ConditionContext = {},
): TopicRecord {
  const wanted = checkTopicArn(arn, call);
  const topic = store.topics.get(wanted);
  platform.authorize(
    call,
    action,
    wanted,
    {
      'aws:SourceOwner': call.accountId,
      ...Object.fromEntries((topic?.tags ?? []).map(({ Key, Value }) => [`aws:ResourceTag/${Key}`, Value])),
      ...context,
    },
    topic ? { resourcePolicy: policyOf(topic) } : {},
  );
  if (!topic) throw noTopic();
  return topic;
}

function checkTopicArn(arn: string | undefined, call: Call): string {
  const match = /^arn:aws:sns:([a-z0-9-]+):(\d{12}):([\w-]{1,256}(\.fifo)?)$/.exec(arn ?? '');
  if (!match) throw invalid('TopicArn Reason: An ARN must have at least 6 elements, not 1');
  if (match[1] !== call.region) throw invalid(`TopicArn`);
  if (match[4] !== undefined) throw notImplemented('sns', 'FIFO topics');
  return arn ?? '';
}

/** The topic's policy, or the one that SNS gives every new topic. */
export function policyOf({ attributes, arn, accountId }: TopicRecord): string {
  return (
    attributes['Policy'] ??
    JSON.stringify({
      Version: '2008-10-17',
      Id: '__default_policy_ID',
      Statement: [
        {
          Sid: '__default_statement_ID',
          Effect: 'Allow',
          Principal: { AWS: '*' },
          Action: [
            'SNS:GetTopicAttributes',
            'SNS:SetTopicAttributes',
            'SNS:AddPermission',
            'SNS:RemovePermission',
            'SNS:DeleteTopic',
            'SNS:Subscribe',
            'SNS:ListSubscriptionsByTopic',
            'SNS:Publish',
          ],
          Resource: arn,
          Condition: { StringEquals: { 'AWS:SourceOwner': accountId } },
        },
      ],
    })
  );
}

/** Hands one message to one subscription. */
export async function deliver(
  { platform, signer, deliveries }: SnsContext,
  topic: TopicRecord,
  subscription: SubscriptionRecord,
  envelope: Envelope,
  attributes: Readonly<Record<string, { Type: string; Value: string }>> | undefined,
): Promise<void> {
  const raw = envelope.Type === 'Notification' && subscription.attributes['RawMessageDelivery'] === 'true';
  const version = topic.attributes['SignatureVersion'] === '2' ? '2' : '1';
  const endpoint = platform.endpoint();
  const unsubscribe = new URLSearchParams({ Action: 'Unsubscribe', SubscriptionArn: subscription.arn });
  const wrapped = {
    ...envelope,
    SignatureVersion: version,
    Signature: signer.sign(envelope, version),
    SigningCertURL: endpoint + signer.path,
    ...(envelope.Type === 'Notification' ? { UnsubscribeURL: `${endpoint}/?${unsubscribe.toString()}` } : {}),
    ...(attributes ? { MessageAttributes: attributes } : {}),
  };
  await deliveries.send({
    ...{ id: randomUUID(), at: envelope.Timestamp, kind: envelope.Type as DeliveryRecord['kind'], raw },
    ...{ messageId: envelope.MessageId, topicArn: topic.arn, subscriptionArn: subscription.arn },
    ...{
      protocol: subscription.protocol,
      endpoint: subscription.endpoint,
      attempts: 0,
      lastError: undefined,
    },
    body: raw ? envelope.Message : JSON.stringify(wrapped, undefined, 2),
    state: subscription.protocol === 'http' ? 'pending' : 'journalled',
  });
}

/** Pages of 100, as SNS has them. */
export function paged<T>(items: Iterable<T>, key: (item: T) => string, NextToken: string | undefined) {
  const refuse = () => invalid('NextToken');
  const { items: chosen, next } = pageBy(items, key, { limit: 100, token: NextToken, refuse });
  return { items: chosen, ...(next === undefined ? {} : { NextToken: next }) };
}

export function without(attributes: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => key !== name));
}
