import { ProbeLab } from '../../test/support/probe-lab.ts';
import { type Base, buildBase } from './base.ts';
import { type Examination, examine } from './examine.ts';
import { CONTROL, DAMAGE_KINDS } from './kinds/index.ts';
import { type MatrixRow, matrixOf } from './matrix.ts';
import type { LabOptions } from './options.ts';

export interface DamageResult {
  readonly what: 'damage';
  readonly seed: string;
  readonly count: number;
  readonly failed: number;
  readonly inconclusive: number;
  readonly passed: number;
  readonly seconds: number;
  readonly matrix: readonly MatrixRow[];
  /** What nobody caught, and what nobody was sure of. */
  readonly missed: readonly Examination[];
  readonly examinations: readonly Examination[];
}

/** Does `count` damages, kind after kind and round after round, several at once. */
export async function damageRun(
  { count, seed, atOnce, only, embedded, remember }: LabOptions,
  say: (line: string) => void,
): Promise<DamageResult> {
  const startedAt = Date.now();
  const kinds = DAMAGE_KINDS.filter(({ name }) => name.includes(only));
  if (kinds.length === 0) throw new Error(`No kind of damage has "${only}" in its name.`);
  const lab = await ProbeLab.open(embedded);
  try {
    const base: Base = await buildBase(lab, remember);
    say(
      `The source, its backups and fingerprints are there after ${Math.round((Date.now() - startedAt) / 1000)} s.`,
    );
    const control = await examine(base, CONTROL, seed);
    if (control.status !== 'passed')
      throw new Error(`An undamaged copy does not pass: ${control.reasons.join('; ')}`);
    const examinations: (Examination | undefined)[] = [];
    let next = 0;
    const work = async () => {
      for (let n = next++; n < count; n = next++) {
        const kind = kinds[n % kinds.length];
        if (kind === undefined) return;
        const done = await examine(base, kind, `${seed}/${Math.floor(n / kinds.length)}`);
        examinations[n] = done;
        if (done.status !== 'failed')
          say(`${done.status.toUpperCase()}: ${done.kind}, ${done.what}, seed ${done.seed}`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return summed(
      examinations.filter((one) => one !== undefined),
      seed,
      startedAt,
    );
  } finally {
    await lab.end();
  }
}

function summed(examinations: readonly Examination[], seed: string, startedAt: number): DamageResult {
  const ended = (status: Examination['status']) => examinations.filter((one) => one.status === status).length;
  return {
    what: 'damage',
    seed,
    count: examinations.length,
    failed: ended('failed'),
    inconclusive: ended('inconclusive'),
    passed: ended('passed'),
    seconds: Math.round((Date.now() - startedAt) / 1000),
    matrix: matrixOf(examinations),
    missed: examinations.filter(({ status }) => status !== 'failed'),
    examinations,
  };
}
