import { QueryRefused } from '../errors.ts';
import type {
  BlockDigests,
  DatabaseFingerprint,
  NotExamined,
  RememberedPart,
  TableFingerprint,
  TableKind,
} from './fingerprint.ts';
import { UNREAD, type UnreadBlocks, displayName } from './fingerprint.ts';
import type { LoadGuard } from './load-guard.ts';
import { type AgeRange, NO_AGES, agesOf } from './ages.ts';
import {
  BLOCKS_PER_CHUNK,
  type RowAges,
  blankDigests,
  chunkSql,
  placeChunk,
  readChunk,
} from './block-digests.ts';
import { type Relation, fileNodesNow } from './inventory.ts';
import { type DatabaseMemory, type KnownTable, recipeOf } from './memory.ts';
import { readKnown } from './read-known.ts';
import { headersSql } from './row-headers.ts';
import type { Session } from './session.ts';
import { sizesInBlocks } from './sizes.ts';
import type { Snapshot } from './snapshot.ts';
import type { XidWindow } from './window.ts';

/** A second session pays for itself from 32 MB on. */
const BLOCKS_WORTH_A_SECOND_SESSION = 4_096;
/** Attempts of one chunk while somebody holds the table locked; each waits for `lock_timeout`. */
const LOCK_ATTEMPTS = 3;
const LOCK_NOT_AVAILABLE = '55P03';

export interface ReadTablesRequest {
  readonly database: string;
  readonly window: XidWindow;
  readonly seed: string;
  readonly serverVersion: number;
  /** Told after every chunk. */
  readonly onProgress: (detail: string) => void;
  readonly guard: LoadGuard;
  /** What an earlier look has left; null when everything is to be read. */
  readonly memory: DatabaseMemory | null;
  /** The same database in the first pass: the second one must use its seeds. */
  readonly before: DatabaseFingerprint | undefined;
}

interface Work {
  readonly relation: Relation;
  readonly sizeBlocks: number;
  readonly recipe: string;
  readonly sqlOf: (seed: string) => string;
  readonly headersSql: string;
  readonly known: KnownTable | null;
  readonly before: TableFingerprint | undefined;
  /** Parts that are not read with tonight's seed. */
  readonly remembered: Map<number, RememberedPart>;
  readonly blocks: BlockDigests;
  rows: number;
  refused: QueryRefused | null;
  unreadBlocks: number;
  /** Null while nothing was left out but what has its turn another night. */
  stopped: string | null;
}

interface Chunk {
  readonly work: Work;
  readonly seed: string;
  readonly part: number;
  /** Null when it is to be read in full. */
  readonly known: KnownTable | null;
  readonly from: number;
  readonly to: number;
}

/** Digests the heap of every readable relation, block by block, over two sessions of one snapshot. */
export async function readTables(
  snapshot: Snapshot,
  relations: readonly Relation[],
  request: ReadTablesRequest,
): Promise<{ tables: TableFingerprint[]; notExamined: NotExamined[] }> {
  const sizes = await heapSizes(snapshot.lead, relations);
  const notExamined: NotExamined[] = [];
  const works: Work[] = [];
  for (const relation of relations) {
    const sizeBlocks = sizes.get(relation.oid) ?? null;
    const reason = relation.unreadable ?? (sizeBlocks === null ? 'it was locked or dropped meanwhile' : null);
    if (reason === null && sizeBlocks !== null) works.push(workOn(relation, sizeBlocks, request));
    // Closed to everybody but superusers, which a cloud gives to nobody; the schema check reads what matters in other ways.
    else if (relation.kind === 'catalogue') continue;
    else if (sizeBlocks !== 0) notExamined.push(skipped(request.database, relation, reason ?? 'unknown'));
  }
  await readAll(snapshot, works, request);
  const tables: TableFingerprint[] = [];
  const filesNow = await fileNodesNow(
    snapshot.lead,
    works.map(({ relation }) => relation.oid),
  );
  for (const work of works) {
    const rewritten = filesNow.get(work.relation.oid) !== work.relation.fileNode;
    if (work.refused === null) tables.push(tableOf(work, rewritten));
    else notExamined.push(skipped(request.database, work.relation, work.refused.message));
  }
  return { tables, notExamined };
}

