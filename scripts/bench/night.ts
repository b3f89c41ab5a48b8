import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { nightProgress } from '../../cli/night-progress.ts';
import { loadPolicy } from '../../cli/policy-file.ts';
import { startNight } from '../../cli/runs.ts';
import { connectControlPlane } from '../../cli/temporal-control-plane.ts';
import { table } from '../../cli/terminal.ts';
import { size } from '../../domain/words.ts';
import type { StepProgress } from '../../domain/progress.ts';
import type { NightResult } from '../../domain/requests.ts';
import { connect, type SampleConnection } from '../sample/connection.ts';
import { startHouse, type House } from '../start/house.ts';

interface Reference {
  readonly what: string;
  readonly seconds: number;
}

/**
 * Runs one night of the sample in a temporary state and prints the wall time of every step with its share of the night, beside two
 * references of the same run: copying the source's data folder, and counting its rows.
 * @returns 0 when the night passed, else 1.
 */
export async function benchNight(): Promise<number> {
  const stateDir = mkdtempSync(join(tmpdir(), 'lifeboat-bench-night-'));
  chmodSync(stateDir, 0o755); // as root, PostgreSQL's account must get through
  const tell = (text: string): void => void process.stdout.write(`${text}\n`);
  tell(
    `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, node ${process.version}, ${process.platform}`,
  );
  const signal = new AbortController().signal;
  const started = performance.now();
  const house = await startHouse({
    stateDir,
    ports: { aws: 0, admin: 0, temporal: 0, ui: 0 },
    ...{ writer: true, env: process.env, tell, signal },
  });
  try {
    tell(`everything up after ${since(started).toFixed(1)} s`);
    const references = [await copyOfSource(stateDir), await countOfRows(house.zone.sample)];
    const { result, steps, seconds } = await timedNight(house);
    for (const line of report(steps, seconds, references)) tell(line);
    tell(`\nthe night ${result.verdict} in ${seconds.toFixed(1)} s`);
    return result.verdict === 'passed' ? 0 : 1;
  } finally {
    await house.stop();
    rmSync(stateDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
  }
}

async function timedNight(
  house: House,
): Promise<{ result: NightResult; steps: readonly StepProgress[]; seconds: number }> {
  const loaded = loadPolicy(house.zone.policyFile, (text) => process.stderr.write(`${text}\n`));
  const plane = await connectControlPlane(house.temporal.settings);
  try {
    const started = performance.now();
    const { id, slot, result } = await startNight(plane, loaded, new Date());
    const ended = await result();
    const seconds = since(started);
    // Asked once, after the end: looking on would take part of what is measured.
    const progress = await nightProgress(plane, loaded.policy, slot).progress(id);
    return { result: ended, steps: progress?.steps ?? [], seconds };
  } finally {
    await plane.close();
  }
}

function report(steps: readonly StepProgress[], night: number, references: readonly Reference[]): string[] {
  const timed = steps.flatMap(({ step, startedAt, endedAt }) =>
    startedAt === null || endedAt === null
      ? []
      : [{ step, seconds: (Date.parse(endedAt) - Date.parse(startedAt)) / 1000 }],
  );
  const inSteps = timed.reduce((sum, { seconds }) => sum + seconds, 0);
  const all = [...timed, { step: '(between the steps)', seconds: Math.max(0, night - inSteps) }];
  const rows = all.map(({ step, seconds }) => [
    step,
    seconds.toFixed(2),
    `${((100 * seconds) / night).toFixed(1)} %`,
    ...references.map((reference) => `${(seconds / reference.seconds).toFixed(1)} ×`),
  ]);
  return [
    '',
    ...references.map(({ what, seconds }, i) => `reference ${i + 1}: ${what}: ${seconds.toFixed(3)} s`),
    '',
    ...table(['step', 'seconds', 'share', ...references.map((_, i) => `of ref. ${i + 1}`)], rows),
  ];
}

/** The data folder of the source as it lies there, copied by the system's own program. */
async function copyOfSource(stateDir: string): Promise<Reference> {
  const instances = join(stateDir, 'local-aws');
  const data = dataFolders(instances)[0];
  if (data === undefined) throw new Error(`There is no PostgreSQL data folder below ${instances}.`);
  const target = join(stateDir, 'reference-copy');
  const started = performance.now();
  // Files of a running server may vanish while they are copied: cp says so and goes on.
  await promisify(execFile)('cp', ['-a', data, target]).catch((err: unknown) => {
    if (!/No such file/.test(String((err as { stderr?: string }).stderr))) throw err;
  });
  const seconds = since(started);
  const bytes = bytesBelow(target);
  rmSync(target, { recursive: true, force: true });
  return { what: `cp -a of the source's data folder (${size(bytes)})`, seconds };
}

function dataFolders(below: string): string[] {
  const files = readdirSync(below, { recursive: true, withFileTypes: true });
  return files.filter(({ name }) => name === 'postmaster.pid').map(({ parentPath }) => parentPath);
}

function bytesBelow(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return files
    .filter((file) => file.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** Every row of every table read once, in parallel, without indexes: the floor of any comparison. */
async function countOfRows(connection: SampleConnection): Promise<Reference> {
  const client = await connect(connection, 'bench');
  try {
    await client.query(
      'SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off; ' +
        'SET max_parallel_workers_per_gather = 2; SET min_parallel_table_scan_size = 0',
    );
    const { rows } = await client.query<{ name: string }>(
      "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace",
    );
    const count = async (): Promise<number> => {
      let sum = 0;
      for (const { name } of rows) {
        const counted = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${name}`);
        sum += Number(counted.rows[0]?.n ?? 0);
      }
      return sum;
    };
    await count(); // fills the cache, so that the reference is the best that can be had
    await sleep(100);
    const started = performance.now();
    const n = await count();
    return {
      what: `parallel seq-scan count of ${n.toLocaleString('en')} rows, cached`,
      seconds: since(started),
    };
  } finally {
    await client.end();
  }
}

const since = (started: number): number => (performance.now() - started) / 1000;
