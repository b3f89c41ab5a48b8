import { QueryRefused } from '../errors.ts';
import { seedFor } from './row-hash.ts';
import type { Session } from './session.ts';

/**
 * How transactions ended, as the commit log (`pg_xact`) tells it: a file without checksums, which decides which rows are seen. What was over
 * before the first pass never changes again, so that a copy must tell the same.
 */
export interface CommitLog {
  /** First transaction and one past the last one, 64-bit ids as text. */
  readonly from: string;
  readonly to: string;
  /** One digest per {@link TRANSACTIONS_PER_DIGEST}, from `from` on. */
  readonly digests: readonly string[];
}

export const TRANSACTIONS_PER_DIGEST = 32_768;
/** The newest million, 256 kB of `pg_xact`: rows of older ones have mostly been frozen, so that nobody looks them up any more. */
const MOST = 1_048_576n;
const FIRST_NORMAL = 3n;

/**
 * Reads as far back as the server knows, a million transactions at most.
 * @param to first transaction that may not have been over before the night.
 * @returns null when the role may not ask, or the server forgot some of them while it was asked.
 */
export async function readCommitLog(session: Session, seed: string, to: bigint): Promise<CommitLog | null> {
  try {
    const from = await oldestKnown(session, to > MOST + FIRST_NORMAL ? to - MOST : FIRST_NORMAL, to);
    const digests = await outcomes(session, seed, from, to);
    if ((await oldestKnown(session, from, to)) !== from) return null;
    return { from: String(from), to: String(to), digests };
  } catch (error) {
    if (error instanceof QueryRefused) return null;
    throw error;
  }
}

/** Digests of the outcomes of `[from, to)`. @throws QueryRefused, also when the server has not come to all of them. */
export async function outcomes(session: Session, seed: string, from: bigint, to: bigint): Promise<string[]> {
  const rows = await session.rows<{ digest: string }>(
    'read the commit log',
    `SELECT bit_xor(hashtextextended(x || coalesce(pg_xact_status(x::text::xid8), 'unknown') COLLATE "C", ${seedFor(seed, 'outcome')}))::text AS digest
     FROM generate_series($1::int8, $2::int8 - 1) x GROUP BY (x - $1::int8) / $3::int8 ORDER BY (x - $1::int8) / $3::int8`,
    [String(from), String(to), TRANSACTIONS_PER_DIGEST],
  );
  return rows.map(({ digest }) => digest);
}

/** The oldest transaction of `[from, to)` whose outcome the server still knows: it forgets from the old end. `to` when none. */
export async function oldestKnown(session: Session, from: bigint, to: bigint): Promise<bigint> {
  let [unknown, known] = [from - 1n, to];
  while (known - unknown > 1n) {
    const middle = (known + unknown) >> 1n;
    const { outcome } = await session.row<{ outcome: string | null }>(
      'look for the oldest outcome',
      'SELECT pg_xact_status($1::text::xid8) AS outcome',
      [String(middle)],
    );
    if (outcome === null) unknown = middle;
    else known = middle;
  }
  return known;
}
