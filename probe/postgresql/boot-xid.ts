import { ifAllowed } from './server.ts';
import type { Session } from './session.ts';
import { type XidWindow, windowBetween } from './window.ts';

/** Transaction ids that the copy gave out by itself, since it was booted. */
export interface OwnTransactions {
  /** Null when the role may not ask. */
  readonly window: XidWindow | null;
  /** Null when the window surely reaches back to the boot, else why it may not. */
  readonly gap: string | null;
}

/**
 * Recovery ends with a checkpoint that records the next id to give out; everything from there on was written by the copy. Such a checkpoint
 * is its own redo point. When a later one has replaced it, only what came after that one can be told.
 */
export async function ownTransactions(session: Session): Promise<OwnTransactions> {
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
  const window = windowBetween(next < xmax ? next : xmax, xmax);
  return { window, gap: row.first ? null : 'a later checkpoint has replaced the one that ended recovery' };
}
