import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import { NO_AGES, agesOf } from '../../probe/postgresql/ages.ts';
import { chunkSql, readChunk } from '../../probe/postgresql/block-digests.ts';
import { listRelations } from '../../probe/postgresql/inventory.ts';
import { Session } from '../../probe/postgresql/session.ts';
import { isYoung, windowBetween } from '../../probe/postgresql/window.ts';
import { postgresql } from '../../probe/postgresql/engine.ts';
import { ProbeLab, connect, hooks, sql } from '../support/probe-lab.ts';

let lab: ProbeLab;
let server: PostgresServer;
let session: Session;

beforeAll(async () => {
  lab = await ProbeLab.open();
  server = await lab.source();
  session = await Session.open(lab.target(server), 'postgres', new AbortController().signal);
  await sql(lab, server, [
    `CREATE TYPE mood AS ENUM ('sad', 'happy')`,
    'CREATE TYPE pair AS (a int, b text)',
    'CREATE DOMAIN small AS int CHECK (value < 1000)',
    'CREATE DOMAIN smaller AS small',
    'CREATE DOMAIN moods AS mood[]',
    `CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
  ]);
});

afterAll(async () => {
  await session.close();
  await lab.end();
});

/** Type, one value, and another that must not look the same. */
const TYPES: readonly (readonly [type: string, value: string, other: string])[] = [
  ['smallint', '1', '2'],
  ['integer', '1', '2'],
  ['bigint', '1', '9223372036854775807'],
  ['boolean', 'true', 'false'],
  ['numeric', `'1.5'`, `'NaN'`],
  ['numeric', `'Infinity'`, `'-Infinity'`],
  ['numeric(10, 2)', '1.10', '1.11'],
  ['numeric[]', `'{NaN}'`, `'{Infinity}'`],
  ['numrange', `'[1,NaN]'`, `'[1,Infinity]'`],
  ['real', '1.5', `'NaN'`],
  ['double precision', `'Infinity'`, `'-Infinity'`],
  ['money', '1', '2'],
  ['text', `'a'`, `'b'`],
  ['text', `''`, 'NULL'],
  ['text COLLATE nocase', `'abc'`, `'ABC'`],
  ['varchar(10)', `'é'`, `'e'`],
  ['char(4)', `'a'`, `'ab'`],
  ['"char"', `'a'`, `'b'`],
  ['name', `'a'`, `'b'`],
  ['bytea', `'\\x00'`, `'\\x0000'`],
  ['date', `'2020-01-01'`, `'infinity'`],
  ['time', `'01:00'`, `'02:00'`],
  ['timetz', `'01:00+00'`, `'01:00+01'`],
  ['timestamp', `'infinity'`, `'-infinity'`],
  ['timestamptz', `'2020-01-01 00:00+00'`, `'2020-01-01 00:00+01'`],
  ['interval', `'1 day'`, `'1 month'`],
  ['uuid', `'00000000-0000-0000-0000-000000000001'`, `'00000000-0000-0000-0000-000000000002'`],
  ['json', `'{"a": 1}'`, `'{"a":1}'`],
  ['jsonb', `'{"a": [1, 2]}'`, `'{"a": [2, 1]}'`],
  ['jsonb', `'null'`, 'NULL'],
  ['xml', `'<a/>'`, `'<b/>'`],
  ['inet', `'10.0.0.1'`, `'10.0.0.1/8'`],
  ['cidr', `'10.0.0.0/8'`, `'10.0.0.0/9'`],
  ['macaddr', `'08:00:2b:01:02:03'`, `'08:00:2b:01:02:04'`],
  ['bit(3)', `B'101'`, `B'100'`],
  ['varbit', `B'1'`, `B'10'`],
  ['point', `'(1,2)'`, `'(2,1)'`],
  ['polygon', `'((0,0),(1,1),(2,0))'`, `'((0,0),(1,1),(2,1))'`],
  ['tsvector', `'a:1'`, `'a:2'`],
  ['tsquery', `'a & b'`, `'a | b'`],
  ['int4range', `'[1,2)'`, `'[1,3)'`],
  ['tstzmultirange', `'{[2020-01-01,2020-01-02)}'`, `'{}'`],
  ['int[]', `'{1,2}'`, `'{2,1}'`],
  ['text[]', `'{a,NULL}'`, `'{a,"NULL"}'`],
  ['point[]', `'{"(1,2)"}'`, `'{"(2,1)"}'`],
  ['mood', `'sad'`, `'happy'`],
  ['mood[]', `'{sad}'`, `'{happy}'`],
  ['moods', `'{sad}'`, `'{happy}'`],
  ['smaller', '1', '2'],
  ['smaller[]', `'{1}'`, `'{2}'`],
  ['pair', `'(1,a)'`, `'(1,b)'`],
  ['pair[]', `'{"(1,a)"}'`, `'{"(2,a)"}'`],
  ['oid', '1', '2'],
  ['xid8', `'1'`, `'2'`],
  ['pg_lsn', `'0/1'`, `'0/2'`],
  ['regclass', `'pg_class'`, `'pg_type'`],
  ['jsonpath', `'$.a'`, `'$.b'`],
];

/** Digest of the first block of the only table, with every row old. */
async function digest(name: string): Promise<bigint> {
  const relation = (await listRelations(session)).find((one) => one.name === name)!;
  const question = chunkSql(relation, 'seed', 180_000);
  const { blocks } = await readChunk(session, 'read', question, [0, 1], { young: NO_AGES, late: NO_AGES });
  return blocks.digests[0]!;
}

test('every type has a digest that tells two values apart, and the same value is the same again', async () => {
  const columns = TYPES.map(([type], n) => `c${n} ${type}`).join(', ');
  await sql(lab, server, [`CREATE TABLE many (${columns})`]);
  const client = await connect(lab, server);
  const filled = async (changed: number) => {
    const values = TYPES.map(([, value, other], n) => (n === changed ? other : value)).join(', ');
    await client.query(`TRUNCATE many; INSERT INTO many VALUES (${values})`);
    return digest('many');
  };
  const usual = await filled(-1);
  expect(await filled(-1)).toBe(usual);
  const unseen: string[] = [];
  for (const [n, [type, value, other]] of TYPES.entries()) {
    if ((await filled(n)) === usual) unseen.push(`${type}: ${value} and ${other}`);
  }
  await client.end();
  expect(unseen).toEqual([]);
});

test('a value that moves to another column or another row is seen', async () => {
  const filled = async (rows: string) => {
    await sql(lab, server, [
      'DROP TABLE IF EXISTS two',
      'CREATE TABLE two (a int, b int)',
      `INSERT INTO two VALUES ${rows}`,
    ]);
    return digest('two');
  };
  const digests = [
    await filled('(1, 2), (3, 4)'),
    await filled('(2, 1), (3, 4)'),
    await filled('(3, 4), (1, 2)'),
    await filled('(1, 4), (3, 2)'),
    await filled('(1, NULL), (3, 4)'),
    await filled('(NULL, 2), (3, 4)'),
  ];
  expect(new Set(digests).size).toBe(digests.length);
});

test('a table of 1 600 columns can be digested', async () => {
  const columns = Array.from({ length: 1_600 }, (_, n) => `c${n} int`).join(', ');
  await sql(lab, server, [`CREATE TABLE wide (${columns})`, 'INSERT INTO wide (c0, c1599) VALUES (1, 2)']);
  expect(await digest('wide')).not.toBe(0n);
});

test('dropped and generated columns are no obstacle, and a table without columns is one of places', async () => {
  await sql(lab, server, [
    'CREATE TABLE odd (a int, b int, c int GENERATED ALWAYS AS (a * 2) STORED, d int GENERATED ALWAYS AS (a * 3) VIRTUAL)',
    'INSERT INTO odd VALUES (1, 2)',
    'ALTER TABLE odd DROP COLUMN b',
    'CREATE TABLE nothing ()',
    'INSERT INTO nothing DEFAULT VALUES',
  ]);
  expect(await digest('odd')).not.toBe(0n);
  expect(await digest('nothing')).not.toBe(0n);
});

test('the server tells old rows from young ones as we do, on both sides of a wrap', async () => {
  const edge = 2n ** 32n;
  const windows = [
    windowBetween(100n, 200n),
    windowBetween(edge - 5n, edge + 8n),
    windowBetween(edge - 5n, edge),
    windowBetween(7n, 7n),
  ];
  const xids = [0, 1, 2, 3, 7, 8, 99, 100, 199, 200, 4_294_967_290, 4_294_967_291, 4_294_967_295];
  await session.run('begin', 'BEGIN');
  for (const window of windows) {
    const { from, to } = await agesOf(session, window);
    const rows = await session.rows<{ xid: string }>(
      'compare',
      'SELECT x::text AS xid FROM unnest($1::text[]::xid[]) x WHERE age(x) NOT BETWEEN $2 AND $3',
      [xids, from, to],
    );
    expect(rows.map(({ xid }) => Number(xid))).toEqual(xids.filter((xid) => !isYoung(xid, window)));
  }
  await session.run('end', 'ROLLBACK');
});

test('a table in a tablespace is read, a foreign one is never followed, and one of which only some columns may be read is named', async () => {
  await sql(lab, server, [
    'SET allow_in_place_tablespaces = on',
    `CREATE TABLESPACE elsewhere LOCATION ''`,
    'CREATE TABLE away (id int) TABLESPACE elsewhere',
    'INSERT INTO away SELECT generate_series(1, 30)',
    'CREATE FOREIGN DATA WRAPPER nowhere', // it has no handler: whoever follows it gets an error
    'CREATE SERVER far FOREIGN DATA WRAPPER nowhere',
    'CREATE FOREIGN TABLE distant (id int) SERVER far',
    'CREATE TABLE partly (open int, closed text)',
    'INSERT INTO partly VALUES (1, $$x$$)',
    `CREATE ROLE peeker LOGIN PASSWORD 'only-for-tests'`,
    'GRANT SELECT (open) ON partly TO peeker',
  ]);
  const everything = (await lab.fingerprint(server)).databases.find(({ name }) => name === 'postgres')!;
  expect(everything.tables.find(({ name }) => name === 'away')).toMatchObject({ rows: 30 });
  expect(everything.notes.join()).toContain('postgres.public.distant is a foreign table');
  expect(everything.notExamined).toEqual([]);
  const request = { pass: 'before', seed: 'seed' } as const;
  const seen = await postgresql.fingerprint(lab.target(server, 'peeker'), request, hooks());
  const reasons = new Map(
    seen.databases.flatMap(({ notExamined }) => notExamined.map(({ what, reason }) => [what, reason])),
  );
  expect(reasons.get('postgres.public.partly')).toBe('the role may not read it');
});
