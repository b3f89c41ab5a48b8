import type { Finding } from '../../../domain/verdict.ts';
import { QueryRefused } from '../../errors.ts';
import { type CommitLog, TRANSACTIONS_PER_DIGEST, oldestKnown, outcomes } from '../commit-log.ts';
import type { Session } from '../session.ts';
import { doubt, failure } from './check.ts';

export interface CommitsCompared {
  readonly findings: readonly Finding[];
  readonly notTested: readonly string[];
  /** Transactions whose outcome is the source's. */
  readonly proven: number;
}

/** Compares how the transactions of before the night ended, as the copy remembers it. */
export async function compareCommits(
  session: Session,
  seed: string,
  source: CommitLog | null | undefined,
): Promise<CommitsCompared> {
  const nothing = (why: string): CommitsCompared => ({
    findings: [],
    notTested: [`the commit log: ${why}`],
    proven: 0,
  });
  if (source === undefined) return nothing('the fingerprint is of a version that did not hold it');
  if (source === null) return nothing('the source did not tell');
  const [from, to] = [BigInt(source.from), BigInt(source.to)];
  const { next } = await session.row<{ next: string }>(
    'ask for the next transaction',
    'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next',
  );
  if (BigInt(next) < to) {
    const message = `the copy has not come to transaction ${source.to}: it had been given out before the backup began`;
    return { findings: [failure('transactions-missing', message)], notTested: [], proven: 0 };
  }
  try {
    const here = await outcomes(session, seed, from, to);
    const wrong = source.digests.flatMap((digest, n) => (digest === here[n] ? [] : [n]));
    const known = wrong.length === 0 ? from : await oldestKnown(session, from, to);
    const step = BigInt(TRANSACTIONS_PER_DIGEST);
    // What the copy has frozen and forgotten since it booted cannot be compared any more.
    const forgotten = wrong.filter((n) => from + BigInt(n) * step < known);
    const findings = wrong
      .filter((n) => !forgotten.includes(n))
      .map((n) => {
        const [first, end] = [from + BigInt(n) * step, from + BigInt(n + 1) * step];
        const words = `of transactions ${first} to ${(end < to ? end : to) - 1n}, some ended otherwise than at the source: rows appear or are gone`;
        return failure('outcome-differs', words, 'pg_xact');
      });
    return {
      findings,
      notTested:
        forgotten.length === 0 ? [] : [`outcomes before transaction ${known}: the copy has forgotten them`],
      proven: Number(to - from) - wrong.length * TRANSACTIONS_PER_DIGEST,
    };
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    const kind = error.meansDamage ? failure : doubt;
    return { findings: [kind('cannot-read', error.message, 'pg_xact')], notTested: [], proven: 0 };
  }
}
