import type { Platform } from '../../platform.ts';
import type { Outcome } from './kind.ts';

interface Underway {
  readonly abort: AbortController;
  readonly done: Promise<Outcome>;
}

/** Backups and copies under way that AWS Backup does itself, by the key of their bytes. */
export class Work {
  readonly #platform: Platform;
  readonly #underway = new Map<string, Underway>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  has(key: string): boolean {
    return this.#underway.has(key);
  }

  begin(key: string, name: string, work: (signal: AbortSignal) => Promise<Outcome>): void {
    const abort = new AbortController();
    let settle: (outcome: Outcome) => void = () => undefined;
    const done = new Promise<Outcome>((resolve) => (settle = resolve));
    this.#underway.set(key, { abort, done });
    this.#platform.tasks.run(`backup: ${name}`, async (closing) => {
      try {
        settle(await work(AbortSignal.any([closing, abort.signal])));
      } catch (err) {
        settle({ ok: false, failure: err instanceof Error ? err.message : String(err) });
      } finally {
        this.#underway.delete(key);
      }
    });
  }

  /** Undefined when nothing is under way. */
  async outcome(key: string, signal: AbortSignal): Promise<Outcome | undefined> {
    const outcome = await this.#underway.get(key)?.done;
    signal.throwIfAborted(); // a server that closes has judged nothing
    return outcome;
  }

  /** Resolves when nothing is under way any more. */
  async stop(key: string): Promise<void> {
    const underway = this.#underway.get(key);
    underway?.abort.abort(new Error('stopped'));
    await underway?.done;
  }
}
