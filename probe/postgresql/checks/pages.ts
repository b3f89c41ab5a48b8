import type { Finding } from '../../../domain/verdict.ts';
import { QueryRefused } from '../../errors.ts';
import { displayName } from '../fingerprint.ts';
import { identify, listDatabases, openFirst } from '../server.ts';
import type { Session } from '../session.ts';
import { withSession } from '../session.ts';
import { type Check, type CheckHooks, doubt, failure } from './check.ts';
import { extensionOnCopy } from './extension.ts';
import { blocksInWords } from './ranges.ts';

/** 128 MB per question. */
const BLOCKS_PER_QUESTION = 16_384;
/** After that many bad blocks a relation is called damaged throughout. */
const MOST_BAD_BLOCKS = 256;

interface Fork {
  readonly oid: string;
  readonly name: string;
  readonly fork: 'main' | 'vm' | 'fsm';
  readonly blocks: number;
}

/** Every block that has storage: heaps, indexes, TOAST, sequences, catalogues, visibility and free space maps. */
const FORKS = `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS relation, f.fork,
    (pg_relation_size(c.oid, f.fork) / current_setting('block_size')::int8)::float8 AS blocks
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, unnest(ARRAY['main', 'vm', 'fsm']) f(fork)
  WHERE c.relkind IN ('r', 'i', 'S', 't', 'm') AND c.relpersistence <> 't' AND pg_relation_filenode(c.oid) IS NOT NULL
    AND (NOT c.relisshared OR $1) ORDER BY c.oid, f.fork`;

/**
 * Reads every page through the buffer manager, which verifies its checksum. Checksum failures are deliberately not ignored: a bad page
 * would then stay in memory as if it were good, and the next reader would believe it.
 */
export const pages: Check = {
  id: 'pages',
  question: 'Is any page damaged?',

  async run({ target }, hooks) {
    const findings: Finding[] = [];
    const first = await openFirst(target, hooks.signal);
    let open: string[];
    try {
      if (!(await identify(first)).dataChecksums) {
        findings.push(
          doubt('checksums-off', 'page checksums are off: reading a page proves only that it can be read'),
        );
      }
      const databases = await listDatabases(first);
      open = databases.open;
      findings.push(...databases.closed.map(({ what, reason }) => doubt('not-examined', reason, what)));
    } finally {
      await first.close();
    }
    let [examined, total] = [0, 0];
    for (const [index, database] of open.entries()) {
      const one = await readDatabase(database, index === 0, target, hooks);
      findings.push(...one.findings);
      examined += one.examined;
      total += one.total;
    }
    return {
      findings,
      examined: [{ unit: 'pages', examined, total }],
      notTested: [
        'pages that are all zeroes: PostgreSQL takes them for new ones; the content check misses their rows',
      ],
      measured: { bytesRead: examined * 8192 },
    };
  },
};

async function readDatabase(
  database: string,
  withShared: boolean,
  target: Parameters<typeof withSession>[0],
  { signal, say }: CheckHooks,
): Promise<{ findings: Finding[]; examined: number; total: number }> {
  try {
    return await withSession(target, database, signal, async (session) => {
      const prewarm = `${await extensionOnCopy(session, 'pg_prewarm')}.pg_prewarm`;
      const rows = await session.rows<{
        oid: string;
        schema: string;
        relation: string;
        fork: Fork['fork'];
        blocks: number;
      }>(`list what ${database} has on disk`, FORKS, [withShared ? 'true' : 'false']);
      const forks = rows.map(({ schema, relation, ...fork }) => ({
        ...fork,
        name: displayName(database, schema, relation),
      }));
      const findings: Finding[] = [];
      let examined = 0;
      for (const batch of batches(forks)) {
        say(`${batch[0]?.name ?? database}: reading`);
        findings.push(...(await readBatch(session, prewarm, batch)));
        examined += batch.reduce((sum, { blocks }) => sum + blocks, 0);
      }
      return { findings, examined, total: examined };
    });
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    const found = error.meansDamage
      ? failure('database-damaged', error.message, database)
      : doubt('not-examined', error.message, database);
    return { findings: [found], examined: 0, total: 1 };
  }
}

