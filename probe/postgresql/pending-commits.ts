import { setTimeout as sleep } from 'node:timers/promises';
import type { ProbeHooks } from '../engine.ts';
import type { Session } from './session.ts';

const POLL_MS = 100;
const PATIENCE_MS = 60_000;

/**
 * A commit that is already in the log but waits for a synchronous standby is invisible here and committed on the copy. So before the second
 * pass, every backend that waits for one now must have moved on.
 * @throws RangeError when one still waits after a minute: a comparison with such a fingerprint could be a false alarm.
 */
export async function waitForPendingCommits(
  session: Session,
  hooks: ProbeHooks,
  say: (detail: string) => void,
): Promise<void> {
  const { standbys } = await session.row<{ standbys: string }>(
    'read the standbys',
    `SELECT current_setting('synchronous_standby_names') AS standbys`,
  );
  if (standbys === '') return;
  const waitingAtFirst = await waiting(session);
  const deadline = hooks.now().getTime() + PATIENCE_MS;
  for (;;) {
    const still = (await waiting(session)).filter((one) => waitingAtFirst.includes(one));
    if (still.length === 0) return;
    if (hooks.now().getTime() > deadline) {
      throw new RangeError(`${still.length} commits wait for a synchronous standby; is it connected?`);
    }
    say(`waiting for ${still.length} commits that wait for a synchronous standby`);
    await sleep(POLL_MS, undefined, { signal: hooks.signal });
  }
}

/** Backend and transaction start of each waiting commit. Needs `pg_read_all_stats` to see other roles' sessions. */
async function waiting(session: Session): Promise<string[]> {
  const rows = await session.rows<{ who: string }>(
    'look for waiting commits',
    `SELECT pid || ' ' || coalesce(xact_start::text, query_start::text, '') AS who FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
  );
  return rows.map(({ who }) => who);
}
