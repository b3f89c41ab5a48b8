import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Base, buildBase } from '../../scripts/lab/base.ts';
import { type Examination, WITNESSES, type Witness, examine } from '../../scripts/lab/examine.ts';
import { CONTROL, DAMAGE_KINDS } from '../../scripts/lab/kinds/index.ts';
import { changePage, checksums } from '../../scripts/lab/pages.ts';
import { ProbeLab } from '../support/probe-lab.ts';

// The fast part of the damage laboratory: one damage of each kind, with a fixed seed. `npm run lab -- damage` does as many as one likes.
const SEED = 'fixed';
const AT_ONCE = 2;

let lab: ProbeLab;
let base: Base;
let control: Examination;
let promised: ReadonlyMap<string, Readonly<Record<Witness, string>>>;
const examined = new Map<string, Examination>();

beforeAll(async () => {
  promised = await promises();
  lab = await ProbeLab.open();
  base = await buildBase(lab);
  control = await examine(base, CONTROL, SEED);
  const waiting = [...DAMAGE_KINDS];
  const work = async () => {
    for (let kind = waiting.shift(); kind !== undefined; kind = waiting.shift())
      examined.set(kind.name, await examine(base, kind, SEED));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}, 400_000);

afterAll(() => lab.end());

/** The table of `docs/verification.md`: per kind of damage, which check sees it always (`yes`) or depending on where it strikes (`some`). */
async function promises(): Promise<Map<string, Record<Witness, string>>> {
  const text = await readFile('docs/verification.md', 'utf8');
  const section = /^## Damage against check\n(.*?)^## /ms.exec(text)?.[1] ?? '';
  const [head = [], , ...rows] = (section.match(/^\|.*\|$/gm) ?? []).map(cells);
  expect(head.slice(1)).toEqual(WITNESSES);
  return new Map(
    rows.map(([kind = '', ...marks]) => [
      kind,
      Object.fromEntries(WITNESSES.map((witness, n) => [witness, marks[n] ?? ''])) as Record<Witness, string>,
    ]),
  );
}

function cells(line: string): string[] {
  return line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());
}

test('the copy as it came passes every check', () => {
  expect(control).toMatchObject({ status: 'passed', reasons: [], doubtedBy: [] });
});

test('the documentation lists exactly the damages that the laboratory can do', () => {
  expect([...promised.keys()]).toEqual(DAMAGE_KINDS.map(({ name }) => name));
});

test.each(DAMAGE_KINDS.map(({ name }) => name))(
  '%s: fails, by the checks that the documentation names',
  (name) => {
    const { status, caughtBy, what } = examined.get(name)!;
    const marks = promised.get(name)!;
    const marked = (...as: readonly string[]) => WITNESSES.filter((witness) => as.includes(marks[witness]));
    expect({ what, status }).toEqual({ what, status: 'failed' });
    expect(caughtBy).toEqual(expect.arrayContaining(marked('yes')));
    expect(marked('yes', 'some')).toEqual(expect.arrayContaining([...caughtBy]));
  },
);

test('the checksums that the laboratory writes are those of PostgreSQL', async () => {
  const copy = await lab.duplicate(base.atRest);
  const heap = base.heaps.find(({ name }) => name === 'order_line')!;
  await changePage(copy, heap.path, 7, (bytes) => {
    const { found, right } = checksums(bytes, 7);
    expect(right).toBe(found);
  });
  await lab.discard(copy);
});
