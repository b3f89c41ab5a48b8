import { StartFailure } from 'lifeboat-local-aws/pg';
import {
  STANDARD_CHECKS,
  type CheckId,
  type CheckResult,
  type DatabaseCheckId,
  judge,
  type Status,
} from '../../domain/verdict.ts';
import { runChecks } from '../../test/support/probe-lab.ts';
import type { Base } from './base.ts';
import type { DamageKind, Patient } from './kinds/kind.ts';
import { Random } from './random.ts';

/** Who saw it: a check, or the server itself, which would not start from such files. */
export type Witness = DatabaseCheckId | 'start';
export const WITNESSES: readonly Witness[] = ['start', ...STANDARD_CHECKS];

/** One damage, and who saw it. */
export interface Examination<W extends string = Witness> {
  readonly kind: string;
  /** Gives the same damage again. */
  readonly seed: string;
  readonly what: string;
  readonly status: Status;
  readonly caughtBy: readonly W[];
  /** Checks that could not be sure. */
  readonly doubtedBy: readonly CheckId[];
  readonly reasons: readonly string[];
  readonly seconds: number;
}

/** Damages a copy, asks every check of it as a drill does, and takes it away. */
export async function examine(base: Base, kind: DamageKind, seed: string): Promise<Examination> {
  const startedAt = Date.now();
  const patient = await kind.make(base, new Random(`${kind.name} ${seed}`));
  try {
    const results = await ask(base, patient);
    const verdict = judge(results ?? [], STANDARD_CHECKS);
    const by = (status: Status) =>
      (results ?? []).filter((result) => result.status === status).map(({ check }) => check);
    return {
      kind: kind.name,
      seed,
      what: patient.what,
      status: results === null ? 'failed' : verdict.status,
      caughtBy:
        results === null ? ['start'] : WITNESSES.filter((id) => id !== 'start' && by('failed').includes(id)),
      doubtedBy: by('inconclusive'),
      reasons: results === null ? ['the server does not start'] : verdict.reasons,
      seconds: (Date.now() - startedAt) / 1000,
    };
  } finally {
    await base.lab.discard(patient.server);
  }
}

/** Null when the server does not start: then the restore itself failed. */
async function ask(base: Base, { server }: Patient): Promise<CheckResult[] | null> {
  try {
    await server.start();
  } catch (error) {
    if (error instanceof StartFailure) return null;
    throw error;
  }
  const { before, after, backupAt } = base;
  const results = await runChecks({
    target: base.lab.target(server),
    before,
    after,
    boot: null,
    freshness: [{ table: 'public.heartbeat', column: 'at', maxAge: '15m' }],
    backupAt,
    rpoSeconds: 3_600,
  });
  return Object.values(results);
}