/** Small relations together, so that a thousand catalogue tables cost a handful of questions. */
function batches(forks: readonly Fork[]): Fork[][] {
  const result: Fork[][] = [];
  let room = 0;
  for (const fork of forks.filter(({ blocks }) => blocks > 0)) {
    if (fork.blocks > room) {
      result.push([]);
      room = BLOCKS_PER_QUESTION;
    }
    result.at(-1)?.push(fork);
    room -= fork.blocks;
  }
  return result;
}

async function readBatch(session: Session, prewarm: string, batch: readonly Fork[]): Promise<Finding[]> {
  if (batch.length > 1) {
    try {
      await session.rows(
        'read pages',
        `SELECT ${prewarm}(o::oid, 'buffer', f) FROM unnest($1::text[], $2::text[]) x(o, f)`,
        [batch.map(({ oid }) => oid), batch.map(({ fork }) => fork)],
      );
      return [];
    } catch (error) {
      if (!(error instanceof QueryRefused)) throw error;
      // Something in this batch cannot be read: ask one by one.
    }
  }
  const findings: Finding[] = [];
  for (const fork of batch) findings.push(...(await readFork(session, prewarm, fork)));
  return findings;
}

async function readFork(session: Session, prewarm: string, fork: Fork): Promise<Finding[]> {
  const bad: number[] = [];
  for (let from = 0; from < fork.blocks; from += BLOCKS_PER_QUESTION) {
    const to = Math.min(fork.blocks, from + BLOCKS_PER_QUESTION);
    const refused = await readRange(session, prewarm, fork, from, to, bad);
    if (refused !== null) return [doubt('not-examined', refused.message, fork.name)];
    if (bad.length >= MOST_BAD_BLOCKS) break;
  }
  if (bad.length === 0) return [];
  const where = `${fork.name} ${blocksInWords(bad)}`;
  const many = bad.length >= MOST_BAD_BLOCKS ? ', and the rest was not read' : '';
  return [FINDING_OF[fork.fork](bad.length, where, many)];
}

const FINDING_OF = {
  main: (n: number, where: string, more: string) =>
    failure(
      'damaged-page',
      `${pagesInWords(n)} damaged: the checksum or the header does not fit${more}`,
      where,
    ),
  vm: (n: number, where: string, more: string) =>
    failure('damaged-visibility-map', `${pagesInWords(n)} of the visibility map damaged${more}`, where),
  // PostgreSQL rebuilds it, and nothing is lost; but something damaged the file.
  fsm: (n: number, where: string, more: string) =>
    doubt('damaged-free-space-map', `${pagesInWords(n)} of the free space map damaged${more}`, where),
} satisfies Record<Fork['fork'], (n: number, where: string, more: string) => Finding>;

function pagesInWords(n: number): string {
  return n === 1 ? '1 page is' : `${n} pages are`;
}

/**
 * Reads blocks `[from, to)` and collects the bad ones: after each refusal it goes on behind the block that the server named, or halves the
 * range when it named none.
 * @returns the refusal when it says nothing about the pages, such as a missing privilege.
 */
async function readRange(
  session: Session,
  prewarm: string,
  fork: Fork,
  from: number,
  to: number,
  bad: number[],
): Promise<QueryRefused | null> {
  if (from >= to || bad.length >= MOST_BAD_BLOCKS) return null;
  try {
    await session.rows(`read ${fork.name}`, `SELECT ${prewarm}($1::oid, 'buffer', $2, $3, $4)`, [
      fork.oid,
      fork.fork,
      from,
      to - 1,
    ]);
    return null;
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    if (!error.meansDamage) return error;
    if (to - from === 1) {
      bad.push(from);
      return null;
    }
    if (error.block !== null && error.block >= from && error.block < to) {
      bad.push(error.block);
      return readRange(session, prewarm, fork, error.block + 1, to, bad);
    }
    const middle = (from + to) >> 1;
    return (
      (await readRange(session, prewarm, fork, from, middle, bad)) ??
      (await readRange(session, prewarm, fork, middle, to, bad))
    );
  }
}
