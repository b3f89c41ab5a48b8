import { chown, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresHost } from './host.ts';
import { type NewServer, type PostgresServer, StartFailure } from './server.ts';
import { type CopyProgress, readManifest, restoreSnapshot } from './snapshot.ts';
import { type ArchiveState, readSegment } from './wal-archive.ts';
import { lsnOf, lsnText, segmentName, segmentStart, segmentStarts } from './wal-segments.ts';

/** What to replay over a base. */
export interface Replay {
  /** The folder of the archive, and how far it reaches. */
  readonly archive: string;
  readonly state: ArchiveState;
  /** The database as it was then, by its own clock: commits at this instant are still in. Left out: everything that was shipped. */
  readonly until?: Date | undefined;
}

/** Recovery ended before it was where it had to be: a segment of the archive is damaged. */
export class ReplayIncomplete extends Error {
  constructor(reached: string, wanted: string) {
    super(`Recovery ended at ${reached} and not at ${wanted}: the archived WAL is damaged in between.`);
    this.name = 'ReplayIncomplete';
  }
}

/** Replaying a day of WAL takes minutes. */
const PATIENCE_MS = 30 * 60_000;

/**
 * Restores a base (a snapshot) to `dir` and replays archived WAL over it. Resolves with the server running, on a new timeline.
 * @throws WalLost when a segment in between is missing, ReplayIncomplete when one is damaged, StartFailure when it does not come up.
 */
export async function restoreToPointInTime(
  host: PostgresHost,
  base: string,
  dir: string,
  server: NewServer,
  { archive, state, until }: Replay,
  progress: CopyProgress = {},
): Promise<PostgresServer> {
  const { startLsn, stopLsn } = await readManifest(base);
  const restored = await restoreSnapshot(host, base, dir, server, progress);
  const end = lsnOf(state.to);
  if (end <= segmentStart(lsnOf(stopLsn), state.segmentBytes)) {
    await restored.start(); // nothing was shipped since the base was cut
    return restored;
  }
  await layOutWal(host, restored.dataDir, archive, { ...state, from: startLsn });
  await write(host, join(restored.dataDir, 'recovery.signal'), '');
  const settings = server.settings ?? {};
  const recovery = { restore_command: 'false', recovery_target_timeline: 'current', hot_standby: 'off' };
  const target = until && {
    recovery_target_time: until.toISOString().replace('T', ' ').replace('Z', '+00'),
    recovery_target_action: 'promote',
  };
  await restored.configureSettings({ ...settings, ...recovery, ...target });
  let all = until === undefined;
  try {
    await restored.start({ patienceMs: PATIENCE_MS });
  } catch (cause) {
    if (!target || !(cause instanceof StartFailure) || !/recovery ended before configured/.test(cause.log))
      throw cause;
    all = true; // nothing was committed after that instant, so everything is what was asked for
    await restored.configureSettings({ ...settings, ...recovery });
    await restored.start({ patienceMs: PATIENCE_MS });
  }
  await restored.configureSettings(settings);
  if (all) await requireReplayed(restored, end);
  return restored;
}

async function requireReplayed(server: PostgresServer, end: bigint): Promise<void> {
  const [row] = await server.admin<{ lsn: string | null }>('SELECT pg_last_wal_replay_lsn()::text AS lsn');
  const reached = row?.lsn ?? '0/0';
  if (lsnOf(reached) >= end) return;
  await server.stop('immediate');
  throw new ReplayIncomplete(reached, lsnText(end));
}

/** Puts the segments where recovery looks first, whole again: as holes, their zeroes cost nothing. */
async function layOutWal(
  host: PostgresHost,
  dataDir: string,
  archive: string,
  range: ArchiveState,
): Promise<void> {
  const { timeline, segmentBytes, from, to } = range;
  for (const start of segmentStarts(lsnOf(from), lsnOf(to), segmentBytes)) {
    const name = segmentName(timeline, start, segmentBytes);
    const path = join(dataDir, 'pg_wal', name);
    await write(host, path, await readSegment(archive, name));
    const file = await open(path, 'r+');
    await file.truncate(segmentBytes).finally(() => file.close());
  }
}

async function write({ account }: PostgresHost, path: string, content: string | Buffer): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
  if (account) await chown(path, account.uid, account.gid);
}
