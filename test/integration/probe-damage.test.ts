import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import { CHECK_IDS, type CheckId, judge } from '../../domain/verdict.ts';
import type { CheckContext } from '../../probe/engine.ts';
import type { Fingerprint } from '../../probe/postgresql/fingerprint.ts';
import { changePage, checksums, flipInItem, seal, truncateBlocks } from '../support/probe-damage.ts';
import { ProbeLab, connect, runChecks, sql } from '../support/probe-lab.ts';
import { DATABASE, fillSample } from '../support/probe-sample.ts';

let lab: ProbeLab;
let source: PostgresServer;
let before: Fingerprint;
let after: Fingerprint;
let snapshot: string;
let olderSnapshot: string;
let otherSnapshot: string;
let backupAt: string;
const paths: Record<string, string> = {};

beforeAll(async () => {
  lab = await ProbeLab.open();
  source = await lab.source();
  await fillSample(lab, source);
  olderSnapshot = await lab.snapshot(source);
  await sql(
    lab,
    source,
    ["UPDATE heartbeat SET at = now() + interval '1 hour'", 'UPDATE order_line SET amount = 0 WHERE id < 50'],
    DATABASE,
  );
  before = await lab.fingerprint(source);
  await sql(
    lab,
    source,
    [
      'UPDATE order_line SET note = note WHERE id BETWEEN 3000 AND 3100',
      'INSERT INTO order_line (note) SELECT $$new$$',
    ],
    DATABASE,
  );
  snapshot = await lab.snapshot(source);
  backupAt = new Date(Date.now() + 3_600_000).toISOString();
  await sql(lab, source, ['DELETE FROM order_line WHERE id BETWEEN 3050 AND 3060'], DATABASE);
  after = await lab.fingerprint(source, before);
  const client = await connect(lab, source, DATABASE);
  const { rows } = await client.query<{ name: string; path: string; toast: string | null }>(
    `SELECT relname AS name, pg_relation_filepath(oid) AS path, pg_relation_filepath(reltoastrelid) AS toast FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i', 'm')`,
  );
  for (const { name, path, toast } of rows)
    Object.assign(paths, { [name]: path, [`toast of ${name}`]: toast });
  await client.end();
  const other = await lab.source();
  await sql(lab, other, [`CREATE DATABASE ${DATABASE}`]);
  otherSnapshot = await lab.snapshot(other);
  await Promise.all([lab.discard(source), lab.discard(other)]);
});

afterAll(() => lab.end());

type Damage = (copy: PostgresServer) => Promise<void>;

const path = (name: string) => paths[name] ?? name;
const page =
  (relation: string, block: number, change: (bytes: Buffer) => void): Damage =>
  (copy) =>
    changePage(copy, path(relation), block, change);
const statements =
  (...of: readonly string[]): Damage =>
  async (copy) => {
    await copy.start();
    await sql(lab, copy, of, DATABASE);
    await copy.stop('fast');
  };
const sealed =
  (block: number, change: (bytes: Buffer) => void) =>
  (bytes: Buffer): void => {
    change(bytes);
    seal(bytes, block);
  };

