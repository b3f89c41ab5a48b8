import * as SNS from '@aws-sdk/client-sns';
import type { Platform } from '../platform.ts';
import { AwsError } from '../wire/errors.ts';
import { defineService, type Service } from '../wire/handlers.ts';
import type { WireRequest, WireResponse } from '../wire/protocol.ts';
import { xmlElement } from '../wire/xml.ts';
import type { SnsContext } from './context.ts';
import { createDeliveries } from './deliveries.ts';
import { publishHandlers } from './publish-handlers.ts';
import { openSnsStore } from './records.ts';
import { openSigner } from './signer.ts';
import { confirm, subscriptionHandlers, unsubscribe } from './subscription-handlers.ts';
import { topicHandlers } from './topic-handlers.ts';

/** Topics whose messages are posted to loopback addresses; e-mail is only journalled. Deliveries: `GET /sns/deliveries` of the admin endpoint. */
export async function snsService(platform: Platform): Promise<Service> {
  const store = openSnsStore(platform);
  const deliveries = createDeliveries(store, platform);
  const signer = await openSigner(platform.table('sns/signer'));
  const context: SnsContext = { platform, store, signer, deliveries };
  platform.admin.route('GET', '/sns/deliveries', async ({ topic, limit }) => ({
    deliveries: [...store.deliveries.values()]
      .filter(({ topicArn }) => topic === undefined || topicArn === topic)
      .slice(-Number(limit ?? 100)),
  }));
  deliveries.resume();
  return defineService({
    name: 'sns',
    load: () => import('@aws-sdk/client-sns'),
    handlers: { ...topicHandlers(context), ...subscriptionHandlers(context), ...publishHandlers(context) },
    open: (request) => openAnswer(context, request),
  });
}

/** The links in messages: the certificate, and confirming or ending a subscription. Their secret is in the link. */
async function openAnswer(context: SnsContext, request: WireRequest): Promise<WireResponse | undefined> {
  if (request.path === context.signer.path)
    return {
      status: 200,
      headers: { 'content-type': 'application/x-pem-file' },
      body: context.signer.certificate,
    };
  const query = new Map(request.query);
  const action = query.get('Action');
  if (request.path !== '/' || (action !== 'ConfirmSubscription' && action !== 'Unsubscribe'))
    return undefined;
  const subscription = context.store.subscriptions.get(query.get('SubscriptionArn') ?? '');
  try {
    if (action === 'Unsubscribe') {
      if (subscription?.authenticated === true)
        return xml(
          403,
          'ErrorResponse',
          xmlElement('Message', 'This subscription can only be ended with a signed call.'),
        );
      if (subscription) await unsubscribe(context, subscription);
      return xml(200, 'UnsubscribeResponse', '');
    }
    const topic = context.store.topics.get(query.get('TopicArn') ?? '');
    if (!topic) return xml(404, 'ErrorResponse', xmlElement('Message', 'Topic does not exist'));
    const arn = await confirm(context, topic, query.get('Token') ?? '', false);
    const result = `<ConfirmSubscriptionResult>${xmlElement('SubscriptionArn', arn)}</ConfirmSubscriptionResult>`;
    return xml(200, 'ConfirmSubscriptionResponse', result);
  } catch (err) {
    if (!(err instanceof SNS.SNSServiceException || err instanceof AwsError)) throw err;
    return xml(400, 'ErrorResponse', xmlElement('Message', err.message));
  }
}

function xml(status: number, name: string, content: string): WireResponse {
  const body = `<${name} xmlns="http://sns.amazonaws.com/doc/2010-03-31/">${content}</${name}>`;
  return { status, headers: { 'content-type': 'text/xml' }, body };
}
