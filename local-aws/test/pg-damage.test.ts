import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { damageSnapshot, type DamageReport, type SnapshotDamage } from '../src/pg/damage.ts';
import type { PostgresServer } from '../src/pg/server.ts';
import { checkSnapshot, copySnapshot, restoreSnapshot, takeSnapshot } from '../src/pg/snapshot.ts';
import { bootThrowAwayServer, type ThrowAwayServer } from '../src/pg/throw-away.ts';

jest.setTimeout(240_000); // each damage boots two servers; on a busy machine that takes its time

const ROWS = 20_000;
let booted: ThrowAwayServer;
let source: PostgresServer;
let work: string;
let sound: string;

beforeAll(async () => {
  booted = await bootThrowAwayServer();
  source = booted.server;
  work = await mkdtemp(join(source.host.stateDir, 'work-'));
  await chmod(work, 0o755);
  sound = join(work, 'sound');
  await source.admin('CREATE DATABASE shop');
  await source.admin(
    `CREATE EXTENSION amcheck;
     CREATE TABLE orders AS SELECT g::int AS id, md5(g::text) AS text FROM generate_series(1, ${ROWS}) g;
     ALTER TABLE orders ADD PRIMARY KEY (id);
     CREATE TABLE lines (order_id int REFERENCES orders, line int, PRIMARY KEY (order_id, line));
     INSERT INTO lines SELECT id, 1 FROM orders WHERE id % 10 = 0`,
    undefined,
    'shop',
  );
  await takeSnapshot(source, sound);
});
afterAll(async () => {
  await booted.end();
});

interface Findings {
  readonly report: DamageReport;
  /** Files whose stored bytes are not those of the manifest. */
  readonly differing: number;
  /** Rows by sequential scan, or what PostgreSQL says instead. */
  readonly rows: number | string;
  /** The sum of all texts' lengths: reads every column. */
  readonly read: number | string;
  readonly digest: string;
  readonly heapIndexed: string;
}

/** Damages a copy of the sound snapshot, boots it, and asks it what it has to say. */
async function damaged(kind: SnapshotDamage, seed = 'seed', count?: number): Promise<Findings> {
  const copy = await mkdtemp(join(work, `${kind}-`));
  await copySnapshot(sound, copy, source.host.account);
  const report = await damageSnapshot(source.host, copy, join(work, 'damage'), { kind, seed, count });
  const differing = (await checkSnapshot(copy)).length;
  const dir = await mkdtemp(join(work, 'restored-'));
  const server = await restoreSnapshot(source.host, copy, dir, { listen: '127.0.0.1' });
  const ask = <T>(sql: string): Promise<T | string> =>
    server.admin<{ answer: T }>(sql, [], 'shop').then(
      ([row]) => row!.answer,
      (err: unknown) => (err as Error).message,
    );
  try {
    await server.start();
    const rows = await ask<number>('SELECT count(text)::int AS answer FROM orders');
    const read = await ask<number>('SELECT sum(length(text))::int AS answer FROM orders');
    const digest = await ask<string>(
      `SELECT md5(coalesce(string_agg(id || text, ',' ORDER BY text), '')) AS answer FROM orders`,
    );
    const heapIndexed = await ask<string>(
      `SELECT coalesce(bt_index_check('orders_pkey', true)::text, '') AS answer`,
    );
    return { report, differing, rows, read, digest, heapIndexed };
  } finally {
    await server.stop('immediate');
    await rm(dir, { recursive: true });
    await rm(copy, { recursive: true });
  }
}

async function truth(sql: string): Promise<unknown> {
  const [row] = await source.admin<{ answer: unknown }>(sql, [], 'shop');
  return row?.answer;
}
const soundDigest = () =>
  truth(`SELECT md5(string_agg(id || text, ',' ORDER BY text)) AS answer FROM orders`);

