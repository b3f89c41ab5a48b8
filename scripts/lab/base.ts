import { chown, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import type { Fingerprint } from '../../probe/postgresql/fingerprint.ts';
import type { KnownNight } from '../../probe/postgresql/memory.ts';
import { type ProbeLab, connect, sql } from '../../test/support/probe-lab.ts';
import { DATABASE } from '../../test/support/probe-sample.ts';
import { fillSource, writeSome } from './source.ts';

/** A place of a row version, as in a `ctid`. */
export interface Place {
  readonly block: number;
  readonly item: number;
}

export interface Heap {
  readonly name: string;
  readonly path: string;
  readonly blocks: number;
  /** Of every visible row. */
  readonly live: readonly Place[];
  /** Of visible rows in blocks that both passes saw alike: what must be the same on the copy, byte for byte. */
  readonly quiet: readonly Place[];
}

export interface Index {
  readonly name: string;
  readonly table: string;
  readonly method: string;
  readonly path: string;
  readonly blocks: number;
}

/**
 * One night of a busy source: fingerprints around a backup, other backups that might be taken for it, and a copy of the right one, recovered and
 * stopped, of which every damage takes a copy of its own.
 */
export interface Base {
  readonly lab: ProbeLab;
  readonly before: Fingerprint;
  readonly after: Fingerprint;
  readonly backupAt: string;
  readonly atRest: PostgresServer;
  readonly heaps: readonly Heap[];
  readonly toasts: readonly Omit<Heap, 'live' | 'quiet'>[];
  readonly indexes: readonly Index[];
  /** Transactions below this one were over before the night began. */
  readonly oldTransactions: number;
  readonly snapshots: Readonly<
    Record<
      'right' | 'older' | 'earlierTimeline' | 'diverged' | 'emptied' | 'another' | 'anotherEmpty',
      string
    >
  >;
}

async function earlierNight(lab: ProbeLab, source: PostgresServer): Promise<KnownNight> {
  const before = await lab.fingerprint(source, undefined, { night: 1 });
  const after = await lab.fingerprint(source, before, { night: 1 });
  await writeSome(lab, source);
  return { before, after };
}

/** @param remember whether the night knows an earlier one, from which it takes what did not change. */
export async function buildBase(lab: ProbeLab, remember = false): Promise<Base> {
  const source = await lab.source();
  await fillSource(lab, source);
  const earlierTimeline = await lab.snapshot(source);
  await promote(source);
  const older = await lab.snapshot(source);
  await sql(
    lab,
    source,
    [
      `UPDATE heartbeat SET at = now() + interval '1 hour'`,
      'UPDATE order_line SET amount = 0 WHERE id < 50',
      'VACUUM',
    ],
    DATABASE,
  );
  const known = remember ? await earlierNight(lab, source) : undefined;
  const tonight = remember ? { night: 2 } : undefined;
  const before = await lab.fingerprint(source, undefined, tonight && { ...tonight, known });
  await writeSome(lab, source);
  const right = await lab.snapshot(source);
  const backupAt = new Date(Date.now() + 3_600_000).toISOString();
  await writeSome(lab, source);
  const after = await lab.fingerprint(source, before, tonight);
  const diverged = await lab.restore(older);
  await diverged.start();
  await promote(diverged);
  await writeSome(lab, diverged);
  const emptied = await lab.restore(older);
  await emptied.start();
  await sql(lab, emptied, [`DROP DATABASE ${DATABASE} WITH (FORCE)`, `CREATE DATABASE ${DATABASE}`]);
  const [another, anotherEmpty] = [await lab.source(), await lab.source()];
  await fillSource(lab, another);
  await sql(lab, anotherEmpty, [`CREATE DATABASE ${DATABASE}`]);
  const snapshots = {
    ...{ right, older, earlierTimeline },
    diverged: await lab.snapshot(diverged),
    emptied: await lab.snapshot(emptied),
    another: await lab.snapshot(another),
    anotherEmpty: await lab.snapshot(anotherEmpty),
  };
  await Promise.all([source, diverged, emptied, another, anotherEmpty].map((server) => lab.discard(server)));
  const atRest = await lab.restore(right);
  await atRest.start();
  const places = await survey(lab, atRest, before, after);
  await atRest.stop('fast');
  const oldTransactions = Number(before.databases[0]?.snapshot.xmin ?? 0);
  return { lab, before, after, backupAt, atRest, ...places, oldTransactions, snapshots };
}

/** Ends the server's timeline and begins the next one, as a failover does. */
async function promote(server: PostgresServer): Promise<void> {
  await server.stop('fast');
  const signal = join(server.dataDir, 'recovery.signal');
  await writeFile(signal, '', { mode: 0o600 });
  const { uid, gid } = await stat(server.dataDir);
  await chown(signal, uid, gid);
  await server.configureSettings({ fsync: 'off', restore_command: 'false' });
  await server.start();
  for (;;) {
    const [row] = await server.admin<{ recovering: boolean }>('SELECT pg_is_in_recovery() AS recovering');
    if (row?.recovering === false) return;
  }
}

interface RelationRow {
  name: string;
  kind: string;
  method: string;
  owner: string | null;
  path: string;
  blocks: number;
}

const RELATIONS = `
  SELECT c.relname AS name, c.relkind::text AS kind, am.amname AS method, coalesce(t.relname, o.relname) AS owner,
    pg_relation_filepath(c.oid) AS path, (pg_relation_size(c.oid) / 8192)::int4 AS blocks
  FROM pg_class c JOIN pg_am am ON am.oid = c.relam LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid
    LEFT JOIN pg_class o ON o.reltoastrelid = c.oid
  WHERE (c.relnamespace = 'public'::regnamespace OR o.relnamespace = 'public'::regnamespace) AND c.relpersistence = 'p'
    AND c.relkind IN ('r', 'm', 'i', 't') AND pg_relation_size(c.oid) > 0 ORDER BY c.relname COLLATE "C"`;

async function survey(
  lab: ProbeLab,
  server: PostgresServer,
  before: Fingerprint,
  after: Fingerprint,
): Promise<Pick<Base, 'heaps' | 'toasts' | 'indexes'>> {
  const client = await connect(lab, server, DATABASE);
  try {
    const { rows } = await client.query<RelationRow>(RELATIONS);
    const heaps: Heap[] = [];
    for (const { name, path, blocks } of rows.filter(({ kind }) => kind === 'r' || kind === 'm')) {
      const table = `"${name.replaceAll('"', '""')}"`;
      const { rows: places } = await client.query<{ block: number; item: number }>(
        `SELECT ((ctid::text::point)[0])::int4 AS block, ((ctid::text::point)[1])::int4 AS item FROM ONLY ${table} ORDER BY ctid`,
      );
      const still = quietBlocks(name, before, after, places);
      heaps.push({ name, path, blocks, live: places, quiet: places.filter(({ block }) => still.has(block)) });
    }
    return {
      heaps,
      toasts: rows
        .filter(({ kind }) => kind === 't')
        .map(({ path, blocks, owner }) => ({ name: owner ?? '?', path, blocks })),
      indexes: rows
        .filter(({ kind }) => kind === 'i')
        .map(({ name, path, blocks, method, owner }) => ({
          name,
          path,
          blocks,
          method,
          table: owner ?? '?',
        })),
    };
  } finally {
    await client.end();
  }
}

function quietBlocks(
  name: string,
  before: Fingerprint,
  after: Fingerprint,
  live: readonly Place[],
): Set<number> {
  const [first, last] = [before, after].map(({ databases }) =>
    databases.find((one) => one.name === DATABASE)?.tables.find((table) => table.name === name),
  );
  const rowsIn = new Map<number, number>();
  for (const { block } of live) rowsIn.set(block, (rowsIn.get(block) ?? 0) + 1);
  const same = (block: number, rows: number) =>
    first?.blocks.counts[block] === rows && first.blocks.digests[block] === last?.blocks.digests[block];
  return new Set([...rowsIn].filter(([block, rows]) => same(block, rows)).map(([block]) => block));
}
