import type { ProbeTarget } from '../../engine.ts';
import type { Finding } from '../../../domain/verdict.ts';
import { QueryRefused } from '../../errors.ts';
import { displayName } from '../fingerprint.ts';
import { identify, listDatabases, openFirst } from '../server.ts';
import { withCopySession } from '../session.ts';
import { batched } from './batches.ts';
import { type Check, type CheckHooks, doubt, failure } from './check.ts';
import { extensionOnCopy } from './extension.ts';
import { type Fork, readBatch } from './pages-read.ts';

/** Whatever has storage: heaps, indexes, TOAST, sequences, catalogues, visibility and free space maps. */
const FORKS = `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS relation, f.fork, c.oid < 16384 AS system,
    (pg_relation_size(c.oid, f.fork) / current_setting('block_size')::int8)::float8 AS blocks
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, unnest(ARRAY['main', 'vm', 'fsm']) f(fork)
  WHERE c.relkind IN ('r', 'i', 'S', 't', 'm') AND c.relpersistence <> 't' AND pg_relation_filenode(c.oid) IS NOT NULL
    AND (NOT c.relisshared OR $1) ORDER BY c.oid, f.fork`;

type ForkRow = Omit<Fork, 'name'> & { schema: string; relation: string } & Record<string, unknown>;

interface DatabasePages {
  readonly findings: readonly Finding[];
  readonly examined: number;
  readonly total: number;
  readonly notTested: readonly string[];
}

/**
 * Reads every page through the buffer manager, which verifies its checksum. Checksum failures are deliberately not ignored: a bad page
 * would then stay in memory as if it were good, and the next reader would believe it.
 */
export const pages: Check = {
  id: 'pages',
  question: 'Is any page damaged?',

  async run({ target }, hooks) {
    const first = await openFirst(target, hooks.signal);
    const [server, databases] = await identify(first)
      .then(async (server) => [server, await listDatabases(first)] as const)
      .finally(() => first.close());
    const findings = databases.closed.map(({ what, reason }) => doubt('not-examined', reason, what));
    if (!server.dataChecksums) {
      const message = 'page checksums are off: reading a page proves only that it can be read';
      findings.push(doubt('checksums-off', message));
    }
    const parts: DatabasePages[] = [];
    for (const [index, database] of databases.open.entries()) {
      parts.push(await readDatabase(database, index === 0, target, hooks));
    }
    const sum = (of: (part: DatabasePages) => number) => parts.reduce((n, part) => n + of(part), 0);
    const examined = sum((part) => part.examined);
    return {
      findings: [...findings, ...parts.flatMap((part) => part.findings)],
      examined: [{ unit: 'pages', examined, total: sum((part) => part.total) }],
      notTested: [
        'pages that are all zeroes, which PostgreSQL takes for new ones: the content check finds rows that they lost',
        'template databases',
        ...parts.flatMap((part) => part.notTested),
      ],
      measured: { bytesRead: examined * server.blockSize },
    };
  },
};

async function readDatabase(
  database: string,
  withShared: boolean,
  target: ProbeTarget,
  { signal, say }: CheckHooks,
): Promise<DatabasePages> {
  try {
    return await withCopySession(target, database, signal, async (session) => {
      const prewarm = `${await extensionOnCopy(session, 'pg_prewarm')}.pg_prewarm`;
      const rows = await session.rows<ForkRow>(`list what ${database} has on disk`, FORKS, [
        withShared ? 'true' : 'false',
      ]);
      const forks = rows
        .filter(({ blocks }) => blocks > 0)
        .map(({ schema, relation, ...fork }) => ({ ...fork, name: displayName(database, schema, relation) }));
      const findings: Finding[] = [];
      const refused: Fork[] = [];
      for (const batch of batched(forks)) {
        say(`${batch[0]?.name ?? database}: reading`);
        const read = await readBatch(session, prewarm, batch);
        findings.push(...read.findings);
        refused.push(...read.refused);
      }
      return summed(forks, refused, findings);
    });
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    const found = error.meansDamage
      ? failure('database-damaged', error.message, database)
      : doubt('not-examined', error.message, database);
    return { findings: [found], examined: 0, total: 1, notTested: [] };
  }
}

/**
 * What the role may not read: PostgreSQL's own catalogues of secrets and statistics are closed to everybody but superusers, which a cloud
 * gives to nobody; that is said, and does not hold up the verdict. Tables of the users do.
 */
function summed(
  forks: readonly Fork[],
  refused: readonly Fork[],
  findings: readonly Finding[],
): DatabasePages {
  const blocksOf = (of: readonly Fork[]) => of.reduce((sum, { blocks }) => sum + blocks, 0);
  const own = refused.filter(({ system }) => system);
  const users = refused.filter(({ system }) => !system);
  const total = blocksOf(forks) - blocksOf(own);
  return {
    findings: [
      ...findings,
      ...users.map(({ name }) => doubt('not-examined', 'the role may not read it', name)),
    ],
    examined: total - blocksOf(users),
    total,
    notTested: own.map(({ name }) => `${name}: the role may not read this catalogue`),
  };
}
