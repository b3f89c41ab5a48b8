import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import { postgresql } from '../../probe/postgresql/engine.ts';
import type { Fingerprint } from '../../probe/postgresql/fingerprint.ts';
import type { KnownNight } from '../../probe/postgresql/memory.ts';
import { ProbeLab, hooks, runChecks, sql } from '../../test/support/probe-lab.ts';

const DATABASE = 'orders';
/** No part has its turn in the measured nights; the share that a policy adds to them is one in `rereadWithin`. */
const REREAD_WITHIN = 365;
const TICKS_PER_SECOND = 100;
const say = (line: string) => process.stdout.write(`${line}\n`);

/**
 * Measures both passes at the source with and without memory of the night before: on a table of narrow rows and on one whose text lies in
 * TOAST, of which one row in a hundred thousand changed meanwhile; and that the copy passes.
 */
export async function benchMemory(rows: number): Promise<number> {
  const lab = await ProbeLab.open();
  try {
    const source = await lab.source();
    await sql(lab, source, [`CREATE DATABASE ${DATABASE}`]);
    await fill(lab, source, rows);
    const full = await night(lab, source, 1, false);
    const known = await night(lab, source, 2, true);
    await sql(lab, source, [`UPDATE narrow SET customer = 0 WHERE id % 100000 = 0`], DATABASE);
    const remembering = await night(lab, source, 3, true, known.passes);
    const snapshot = await lab.snapshot(source);
    const after = await pass(lab, source, 3, true, { before: remembering.passes.before });
    const copy = await lab.restore(snapshot);
    await copy.start();
    const { content } = await runChecks(
      {
        ...{ target: lab.target(copy), before: remembering.passes.before, after: after.fingerprint },
        ...{ boot: null, freshness: [], backupAt: new Date().toISOString(), rpoSeconds: 60 },
      },
      ['content'],
    );
    const line = (what: string, { first, second, cpu }: Night) =>
      say(
        `  ${what.padEnd(44)} ${first.toFixed(2).padStart(7)} s ${second.toFixed(2).padStart(7)} s ${(first + second).toFixed(2).padStart(7)} s ${cpu.toFixed(2).padStart(7)} s`,
      );
    say(
      `${rows} narrow rows and ${rows / 20} with 6 kB of text in TOAST; first pass, second pass, both, and the processor time of both at the server`,
    );
    line('every block read', full);
    line('first night with rereadWithin', known);
    line('a night that knows the one before', remembering);
    const saved = (of: (night: Night) => number) =>
      `${((1 - of(remembering) / of(full)) * 100).toFixed(0)} %`;
    say(
      `  saved: ${saved(({ first, second }) => first + second)} of the time, ${saved(({ cpu }) => cpu)} of the processor time`,
    );
    const { blocks = 0, rows: reused = 0 } = content.coverage?.remembered ?? {};
    say(`  not read again: ${blocks} blocks, ${reused} rows; the copy, read in full: ${content.status}`);
    return content.status === 'passed' && reused > 0 ? 0 : 1;
  } finally {
    await lab.end();
  }
}

/** Processor time of all sessions that have ended, in seconds; 0 where there is no `/proc`. It says more than the clock on a busy computer. */
async function cpuOf(source: PostgresServer): Promise<number> {
  await sleep(300); // the server counts a session when it has seen it end
  try {
    const [pid = ''] = (await readFile(join(source.dataDir, 'postmaster.pid'), 'utf8')).split('\n');
    const [, ...fields] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ');
    const [user, system] = fields.join(') ').split(' ').slice(13, 15).map(Number);
    return ((user ?? 0) + (system ?? 0)) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

interface Night {
  readonly first: number;
  readonly second: number;
  /** Processor time of the server's sessions over both passes, in seconds. */
  readonly cpu: number;
  readonly passes: KnownNight;
}

async function fill(lab: ProbeLab, source: PostgresServer, rows: number): Promise<void> {
  await sql(
    lab,
    source,
    [
      `CREATE TABLE narrow AS SELECT i::bigint AS id, i % 100000 AS customer, timestamptz '2020-01-01' + i * interval '1 second' AS at,
         (i % 100000 / 7.0)::numeric(12, 2) AS amount, md5(i::text) AS note FROM generate_series(1, ${rows}) i`,
      'CREATE TABLE wide (id bigint, text text)',
      'ALTER TABLE wide ALTER text SET STORAGE EXTERNAL',
      `INSERT INTO wide SELECT i, repeat(md5(i::text), 190) FROM generate_series(1, ${rows / 20}) i`,
      'VACUUM ANALYZE',
      'CHECKPOINT',
    ],
    DATABASE,
  );
}

async function night(
  lab: ProbeLab,
  source: PostgresServer,
  number: number,
  remembers: boolean,
  known?: KnownNight,
): Promise<Night> {
  const cpu = await cpuOf(source);
  const before = await pass(lab, source, number, remembers, known === undefined ? {} : { known });
  const after = await pass(lab, source, number, remembers, { before: before.fingerprint });
  return {
    cpu: (await cpuOf(source)) - cpu,
    first: before.seconds,
    second: after.seconds,
    passes: { before: before.fingerprint, after: after.fingerprint },
  };
}

async function pass(
  lab: ProbeLab,
  source: PostgresServer,
  number: number,
  remembers: boolean,
  earlier: { readonly before?: Fingerprint; readonly known?: KnownNight },
): Promise<{ seconds: number; fingerprint: Fingerprint }> {
  const load = { timeZone: 'UTC', night: number, ...(remembers ? { rereadWithin: REREAD_WITHIN } : {}) };
  const startedAt = performance.now();
  const fingerprint = await postgresql.fingerprint(
    lab.target(source),
    {
      ...{ pass: earlier.before === undefined ? 'before' : 'after', seed: `night ${number}`, load },
      ...earlier,
    },
    hooks(),
  );
  return { seconds: (performance.now() - startedAt) / 1000, fingerprint };
}
