import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import type { CheckContext, ProbeTarget } from '../../probe/engine.ts';
import { engineFor } from '../../probe/registry.ts';
import { Session } from '../../probe/postgresql/session.ts';
import { ProbeLab, SEED, connect, hooks, runChecks, sql } from '../support/probe-lab.ts';
import { DATABASE, fillSample } from '../support/probe-sample.ts';

const engine = engineFor('rds-instance');
let lab: ProbeLab;
let source: PostgresServer;
let readers: Record<'everything' | 'part', ProbeTarget>;

beforeAll(async () => {
  lab = await ProbeLab.open();
  source = await lab.source({ allow_alter_system: 'on' });
  await fillSample(lab, source);
  await sql(
    lab,
    source,
    [
      'CREATE TABLE secret (name text)',
      `INSERT INTO secret VALUES ('Alice')`,
      'CREATE TABLE mine (owner text)',
      `INSERT INTO mine VALUES ('bob')`,
      'ALTER TABLE mine ENABLE ROW LEVEL SECURITY',
      `CREATE POLICY own ON mine USING (owner = current_user)`,
      `SELECT lo_from_bytea(0, '\\x0102')`,
      `CREATE ROLE everything LOGIN PASSWORD 'only-for-tests' BYPASSRLS`,
      'GRANT pg_read_all_data, pg_monitor TO everything',
      'ALTER ROLE everything SET default_transaction_read_only = on',
      `CREATE ROLE part LOGIN PASSWORD 'only-for-tests'`,
      'GRANT SELECT ON ALL TABLES IN SCHEMA public TO part',
      'REVOKE SELECT ON secret FROM part',
    ],
    DATABASE,
  );
  readers = { everything: lab.target(source, 'everything'), part: lab.target(source, 'part') };
});

afterAll(() => lab.end());

test('a role that may read everything, and is no superuser, fingerprints everything', async () => {
  const taken = await engine.fingerprint(readers.everything, { pass: 'before', seed: SEED }, hooks());
  expect(taken.notExamined).toEqual([]);
  expect(taken.databases.map(({ name, notExamined }) => ({ name, notExamined }))).toEqual([
    { name: DATABASE, notExamined: [] },
    { name: 'postgres', notExamined: [] },
  ]);
  const orders = taken.databases[0]!;
  const rowsOf = (table: string) => orders.tables.find(({ name }) => name === table)?.rows;
  expect(['order_line', `Gröb's "list"`, 'totals', 'secret', 'pg_largeobject'].map(rowsOf)).toEqual([
    12_000, 3, 4_000, 1, 1,
  ]);
  expect(orders.notes).toEqual([expect.stringContaining('orders.public.scratch is unlogged')]);
});

test('what a role may not see is named as not examined, and the content is not called proven', async () => {
  const before = await engine.fingerprint(readers.part, { pass: 'before', seed: SEED }, hooks());
  const after = await engine.fingerprint(readers.part, { pass: 'after', seed: SEED, before }, hooks());
  const orders = after.databases.find(({ name }) => name === DATABASE)!;
  const reasons = Object.fromEntries(orders.notExamined.map(({ what, reason }) => [what, reason]));
  expect(reasons).toEqual({
    'orders.pg_catalog.pg_largeobject': 'the role may not read it',
    'orders.public.mine': 'row-level security hides rows from the role',
    'orders.public.secret': 'the role may not read it',
    'orders.public.customer_id_seq': 'the role may not read the sequence',
    'orders.public.order_line_id_seq': 'the role may not read the sequence',
  });
  const copy = await lab.restore(await lab.snapshot(source));
  await copy.start();
  const context: CheckContext = {
    target: lab.target(copy),
    before,
    after,
    boot: null,
    freshness: [],
    backupAt: new Date().toISOString(),
    rpoSeconds: 60,
  };
  const { content, freshness } = await runChecks(context, ['content', 'freshness']);
  await lab.discard(copy);
  expect(content.status).toBe('inconclusive');
  expect(content.findings.map(({ where }) => where)).toContain('orders.public.secret');
  expect(freshness).toMatchObject({ status: 'inconclusive', findings: [{ code: 'no-freshness-rule' }] });
});

