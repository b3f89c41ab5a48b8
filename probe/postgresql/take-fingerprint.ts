import type { FingerprintRequest, ProbeHooks, ProbeTarget } from '../engine.ts';
import { DatabaseUnreachable } from '../errors.ts';
import { keepAlive } from '../keep-alive.ts';
import { readCatalogue } from './catalogue.ts';
import { CLUSTER_SOURCES, DATABASE_SOURCES } from './catalogue-sources.ts';
import {
  type DatabaseFingerprint,
  type Fingerprint,
  type NotExamined,
  type ServerIdentity,
  displayName,
} from './fingerprint.ts';
import { type CommitLog, readCommitLog } from './commit-log.ts';
import { readIndexes } from './indexes.ts';
import { type Relation, listRelations } from './inventory.ts';
import { LoadGuard } from './load-guard.ts';
import { DatabaseMemory, type KnownNight, type Turn, whyForgotten } from './memory.ts';
import { isTable, readTables } from './read-tables.ts';
import { readSequences } from './sequences.ts';
import { identify, listDatabases, openFirst } from './server.ts';
import type { Session } from './session.ts';
import { type Snapshot, openSnapshot } from './snapshot.ts';
import { summarise } from './summary.ts';
import { waitForPendingCommits } from './pending-commits.ts';
import { windowBetween } from './window.ts';

/**
 * Takes one fingerprint of everything on the server that the role may read. Never writes.
 * @throws DatabaseUnreachable; RangeError when `request.before` belongs to another server or lies in its future.
 */
export async function takeFingerprint(
  target: ProbeTarget,
  request: FingerprintRequest,
  hooks: ProbeHooks,
): Promise<Fingerprint> {
  const startedAt = hooks.now();
  return keepAlive(hooks, 'looking at the server', async (say) => {
    const first = await openFirst(target, hooks.signal);
    const guard = await LoadGuard.open(target, request.load, hooks);
    try {
      const server = await identify(first);
      const before = checkedBefore(request, server.systemIdentifier);
      if (request.pass === 'after') await waitForPendingCommits(first, hooks, say);
      const memory = memoryOf(request, server);
      const { at } = await first.row<{ at: Date }>('read the clock', 'SELECT clock_timestamp() AS at');
      const cluster = await readCatalogue(first, CLUSTER_SOURCES, server.versionNumber);
      const { open, closed } = await listDatabases(first);
      const databases: DatabaseFingerprint[] = [];
      const notExamined: NotExamined[] = [...closed];
      for (const name of open) {
        const known = before?.databases.find((database) => database.name === name);
        const taken = await unlessDropped(first, name, () =>
          takeDatabase(
            target,
            name,
            { seed: request.seed, known, memory, serverVersion: server.versionNumber, guard },
            hooks,
            say,
          ),
        );
        if (taken !== null) databases.push(taken);
      }
      return {
        engine: 'postgresql',
        pass: request.pass,
        takenAt: at.toISOString(),
        durationMs: hooks.now().getTime() - startedAt.getTime(),
        seed: request.seed,
        ...(request.load === undefined ? {} : { night: request.load.night }),
        ...(memory?.forgotten === undefined ? {} : { forgotten: memory.forgotten }),
        server,
        cluster,
        databases,
        notExamined,
        ...(before === undefined ? {} : { commitLog: await commitLogBefore(first, before) }),
      };
    } finally {
      await guard.close();
      await first.close();
    }
  });
}

/** The outcomes of what was over in every database when the first pass looked. */
async function commitLogBefore(
  session: Session,
  { seed, databases }: Fingerprint,
): Promise<CommitLog | null> {
  const [first, ...others] = databases.map(({ snapshot }) => BigInt(snapshot.xmin));
  if (first === undefined) return null;
  return readCommitLog(
    session,
    seed,
    others.reduce((least, xmin) => (xmin < least ? xmin : least), first),
  );
}

interface DatabaseRequest {
  readonly seed: string;
  readonly serverVersion: number;
  /** The same database in the first pass. */
  readonly known: DatabaseFingerprint | undefined;
  readonly memory: NightMemory | null;
  readonly guard: LoadGuard;
}

/** What was read before, and when it is to be read again all the same; `forgotten` says why it cannot be used. */
interface NightMemory {
  readonly known?: KnownNight;
  readonly turn: Turn;
  readonly forgotten?: string;
}

