import { expect, test } from '@jest/globals';
import { compareCatalogues } from '../../probe/postgresql/checks/schema-compare.ts';
import { compareSequence } from '../../probe/postgresql/checks/schema-sequences.ts';
import type { Catalogue, SequenceValue } from '../../probe/postgresql/fingerprint.ts';

function catalogue(of: Readonly<Record<string, readonly [digest: string, version: number]>>): Catalogue {
  return {
    digest: '',
    objects: new Map(Object.entries(of).map(([key, [digest, version]]) => [key, { digest, version }])),
  };
}

const WINDOW = { lo: 1_000, hi: 1_100 };
const OWN = { lo: 1_080, hi: 1_090 };
const SOURCE = catalogue({ 'table public.a': ['x', 700], 'column public.a.id': ['y', 701] });

const compare = (before: Catalogue, after: Catalogue, copy: Catalogue) =>
  compareCatalogues('db', before, after, copy, WINDOW, OWN);

test('objects that are the same on all three sides are exact', () => {
  expect(compare(SOURCE, SOURCE, SOURCE)).toEqual({ findings: [], exact: 2, moving: [] });
});

test.each<[string, Record<string, readonly [string, number]>, string]>([
  ['an object that is missing', { 'table public.a': ['x', 700] }, 'object-missing'],
  [
    'an object that is defined otherwise',
    { 'table public.a': ['x', 700], 'column public.a.id': ['z', 701] },
    'object-differs',
  ],
  [
    'an object that was written again',
    { 'table public.a': ['x', 700], 'column public.a.id': ['y', 950] },
    'object-replaced',
  ],
])('%s is named', (_, copy, code) => {
  const { findings } = compare(SOURCE, SOURCE, catalogue(copy));
  expect(findings).toMatchObject([{ severity: 'failure', code, where: 'db: column public.a.id' }]);
});

test('a missing table is named once, with the number of what went with it', () => {
  const source = catalogue({
    'table public.a': ['x', 700],
    'column public.a.id': ['y', 701],
    'index state public."a b"': ['y', 701],
    'trigger public.a."on b"': ['z', 702],
    'column public.ab.id': ['w', 703],
  });
  const { findings } = compare(source, source, catalogue({}));
  expect(findings.map(({ where, message }) => [where, message])).toEqual([
    ['db: table public.a', 'it is at the source and not on the copy, nor are 2 objects that belong to it'],
    ['db: index state public."a b"', 'it is at the source and not on the copy'],
    ['db: column public.ab.id', 'it is at the source and not on the copy'],
  ]);
});

test('what changed between the passes, even if it was changed back, may be anything on the copy', () => {
  const changedBack = catalogue({ 'table public.a': ['x', 1_005], 'column public.a.id': ['y', 701] });
  const { findings, moving } = compare(SOURCE, changedBack, catalogue({ 'column public.a.id': ['y', 701] }));
  expect(findings).toEqual([]);
  expect(moving).toEqual(['table public.a']);
});

test('an object in neither pass may only have come and gone during the night', () => {
  const withExtra = (version: number) =>
    compare(
      SOURCE,
      SOURCE,
      catalogue({
        ...Object.fromEntries([...SOURCE.objects].map(([k, o]) => [k, [o.digest, o.version]])),
        'table public.b': ['w', version],
      }),
    );
  expect(withExtra(1_050).findings).toEqual([]);
  expect(withExtra(800).findings).toMatchObject([{ code: 'object-unknown', where: 'db: table public.b' }]);
  expect(withExtra(1_085).findings).toMatchObject([{ code: 'object-unknown' }]);
});

const sequence = (lastValue: string | null, more: Partial<SequenceValue> = {}): SequenceValue => ({
  schema: 'public',
  name: 's',
  lastValue,
  increment: '1',
  cycles: false,
  cache: '1',
  ...more,
});

test.each<[string, string | null, string | null, string | null, string | undefined]>([
  ['between the passes', '10', '20', '15', undefined],
  ['where recovery put it', '10', '10', '42', undefined],
  ['behind the first pass', '10', '20', '9', 'sequence-behind'],
  ['as if never used', '10', '20', null, 'sequence-behind'],
  ['further ahead than recovery explains', '10', '20', '5000', 'sequence-ahead'],
  ['used, though it never was', null, null, '1', 'sequence-ahead'],
  ['anywhere, when the source itself set it back', '500', '8', '3', undefined],
  ['anywhere, when the source restarted it', '500', null, '3', undefined],
])('a sequence that stands %s', (_, before, after, copy, code) => {
  expect(compareSequence('db', sequence(before), sequence(after), sequence(copy))?.code).toBe(code);
});

test('a sequence that counts down is behind when it stands higher', () => {
  const down = { increment: '-1' };
  const at = (value: string) =>
    compareSequence('db', sequence('-10', down), sequence('-20', down), sequence(value, down))?.code;
  expect([at('-9'), at('-15'), at('-52'), at('-900')]).toEqual([
    'sequence-behind',
    undefined,
    undefined,
    'sequence-ahead',
  ]);
});
