import { readFile } from 'node:fs/promises';
import type { PostgresServer } from 'lifeboat-local-aws/pg';
import { STANDARD_CHECKS, type CheckResult, type Status, judge } from '../../domain/verdict.ts';
import { ProbeLab, runChecks } from '../../test/support/probe-lab.ts';
import type { KnownNight } from '../../probe/postgresql/memory.ts';
import type { LabOptions } from './options.ts';
import { STORM_SETTINGS, fillStormySource, storm } from './storm.ts';

/** One backup and restore of a source that is being written to. */
export interface HealthyRound {
  readonly round: number;
  readonly status: Status;
  readonly reasons: readonly string[];
  /** What the copy's own log says, for whoever has to explain a false alarm. */
  readonly errors: readonly string[];
  readonly provenRows: number;
  readonly boundedRows: number;
  readonly notExaminedRows: number;
  /** Rows that were not read again at the source. */
  readonly rememberedRows: number;
}

/** The last night that passed; null where every night reads everything. */
export type Memory = { known?: KnownNight } | null;

export interface HealthyResult {
  readonly what: 'healthy';
  readonly count: number;
  readonly passed: number;
  readonly inconclusive: number;
  readonly failed: number;
  /** Share of the rows that were proven exactly, over all rounds. */
  readonly provenShare: number;
  readonly rememberedShare: number;
  readonly statementsWritten: number;
  readonly seconds: number;
  readonly notPassed: readonly HealthyRound[];
  readonly rounds: readonly HealthyRound[];
}

/** The storm fills tables; a new source now and then keeps rounds alike. */
const ROUNDS_PER_SOURCE = 20;

/** Backs up and restores a source under nasty write load, and asks every check of each copy. */
export async function healthyRun(
  { count, atOnce, embedded, remember }: LabOptions,
  say: (line: string) => void,
): Promise<HealthyResult> {
  const startedAt = Date.now();
  const rounds: HealthyRound[] = [];
  let statementsWritten = 0;
  let next = 0;
  while (next < count) {
    const lab = await ProbeLab.open(embedded);
    try {
      const source = await lab.source(STORM_SETTINGS);
      await fillStormySource(lab, source);
      const load = await storm(lab, source);
      const until = Math.min(count, next + ROUNDS_PER_SOURCE);
      const work = async () => {
        const memory: Memory = remember ? {} : null;
        for (let n = next++; n < until; n = next++) {
          const done = await healthyRound(lab, source, n + 1, memory);
          rounds.push(done);
          if (done.status !== 'passed')
            say(`${done.status.toUpperCase()}: round ${done.round}: ${done.reasons.join('; ')}`);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, work));
      next = until;
      statementsWritten += await load.stop();
    } finally {
      await lab.end();
    }
  }
  return healthyResult(rounds, statementsWritten, startedAt);
}

export function healthyResult(
  rounds: readonly HealthyRound[],
  statementsWritten: number,
  startedAt: number,
): HealthyResult {
  const ended = (status: Status) => rounds.filter((one) => one.status === status).length;
  const sum = (of: (round: HealthyRound) => number) => rounds.reduce((n, round) => n + of(round), 0);
  const rows = sum((one) => one.provenRows + one.boundedRows + one.notExaminedRows);
  return {
    what: 'healthy',
    count: rounds.length,
    ...{ passed: ended('passed'), inconclusive: ended('inconclusive'), failed: ended('failed') },
    rememberedShare: rows === 0 ? 0 : sum((one) => one.rememberedRows) / rows,
    provenShare: rows === 0 ? 0 : sum((one) => one.provenRows) / rows,
    statementsWritten,
    seconds: Math.round((Date.now() - startedAt) / 1000),
    notPassed: rounds.filter(({ status }) => status !== 'passed'),
    rounds,
  };
}

export async function healthyRound(
  lab: ProbeLab,
  source: PostgresServer,
  round: number,
  memory: Memory = null,
): Promise<HealthyRound> {
  const remembering = memory === null ? undefined : { night: round, known: memory.known };
  const before = await lab.fingerprint(source, undefined, remembering);
  const snapshot = await lab.snapshot(source);
  const backupAt = new Date().toISOString();
  const after = await lab.fingerprint(source, before, memory === null ? undefined : { night: round });
  const copy = await lab.restore(snapshot, STORM_SETTINGS);
  try {
    await copy.start();
    const results: CheckResult[] = Object.values(
      await runChecks({
        target: lab.target(copy),
        before,
        after,
        boot: null,
        freshness: [{ table: 'public.heartbeat', column: 'at', maxAge: '15m' }],
        backupAt,
        rpoSeconds: 3_600,
      }),
    );
    const { status, reasons } = judge(results, STANDARD_CHECKS);
    if (memory !== null && status === 'passed') memory.known = { before, after };
    const coverage = results.find(({ check }) => check === 'content')?.coverage;
    return {
      round,
      status,
      reasons,
      errors: status === 'passed' ? [] : await errorsIn(copy),
      provenRows: coverage?.provenRows ?? 0,
      boundedRows: coverage?.boundedRows ?? 0,
      notExaminedRows: coverage?.notExaminedRows ?? 0,
      rememberedRows: coverage?.remembered?.rows ?? 0,
    };
  } finally {
    await lab.discard(copy);
    await lab.forget(snapshot);
  }
}

async function errorsIn(copy: PostgresServer): Promise<string[]> {
  const log = await readFile(copy.logFile, 'utf8');
  return log.split('\n').filter((line) => /ERROR|FATAL|PANIC/.test(line));
}
