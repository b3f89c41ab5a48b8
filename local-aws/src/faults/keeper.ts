import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseFaultRule } from './parse.ts';
import type { Count, LiveRule } from './rule.ts';

/** Rules, counts and the crash of the last life, as they lie on disk. */
export interface Kept {
  readonly nextId: number;
  readonly rules: readonly LiveRule[];
  /** Counts of rules of the fault file, by id, with the text that they belong to. */
  readonly fileCounts: Readonly<Record<string, { readonly text: string; readonly count: Count }>>;
  readonly crashed?: { readonly at: string; readonly detail: string } | undefined;
}

const NOTHING: Kept = { nextId: 1, rules: [], fileCounts: {} };

/**
 * Written at once and whole at every change, since the next thing may be a crash. Not forced to disk: what is to be survived is the
 * end of the process.
 */
export class RuleKeeper {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  read(): Kept {
    if (!existsSync(this.#path)) return NOTHING;
    let kept: Kept;
    try {
      kept = JSON.parse(readFileSync(this.#path, 'utf8')) as Kept;
      // An older version may have written what this one does not know.
      kept.rules.forEach(requireKnown);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(
        `State file ${this.#path} cannot be read: ${why} Delete it to start without fault rules.`,
        {
          cause,
        },
      );
    }
    return kept;
  }

  write(kept: Kept): void {
    writeFileSync(`${this.#path}.new`, JSON.stringify(kept), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}

function requireKnown(live: LiveRule): void {
  const members = Object.entries(live).filter(([name]) => name !== 'id' && name !== 'count');
  parseFaultRule(Object.fromEntries(members));
}
