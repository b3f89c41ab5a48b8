import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnreachable } from '../errors.ts';
import { Throttled } from './bucket.ts';

const LONGEST_MS = 30_000;
/** After so long without any answer the step is given up; its next attempt goes on where this one was. */
const GIVE_UP_MS = 10 * 60_000;

/**
 * How fast a bucket may be asked: so many questions at once and so many per second. When S3 asks for patience everybody pauses, longer each
 * time, and the question is asked again, until ten minutes passed without any answer.
 */
export class Patience {
  readonly #workers: number;
  readonly #perSecond: number;
  readonly #signal: AbortSignal;
  readonly #firstPauseMs: number;
  #nextAt = 0;
  #pauseUntil = 0;
  #pauseMs: number;
  #silentSince: number | null = null;
  /** Times that S3 asked for patience. */
  throttled = 0;

  constructor({
    workers,
    perSecond,
    signal,
    firstPauseMs = 500,
  }: {
    workers: number;
    perSecond: number;
    signal: AbortSignal;
    firstPauseMs?: number;
  }) {
    this.#workers = workers;
    this.#perSecond = perSecond;
    this.#signal = signal;
    this.#firstPauseMs = this.#pauseMs = firstPauseMs;
  }

  /** Asks one question in its turn. */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    for (;;) {
      await this.#turn();
      try {
        const answer = await question();
        this.#pauseMs = this.#firstPauseMs;
        this.#silentSince = null;
        return answer;
      } catch (error) {
        if (!(error instanceof Throttled)) throw error;
        this.throttled += 1;
        const now = performance.now();
        this.#silentSince ??= now;
        if (now - this.#silentSince > GIVE_UP_MS)
          throw new DatabaseUnreachable(`S3 gave no answer for ten minutes: ${error.message}`, {
            cause: error,
          });
        // Of many questions that are refused at the same time, one makes the pause longer.
        if (now >= this.#pauseUntil) {
          this.#pauseUntil = now + this.#pauseMs * (0.75 + Math.random() / 2);
          this.#pauseMs = Math.min(LONGEST_MS, this.#pauseMs * 2);
        }
      }
    }
  }

  /** Does `work` for every item, several at once. @returns the results in the order of the items. */
  async each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
    const results: R[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let n = next++; n < items.length; n = next++) {
        this.#signal.throwIfAborted();
        results[n] = await work(items[n] as T);
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#workers, items.length) }, lane));
    return results;
  }

  async #turn(): Promise<void> {
    this.#signal.throwIfAborted();
    const now = performance.now();
    const paced = Number.isFinite(this.#perSecond) ? Math.max(now, this.#nextAt) : now;
    if (Number.isFinite(this.#perSecond)) this.#nextAt = paced + 1000 / this.#perSecond;
    const wait = Math.max(paced, this.#pauseUntil) - now;
    if (wait > 0) await sleep(wait, undefined, { signal: this.#signal });
  }
}
