import type * as SNS from '@aws-sdk/client-sns';
import { parsePolicy, PolicyRefused } from '../auth/policy-document.ts';
import { together } from '../journal/table.ts';
import { notImplemented, refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import { paged, policyOf, topicFor, without, type SnsContext } from './context.ts';
import { invalid } from './faults.ts';
import type { Tag, TopicRecord } from './records.ts';

const SETTABLE = new Set([
  'DisplayName',
  'Policy',
  'DeliveryPolicy',
  'KmsMasterKeyId',
  'SignatureVersion',
  'TracingConfig',
]);

/** Topics, their attributes and tags. */
export function topicHandlers(context: SnsContext): Handlers<typeof SNS> {
  const { platform, store } = context;
  return {
    async CreateTopic(input, call) {
      refuseMembers('sns', 'CreateTopic', input, ['DataProtectionPolicy']);
      const name = input.Name ?? '';
      const arn = `arn:aws:sns:${call.region}:${call.accountId}:${name}`;
      const tags = tagsFrom(input.Tags);
      platform.authorize(call, 'sns:CreateTopic', arn, tagConditions(tags));
      if (name.endsWith('.fifo') || input.Attributes?.['FifoTopic'] === 'true')
        throw notImplemented('sns', 'FIFO topics');
      if (!/^[\w-]{1,256}$/.test(name)) throw invalid('Topic Name');
      const attributes = Object.fromEntries(
        Object.entries(input.Attributes ?? {})
          .filter(([key, value]) => !(key === 'FifoTopic' && value === 'false'))
          .map(([key, value]) => [key, checked(key, value)]),
      );
      const known = store.topics.get(arn);
      if (known) {
        const other = Object.entries(attributes).some(([key, value]) => known.attributes[key] !== value);
        if (other) throw invalid('Attributes Reason: Topic already exists with different attributes');
        if (tags.length > 0 && JSON.stringify(sorted(tags)) !== JSON.stringify(sorted(known.tags)))
          throw invalid('Tags Reason: Topic already exists with different tags');
        return { TopicArn: arn };
      }
      const { accountId, region } = call;
      await store.topics.put(arn, {
        accountId,
        region,
        arn,
        name,
        attributes,
        tags,
        deletedSubscriptions: 0,
      });
      return { TopicArn: arn };
    },
    async DeleteTopic({ TopicArn = '' }, call) {
      const known = store.topics.get(TopicArn);
      if (!known) {
        platform.authorize(call, 'sns:DeleteTopic', TopicArn);
        return {};
      }
      const topic = topicFor(context, call, 'sns:DeleteTopic', TopicArn);
      await together(
        ...store.of(topic).map(({ arn }) => store.subscriptions.removing(arn)),
        store.topics.removing(topic.arn),
      );
      return {};
    },
    async ListTopics({ NextToken }, call) {
      platform.authorize(call, 'sns:ListTopics', '*', {}, { ownerAccountId: call.accountId });
      const own = [...store.topics.values()].filter(
        ({ accountId, region }) => accountId === call.accountId && region === call.region,
      );
      const { items, ...rest } = paged(own, ({ arn }) => arn, NextToken);
      return { Topics: items.map(({ arn }) => ({ TopicArn: arn })), ...rest };
    },
    async GetTopicAttributes({ TopicArn }, call) {
      return { Attributes: describe(topicFor(context, call, 'sns:GetTopicAttributes', TopicArn), context) };
    },
    async SetTopicAttributes({ TopicArn, AttributeName = '', AttributeValue }, call) {
      const topic = topicFor(context, call, 'sns:SetTopicAttributes', TopicArn);
      const others = without(topic.attributes, AttributeName);
      const value = AttributeValue === undefined || AttributeValue === '' ? undefined : AttributeValue;
      if (value === undefined && !SETTABLE.has(AttributeName)) checked(AttributeName, '');
      const attributes =
        value === undefined ? others : { ...others, [AttributeName]: checked(AttributeName, value) };
      await store.topics.put(topic.arn, { ...topic, attributes });
      return {};
    },
    async TagResource({ ResourceArn, Tags }, call) {
      const added = tagsFrom(Tags);
      const topic = topicFor(context, call, 'sns:TagResource', ResourceArn, tagConditions(added));
      const names = new Set(added.map(({ Key }) => Key));
      const tags = [...topic.tags.filter(({ Key }) => !names.has(Key)), ...added];
      if (tags.length > 50) throw invalid('Tags Reason: A topic can have at most 50 tags.');
      await store.topics.put(topic.arn, { ...topic, tags });
      return {};
    },
    async UntagResource({ ResourceArn, TagKeys = [] }, call) {
      const topic = topicFor(context, call, 'sns:UntagResource', ResourceArn, { 'aws:TagKeys': TagKeys });
      await store.topics.put(topic.arn, {
        ...topic,
        tags: topic.tags.filter(({ Key }) => !TagKeys.includes(Key)),
      });
      return {};
    },
    async ListTagsForResource({ ResourceArn }, call) {
      return { Tags: [...topicFor(context, call, 'sns:ListTagsForResource', ResourceArn).tags] };
    },
  };
}

function checked(name: string, value: string): string {
  if (name === 'FifoTopic' || name === 'ContentBasedDeduplication' || name === 'ArchivePolicy')
    throw notImplemented('sns', `topics with ${name}`);
  if (!SETTABLE.has(name)) {
    if (/FeedbackRoleArn$|FeedbackSampleRate$/.test(name)) throw notImplemented('sns', `topics with ${name}`);
    throw invalid('AttributeName');
  }
  if (name === 'SignatureVersion' && value !== '1' && value !== '2') throw invalid('SignatureVersion');
  if (name === 'DisplayName' && value.length > 100) throw invalid('DisplayName');
  if (name === 'Policy') {
    try {
      parsePolicy(value, 'resource');
    } catch (err) {
      if (!(err instanceof PolicyRefused)) throw err;
      throw invalid(`Policy Error: ${err.message}`);
    }
  }
  return value;
}

function describe(topic: TopicRecord, { store }: SnsContext): Record<string, string> {
  const subscriptions = store.of(topic);
  const pending = subscriptions.filter(({ token }) => token !== undefined).length;
  return {
    ...topic.attributes,
    Policy: policyOf(topic),
    TopicArn: topic.arn,
    Owner: topic.accountId,
    DisplayName: topic.attributes['DisplayName'] ?? '',
    SubscriptionsConfirmed: String(subscriptions.length - pending),
    SubscriptionsPending: String(pending),
    SubscriptionsDeleted: String(topic.deletedSubscriptions),
    EffectiveDeliveryPolicy: EFFECTIVE_DELIVERY_POLICY,
  };
}

const EFFECTIVE_DELIVERY_POLICY = JSON.stringify({
  http: {
    defaultHealthyRetryPolicy: {
      ...{
        minDelayTarget: 20,
        maxDelayTarget: 20,
        numRetries: 3,
        numMaxDelayRetries: 0,
        numNoDelayRetries: 0,
      },
      ...{ numMinDelayRetries: 0, backoffFunction: 'linear' },
    },
    disableSubscriptionOverrides: false,
    defaultRequestPolicy: { headerContentType: 'text/plain; charset=UTF-8' },
  },
});

function tagsFrom(given: readonly SNS.Tag[] | undefined): Tag[] {
  const tags = (given ?? []).map(({ Key = '', Value = '' }) => ({ Key, Value }));
  for (const { Key } of tags)
    if (Key === '' || Key.length > 128 || /^aws:/i.test(Key))
      throw invalid(`Tags Reason: the key '${Key}' is invalid.`);
  return tags;
}

function tagConditions(tags: readonly Tag[]) {
  return {
    ...Object.fromEntries(tags.map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value])),
    ...(tags.length > 0 ? { 'aws:TagKeys': tags.map(({ Key }) => Key) } : {}),
  };
}

function sorted(tags: readonly Tag[]): Tag[] {
  return [...tags].sort((a, b) => (a.Key < b.Key ? -1 : 1));
}
