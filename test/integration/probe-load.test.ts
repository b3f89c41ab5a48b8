import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import type { Fingerprint } from '../../probe/postgresql/fingerprint.ts';
import type { ReadingLoad } from '../../probe/postgresql/load-guard.ts';
import { postgresql } from '../../probe/postgresql/engine.ts';
import { ProbeLab, SEED, hooks, runChecks, sql } from '../support/probe-lab.ts';

const NIGHTS = 3;
let lab: ProbeLab;
let source: PostgresServer;
let copy: PostgresServer;

beforeAll(async () => {
  lab = await ProbeLab.open();
  source = await lab.source();
  // 70 MB: five parts of 16 MB, which is enough to take turns.
  await sql(lab, source, [
    `CREATE TABLE large AS SELECT i AS id, repeat('x', 1700) AS filler FROM generate_series(1, 36000) i`,
    'CREATE TABLE small AS SELECT generate_series(1, 50) AS id',
    'VACUUM ANALYZE',
  ]);
  copy = await lab.restore(await lab.snapshot(source));
  await copy.start();
});

afterAll(() => lab.end());

const load = (changes: Partial<ReadingLoad>): ReadingLoad => ({ timeZone: 'UTC', night: 0, ...changes });

async function passes(strength: ReadingLoad): Promise<[Fingerprint, Fingerprint]> {
  const target = lab.target(source);
  const before = await postgresql.fingerprint(
    target,
    { pass: 'before', seed: SEED, load: strength },
    hooks(),
  );
  const request = { pass: 'after', seed: SEED, before, load: strength } as const;
  return [before, await postgresql.fingerprint(target, request, hooks())];
}

async function contentOf([before, after]: [Fingerprint, Fingerprint]) {
  const backupAt = new Date().toISOString();
  const context = {
    target: lab.target(copy),
    before,
    after,
    boot: null,
    freshness: [],
    backupAt,
    rpoSeconds: 60,
  };
  return (await runChecks(context, ['content'])).content;
}

const tableOf = ({ databases }: Fingerprint, name: string) =>
  databases.flatMap(({ tables }) => tables).find((table) => table.name === name)!;

test('a third of a large table per night: small tables are read each night, and after three nights every block has been', async () => {
  const read = new Set<number>();
  for (let night = 0; night < NIGHTS; night += 1) {
    const taken = await passes(load({ everyNights: NIGHTS, night }));
    const large = tableOf(taken[1], 'large');
    large.blocks.counts.forEach((count, block) => {
      if (count <= 1_000) read.add(block);
    });
    expect(large.unread).toMatchObject({ sampled: true });
    expect(tableOf(taken[1], 'small')).toMatchObject({ rows: 50 });
    expect(tableOf(taken[1], 'small').unread).toBeUndefined();
    const content = await contentOf(taken);
    expect(content).toMatchObject({ status: 'passed', findings: [] });
    const { provenRows, boundedRows, notExaminedRows } = content.coverage!;
    expect(provenRows).toBeLessThan(30_000);
    expect(notExaminedRows).toBeGreaterThan(10_000);
    expect(Math.abs(provenRows + boundedRows + notExaminedRows - 36_050)).toBeLessThan(500);
    expect(content.notTested.join()).toContain('take turns');
  }
  expect(read.size).toBe(tableOf((await passes(load({})))[0], 'large').sizeBlocks);
});

test('a damage in a part that was read is found that night, and one in another part is not called proven', async () => {
  const broken = await lab.restore(await lab.snapshot(source));
  await broken.start();
  await sql(lab, broken, ['UPDATE large SET filler = $$y$$ WHERE id % 4000 = 1', 'SELECT pg_stat_reset()']);
  for (let night = 0; night < NIGHTS; night += 1) {
    const [before, after] = await passes(load({ everyNights: NIGHTS, night }));
    const backupAt = new Date().toISOString();
    const context = {
      target: lab.target(broken),
      before,
      after,
      boot: null,
      freshness: [],
      backupAt,
      rpoSeconds: 60,
    };
    const { content } = await runChecks(context, ['content']);
    expect(content.status).toBe('failed');
    expect(content.coverage!.provenRows).toBeLessThan(30_000);
  }
  await lab.discard(broken);
});

test('reading stops by itself when the source suffers, and what was left is named and holds up the verdict', async () => {
  const stopWhen = { measure: 'answer-time', above: 0.000_001, for: '0s' } as const;
  const [before, after] = await passes(load({ stopWhen, rowsPerSecond: 20_000 }));
  expect(tableOf(after, 'large').unread).toMatchObject({
    sampled: false,
    why: expect.stringContaining('suffered'),
  });
  const content = await contentOf([before, after]);
  expect(content.status).toBe('inconclusive');
  expect(content.findings.map(({ message }) => message).join()).toContain('answer-time was above');
});

test('in quiet hours nothing of the source is read', async () => {
  const quietHours = [
    { from: '00:00', to: '23:59' },
    { from: '23:59', to: '00:00' },
  ];
  const [before] = await passes(load({ quietHours }));
  expect(tableOf(before, 'large').rows).toBe(0);
  expect(tableOf(before, 'small').unread).toMatchObject({ rows: 50, why: expect.stringContaining('quiet') });
});

test('rows per second and workers are kept, and change nothing about what is found', async () => {
  const startedAt = Date.now();
  const slow = await passes(load({ rowsPerSecond: 40_000, workers: 3, statementTimeout: '1m' }));
  expect(Date.now() - startedAt).toBeGreaterThan(1_200);
  expect(await contentOf(slow)).toMatchObject({ status: 'passed', coverage: { notExaminedRows: 0 } });
});
