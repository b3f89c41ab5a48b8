import type { ProbeTarget } from '../engine.ts';
import { type Row, Session } from './session.ts';

/** Questions about blocks must reach every block of the heap itself: no index may answer in its place. */
const HEAP_ONLY = `SET enable_seqscan = off; SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;
  SET max_parallel_workers_per_gather = 0`;

/** Several sessions that see one and the same instant of one database. */
export interface Snapshot {
  readonly xmin: bigint;
  readonly xmax: bigint;
  readonly takenAt: Date;
  /** Of the database, in the catalogue. */
  readonly databaseOid: string;
  /** The first one took the snapshot; it stays open until the others have ended. */
  readonly lead: Session;
  /** One more session on the same snapshot; closed by {@link Snapshot.close}. */
  join(): Promise<Session>;
  close(): Promise<void>;
}

interface Taken extends Row {
  readonly id: string;
  readonly xmin: string;
  readonly xmax: string;
  readonly at: Date;
  readonly oid: string;
}

export async function openSnapshot(
  target: ProbeTarget,
  database: string,
  signal: AbortSignal,
): Promise<Snapshot> {
  const lead = await Session.open(target, database, signal);
  const sessions = [lead];
  const close = async () => {
    await Promise.all(sessions.map((session) => session.close()));
  };
  try {
    await begin(lead);
    const { id, xmin, xmax, at, oid } = await lead.row<Taken>(
      'take a snapshot',
      `SELECT pg_export_snapshot() AS id, pg_snapshot_xmin(s)::text AS xmin, pg_snapshot_xmax(s)::text AS xmax, clock_timestamp() AS at,
         (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS oid
       FROM pg_current_snapshot() s`,
    );
    const join = async () => {
      const session = await Session.open(target, database, signal);
      sessions.push(session);
      await begin(session);
      await session.run('join the snapshot', `SET TRANSACTION SNAPSHOT '${id}'`);
      return session;
    };
    return { xmin: BigInt(xmin), xmax: BigInt(xmax), takenAt: at, databaseOid: oid, lead, join, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function begin(session: Session): Promise<void> {
  await session.run('choose how to read', HEAP_ONLY);
  await session.run('begin', 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
}
