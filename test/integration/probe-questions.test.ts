import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import type { ApplicationCheck, Assertion } from '../../domain/policy/verification-schema.ts';
import type { CheckContext } from '../../probe/engine.ts';
import { decodeFingerprint, encodeFingerprint } from '../../probe/postgresql/fingerprint-file.ts';
import type { Fingerprint } from '../../probe/postgresql/fingerprint.ts';
import { ProbeLab, hooks, runChecks, sql } from '../support/probe-lab.ts';
import { DATABASE, fillSample } from '../support/probe-sample.ts';

let lab: ProbeLab;
let server: PostgresServer;
let before: Fingerprint;
let usual: Fingerprint;

beforeAll(async () => {
  lab = await ProbeLab.open();
  server = await lab.source();
  await fillSample(lab, server);
  before = await lab.fingerprint(server);
  usual = await lab.fingerprint(server, before);
});

afterAll(() => lab.end());

const context = (changes: Partial<CheckContext> = {}): CheckContext => ({
  target: lab.target(server),
  before,
  after: usual,
  boot: null,
  freshness: [],
  backupAt: new Date().toISOString(),
  rpoSeconds: 60,
  ...changes,
});
const assertion = (sql: string, changes: Partial<Assertion> = {}): Assertion => ({
  name: 'lines-have-customers',
  says: 'every line has a customer',
  database: DATABASE,
  sql,
  counts: 'value',
  is: '=',
  than: 0,
  timeout: '60s',
  ...changes,
});
const ORPHANS =
  'SELECT count(*) FROM order_line l WHERE NOT EXISTS (SELECT FROM customer c WHERE c.id = l.customer) -- none';

async function semantics(
  assertions: readonly Assertion[],
  applicationChecks: readonly ApplicationCheck[] = [],
) {
  const { semantics: result } = await runChecks(context({ assertions, applicationChecks }), ['semantics']);
  return { status: result.status, messages: result.findings.map(({ message }) => message), result };
}

test('an assertion that holds passes, one that does not fails in its own words, and its answer stays inside', async () => {
  expect(await semantics([assertion(ORPHANS)])).toMatchObject({ status: 'passed', messages: [] });
  expect(
    await semantics([assertion('SELECT id FROM customer', { counts: 'rows', than: 4_000 })]),
  ).toMatchObject({ status: 'passed' });
  const { status, messages } = await semantics([assertion('SELECT 4711')]);
  expect(status).toBe('failed');
  expect(messages).toEqual([
    '"every line has a customer" does not hold: the answer is above 0, and = 0 was wanted',
  ]);
});

test('no question, a refused one, a slow one, several at once and one that writes are inconclusive', async () => {
  expect((await semantics([])).status).toBe('inconclusive');
  const cases: [Assertion, RegExp][] = [
    [assertion('SELECT * FROM nowhere'), /42P01/],
    [assertion('SELECT 1 FROM pg_sleep(20)', { timeout: '1s' }), /57014/],
    [assertion('SELECT 0) AS x; DROP TABLE customer; SELECT * FROM (SELECT 0'), /42601/],
    [assertion(`SELECT setval('order_line_id_seq', 1)`), /25006/],
    [assertion('SELECT name FROM customer', { says: 'only one customer' }), /one row with one column/],
  ];
  for (const [one, why] of cases) {
    const { status, messages } = await semantics([one]);
    expect({ sql: one.sql, status, why: messages[0] }).toEqual({
      sql: one.sql,
      status: 'inconclusive',
      why: expect.stringMatching(why),
    });
  }
});