test('on the copy, catalogues that only a superuser may read are listed, and tables of users hold up the verdict', async () => {
  const [before, copy] = [await lab.fingerprint(source), await lab.restore(await lab.snapshot(source))];
  const after = await lab.fingerprint(source, before);
  await copy.start();
  for (const database of [DATABASE, 'postgres']) {
    await sql(
      lab,
      copy,
      [
        'CREATE EXTENSION pg_prewarm',
        'CREATE EXTENSION amcheck',
        'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC',
      ],
      database,
    );
  }
  const context = {
    before,
    after,
    boot: null,
    freshness: [],
    backupAt: new Date().toISOString(),
    rpoSeconds: 60,
  };
  const everything = await runChecks({ ...context, target: lab.target(copy, 'everything') }, [
    'pages',
    'structure',
  ]);
  const part = await runChecks({ ...context, target: lab.target(copy, 'part') }, ['pages']);
  await lab.discard(copy);
  expect([everything.pages.status, everything.structure.status]).toEqual(['passed', 'passed']);
  expect(part.pages.status).toBe('inconclusive');
  expect(part.pages.findings.map(({ where }) => where)).toContain('orders.public.secret');
  expect(part.pages.notTested).toContain('orders.pg_catalog.pg_authid: the role may not read this catalogue');
});

test('before its second pass the probe waits for commits that wait for a synchronous standby', async () => {
  const before = await lab.fingerprint(source);
  await source.admin(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`);
  await source.admin('SELECT pg_reload_conf()');
  const client = await connect(lab, source, DATABASE);
  const commit = client.query(`INSERT INTO secret VALUES ('waiting')`);
  await until(async () => {
    const [row] = await source.admin<{ n: string }>(
      `SELECT count(*) n FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
    );
    return row?.n === '1';
  });
  let done = false;
  const taking = lab.fingerprint(source, before).finally(() => (done = true));
  await sleep(500);
  expect(done).toBe(false);
  await source.admin(`ALTER SYSTEM RESET synchronous_standby_names`);
  await source.admin('SELECT pg_reload_conf()');
  await commit;
  const after = await taking;
  await client.end();
  const rowsOf = (fingerprint: typeof after) =>
    fingerprint.databases[0]!.tables.find(({ name }) => name === 'secret')!.rows;
  expect(rowsOf(after)).toBe(rowsOf(before) + 1);
});

test('no text of a row is in what a check says, not even when PostgreSQL quotes it', async () => {
  const before = await lab.fingerprint(source);
  const after = await lab.fingerprint(source, before);
  const { freshness } = await runChecks(
    {
      target: lab.target(source),
      before,
      after,
      boot: null,
      freshness: [{ table: 'public.secret', column: 'name', maxAge: '1h' }],
      backupAt: new Date().toISOString(),
      rpoSeconds: 60,
    },
    ['freshness'],
  );
  expect(freshness.status).toBe('inconclusive');
  expect(JSON.stringify(freshness)).not.toContain('Alice');
  expect(freshness.findings[0]?.message).toContain('SQLSTATE 22007');
});

test('the first query is timed and tells the version', async () => {
  const first = await engine.firstQuery(lab.target(source), hooks());
  expect(first).toMatchObject({ inRecovery: false, serverVersion: expect.stringMatching(/^\d+\.\d+/) });
  expect(first.seconds).toBeGreaterThan(0);
});

test.each<[string, (target: ProbeTarget) => ProbeTarget, RegExp]>([
  ['a wrong password', (target) => ({ ...target, password: 'no' }), /28P01/],
  ['an unknown authority', (target) => ({ ...target, ca: OTHER_CA }), /certificate|self|DEPTH|UNABLE/i],
  [
    'another name than the certificate has',
    (target) => ({ ...target, serverName: 'orders.example.com' }),
    /ALTNAME|does not match/,
  ],
  ['a closed port', (target) => ({ ...target, port: 1 }), /ECONNREFUSED/],
])('%s is a database that cannot be reached', async (_, change, cause) => {
  const attempt = engine.firstQuery(change(lab.target(source)), hooks());
  await expect(attempt).rejects.toMatchObject({
    name: 'DatabaseUnreachable',
    message: expect.stringMatching(cause),
  });
});

