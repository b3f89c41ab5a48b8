import type { Session } from './session.ts';
import { type XidWindow, lastOf } from './window.ts';

/**
 * A window as PostgreSQL can test it cheaply: `age(xid)` is the circular distance from one id that stays the same throughout a transaction
 * of one session. Special ids are infinitely old, and a wrap needs no special case. Inclusive; empty when `to < from`.
 */
export interface AgeRange {
  readonly from: number;
  readonly to: number;
}

export const NO_AGES: AgeRange = { from: 1, to: 0 };

/** Valid for this session until its transaction ends. */
export async function agesOf(session: Session, window: XidWindow): Promise<AgeRange> {
  const last = lastOf(window);
  if (last === null) return NO_AGES;
  return session.row<{ from: number; to: number }>(
    'measure the window',
    'SELECT age($1::text::xid) AS from, age($2::text::xid) AS to',
    [String(last), String(window.lo)],
  );
}
