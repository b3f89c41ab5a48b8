import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import type { Fingerprint } from '../../probe/postgresql/fingerprint.ts';
import { postgresql } from '../../probe/postgresql/engine.ts';
import { hooks, ProbeLab, runChecks, sql } from '../support/probe-lab.ts';
import { DATABASE, fillSample } from '../support/probe-sample.ts';

let lab: ProbeLab;
let before: Fingerprint;
let after: Fingerprint;
let snapshot: string;
const READER = 'may-look';

beforeAll(async () => {
  lab = await ProbeLab.open();
  const source = await lab.source();
  await fillSample(lab, source);
  const reader = `CREATE ROLE reader LOGIN PASSWORD '${READER}' IN ROLE pg_read_all_data`;
  await sql(lab, source, [reader], DATABASE);
  before = await lab.fingerprint(source);
  snapshot = await lab.snapshot(source);
  await sql(lab, source, ['UPDATE order_line SET note = note WHERE id < 2000'], DATABASE);
  after = await lab.fingerprint(source, before);
  await lab.discard(source);
});
afterAll(() => lab.end());

const spoil = (copy: PostgresServer, seed: string) =>
  postgresql.spoil(lab.target(copy), { before, after, seed }, hooks());

const check = async (copy: PostgresServer) => {
  const context = {
    target: lab.target(copy),
    before,
    after,
    boot: null,
    freshness: [],
    backupAt: new Date().toISOString(),
    rpoSeconds: 3600,
  };
  return (await runChecks(context, ['content'])).content;
};

test.each(['one night', 'another', 'a third'])(
  'one row is taken out of a block that was quiet, and the content check names that block (seed: %s)',
  async (seed) => {
    const copy = await lab.restore(snapshot);
    await copy.start();
    const done = await spoil(copy, seed);
    expect(done?.what).toMatch(/^one row deleted in .+ block \d+$/);

    const { status, findings } = await check(copy);

    expect(status).toBe('failed');
    expect(JSON.stringify(findings)).toContain(/block (\d+)$/.exec(done?.what ?? '')?.[1]);
    await lab.discard(copy);
  },
);

test('the same seed takes the same row, so that a night can be repeated', async () => {
  const what: (string | undefined)[] = [];
  for (let night = 0; night < 2; night += 1) {
    const copy = await lab.restore(snapshot);
    await copy.start();
    what.push((await spoil(copy, 'same'))?.what);
    await lab.discard(copy);
  }
  expect(what[0]).toBe(what[1]);
});

test('a role that may only read spoils nothing and says so', async () => {
  const copy = await lab.restore(snapshot);
  await copy.start();
  const target = { ...lab.target(copy, 'reader'), password: READER };
  expect(await postgresql.spoil(target, { before, after, seed: 'x' }, hooks())).toBeNull();
  expect((await check(copy)).status).toBe('passed');
  await lab.discard(copy);
});

test('a database without a quiet row has nothing to spoil', async () => {
  const copy = await lab.restore(snapshot);
  await copy.start();
  const nothing = { ...after, databases: [] };
  expect(await postgresql.spoil(lab.target(copy), { before, after: nothing, seed: 's' }, hooks())).toBeNull();
  await lab.discard(copy);
});
