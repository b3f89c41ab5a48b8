import { ifAllowed } from './server.ts';
import type { Session } from './session.ts';
import { type XidWindow, windowBetween } from './window.ts';

/** Transaction ids that the copy gave out by itself. */
export interface OwnTransactions {
  /** Null when the role may not ask. */
  readonly window: XidWindow | null;
  /** Null when the window surely reaches back to the boot, else why it may not. */
  readonly gap: string | null;
}

/**
 * Recovery ends with a checkpoint that records the next id to give out; everything from there on was written by the copy. Such a checkpoint
 * is its own redo point. When a later one has replaced it, what came before that one can be told only where the source had not yet come to.
 * @param afterSource the first id that the source had not given out at the second pass: the copy cannot have it from there.
 */
export async function ownTransactions(session: Session, afterSource: bigint): Promise<OwnTransactions> {
  const row = await ifAllowed(
    session.row<{ next: string; first: boolean; xmax: string }>(
      'read the last checkpoint',
      `SELECT next_xid AS next, checkpoint_lsn = redo_lsn AS first, pg_snapshot_xmax(pg_current_snapshot())::text AS xmax
       FROM pg_control_checkpoint()`,
    ),
  );
  if (row === null) return { window: null, gap: 'the role may not read the last checkpoint' };
  const [epoch = '0', xid = '0'] = row.next.split(':');
  const next = (BigInt(epoch) << 32n) + BigInt(xid);
  const xmax = BigInt(row.xmax);
  const first = next < afterSource ? next : afterSource;
  const window = windowBetween(first < xmax ? first : xmax, xmax);
  return { window, gap: row.first ? null : 'a later checkpoint has replaced the one that ended recovery' };
}