const DAMAGES: readonly [what: string, damage: Damage, caughtBy: readonly CheckId[]][] = [
  [
    'a byte flipped in a heap',
    page('order_line', 20, (b) => flipInItem(b, 5)),
    ['pages', 'structure', 'content'],
  ],
  [
    'a byte flipped in an index',
    page('order_line_pkey', 5, (b) => (b[8_000] = 1 ^ (b[8_000] ?? 0))),
    ['pages', 'structure'],
  ],
  [
    'a byte flipped in a GIN index',
    page('order_line_tags', 3, (b) => (b[8_000] = 1 ^ (b[8_000] ?? 0))),
    ['pages'],
  ],
  [
    'a byte flipped in TOAST',
    page('toast of customer', 1, (b) => flipInItem(b, 0)),
    ['pages', 'structure', 'content'],
  ],
  [
    'a byte flipped in a row, checksum made to fit',
    page(
      'order_line',
      20,
      sealed(20, (b) => flipInItem(b, 5)),
    ),
    ['content'],
  ],
  [
    'a byte flipped in TOAST, checksum made to fit',
    page(
      'toast of customer',
      1,
      sealed(1, (b) => flipInItem(b, 0)),
    ),
    ['content'],
  ],
  ['a heap page zeroed', page('order_line', 30, (b) => b.fill(0)), ['structure', 'content']],
  ['an index page zeroed', page('order_line_customer', 4, (b) => b.fill(0)), ['structure']],
  ['a heap cut short', (copy) => truncateBlocks(copy, path('order_line'), 100), ['structure', 'content']],
  ['an index cut short', (copy) => truncateBlocks(copy, path('order_line_pkey'), 10), ['structure']],
  ['a GIN index cut short', (copy) => truncateBlocks(copy, path('order_line_tags'), 2), ['structure']],
  ['one row changed', statements(`UPDATE order_line SET amount = 1 WHERE id = 700`), ['content']],
  ['one row deleted', statements(`DELETE FROM order_line WHERE id = 700`), ['content']],
  ['one row inserted', statements(`INSERT INTO customer (name) VALUES ('x')`), ['content']],
  [
    'two rows swapped',
    statements(
      `UPDATE customer c SET name = o.name FROM customer o WHERE (c.id, o.id) IN ((10, 11), (11, 10))`,
    ),
    ['content'],
  ],
  ['a column default lost', statements(`ALTER TABLE order_line ALTER state DROP DEFAULT`), ['schema']],
  ['an index dropped', statements(`DROP INDEX order_line_customer`), ['schema']],
  ['a table dropped', statements(`DROP TABLE heartbeat`), ['schema', 'content', 'freshness']],
  ['a table emptied', statements(`TRUNCATE "Gröb's ""list"""`), ['schema', 'content']],
  ['a trigger disabled', statements(`ALTER TABLE customer DISABLE TRIGGER touched`), ['schema']],
  ['a grant revoked', statements(`REVOKE SELECT ON customer FROM clerk`), ['schema']],
  ['a sequence set back', statements(`SELECT setval('order_line_id_seq', 5)`), ['schema']],
];

function context(copy: PostgresServer): CheckContext {
  return {
    target: lab.target(copy),
    before,
    after,
    boot: null,
    freshness: [{ table: 'public.heartbeat', column: 'at', maxAge: '15m' }],
    backupAt,
    rpoSeconds: 3_600,
  };
}

async function verdictOn(copy: PostgresServer) {
  await copy.start();
  const results = await runChecks(context(copy));
  await lab.discard(copy);
  const caughtBy = CHECK_IDS.filter((id) => results[id].status === 'failed');
  return { results, caughtBy, verdict: judge(Object.values(results), CHECK_IDS) };
}

test('the copy as it came passes every check', async () => {
  const { verdict, results } = await verdictOn(await lab.restoreAtRest(snapshot));
  expect(verdict).toMatchObject({ status: 'passed', reasons: [] });
  expect(results.content.coverage?.provenRows).toBeGreaterThan(15_000);
});

test.each(DAMAGES)('%s is caught', async (_, damage, caughtBy) => {
  const copy = await lab.restoreAtRest(snapshot);
  await damage(copy);
  const found = await verdictOn(copy);
  expect(found).toMatchObject({ caughtBy, verdict: { status: 'failed' } });
});

test('an older backup in place of the right one is caught by its rows and by its age', async () => {
  const { caughtBy, results } = await verdictOn(await lab.restore(olderSnapshot));
  expect(caughtBy).toEqual(['content', 'freshness']);
  expect(results.freshness.measured.dataLossSeconds).toBeGreaterThan(3_500);
});

test("another system's backup with an empty database is caught by everything that compares", async () => {
  const { caughtBy } = await verdictOn(await lab.restore(otherSnapshot));
  expect(caughtBy).toEqual(['boot', 'schema', 'content', 'freshness']);
});

test('the checksums that the laboratory writes are those of PostgreSQL', async () => {
  const copy = await lab.restoreAtRest(snapshot);
  await changePage(copy, path('order_line'), 7, (bytes) => {
    const { found, right } = checksums(bytes, 7);
    expect(right).toBe(found);
  });
  await lab.discard(copy);
});
