import type { Examination } from './examine.ts';
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
  readonly missed: readonly Examination<string>[];
  readonly examinations: readonly Examination<string>[];
}

/** One kind of thing whose copies are damaged: its kinds of damage, who may see them, and a place to do it in. */
export interface Ward<K extends { readonly name: string }, W extends string> {
  readonly kinds: readonly K[];
  /** A copy as it came: unless it passes, nothing that is said here means anything. */
  readonly control: K;
  readonly witnesses: readonly W[];
  open(options: LabOptions): Promise<{
    examine(kind: K, seed: string): Promise<Examination<W>>;
    end(): Promise<void>;
  }>;
}

/** Does `count` damages, kind after kind and round after round, several at once. */
export async function damageRun<K extends { readonly name: string }, W extends string>(
  ward: Ward<K, W>,
  options: LabOptions,
  say: (line: string) => void,
): Promise<DamageResult> {
  const { count, seed, atOnce, only } = options;
  const startedAt = Date.now();
  const { control, witnesses } = ward;
  const kinds = ward.kinds.filter(({ name }) => name.includes(only));
  if (kinds.length === 0) throw new Error(`No kind of damage has "${only}" in its name.`);
  const place = await ward.open(options);
  try {
    say(
      `The source, its backups and fingerprints are there after ${Math.round((Date.now() - startedAt) / 1000)} s.`,
    );
    const { status, reasons } = await place.examine(control, seed);
    if (status !== 'passed') throw new Error(`An undamaged copy does not pass: ${reasons.join('; ')}`);
    const examinations: (Examination<W> | undefined)[] = [];
    let next = 0;
    const work = async () => {
      for (let n = next++; n < count; n = next++) {
        const kind = kinds[n % kinds.length];
        if (kind === undefined) return;
        const done = await place.examine(kind, `${seed}/${Math.floor(n / kinds.length)}`);
        examinations[n] = done;
        if (done.status !== 'failed')
          say(`${done.status.toUpperCase()}: ${done.kind}, ${done.what}, seed ${done.seed}`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return summed(
      examinations.filter((one) => one !== undefined),
      witnesses,
      seed,
      startedAt,
    );
  } finally {
    await place.end();
  }
}

function summed<W extends string>(
  examinations: readonly Examination<W>[],
  witnesses: readonly W[],
  seed: string,
  startedAt: number,
): DamageResult {
  const ended = (status: Examination['status']) => examinations.filter((one) => one.status === status).length;
  return {
    what: 'damage',
    seed,
    count: examinations.length,
    failed: ended('failed'),
    inconclusive: ended('inconclusive'),
    passed: ended('passed'),
    seconds: Math.round((Date.now() - startedAt) / 1000),
    matrix: matrixOf(examinations, witnesses),
    missed: examinations.filter(({ status }) => status !== 'failed'),
    examinations,
  };
}