function workOn(relation: Relation, sizeBlocks: number, request: ReadTablesRequest): Work {
  const { serverVersion, memory, before } = request;
  const { schema, name } = relation;
  const recipe = recipeOf(relation, serverVersion);
  const questions = new Map<string, string>();
  return {
    relation,
    sizeBlocks,
    recipe,
    sqlOf: (seed) => {
      const sql = questions.get(seed) ?? chunkSql(relation, seed, serverVersion);
      questions.set(seed, sql);
      return sql;
    },
    headersSql: headersSql(relation),
    known: memory?.table(relation, recipe) ?? null,
    before: before?.tables.find((table) => table.schema === schema && table.name === name),
    remembered: new Map(),
    blocks: blankDigests(sizeBlocks),
    rows: 0,
    refused: null,
    unreadBlocks: 0,
    stopped: null,
  };
}

async function readAll(
  snapshot: Snapshot,
  works: readonly Work[],
  request: ReadTablesRequest,
): Promise<void> {
  // Largest first, so that both sessions end at about the same time.
  const { guard } = request;
  const chunks = [...works]
    .sort((a, b) => b.sizeBlocks - a.sizeBlocks)
    .flatMap((work) => chunksOf(work, request));
  const total = works.reduce((sum, { sizeBlocks }) => sum + sizeBlocks, 0);
  let next = 0;
  let read = 0;
  const drain = async (session: Session) => {
    const ages = {
      young: await agesOf(session, request.window),
      late: NO_AGES,
      since: request.memory === null ? NO_AGES : await agesOf(session, request.memory.since),
    };
    if (guard.statementTimeoutMs !== null)
      await session.run('limit each question', `SET statement_timeout = ${guard.statementTimeoutMs}`);
    for (let chunk = chunks[next++]; chunk !== undefined; chunk = chunks[next++]) {
      if (guard.stopped !== null) {
        leaveOut(chunk.work, chunk.from, chunk.to, guard.stopped);
        continue;
      }
      const rowsBefore = chunk.work.rows;
      await readInto(session, chunk, ages, request.database);
      await guard.pace(Math.max(0, chunk.work.rows - rowsBefore));
      read += chunk.to - chunk.from;
      const { schema, name } = chunk.work.relation;
      request.onProgress(`${displayName(request.database, schema, name)}: ${read} of ${total} blocks read`);
    }
  };
  const sessions = [snapshot.lead];
  if (total >= BLOCKS_WORTH_A_SECOND_SESSION)
    while (sessions.length < guard.workers) sessions.push(await snapshot.join());
  await Promise.all(sessions.map(drain));
}

/** What has its turn tonight, cut into questions. What has not is marked as unread. */
function chunksOf(work: Work, { guard, seed: tonight }: ReadTablesRequest): Chunk[] {
  const parts = Math.ceil(work.sizeBlocks / BLOCKS_PER_CHUNK);
  const step = guard.blocksAtOnce(BLOCKS_PER_CHUNK);
  const chunks: Chunk[] = [];
  for (let part = 0; part < parts; part += 1) {
    const [first, end] = [part * BLOCKS_PER_CHUNK, Math.min(work.sizeBlocks, (part + 1) * BLOCKS_PER_CHUNK)];
    if (!guard.hasTurn(work.relation.oid, part, parts)) {
      leaveOut(work, first, end, null);
      continue;
    }
    const told = work.known?.part(part, end - first) ?? null;
    const earlier = told ?? work.before?.remembered?.find((one) => one.part === part) ?? null;
    if (earlier !== null && earlier.seed !== tonight)
      work.remembered.set(part, { part, seed: earlier.seed, readOn: earlier.readOn, blocks: 0, rows: 0 });
    const how = { work, part, seed: earlier?.seed ?? tonight, known: told === null ? null : work.known };
    for (let from = first; from < end; from += step)
      chunks.push({ ...how, from, to: Math.min(end, from + step) });
  }
  return chunks;
}

function leaveOut(work: Work, from: number, to: number, why: string | null): void {
  work.blocks.counts.fill(UNREAD, from, to);
  work.unreadBlocks += to - from;
  work.stopped ??= why;
}

