import { expect, test } from '@jest/globals';
import { compareSummaries } from '../../probe/postgresql/checks/anomaly-compare.ts';
import { agrees } from '../../probe/postgresql/checks/semantics-compare.ts';
import type { ColumnSummary, TableSummary } from '../../probe/postgresql/summary.ts';
import type { Assertion } from '../../domain/policy/verification-schema.ts';

const assertion = (changes: Partial<Assertion>): Assertion => ({
  name: 'lines-have-orders',
  says: 'every line has an order',
  sql: 'SELECT 1',
  counts: 'value',
  is: '=',
  than: 0,
  timeout: '60s',
  ...changes,
});

test.each<[string, Partial<Assertion>, (string | null)[][], 'yes' | 'no' | 'unclear']>([
  ['an equal number', { than: 7 }, [['7.0']], 'yes'],
  ['another number', { than: 7 }, [['8']], 'no'],
  [
    'a number within the tolerance',
    { than: 7, tolerance: { by: 1, reason: 'late bookings' } },
    [['8']],
    'yes',
  ],
  [
    'a number outside of the tolerance',
    { than: 7, tolerance: { by: 1, reason: 'late bookings' } },
    [['9']],
    'no',
  ],
  ['a number at the limit', { is: '<=', than: 7 }, [['7']], 'yes'],
  ['a number that must be less', { is: '<', than: 7 }, [['7']], 'no'],
  ['an equal text', { than: 'EUR' }, [['EUR']], 'yes'],
  ['another text', { is: '<>', than: 'EUR' }, [['EUR']], 'no'],
  ['no row', {}, [], 'no'],
  ['null', {}, [[null]], 'no'],
  ['several rows', {}, [['0'], ['0']], 'unclear'],
  ['several columns', {}, [['0', '0']], 'unclear'],
  ['a text where a number is wanted', {}, [['Alice']], 'unclear'],
  ['an empty text where a number is wanted', {}, [['']], 'unclear'],
  ['texts in an order', { is: '<', than: 'b' }, [['a']], 'unclear'],
])('%s: the assertion is decided, and the answer is not repeated', (_, changes, rows, verdict) => {
  const agreement = agrees(assertion(changes), { rows });
  expect(agreement.verdict).toBe(verdict);
  expect(agreement.how).not.toContain('Alice');
});

const column = (changes: Partial<ColumnSummary> = {}): ColumnSummary => ({
  name: 'memo',
  nulls: 0.01,
  distinct: 0.9,
  averageBytes: 22,
  entropy: 4.1,
  ...changes,
});
const table = (columns: readonly ColumnSummary[], changes: Partial<TableSummary> = {}): TableSummary => ({
  schema: 'public',
  name: 'account',
  bytes: 4_000_000,
  sampledRows: 5_000,
  columns,
  ...changes,
});
const warned = (before: TableSummary, now: TableSummary) =>
  compareSummaries('orders', [before], [now]).findings.map(({ severity, where, message }) => [
    severity,
    where,
    message,
  ]);

test('a night of work causes no warning', () => {
  const now = table([column({ nulls: 0.05, distinct: 0.85, averageBytes: 25, entropy: 4.4 })], {
    bytes: 5_000_000,
  });
  expect(warned(table([column()]), now)).toEqual([]);
});

test('spreading nulls, ciphertext and a doubled size are warnings with numbers, and never failures', () => {
  expect(warned(table([column()]), table([column({ nulls: 0.3 })]))).toEqual([
    ['note', 'orders.public.account.memo', 'nulls went from 1.0 % to 30.0 %'],
  ]);
  const encrypted = table([column({ averageBytes: 64, entropy: 6 })], { bytes: 9_000_000 });
  expect(warned(table([column()]), encrypted)).toEqual([
    ['note', 'orders.public.account', 'its size went from 3.8 MB to 8.6 MB'],
    [
      'note',
      'orders.public.account.memo',
      'the average length went from 22.0 to 64.0 bytes; entropy went from 4.1 to 6.0 bits per byte',
    ],
  ]);
});

test('a handful of rows may jump as it likes', () => {
  const few = { sampledRows: 20 };
  expect(warned(table([column()], few), table([column({ nulls: 1 })], few))).toEqual([]);
});