/** The second pass remembers the first one, the first one the last verified night. Null when the policy wants everything read every night. */
function memoryOf({ before, known, load }: FingerprintRequest, server: ServerIdentity): NightMemory | null {
  if (load?.rereadWithin === undefined) return null;
  const turn = { night: load.night, rereadWithin: before === undefined ? load.rereadWithin : null };
  const from = before === undefined ? known : { before, after: before };
  if (from === undefined) return { turn, forgotten: 'no night was verified before this one' };
  const forgotten = whyForgotten(from.after, server);
  return forgotten === null ? { turn, known: from } : { turn, forgotten };
}

async function takeDatabase(
  target: ProbeTarget,
  database: string,
  request: DatabaseRequest,
  { signal }: ProbeHooks,
  say: (detail: string) => void,
): Promise<DatabaseFingerprint> {
  say(`${database}: taking a snapshot`);
  const snapshot = await openSnapshot(target, database, signal);
  try {
    const { lead } = snapshot;
    const oldestTransactionSeconds = await oldestTransaction(lead);
    const catalogue = await readCatalogue(lead, DATABASE_SOURCES, request.serverVersion);
    const relations = await listRelations(lead);
    const window = windowOf(snapshot, request.known);
    const { tables, notExamined } = await readTables(
      snapshot,
      relations.filter(({ kind }) => isTable(kind)),
      {
        database,
        window,
        seed: request.seed,
        serverVersion: request.serverVersion,
        guard: request.guard,
        onProgress: say,
        memory: databaseMemory(request.memory, database, snapshot),
        before: request.known,
      },
    );
    const sequences = await readSequences(lead, database);
    return {
      name: database,
      oid: snapshot.databaseOid,
      snapshot: { xmin: String(snapshot.xmin), xmax: String(snapshot.xmax) },
      window,
      oldestTransactionSeconds,
      catalogue,
      tables,
      sequences: sequences.values,
      indexes: await readIndexes(lead),
      notExamined: [...notExamined, ...sequences.notExamined],
      notes: notesOn(database, relations),
      ...(request.known === undefined ? {} : { summaries: await summarise(lead, relations, say) }),
    };
  } finally {
    await snapshot.close();
  }
}

function databaseMemory(
  memory: NightMemory | null,
  name: string,
  { databaseOid, xmax }: Snapshot,
): DatabaseMemory | null {
  return memory?.known === undefined
    ? null
    : DatabaseMemory.of(memory.known, { name, oid: databaseOid, xmax }, memory.turn);
}

/** The first pass reaches up to its own snapshot, since it sees nothing newer; the second one starts where the first one did. */
function windowOf({ xmin, xmax }: Snapshot, known: DatabaseFingerprint | undefined) {
  return windowBetween(known === undefined ? xmin : BigInt(known.snapshot.xmin), xmax);
}

function checkedBefore({ pass, before, seed }: FingerprintRequest, systemIdentifier: string | null) {
  if (pass === 'before') return undefined;
  if (before === undefined) throw new RangeError('the second pass needs the fingerprint of the first one');
  if (before.seed !== seed) throw new RangeError('both passes of one night must use the same seed');
  const known = before.server.systemIdentifier;
  if (known !== null && systemIdentifier !== null && known !== systemIdentifier) {
    throw new RangeError(
      `the first pass saw system ${known}, this server is system ${systemIdentifier}: not the same database`,
    );
  }
  return before;
}

/** A database that is dropped while we look is not an error of ours; one that still exists is. */
async function unlessDropped<T>(first: Session, name: string, take: () => Promise<T>): Promise<T | null> {
  try {
    return await take();
  } catch (error) {
    if (!(error instanceof DatabaseUnreachable)) throw error;
    const { open } = await listDatabases(first);
    if (open.includes(name)) throw error;
    return null;
  }
}

async function oldestTransaction(session: Session): Promise<number> {
  const { age } = await session.row<{ age: number }>(
    'find the oldest transaction',
    `SELECT coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0)::float8 AS age
     FROM pg_stat_activity WHERE backend_xid IS NOT NULL`,
  );
  return Math.max(0, Math.round(age));
}

function notesOn(database: string, relations: readonly Relation[]): string[] {
  return relations.flatMap(({ schema, name, kind, unlogged }) => {
    const what = displayName(database, schema, name);
    if (kind === 'foreign table')
      return [`${what} is a foreign table: its rows live elsewhere and were not followed`];
    if (unlogged) return [`${what} is unlogged: a copy that had to recover holds none of its rows`];
    return [];
  });
}
