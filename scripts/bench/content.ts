import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import type { CheckResult, DatabaseCheckId } from '../../domain/verdict.ts';
import { sizeOf } from '../../probe/postgresql/fingerprint.ts';
import { ProbeLab, connect, runChecks, sql } from '../../test/support/probe-lab.ts';
import { DATABASE, fillSample } from '../../test/support/probe-sample.ts';

const run = promisify(execFile);
const say = (line: string) => process.stdout.write(`${line}\n`);
const RELADIFF = 'reladiff[postgresql]==0.6.0';

/**
 * Measures the digest of content beside reladiff and a count, the checks of pages and structure, and the memory of the prober, in one run.
 * @param rows of the generated table; the sample shop is measured after it.
 */
export async function benchContent(rows: number): Promise<number> {
  const python = await reladiff();
  const generated = await measure('bench', python, (lab, server) => generate(lab, server, rows));
  const sample = await measure('order_line', python, fillSample);
  say(`\ngenerated table of ${rows} rows`);
  print(generated);
  say('\nsample shop');
  print(sample);
  say(
    `\npeak memory of this process, which is prober and bench: ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`,
  );
  return [...generated.verdicts, ...sample.verdicts].every((status) => status === 'passed') ? 0 : 1;
}

interface Measured {
  readonly rows: number;
  readonly tableRows: number;
  readonly bytes: number;
  /** Seconds each; null when reladiff could not be run. */
  readonly digest: number;
  readonly content: number;
  readonly count: number;
  readonly reladiff: number | null;
  readonly pages: number;
  readonly structure: number;
  readonly verdicts: readonly string[];
}

async function generate(lab: ProbeLab, server: PostgresServer, rows: number): Promise<void> {
  await sql(lab, server, [`CREATE DATABASE ${DATABASE}`]);
  await sql(
    lab,
    server,
    [
      'CREATE TABLE bench (id bigint, customer int, at timestamptz, amount numeric(12, 2), note text)',
      `INSERT INTO bench SELECT i, i % 100000, timestamptz '2020-01-01' + i * interval '1 second', i % 100000 / 7.0, md5(i::text)
       FROM generate_series(1, ${rows}) i`,
      'ALTER TABLE bench ADD PRIMARY KEY (id)',
      'VACUUM ANALYZE bench',
    ],
    DATABASE,
  );
}

async function measure(
  table: string,
  python: string | null,
  fill: (lab: ProbeLab, server: PostgresServer) => Promise<void>,
): Promise<Measured> {
  const lab = await ProbeLab.open();
  try {
    const source = await lab.source();
    await fill(lab, source);
    await sql(
      lab,
      source,
      [`CREATE ROLE bench LOGIN SUPERUSER PASSWORD 'only-for-tests'`, 'CHECKPOINT'],
      DATABASE,
    );
    const before = await lab.fingerprint(source);
    const [digest, again] = await timed(() => lab.fingerprint(source));
    const snapshot = await lab.snapshot(source);
    const after = await lab.fingerprint(source, before);
    const copy = await lab.restore(snapshot);
    await copy.start();
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
    const one = async (id: DatabaseCheckId): Promise<CheckResult> => (await runChecks(context, [id]))[id];
    const [content, contentResult] = await timed(() => one('content'));
    const [pages, pagesResult] = await timed(() => one('pages'));
    const [structure, structureResult] = await timed(() => one('structure'));
    const client = await connect(lab, source, DATABASE);
    await client.query('SET enable_indexonlyscan = off; SET max_parallel_workers_per_gather = 2');
    await client.query(`SELECT count(*) FROM ${table}`);
    const [count, { rows: counted }] = await timed(() =>
      client.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`),
    );
    await client.end();
    return {
      rows: sizeOf(again).rows,
      tableRows: Number(counted[0]?.n ?? 0),
      bytes: Number(pagesResult.measured['bytesRead'] ?? 0),
      ...{ digest, content, count, pages, structure },
      reladiff: python === null ? null : await compareByReladiff(python, lab, source, copy, table),
      verdicts: [contentResult, pagesResult, structureResult].map(({ status }) => status),
    };
  } finally {
    await lab.end();
  }
}

async function timed<T>(work: () => Promise<T>): Promise<[seconds: number, result: T]> {
  const startedAt = performance.now();
  const result = await work();
  return [(performance.now() - startedAt) / 1000, result];
}

/** The program of a virtual environment of its own, made at the first time; null when PyPI cannot be reached. */
async function reladiff(): Promise<string | null> {
  const folder = join(homedir(), '.cache', 'lifeboat', 'reladiff');
  const program = join(folder, 'bin', 'reladiff');
  if (existsSync(program)) return program;
  try {
    await mkdir(folder, { recursive: true });
    await run('python3', ['-m', 'venv', folder]);
    await run(join(folder, 'bin', 'pip'), ['install', '--quiet', RELADIFF, 'psycopg2-binary'], {
      timeout: 300_000,
    });
    return program;
  } catch (error) {
    say(
      `RELADIFF COULD NOT BE INSTALLED, so that nothing is compared with it: ${error instanceof Error ? error.message : String(error)}`,
    );
    return null;
  }
}

async function compareByReladiff(
  program: string,
  lab: ProbeLab,
  source: PostgresServer,
  copy: PostgresServer,
  table: string,
): Promise<number | null> {
  const address = (server: PostgresServer): string => {
    const { host, port } = lab.target(server);
    return `postgresql://bench:only-for-tests@${host}:${port}/${DATABASE}`;
  };
  try {
    const [seconds, { stdout }] = await timed(() =>
      run(program, [address(source), table, address(copy), table, '-k', 'id', '-c', '%', '--stats'], {
        env: { ...process.env, PGSSLMODE: 'require' },
        timeout: 3_600_000,
      }),
    );
    say(`reladiff on ${table}: ${stdout.trim().split('\n').join('; ')}`);
    return seconds;
  } catch (error) {
    say(
      `RELADIFF FAILED, so that nothing is compared with it: ${error instanceof Error ? error.message : String(error)}`,
    );
    return null;
  }
}

function print({
  rows,
  tableRows,
  bytes,
  digest,
  content,
  count,
  reladiff: theirs,
  pages,
  structure,
  verdicts,
}: Measured): void {
  const perSecond = (n: number, seconds: number) => `${(n / seconds / 1e6).toFixed(2)} M rows/s`.padStart(16);
  const gigabytes = (seconds: number) => `${(bytes / seconds / 1e9).toFixed(2)} GB/s`.padStart(16);
  const took = (seconds: number) => `${seconds.toFixed(2)} s`.padStart(10);
  say(`  parallel count, seq scan  ${took(count)} ${perSecond(tableRows, count)}`);
  say(
    `  digest of the source      ${took(digest)} ${perSecond(rows, digest)}   ${(digest / count).toFixed(1)} × the count`,
  );
  say(
    `  content check of the copy ${took(content)} ${perSecond(rows, content)}   ${(content / count).toFixed(1)} × the count`,
  );
  if (theirs === null) say('  reladiff                  not measured, see above');
  else
    say(
      `  reladiff                  ${took(theirs)} ${perSecond(tableRows, theirs)}   the digest is ${(theirs / digest).toFixed(1)} × as fast`,
    );
  say(`  pages                     ${took(pages)} ${gigabytes(pages)}`);
  say(`  structure                 ${took(structure)} ${gigabytes(structure)}`);
  say(`  verdicts: ${verdicts.join(', ')}`);
}
