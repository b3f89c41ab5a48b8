import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import type { CheckResult } from '../../domain/verdict.ts';
import { changePage, itemsOf, seal, textIn } from '../../scripts/lab/pages.ts';
import { decodeFingerprint, encodeFingerprint } from '../../probe/postgresql/fingerprint-file.ts';
import type { KnownNight } from '../../probe/postgresql/memory.ts';
import { postgresql } from '../../probe/postgresql/engine.ts';
import { ProbeLab, connect, hooks, runChecks, sql } from '../support/probe-lab.ts';

const DATABASE = 'orders';
const REREAD_WITHIN = 365;
/** Rows of some 100 bytes; the first table has three parts of 16 MB. */
const ROWS = 350_000;
let lab: ProbeLab;
let source: PostgresServer;
let first: number;

beforeAll(async () => {
  lab = await ProbeLab.open();
  source = await lab.source({ max_prepared_transactions: 5 });
  await sql(lab, source, [`CREATE DATABASE ${DATABASE}`]);
  const row = `i AS id, 'note of the order line with the number ' || i AS note, md5(i::text) AS code`;
  await work([
    `CREATE TABLE line AS SELECT ${row} FROM generate_series(1, ${ROWS}) i`,
    ...['reloaded', 'widened', 'remade', 'packed', 'frozen'].map(
      (name) => `CREATE TABLE ${name} (id int, note text, code text)`,
    ),
    ...['reloaded', 'widened', 'remade', 'packed', 'frozen'].map(
      (name) => `INSERT INTO ${name} SELECT ${row} FROM generate_series(1, 20000) i`,
    ),
    'CREATE TABLE points_at (id int, what regclass, note text)',
    `INSERT INTO points_at SELECT i, 'widened', 'a note that fills the block ' || i FROM generate_series(1, 20000) i`,
    'VACUUM ANALYZE',
  ]);
  const [{ oid } = { oid: 0 }] = await ask<{ oid: number }>(`SELECT 'line'::regclass::oid::int4 AS oid`);
  // Nights in which no part of `line` has its turn.
  first = 20_000;
  while ([0, 1, 2, 3, 4, 5].some((n) => (oid + first + n) % REREAD_WITHIN === 0)) first += 6;
  first += 1;
}, 60_000);

afterAll(() => lab.end());

const work = (statements: readonly string[]) => sql(lab, source, statements, DATABASE);

async function ask<R extends object>(question: string): Promise<R[]> {
  const client = await connect(lab, source, DATABASE);
  return client.query<R>(question).then(
    async ({ rows }) => {
      await client.end();
      return rows;
    },
    async (error: unknown) => {
      await client.end();
      throw error;
    },
  );
}

interface Night extends KnownNight {
  readonly snapshot: string;
}

/** Both passes around a snapshot, as a night takes them, through the file in which they are kept. */
async function night(n: number, known?: KnownNight, busy: readonly string[] = []): Promise<Night> {
  const target = lab.target(source);
  const load = { timeZone: 'UTC', night: first + n, rereadWithin: REREAD_WITHIN };
  const request = { seed: `night ${n}`, load };
  const kept = (taken: Awaited<ReturnType<typeof postgresql.fingerprint>>) =>
    decodeFingerprint(encodeFingerprint(taken));
  const before = kept(
    await postgresql.fingerprint(
      target,
      { ...request, pass: 'before', ...(known === undefined ? {} : { known }) },
      hooks(),
    ),
  );
  await work(busy);
  const snapshot = await lab.snapshot(source);
  const after = kept(await postgresql.fingerprint(target, { ...request, pass: 'after', before }, hooks()));
  return { before, after, snapshot };
}

async function content(
  { before, after, snapshot }: Night,
  damage: readonly string[] = [],
): Promise<CheckResult> {
  const copy = await lab.restore(snapshot);
  await copy.start();
  await sql(lab, copy, damage, DATABASE);
  const context = { target: lab.target(copy), before, after, boot: null, freshness: [] };
  const result = await runChecks({ ...context, backupAt: new Date().toISOString(), rpoSeconds: 60 }, [
    'content',
  ]);
  await lab.discard(copy);
  return result.content;
}

const reused = ({ coverage }: CheckResult) =>
  Object.fromEntries((coverage?.remembered?.tables ?? []).map(({ table, rows }) => [table, rows]));
const blocksOf = ({ before }: KnownNight) =>
  before.databases.find(({ name }) => name === DATABASE)!.tables.find(({ name }) => name === 'line')!;

let verified: Night;

test('the first night reads everything, and its second pass proves by row headers alone that nothing happened', async () => {
  verified = await night(0);
  expect(verified.before.forgotten).toBe('no night was verified before this one');
  expect(verified.after.forgotten).toBeUndefined();
  expect(verified.after.databases.map(({ tables }) => tables.map(({ blocks }) => blocks))).toEqual(
    verified.before.databases.map(({ tables }) => tables.map(({ blocks }) => blocks)),
  );
  const result = await content(verified);
  expect(result).toMatchObject({ status: 'passed', findings: [], coverage: { boundedRows: 0 } });
  expect(result.coverage?.remembered).toBeUndefined();
});

