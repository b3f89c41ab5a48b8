import type { Place, Platform, Table } from '../platform.ts';

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export interface TopicRecord extends Place {
  readonly arn: string;
  readonly name: string;
  /** As set: DisplayName, Policy, DeliveryPolicy, KmsMasterKeyId, SignatureVersion, TracingConfig. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: readonly Tag[];
  readonly deletedSubscriptions: number;
}

export interface SubscriptionRecord extends Place {
  readonly arn: string;
  readonly topicArn: string;
  readonly protocol: string;
  readonly endpoint: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Undefined once it is confirmed. */
  readonly token: string | undefined;
  readonly authenticated: boolean;
}

/** One message on its way to one subscription. */
export interface DeliveryRecord {
  readonly id: string;
  readonly at: string;
  readonly kind: 'SubscriptionConfirmation' | 'Notification';
  readonly messageId: string;
  readonly topicArn: string;
  readonly subscriptionArn: string;
  readonly protocol: string;
  readonly endpoint: string;
  readonly raw: boolean;
  readonly body: string;
  /** `journalled`: e-mail, which nobody sends here; it is to be read where deliveries are listed. */
  readonly state: 'pending' | 'delivered' | 'failed' | 'journalled';
  readonly attempts: number;
  readonly lastError: string | undefined;
}

export interface SnsStore {
  readonly topics: Table<TopicRecord>;
  readonly subscriptions: Table<SubscriptionRecord>;
  readonly deliveries: Table<DeliveryRecord>;
  of(topic: TopicRecord): SubscriptionRecord[];
}

export function openSnsStore({ table, tables }: Platform): SnsStore {
  const stored = tables('sns', ['topics', 'subscriptions']);
  const subscriptions = stored.table<SubscriptionRecord>('subscriptions');
  return {
    topics: stored.table('topics'),
    subscriptions,
    deliveries: table('sns/deliveries'),
    of: ({ arn }) => [...subscriptions.values()].filter(({ topicArn }) => topicArn === arn),
  };
}
