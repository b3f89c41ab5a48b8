import { expect, test } from '@jest/globals';
import { summaryOf } from '../../domain/summary.ts';
import type { CheckResult, Coverage } from '../../domain/verdict.ts';
import { passed } from '../support/fake-site.ts';

const saw = (check: CheckResult['check'], severity: 'doubt' | 'note'): CheckResult => ({
  ...passed(check),
  findings: [
    {
      severity,
      code: 'seen',
      message: 'entropy went from 4.0 to 6.0 bits per byte',
      where: 'shop.customer.name',
    },
  ],
});

test('a summary says what holds up the verdict, and warnings of the anomaly check, which hold up nothing', () => {
  const said = 'entropy went from 4.0 to 6.0 bits per byte (shop.customer.name)';
  expect(summaryOf(saw('content', 'doubt')).says).toEqual([said]);
  expect(summaryOf(saw('content', 'note')).says).toEqual([]);
  expect(summaryOf(saw('anomaly', 'note')).says).toEqual([said]);
});

test('a summary keeps what was remembered in sum, and leaves the tables to the statement', () => {
  const table = { table: 'shop.public.city', blocks: 10, rows: 700, since: '2026-11-20' };
  const remembered = { blocks: 12, rows: 800, since: '2026-11-18', tables: [table], tablesOmitted: 1 };
  const coverage: Coverage = { provenRows: 900, boundedRows: 1, notExaminedRows: 0, remembered };
  expect(summaryOf({ ...passed('content'), coverage }).coverage).toEqual({
    ...coverage,
    remembered: { ...remembered, tables: [], tablesOmitted: 2 },
  });
});