test('what did not change is not read again, whatever happened beside it, and the copy is proven row by row', async () => {
  const before = await connect(lab, source, DATABASE);
  await before.query(
    `BEGIN; UPDATE line SET note = 'by a transaction that is open over the night' WHERE id = 5000`,
  );
  await work([
    `UPDATE line SET note = note || '!' WHERE id IN (1, 2, 100000)`,
    'DELETE FROM line WHERE id BETWEEN 200 AND 210',
    `BEGIN; UPDATE line SET note = 'never' WHERE id BETWEEN 150000 AND 151000; ROLLBACK`,
    'SELECT count(*) FROM (SELECT FROM line WHERE id BETWEEN 152000 AND 153000 FOR UPDATE) l',
    `BEGIN; SAVEPOINT a; UPDATE line SET code = 'sub' WHERE id = 30000; RELEASE a; SAVEPOINT b; DELETE FROM line WHERE id BETWEEN 60000 AND 61000; ROLLBACK TO b; COMMIT`,
    `BEGIN; UPDATE line SET code = 'prepared' WHERE id = 40000; PREPARE TRANSACTION 'before'`,
    `BEGIN; UPDATE line SET code = 'both' WHERE id = 41000; PREPARE TRANSACTION 'later'`,
    `COMMIT PREPARED 'before'`,
    `INSERT INTO line SELECT i, 'new', md5(i::text) FROM generate_series(1000001, 1002000) i`,
    'BEGIN; CREATE TEMP TABLE same AS SELECT * FROM reloaded; TRUNCATE reloaded; INSERT INTO reloaded SELECT id, upper(note), code FROM same; COMMIT',
    `ALTER TABLE widened ADD COLUMN more text DEFAULT 'x'`,
    'BEGIN; CREATE TABLE other AS SELECT id, reverse(note) AS note, code FROM remade; DROP TABLE remade; ALTER TABLE other RENAME TO remade; COMMIT',
    'VACUUM FULL packed',
    'VACUUM FREEZE frozen',
    'VACUUM FREEZE line',
    'ALTER TABLE widened RENAME TO wider',
  ]);
  const second = await night(1, verified, [
    `COMMIT PREPARED 'later'`,
    'DELETE FROM line WHERE id BETWEEN 250000 AND 250010',
    `UPDATE line SET note = 'during' WHERE id = 300000`,
  ]);
  await before.query('COMMIT');
  await before.end();
  expect(second.before.forgotten).toBeUndefined();
  const result = await content(second);
  expect(result).toMatchObject({ status: 'passed', findings: [] });
  const rows = reused(result);
  expect(Object.keys(rows).sort()).toEqual(['orders.public.frozen', 'orders.public.line']);
  expect(rows['orders.public.frozen']).toBe(20_000);
  expect(rows['orders.public.line']).toBeGreaterThan(ROWS - 10_000);
  expect(rows['orders.public.line']).toBeLessThan(ROWS - 300);
  expect(result.coverage?.remembered?.since).toBe(new Date(first * 86_400_000).toISOString().slice(0, 10));
  const { provenRows, boundedRows, notExaminedRows } = result.coverage!;
  expect(notExaminedRows).toBe(0);
  expect(boundedRows / (provenRows + boundedRows)).toBeLessThan(0.15);
  verified = second;
});

test('a row that is changed on the copy in a block that was not read again is found', async () => {
  const third = await night(2, verified);
  const known = blocksOf(third);
  expect(known.remembered?.reduce((n, { blocks }) => n + blocks, 0)).toBeGreaterThan(4_000);
  const result = await content(third, [
    'SET session_replication_role = replica',
    `UPDATE line SET code = 'damage' WHERE ctid = '(2500,3)'`,
    `DELETE FROM frozen WHERE ctid = '(100,1)'`,
  ]);
  expect(result.status).toBe('failed');
  const differ = result.findings.filter(({ code }) => code === 'rows-differ').map(({ where }) => where);
  expect(differ).toEqual([
    expect.stringMatching(/^orders\.public\.frozen block 100$/),
    expect.stringMatching(/^orders\.public\.line blocks? 2500/),
  ]);
  verified = third;
});

test('a block of the source that rotted since it was read, its checksum made to fit, shows as a difference on the copy', async () => {
  const [{ path } = { path: '' }] = await ask<{ path: string }>(
    `SELECT pg_relation_filepath('line') AS path`,
  );
  await work(['CHECKPOINT']);
  await source.stop('fast');
  await changePage(source, path, 1_234, (page) => {
    const [item] = itemsOf(page);
    const [place] = textIn(page, item!, 24);
    page[place!] = (page[place!] ?? 0) ^ 1;
    seal(page, 1_234);
  });
  await source.start();
  const fourth = await night(3, verified);
  const remembering = await content(fourth);
  expect(remembering.status).toBe('failed');
  expect(remembering.findings).toEqual([
    expect.objectContaining({ code: 'rows-differ', where: 'orders.public.line block 1234' }),
  ]);
  // Read in full on both sides, the rotten row is the source's own, and nothing is wrong with the copy.
  expect((await content(await night(3))).status).toBe('passed');
});

test('a database that was made anew under the same name, with the same files, has no past', async () => {
  await sql(lab, source, [
    `ALTER DATABASE ${DATABASE} RENAME TO gone`,
    `CREATE DATABASE ${DATABASE} TEMPLATE gone STRATEGY file_copy`,
  ]);
  const fifth = await night(4, verified);
  expect(blocksOf(fifth).fileNode).toBe(blocksOf(verified).fileNode);
  expect(fifth.before.forgotten).toBeUndefined();
  expect(blocksOf(fifth).remembered).toBeUndefined();
});