/**
 * Each chunk runs below a savepoint that is always rolled back: that gives its table lock back at once, so that DDL at the source waits
 * for one chunk at most and never for the whole fingerprint, and one refused table does not end the transaction.
 */
async function readInto(
  session: Session,
  chunk: Chunk,
  ages: RowAges & { readonly since: AgeRange },
  database: string,
): Promise<void> {
  const { work } = chunk;
  if (work.refused !== null) return;
  const doing = `read ${displayName(database, work.relation.schema, work.relation.name)}`;
  for (let attempt = 1; ; attempt += 1) {
    await session.run('set a savepoint', 'SAVEPOINT chunk');
    try {
      // Not in one line: another session may add its own while this one waits.
      const rows = await readOne(session, doing, chunk, ages);
      work.rows += rows;
      return;
    } catch (error) {
      if (!(error instanceof QueryRefused)) throw error;
      if (error.sqlState === LOCK_NOT_AVAILABLE && attempt < LOCK_ATTEMPTS) continue;
      work.refused = error;
      return;
    } finally {
      await session.run('release the table', 'ROLLBACK TO SAVEPOINT chunk; RELEASE SAVEPOINT chunk');
    }
  }
}

/** @returns how many visible rows there are. */
async function readOne(
  session: Session,
  doing: string,
  { work, part, seed, known, from, to }: Chunk,
  ages: RowAges & { readonly since: AgeRange },
): Promise<number> {
  const sql = work.sqlOf(seed);
  if (known === null) {
    const { rows, blocks } = await readChunk(session, doing, sql, [from, to], ages);
    placeChunk(work.blocks, from, blocks);
    return rows;
  }
  const range = { known, from, to, sql, headersSql: work.headersSql };
  const { rows, reusedBlocks, reusedRows } = await readKnown(session, doing, range, ages, work.blocks);
  const one = work.remembered.get(part);
  if (one !== undefined)
    work.remembered.set(part, { ...one, blocks: one.blocks + reusedBlocks, rows: one.rows + reusedRows });
  return rows;
}

/** Sizes of the heaps now, which is after the snapshot: whatever it sees lies within. */
export function heapSizes(session: Session, relations: readonly Relation[]): Promise<Map<string, number>> {
  return sizesInBlocks(
    session,
    relations.filter(({ kind }) => isTable(kind)).map(({ oid }) => oid),
  );
}

export function isTable(kind: Relation['kind']): kind is TableKind {
  return kind !== 'foreign table' && kind !== 'partitioned table';
}

function tableOf(
  { relation, sizeBlocks, recipe, blocks, rows, unreadBlocks, stopped, remembered }: Work,
  rewrittenWhileRead: boolean,
): TableFingerprint {
  if (!isTable(relation.kind))
    throw new TypeError(`${relation.name} is a ${relation.kind}, which has no heap`);
  const { oid, schema, name, kind, unlogged, signature, fileNode, vacuums } = relation;
  return {
    oid,
    recipe,
    schema,
    name,
    kind,
    unlogged,
    signature,
    fileNode,
    rewrittenWhileRead,
    sizeBlocks,
    vacuums,
    rows,
    blocks,
    ...(unreadBlocks === 0 ? {} : { unread: unreadOf(relation, sizeBlocks, rows, unreadBlocks, stopped) }),
    ...(remembered.size === 0 ? {} : { remembered: [...remembered.values()] }),
  };
}

function unreadOf(
  { estimatedRows }: Relation,
  sizeBlocks: number,
  rows: number,
  blocks: number,
  stopped: string | null,
): UnreadBlocks {
  const read = sizeBlocks - blocks;
  const perBlock = read > 0 ? rows / read : (estimatedRows ?? 0) / Math.max(1, sizeBlocks);
  return {
    blocks,
    rows: Math.round(perBlock * blocks),
    sampled: stopped === null,
    why: stopped ?? 'the policy lets parts of large tables take turns',
  };
}

function skipped(database: string, { schema, name, estimatedRows }: Relation, reason: string): NotExamined {
  return { what: displayName(database, schema, name), reason, rows: estimatedRows };
}
