import { setTimeout as sleep } from 'node:timers/promises';
import type { Load } from '../../domain/policy/verification-schema.ts';
import { duration } from '../../domain/units.ts';
import type { ProbeHooks, ProbeTarget } from '../engine.ts';
import { openFirst } from './server.ts';
import type { Session } from './session.ts';

/** How much of the source's strength one pass may take. `night` counts nights, so that parts of large tables take turns. */
export interface ReadingLoad extends Load {
  readonly timeZone: string;
  readonly night: number;
}

const EVERY_MS = 500;
const DEFAULT_WORKERS = 2;

const MEASURES = {
  'answer-time': async (session: Session): Promise<number> => {
    const startedAt = performance.now();
    await session.rows('measure the answer time', 'SELECT relname FROM pg_class WHERE oid = 1259');
    return performance.now() - startedAt;
  },
  'waiting-sessions': async (session: Session): Promise<number> => {
    const { n } = await session.row<{ n: number }>(
      'count the waiting sessions',
      `SELECT count(*)::int4 AS n FROM pg_stat_activity WHERE state = 'active' AND application_name <> 'lifeboat-probe'
         AND wait_event_type IN ('Lock', 'LWLock', 'IO', 'BufferPin', 'BufferIO')`,
    );
    return n;
  },
} as const;

/** Watches the source beside the reading, holds its pace, and says when to stop. One per pass. */
export class LoadGuard {
  readonly #load: Partial<ReadingLoad>;
  readonly #hooks: ProbeHooks;
  readonly #ended = new AbortController();
  readonly #startedAt = performance.now();
  #watching: Promise<void> = Promise.resolve();
  #rows = 0;
  #stopped: string | null = null;

  private constructor(load: Partial<ReadingLoad>, hooks: ProbeHooks) {
    this.#load = load;
    this.#hooks = hooks;
  }

  static async open(
    target: ProbeTarget,
    load: ReadingLoad | undefined,
    hooks: ProbeHooks,
  ): Promise<LoadGuard> {
    const guard = new LoadGuard(load ?? {}, hooks);
    if (load?.stopWhen !== undefined) {
      const session = await openFirst(target, hooks.signal);
      guard.#watching = guard.#watch(session, load.stopWhen).finally(() => session.close());
    }
    return guard;
  }

  get workers(): number {
    return this.#load.workers ?? DEFAULT_WORKERS;
  }

  get statementTimeoutMs(): number | null {
    const { statementTimeout } = this.#load;
    return statementTimeout === undefined ? null : duration(statementTimeout) * 1000;
  }

  /** Blocks per question: with a limit of rows per second, about what may be read in one second. */
  blocksAtOnce(most: number): number {
    const { rowsPerSecond } = this.#load;
    return rowsPerSecond === undefined ? most : Math.max(1, Math.min(most, Math.floor(rowsPerSecond / 100)));
  }

  /** Whether the n-th part of a table with `parts` has its turn tonight. Tables of one part are always read. */
  hasTurn(oid: string, part: number, parts: number): boolean {
    const { everyNights = 1, night = 0 } = this.#load;
    return parts === 1 || (part + Number(oid) + night) % everyNights === 0;
  }

  /** Why no more may be read tonight; null when it may go on. */
  get stopped(): string | null {
    return (this.#stopped ??= this.#quietHour());
  }

  /** Waits until `rows` more rows fit the pace. */
  async pace(rows: number): Promise<void> {
    const { rowsPerSecond } = this.#load;
    this.#rows += rows;
    if (rowsPerSecond === undefined) return;
    const due = (this.#rows / rowsPerSecond) * 1000;
    const early = due - (performance.now() - this.#startedAt);
    if (early > 0) await sleep(early, undefined, { signal: this.#hooks.signal });
  }

  async close(): Promise<void> {
    this.#ended.abort();
    await this.#watching;
  }

  #quietHour(): string | null {
    const { quietHours = [], timeZone = 'UTC' } = this.#load;
    const time = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      hour: '2-digit',
      minute: '2-digit',
      hour12: false,
    });
    const now = time.format(this.#hooks.now());
    const within = quietHours.find(({ from, to }) =>
      from <= to ? now >= from && now < to : now >= from || now < to,
    );
    return within === undefined
      ? null
      : `the policy keeps the source quiet from ${within.from} to ${within.to}`;
  }

  async #watch(
    session: Session,
    { measure, above, for: patience }: NonNullable<Load['stopWhen']>,
  ): Promise<void> {
    let since: number | null = null;
    while (!this.#ended.signal.aborted && this.#stopped === null) {
      try {
        const value = await MEASURES[measure](session);
        if (value <= above) since = null;
        else since ??= performance.now();
        if (since !== null && performance.now() - since >= duration(patience) * 1000)
          this.#stopped = `the source suffered: ${measure} was above ${above} for ${patience}`;
        await sleep(EVERY_MS, undefined, { signal: this.#ended.signal });
      } catch {
        // Ended, or the source no longer answers: the reading itself will meet that.
        return;
      }
    }
  }
}