test('an application is asked over HTTP, is told where the copy is, and must have looked at something', async () => {
  let answer: [number, string] = [200, '{"passed": true, "examined": 3}'];
  const asked: unknown[] = [];
  const application = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      asked.push(JSON.parse(Buffer.concat(parts).toString()));
      response.writeHead(answer[0]).end(answer[1]);
    });
  });
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(application.address() as AddressInfo).port}/check`;
  const check = { name: 'shop', says: 'the shop can sell', http: { url, timeout: '5s' } };
  const status = async (as: typeof answer) => {
    answer = as;
    return (await semantics([], [check])).status;
  };
  try {
    expect(await status(answer)).toBe('passed');
    expect(asked).toEqual([{ host: server.address, port: server.port }]);
    expect(await status([200, '{"passed": false, "examined": 3, "why": "Alice"}'])).toBe('failed');
    expect(await status([200, '{"passed": true, "examined": 0}'])).toBe('inconclusive');
    expect(await status([200, 'OK'])).toBe('inconclusive');
    expect(await status([500, '{"passed": true, "examined": 3}'])).toBe('inconclusive');
  } finally {
    application.close();
  }
  expect((await semantics([], [check])).messages[0]).toContain('could not be reached');
  const command = { name: 'shop', says: 'the shop can sell', command: { image: 'shop', arguments: [] } };
  expect((await semantics([], [command])).messages[0]).toContain('not implemented here');
});

test('data that were encrypted in place, and nulls that spread, are warned of by column, with numbers alone', async () => {
  const anomaly = async (lastVerified: Fingerprint | null | undefined, after: Fingerprint) => {
    const known = lastVerified === undefined ? {} : { lastVerified };
    return (await runChecks(context({ ...known, after }), ['anomaly'])).anomaly;
  };
  expect((await anomaly(undefined, usual)).status).toBe('inconclusive');
  expect(await anomaly(null, usual)).toMatchObject({
    status: 'passed',
    notTested: [expect.stringContaining('no point was verified')],
  });
  const stored = decodeFingerprint(encodeFingerprint(usual));
  expect(await anomaly(stored, usual)).toMatchObject({ status: 'passed', findings: [] });
  await sql(
    lab,
    server,
    [
      `UPDATE customer SET name = encode(sha256(convert_to(name, 'UTF8')), 'base64')`,
      'UPDATE order_line SET amount = NULL WHERE id % 4 = 0',
    ],
    DATABASE,
  );
  const struck = await anomaly(stored, await lab.fingerprint(server, before));
  expect(struck.status).toBe('passed');
  const warnings = new Map(struck.findings.map(({ where, message }) => [where, message]));
  expect(warnings.get('orders.public.customer.name')).toMatch(
    /average length went from .* entropy went from/,
  );
  expect(warnings.get('orders.public.order_line.amount')).toMatch(/^nulls went from 0.0 % to 2\d\.\d %/);
  expect([...warnings.keys()]).not.toContain('orders.public.order_line.note');
});

test('no planted name, address or card number leaves: not from rows, defaults, constraints, or words of the server', async () => {
  const planted = ['Zebulon Quimby', 'zebulon@quimby.example', '4929123456789012'];
  const [name, mail, card] = planted;
  const copy = await lab.source();
  await sql(lab, copy, [`CREATE DATABASE ${DATABASE}`]);
  await sql(
    lab,
    copy,
    [
      `CREATE TABLE person (name text DEFAULT '${name}', mail text CHECK (mail <> '${mail}x'), card text UNIQUE)`,
      `COMMENT ON COLUMN person.card IS 'such as ${card}'`,
      `INSERT INTO person SELECT '${name}', '${mail}', '${card}' || i FROM generate_series(1, 200) i`,
      `CREATE FUNCTION strict(v text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'bad: %', v; END $$`,
    ],
    DATABASE,
  );
  const said: string[] = [];
  const listening = { ...hooks(), heartbeat: (detail: string) => said.push(detail) };
  const { postgresql } = await import('../../probe/postgresql/engine.ts');
  const target = lab.target(copy);
  const first = await postgresql.fingerprint(target, { pass: 'before', seed: 's' }, listening);
  const last = await postgresql.fingerprint(target, { pass: 'after', seed: 's', before: first }, listening);
  await sql(
    lab,
    copy,
    [
      `ALTER TABLE person ALTER name SET DEFAULT 'x'`,
      `DELETE FROM person WHERE card LIKE '%7'`,
      `UPDATE person SET name = upper(name) WHERE card LIKE '%8'`,
    ],
    DATABASE,
  );
  const asked = [
    'SELECT card::date FROM person',
    'SELECT strict(name) FROM person',
    'SELECT name FROM person LIMIT 1',
    'SELECT card::numeric FROM person LIMIT 1',
  ];
  const results = await Promise.all(
    (['boot', 'pages', 'structure', 'schema', 'content', 'freshness', 'semantics', 'anomaly'] as const).map(
      (id) =>
        postgresql.check(
          id,
          {
            ...context({ target, before: first, after: last, lastVerified: last }),
            freshness: [{ database: DATABASE, table: 'public.person', column: 'card', maxAge: '1h' }],
            assertions: asked.map((question, n) => assertion(question, { name: `q${n}`, timeout: '5s' })),
          },
          listening,
        ),
    ),
  );
  await lab.discard(copy);
  expect(results.map(({ status }) => status)).toContain('failed');
  const out = [
    JSON.stringify(results),
    ...said,
    Buffer.from(encodeFingerprint(last)).toString('latin1'),
  ].join('\n');
  const readable = `${out}\n${JSON.stringify({ ...last, databases: last.databases.map(({ catalogue, ...rest }) => ({ ...rest, objects: [...catalogue.objects.keys()], tables: rest.tables.map(({ name }) => name) })) })}`;
  for (const secret of planted) expect(readable.toLowerCase()).not.toContain(secret.toLowerCase());
});
