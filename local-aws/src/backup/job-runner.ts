import type { Platform, Table } from '../platform.ts';
import { JobFailure } from './faults.ts';
import type { JobFacts, JobHook, JobPoint } from './job-points.ts';
import { Lanes } from './lanes.ts';

interface Job {
  readonly completedAt?: string | undefined;
  readonly statusMessage?: string | undefined;
}

/** Why a job was stopped from outside. */
export class Stopped extends Error {}

interface Terms<J> {
  readonly hook: JobHook;
  /** What a job looks like that has failed. */
  readonly failed: (message: string) => Partial<J>;
  /** Called when a job has failed, for those who want to know. */
  readonly onFailed: (job: J) => void;
}

/**
 * Runs jobs of one kind in the background, one per resource at a time. Each step is written down before it is done, so that a
 * job that the process did not outlive is driven on at the next start.
 */
export class JobRunner<J extends Job> {
  readonly #platform: Platform;
  readonly #table: Table<J>;
  readonly #terms: Terms<J>;
  readonly #lanes = new Lanes();
  readonly #current = new Map<string, AbortController>();

  constructor(platform: Platform, table: Table<J>, terms: Terms<J>) {
    this.#platform = platform;
    this.#table = table;
    this.#terms = terms;
  }

  /** @param lane jobs with the same lane wait for each other. */
  run(key: string, lane: string, drive: (signal: AbortSignal) => Promise<void>): void {
    const mine = new AbortController();
    this.#current.set(key, mine);
    this.#platform.tasks.run(`backup job ${key}`, async (closing) => {
      const signal = AbortSignal.any([closing, mine.signal]);
      try {
        await this.#lanes.run(lane, async () => {
          signal.throwIfAborted();
          await drive(signal);
        });
      } catch (err) {
        if (signal.aborted) return; // stopped by a caller, who says so himself, or driven on at the next start
        if (!(err instanceof JobFailure)) this.#platform.log.error({ err, job: key }, 'job failed');
        const job = await this.patch(
          key,
          this.#terms.failed(err instanceof Error ? err.message : String(err)),
        );
        if (job) this.#terms.onFailed(job);
      } finally {
        if (this.#current.get(key) === mine) this.#current.delete(key);
      }
    });
  }

  /** Calls the hook. @returns what makes the job PARTIAL, if anything. @throws JobFailure */
  async at(point: JobPoint, facts: JobFacts, signal: AbortSignal): Promise<string | undefined> {
    const fault = await this.#terms.hook(point, facts, signal);
    signal.throwIfAborted();
    if (fault?.kind === 'fail') throw new JobFailure(fault.message);
    return fault?.message;
  }

  stop(key: string): void {
    this.#current.get(key)?.abort(new Stopped());
  }

  async patch(key: string, patch: Partial<J>): Promise<J | undefined> {
    const job = this.#table.get(key);
    if (!job) return undefined;
    const changed = { ...job, ...patch };
    await this.#table.put(key, changed);
    return changed;
  }
}
