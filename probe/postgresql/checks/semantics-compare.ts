import type { Assertion } from '../../../domain/policy/verification-schema.ts';

/** Up to two rows of what the database said, as texts. */
export interface Answer {
  readonly rows: readonly (readonly (string | null)[])[];
}

export interface Agreement {
  readonly verdict: 'yes' | 'no' | 'unclear';
  /** Why, without the answer. */
  readonly how: string;
}

/** Holds the answer against what the policy wants. Pure; a tolerance widens what is allowed, on both sides of an equation. */
export function agrees({ is, than, tolerance, counts }: Assertion, { rows }: Answer): Agreement {
  const [row, ...more] = rows;
  if (row === undefined) return { verdict: 'no', how: 'there is no row' };
  if (more.length > 0 || row.length !== 1)
    return { verdict: 'unclear', how: 'one row with one column was expected' };
  const value = row[0] ?? null;
  if (value === null) return { verdict: 'no', how: 'the answer is null' };
  const what = counts === 'rows' ? 'the number of rows' : 'the answer';
  if (typeof than === 'string') {
    if (is !== '=' && is !== '<>') return { verdict: 'unclear', how: `texts can be = or <>, not ${is}` };
    return (value === than) === (is === '=')
      ? { verdict: 'yes', how: '' }
      : { verdict: 'no', how: `${what} is ${is === '=' ? 'not ' : ''}the text of the policy` };
  }
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number))
    return { verdict: 'unclear', how: `${what} is not a number` };
  const by = tolerance?.by ?? 0;
  const holds = {
    '=': Math.abs(number - than) <= by,
    '<>': Math.abs(number - than) > by,
    '<': number < than + by,
    '<=': number <= than + by,
    '>': number > than - by,
    '>=': number >= than - by,
  }[is];
  if (holds) return { verdict: 'yes', how: '' };
  const side = number > than ? 'above' : number < than ? 'below' : 'exactly';
  return { verdict: 'no', how: `${what} is ${side} ${than}, and ${is} ${than} was wanted` };
}
