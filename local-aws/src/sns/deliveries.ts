import { request } from 'node:http';
import type { Platform } from '../platform.ts';
import type { DeliveryRecord, SnsStore } from './records.ts';

/** As AWS's default delivery policy: at once, then three retries 20 seconds apart. */
const RETRIES = 3;
const BETWEEN_SECONDS = 20;
const ANSWER_WITHIN_MS = 15_000;
/** Finished deliveries that stay to be looked at. */
const KEEP = 1000;

export interface Deliveries {
  /** Durable when it resolves; the posting itself goes on in the background. */
  send(delivery: DeliveryRecord): Promise<void>;
  /** Goes on with what was under way when the process ended. */
  resume(): void;
}

/** Posts messages to loopback addresses, and keeps a journal of what became of each. */
export function createDeliveries({ deliveries }: SnsStore, { tasks, pace, log }: Platform): Deliveries {
  const run = (first: DeliveryRecord): void => {
    tasks.run(`sns delivery ${first.id}`, async (signal) => {
      let delivery = first;
      while (delivery.state === 'pending') {
        if (delivery.attempts > 0) await pace.take('sns retry', { typicalSeconds: BETWEEN_SECONDS, signal });
        const failure = await post(delivery, signal).catch((err: unknown) => String(err));
        signal.throwIfAborted();
        const attempts = delivery.attempts + 1;
        const state = failure === undefined ? 'delivered' : attempts > RETRIES ? 'failed' : 'pending';
        delivery = { ...delivery, attempts, state, lastError: failure };
        await deliveries.put(delivery.id, delivery);
      }
      if (delivery.state === 'failed')
        log.warn(
          { endpoint: delivery.endpoint, reason: delivery.lastError },
          'an SNS message was not delivered',
        );
    });
  };
  return {
    async send(delivery) {
      await deliveries.put(delivery.id, delivery);
      if (delivery.state === 'pending') run(delivery);
      await forgetOld();
    },
    resume() {
      for (const delivery of deliveries.values()) if (delivery.state === 'pending') run(delivery);
    },
  };

  async function forgetOld(): Promise<void> {
    let excess = deliveries.size - KEEP;
    for (const { id, state } of [...deliveries.values()]) {
      if (excess <= 0) return;
      if (state === 'pending') continue;
      await deliveries.remove(id);
      excess -= 1;
    }
  }
}

/** @returns why it failed; undefined when the receiver took it. */
async function post(delivery: DeliveryRecord, signal: AbortSignal): Promise<string | undefined> {
  const { kind, messageId, topicArn, subscriptionArn, endpoint, raw, body } = delivery;
  const confirmed = kind === 'Notification';
  const headers = {
    'content-type': 'text/plain; charset=UTF-8',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'Amazon Simple Notification Service Agent',
    'x-amz-sns-message-type': kind,
    'x-amz-sns-message-id': messageId,
    'x-amz-sns-topic-arn': topicArn,
    ...(confirmed ? { 'x-amz-sns-subscription-arn': subscriptionArn } : {}),
    ...(raw ? { 'x-amz-sns-rawdelivery': 'true' } : {}),
  };
  return new Promise((resolve, reject) => {
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
    const sent = request(endpoint, { method: 'POST', headers, signal: timeout }, (response) => {
      response.resume();
      response.once('end', () => {
        const status = response.statusCode ?? 0;
        resolve(status >= 200 && status < 300 ? undefined : `answered ${status}`);
      });
      response.once('error', reject);
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/** Messages leave this computer never. */
export function isLoopbackUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'http:' && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}
