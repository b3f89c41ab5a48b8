import type { Finding } from '../../../domain/verdict.ts';
import { type SequenceValue, displayName } from '../fingerprint.ts';
import { failure } from './check.ts';

/** PostgreSQL logs that many values ahead, so recovery may skip them. */
const LOGGED_AHEAD = 32n;

/**
 * A sequence on the copy stands between where it stood before and after the backup, or a little ahead of that. Behind, it would give out
 * numbers twice.
 */
export function compareSequence(
  database: string,
  before: SequenceValue,
  after: SequenceValue,
  copy: SequenceValue,
): Finding | null {
  const increment = BigInt(after.increment);
  // Cycling or changed sequences have no "behind"; their definition is compared with the catalogue.
  if (after.cycles || before.increment !== after.increment) return null;
  const forwards = increment > 0n;
  const place = ({ lastValue }: SequenceValue) =>
    lastValue === null ? null : BigInt(lastValue) * (forwards ? 1n : -1n);
  const [first, last, here] = [place(before), place(after), place(copy)];
  const where = displayName(database, after.schema, after.name);
  // Set back at the source during the night: where it stood at the instant of the backup cannot be told.
  if (first !== null && (last === null || last < first)) return null;
  if (first !== null && (here === null || here < first)) {
    return failure(
      'sequence-behind',
      'the sequence stands behind the source: numbers would be given out twice',
      where,
    );
  }
  if (here === null) return null;
  if (last === null)
    return failure('sequence-ahead', 'the sequence was never used at the source, and was on the copy', where);
  const step = forwards ? increment : -increment;
  if (here <= last + step * (LOGGED_AHEAD + BigInt(after.cache))) return null;
  return failure(
    'sequence-ahead',
    'the sequence stands further ahead of the source than recovery explains',
    where,
  );
}