test('cancelling ends the question at once, here and in the server', async () => {
  const stop = new AbortController();
  const session = await Session.open(lab.target(source), 'postgres', stop.signal);
  const asked = session.rows('sleep', 'SELECT pg_sleep(60)');
  await sleep(100);
  stop.abort(new Error('cancelled by the test'));
  await expect(asked).rejects.toThrow('cancelled by the test');
  await session.close();
  const sleepers = async () => {
    const [row] = await source.admin<{ n: string }>(
      `SELECT count(*) n FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()`,
    );
    return Number(row?.n);
  };
  for (let tries = 0; (await sleepers()) > 0 && tries < 50; tries += 1) await sleep(100);
  expect(await sleepers()).toBe(0);
});

test('the second pass refuses another seed, another server and a missing first pass', async () => {
  const before = await lab.fingerprint(source);
  const take = (request: Parameters<typeof engine.fingerprint>[1]) =>
    engine.fingerprint(lab.target(source), request, hooks());
  await expect(take({ pass: 'after', seed: SEED })).rejects.toThrow(/needs the fingerprint of the first one/);
  await expect(take({ pass: 'after', seed: 'other', before })).rejects.toThrow(/same seed/);
  const foreign = { ...before, server: { ...before.server, systemIdentifier: '1' } };
  await expect(take({ pass: 'after', seed: SEED, before: foreign })).rejects.toThrow(/not the same database/);
});

test('a server that admits our address is reached, and one that does not is not', async () => {
  const { host, port } = lab.target(source);
  expect(await engine.reach({ host, port }, 2_000)).toMatchObject({
    reached: true,
    how: expect.stringContaining('asks who is there'),
  });
  await source.admit(['127.1.0.0/16']);
  try {
    const shut = async () => !(await engine.reach({ host, port }, 2_000)).reached;
    for (let tries = 0; !(await shut()) && tries < 50; tries += 1) await sleep(50);
    expect(await engine.reach({ host, port }, 2_000)).toMatchObject({
      reached: false,
      how: expect.stringContaining('28000'),
    });
  } finally {
    await source.admit(['127.0.0.0/8']);
  }
});

test('nothing behind a port, and something that never answers, are told apart', async () => {
  expect(await engine.reach({ host: '127.0.0.1', port: 1 }, 1_000)).toMatchObject({
    reached: false,
    how: expect.stringContaining('ECONNREFUSED'),
  });
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  expect(await engine.reach({ host: '127.0.0.1', port }, 300)).toMatchObject({
    reached: true,
    how: expect.stringContaining('TCP connects'),
  });
  silent.close();
});

/** Asks until it is so; the test's own time-out ends the patience. */
async function until(question: () => Promise<boolean>): Promise<void> {
  while (!(await question())) await sleep(50);
}

/** An authority that signed nothing here. */
const OTHER_CA = `-----BEGIN CERTIFICATE-----
MIIBmDCCAT+gAwIBAgIUUEL7g8E9PIS6vhhh333lY33iuAQwCgYIKoZIzj0EAwIw
ITEfMB0GA1UEAwwWYW4gYXV0aG9yaXR5IG9mIG5vYm9keTAgFw0yNjExMjEyMjM4
NTRaGA8yMTI2MTAyODIyMzg1NFowITEfMB0GA1UEAwwWYW4gYXV0aG9yaXR5IG9m
IG5vYm9keTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABInCAsLYyKNRGJ7yYojv
9MN+eNc8eiacMjgFNbxaX1qlaq9vQAIdeotbAfq5V0GZqhxrBeqhnW5zmwxaMt0G
eeqjUzBRMB0GA1UdDgQWBBTIZ7VGkrtw4MC2W0P261b7knbiaTAfBgNVHSMEGDAW
gBTIZ7VGkrtw4MC2W0P261b7knbiaTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49
BAMCA0cAMEQCIFYPtcKtdOmVkpCki1E0EouTRjNiQy9gFtPZiPftEF2xAiAot4eP
epf6cawUMpilKrklea/b6DxVWlypYPWusxKwbw==
-----END CERTIFICATE-----`;
