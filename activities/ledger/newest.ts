import { statementDays } from './days.ts';
import { inParallel } from './in-parallel.ts';
import { readStatement } from './read.ts';
import { listObjects } from './versions.ts';
import type { Fact } from '../../domain/facts.ts';
import type { Ledger } from './ledger.ts';

const DAYS_AT_ONCE = 16;

/**
 * The newest fact that `pick` takes among the statements whose scope begins with `scopePrefix`: the last days first, back to the first
 * day of the ledger. Costs one listing per day that is looked at, however many other statements lie there.
 * @param named keys that cannot be it are not read.
 */
export async function newestFact<F extends Fact>(
  ledger: Ledger,
  scopePrefix: string,
  named: (key: string) => boolean,
  pick: (fact: Fact) => F | null,
): Promise<{ readonly key: string; readonly fact: F } | null> {
  const days = (await statementDays(ledger)).reverse();
  for (let at = 0; at < days.length; at += DAYS_AT_ONCE) {
    const found = await inParallel(DAYS_AT_ONCE, days.slice(at, at + DAYS_AT_ONCE), async (day) => {
      const facts: { key: string; fact: F; writtenAt: Date }[] = [];
      for await (const { key, versionId, writtenAt } of listObjects(
        ledger,
        `statements/${day}/${scopePrefix}`,
      )) {
        if (!named(key)) continue;
        const fact = pick((await readStatement(ledger, key, versionId)).statement.predicate);
        if (fact !== null) facts.push({ key, fact, writtenAt });
      }
      return facts.sort((a, b) => b.writtenAt.getTime() - a.writtenAt.getTime() || (a.key < b.key ? 1 : -1));
    });
    const [newest] = found.flat();
    if (newest !== undefined) return { key: newest.key, fact: newest.fact };
  }
  return null;
}
