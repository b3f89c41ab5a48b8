import type { Examination } from './examine.ts';

export interface MatrixRow<W extends string = string> {
  readonly kind: string;
  readonly count: number;
  readonly failed: number;
  readonly inconclusive: number;
  readonly passed: number;
  /** In how many of them each witness saw it. */
  readonly caughtBy: Readonly<Record<W, number>>;
}

/** One row per kind of damage, in the order in which they first appear. */
export function matrixOf<W extends string>(
  examinations: readonly Examination<W>[],
  witnesses: readonly W[],
): MatrixRow<W>[] {
  const kinds = [...new Set(examinations.map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const own = examinations.filter((one) => one.kind === kind);
    const ended = (status: Examination<W>['status']) => own.filter((one) => one.status === status).length;
    const seenBy = (witness: W) => own.filter(({ caughtBy }) => caughtBy.includes(witness)).length;
    return {
      kind,
      count: own.length,
      ...{ failed: ended('failed'), inconclusive: ended('inconclusive'), passed: ended('passed') },
      caughtBy: Object.fromEntries(
        witnesses.map((witness) => [witness, seenBy(witness)]),
      ) as MatrixRow<W>['caughtBy'],
    };
  });
}

/** As a table for a terminal: in how many of the damages of a kind each check failed. */
export function matrixInWords(rows: readonly MatrixRow[]): string {
  const witnesses = Object.keys(rows[0]?.caughtBy ?? {});
  const width = Math.max(6, ...rows.map(({ kind }) => kind.length));
  const cell = (n: number | string) => String(n === 0 ? '·' : n).padStart(10);
  const head = ['damage'.padEnd(width), ...['n', ...witnesses, 'PASSED'].map(cell)].join(' ');
  const lines = rows.map(({ kind, count, caughtBy, passed }) =>
    [
      kind.padEnd(width),
      ...[count, ...witnesses.map((witness) => caughtBy[witness] ?? 0), passed].map(cell),
    ].join(' '),
  );
  return [head, ...lines].join('\n');
}
