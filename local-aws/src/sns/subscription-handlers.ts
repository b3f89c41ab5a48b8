import type * as SNS from '@aws-sdk/client-sns';
import { randomBytes, randomUUID } from 'node:crypto';
import { together } from '../journal/table.ts';
import { accessDenied, notImplemented } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { deliver, paged, topicFor, without, type SnsContext } from './context.ts';
import { isLoopbackUrl } from './deliveries.ts';
import { invalid, noSubscription } from './faults.ts';
import { parseFilterPolicy } from './filter-policy.ts';
import type { SubscriptionRecord, TopicRecord } from './records.ts';

const PENDING = 'PendingConfirmation';

/** Subscriptions: asked for by a caller, confirmed by the receiver. */
export function subscriptionHandlers(context: SnsContext): Handlers<typeof SNS> {
  const { platform, store } = context;
  const owned = (arn: string | undefined, call: Call, action: string): SubscriptionRecord => {
    if (!/^arn:aws:sns:[a-z0-9-]+:\d{12}:[\w-]+:[0-9a-f-]{36}$/.test(arn ?? ''))
      throw invalid('SubscriptionArn');
    const subscription = store.subscriptions.get(arn ?? '');
    platform.authorize(
      call,
      action,
      subscription?.topicArn ?? arn ?? '',
      {},
      { ownerAccountId: call.accountId },
    );
    if (!subscription) throw noSubscription();
    const topic = store.topics.get(subscription.topicArn);
    if (subscription.accountId !== call.accountId && topic?.accountId !== call.accountId)
      throw accessDenied('sns', `User: ${call.principalArn} is not authorized to perform: ${action}`);
    return subscription;
  };

  return {
    async Subscribe(
      { TopicArn, Protocol = '', Endpoint = '', Attributes = {}, ReturnSubscriptionArn },
      call,
    ) {
      const topic = topicFor(context, call, 'sns:Subscribe', TopicArn, {
        'sns:Endpoint': Endpoint,
        'sns:Protocol': Protocol,
      });
      checkTarget(Protocol, Endpoint);
      const attributes = Object.fromEntries(
        Object.entries(Attributes).map(([name, value]) => [name, checked(name, value)]),
      );
      const known = store
        .of(topic)
        .find(({ protocol, endpoint }) => protocol === Protocol && endpoint === Endpoint);
      if (known && known.token === undefined) {
        const other = Object.entries(attributes).some(([name, value]) => known.attributes[name] !== value);
        if (other) throw invalid('Attributes Reason: Subscription already exists with different attributes');
        return { SubscriptionArn: known.arn };
      }
      const subscription: SubscriptionRecord = {
        ...{ accountId: call.accountId, region: topic.region, topicArn: topic.arn },
        ...{ protocol: Protocol, endpoint: Endpoint, attributes, authenticated: false },
        arn: known?.arn ?? `${topic.arn}:${randomUUID()}`,
        token: randomBytes(160).toString('hex'),
      };
      await store.subscriptions.put(subscription.arn, subscription);
      await askForConfirmation(context, topic, subscription);
      return { SubscriptionArn: ReturnSubscriptionArn === true ? subscription.arn : 'pending confirmation' };
    },
    async ConfirmSubscription({ TopicArn, Token = '', AuthenticateOnUnsubscribe }, call) {
      const topic = topicFor(context, call, 'sns:ConfirmSubscription', TopicArn);
      return { SubscriptionArn: await confirm(context, topic, Token, AuthenticateOnUnsubscribe === 'true') };
    },
    async Unsubscribe({ SubscriptionArn = '' }, call) {
      if (!store.subscriptions.has(SubscriptionArn)) {
        if (!/^arn:aws:sns:[a-z0-9-]+:\d{12}:[\w-]+:[0-9a-f-]{36}$/.test(SubscriptionArn))
          throw invalid(
            `SubscriptionArn Reason: An ARN must have at least 6 elements, not ${SubscriptionArn.split(':').length}`,
          );
        platform.authorize(call, 'sns:Unsubscribe', SubscriptionArn, {}, { ownerAccountId: call.accountId });
        return {};
      }
      await unsubscribe(context, owned(SubscriptionArn, call, 'sns:Unsubscribe'));
      return {};
    },
    async ListSubscriptions({ NextToken }, call) {
      platform.authorize(call, 'sns:ListSubscriptions', '*', {}, { ownerAccountId: call.accountId });
      const own = [...store.subscriptions.values()].filter(
        ({ accountId, region }) => accountId === call.accountId && region === call.region,
      );
      const { items, ...rest } = paged(own, ({ arn }) => arn, NextToken);
      return { Subscriptions: items.map(listing), ...rest };
    },
    async ListSubscriptionsByTopic({ TopicArn, NextToken }, call) {
      const topic = topicFor(context, call, 'sns:ListSubscriptionsByTopic', TopicArn);
      const { items, ...rest } = paged(store.of(topic), ({ arn }) => arn, NextToken);
      return { Subscriptions: items.map(listing), ...rest };
    },
    async GetSubscriptionAttributes({ SubscriptionArn }, call) {
      const subscription = owned(SubscriptionArn, call, 'sns:GetSubscriptionAttributes');
      return {
        Attributes: {
          RawMessageDelivery: 'false',
          ...subscription.attributes,
          SubscriptionArn: subscription.arn,
          TopicArn: subscription.topicArn,
          Owner: subscription.accountId,
          Protocol: subscription.protocol,
          Endpoint: subscription.endpoint,
          PendingConfirmation: String(subscription.token !== undefined),
          ConfirmationWasAuthenticated: String(subscription.authenticated),
          SubscriptionPrincipal: `arn:aws:iam::${subscription.accountId}:root`,
        },
      };
    },
    async SetSubscriptionAttributes({ SubscriptionArn, AttributeName = '', AttributeValue = '' }, call) {
      const subscription = owned(SubscriptionArn, call, 'sns:SetSubscriptionAttributes');
      const others = without(subscription.attributes, AttributeName);
      const value = checked(AttributeName, AttributeValue);
      const cleared = value === '' || value === '{}';
      await store.subscriptions.put(subscription.arn, {
        ...subscription,
        attributes: cleared ? others : { ...others, [AttributeName]: value },
      });
      return {};
    },
  };
}

