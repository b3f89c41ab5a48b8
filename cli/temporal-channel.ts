import { setTimeout as sleep } from 'node:timers/promises';
import {
  Connection,
  defaultGrpcRetryOptions,
  isGrpcServiceError,
  makeGrpcRetryInterceptor,
  type ConnectionOptions,
} from '@temporalio/client';

const RETRY_WITHIN_MS = 1_000;
const ASK_AGAIN_MS = 500;
const UNAVAILABLE = 14;

export interface TemporalChannel {
  readonly connection: Connection;
  /** Safe at any time, also while calls are under way or wait to be repeated. */
  close(): Promise<void>;
}

/**
 * A connection that can be closed while calls wait for their repetition. The SDK's own cannot: a repetition that finds the channel
 * closed throws where nobody can catch it, and ends the process.
 */
export async function openChannel(options: ConnectionOptions): Promise<TemporalChannel> {
  const { delayFunction, retryableDecider } = defaultGrpcRetryOptions();
  let closing = false;
  let lastRepetition = 0;
  const retry = makeGrpcRetryInterceptor({
    retryableDecider: (attempt, status) => !closing && retryableDecider(attempt, status),
    delayFunction: (attempt, status) => {
      const delay = Math.min(RETRY_WITHIN_MS, delayFunction(attempt, status));
      lastRepetition = Math.max(lastRepetition, Date.now() + delay);
      return delay;
    },
  });
  const connection = await Connection.connect({ ...options, interceptors: [retry] });
  return {
    connection,
    async close() {
      closing = true;
      const wait = lastRepetition - Date.now();
      if (wait >= 0) await sleep(wait + 50);
      await connection.close();
    },
  };
}

/**
 * Repeats a question that may wait for hours, such as a run's result, while the server is away for a moment.
 * @param isBack whether it answers again.
 * @param patienceMs how long it may be away in a row before its error is thrown.
 */
export async function throughOutages<T>(
  ask: () => Promise<T>,
  isBack: () => Promise<boolean>,
  patienceMs = 60_000,
): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (err) {
      if (!isUnavailable(err)) throw err;
      const giveUpAt = Date.now() + patienceMs;
      await sleep(ASK_AGAIN_MS);
      while (!(await isBack())) {
        if (Date.now() > giveUpAt) throw err;
        await sleep(ASK_AGAIN_MS);
      }
    }
  }
}

function isUnavailable(err: unknown): boolean {
  for (let at: unknown = err; at instanceof Error; at = at.cause)
    if (isGrpcServiceError(at) && (at.code as number) === UNAVAILABLE) return true;
  return false;
}