test('page: PostgreSQL itself names the damaged block, and the report named it before', async () => {
  const { report, rows, differing } = await damaged('page');
  expect(report).toMatchObject({
    kind: 'page',
    database: 'shop',
    schema: 'public',
    relation: 'orders',
    rows: 1,
  });
  expect(rows).toMatch(new RegExp(`invalid page in block ${report.block} of relation "?${report.file}"?`));
  expect(differing).toBeGreaterThan(0);
});

test('page-checksum: PostgreSQL notices nothing, but one row says something else, and it is the reported one', async () => {
  const { report, rows, read, digest } = await damaged('page-checksum');
  expect([rows, read]).toEqual([ROWS, ROWS * 32]);
  expect(digest).not.toBe(await soundDigest());
  expect(report.keys).toHaveLength(1);
});

test.each(['zero', 'zero-checksum'] as const)(
  '%s: the rows of one page are gone, the reported ones, and PostgreSQL says nothing',
  async (kind) => {
    const { report, rows, digest, differing } = await damaged(kind);
    expect(report.rows).toBeGreaterThan(1);
    expect(rows).toBe(ROWS - report.rows!);
    const page = `ctid >= '(${report.block},0)' AND ctid < '(${report.block! + 1},0)'`;
    const left = `SELECT md5(string_agg(id || text, ',' ORDER BY text)) AS answer FROM orders WHERE NOT (${page})`;
    expect(digest).toBe(await truth(left));
    const first = `SELECT jsonb_build_array(id)::text AS answer FROM orders WHERE ctid = '(${report.block},1)'`;
    expect(report.keys?.[0]).toBe(await truth(first));
    expect(differing).toBeGreaterThan(0);
  },
);

test('segment: PostgreSQL misses the file that the report names', async () => {
  const { report, rows } = await damaged('segment');
  expect(report).toMatchObject({ relation: 'orders', rows: ROWS, blocksAfter: 0 });
  expect(rows).toMatch(new RegExp(`could not open file "${report.file}": No such file`));
});

test('rows: as many rows are missing as reported, they are the reported ones, and no index knows them either', async () => {
  const { report, rows, digest, heapIndexed } = await damaged('rows', 'seed', 7);
  expect(report).toMatchObject({ relation: 'orders', rows: 7 });
  expect(rows).toBe(ROWS - 7);
  expect(heapIndexed).toBe('');
  const ids = report.keys!.map((key) => (JSON.parse(key) as number[])[0]);
  const left = await truth(
    `SELECT md5(string_agg(id || text, ',' ORDER BY text)) AS answer FROM orders WHERE id NOT IN (${ids.join(', ')})`,
  );
  expect(digest).toBe(left);
});

test('truncate: the rows of the cut pages are gone, exactly as many as reported, and PostgreSQL says nothing', async () => {
  const { report, rows } = await damaged('truncate');
  expect(report.blocksAfter).toBeLessThan(report.blocksBefore!);
  expect(report.rows).toBeGreaterThan(0);
  expect(rows).toBe(ROWS - report.rows!);
});

test('index: the rows are all there, and only a look at the index finds the block', async () => {
  const { report, rows, digest, heapIndexed } = await damaged('index');
  expect(report).toMatchObject({ relation: 'orders_pkey', table: 'orders' });
  expect(rows).toBe(ROWS);
  expect(digest).toBe(await soundDigest());
  expect(heapIndexed).toMatch(new RegExp(`invalid page in block ${report.block} of relation`));
});

test('empty: every table of the users is without rows, and all are named', async () => {
  const { report, rows } = await damaged('empty');
  expect(report.tables).toEqual(['shop.public.lines', 'shop.public.orders']);
  expect(rows).toBe(0);
});

test('wal: the copy does not come up at all', async () => {
  await expect(damaged('wal')).rejects.toThrow(/could not locate required checkpoint record/);
});

test('the same seed hits the same place, another one another', async () => {
  const [one, same, other] = [
    await damaged('page', 'a'),
    await damaged('page', 'a'),
    await damaged('page', 'b'),
  ];
  expect(same.report).toEqual(one.report);
  expect(other.report.block).not.toBe(one.report.block);
});