/** By a signed call or by the link in the message. */
export async function confirm(
  { store }: SnsContext,
  topic: TopicRecord,
  token: string,
  authenticated: boolean,
): Promise<string> {
  const subscription = store.of(topic).find((each) => each.token !== undefined && each.token === token);
  if (!subscription) throw invalid('Token');
  await store.subscriptions.put(subscription.arn, { ...subscription, token: undefined, authenticated });
  return subscription.arn;
}

export async function unsubscribe({ store }: SnsContext, subscription: SubscriptionRecord): Promise<void> {
  const topic = store.topics.get(subscription.topicArn);
  const counted = topic && { ...topic, deletedSubscriptions: topic.deletedSubscriptions + 1 };
  await together(
    store.subscriptions.removing(subscription.arn),
    ...(counted ? [store.topics.putting(counted.arn, counted)] : []),
  );
}

async function askForConfirmation(
  context: SnsContext,
  topic: TopicRecord,
  subscription: SubscriptionRecord,
): Promise<void> {
  const { platform } = context;
  const Token = subscription.token ?? '';
  const query = new URLSearchParams({ Action: 'ConfirmSubscription', TopicArn: topic.arn, Token });
  const Message = `You have chosen to subscribe to the topic ${topic.arn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`;
  const envelope = {
    ...{ Type: 'SubscriptionConfirmation', MessageId: randomUUID(), Token, TopicArn: topic.arn, Message },
    SubscribeURL: `${platform.endpoint()}/?${query.toString()}`,
    Timestamp: platform.clock.now().toISOString(),
  };
  await deliver(context, topic, subscription, envelope, undefined);
}

function listing({
  arn,
  topicArn,
  accountId,
  protocol,
  endpoint,
  token,
}: SubscriptionRecord): SNS.Subscription {
  return {
    SubscriptionArn: token === undefined ? arn : PENDING,
    Owner: accountId,
    Protocol: protocol,
    Endpoint: endpoint,
    TopicArn: topicArn,
  };
}

function checkTarget(protocol: string, endpoint: string): void {
  switch (protocol) {
    case 'http':
      if (isLoopbackUrl(endpoint)) return;
      if (!/^http:\/\//.test(endpoint)) throw invalid('Endpoint must match the specified protocol');
      throw notImplemented('sns', `messages to ${endpoint}: they are posted to loopback addresses only`);
    case 'email':
    case 'email-json':
      if (/^[^@\s]+@[^@\s]+$/.test(endpoint)) return;
      throw invalid('Email address');
    case 'https':
    case 'sqs':
    case 'lambda':
    case 'sms':
    case 'application':
    case 'firehose':
      throw notImplemented('sns', `subscriptions of the protocol ${protocol}`);
    default:
      throw invalid('Protocol');
  }
}

function checked(name: string, value: string): string {
  switch (name) {
    case 'RawMessageDelivery':
      if (value !== 'true' && value !== 'false')
        throw invalid('Attributes Reason: RawMessageDelivery: Invalid value.');
      return value;
    case 'FilterPolicy':
      if (value !== '') parseFilterPolicy(value);
      return value;
    case 'FilterPolicyScope':
      if (value === 'MessageAttributes') return value;
      throw notImplemented('sns', `subscriptions with FilterPolicyScope ${value}`);
    case 'DeliveryPolicy':
    case 'RedrivePolicy':
    case 'SubscriptionRoleArn':
    case 'ReplayPolicy':
      throw notImplemented('sns', `subscriptions with ${name}`);
    default:
      throw invalid('AttributeName');
  }
}
