import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { judgeDrill, measuredDataLoss } from '../../domain/drill-verdict.ts';
import { nightVerdict, uncoveredRows } from '../../domain/population.ts';
import {
  CHECK_IDS,
  couldNotRun,
  judge,
  statusOf,
  type CheckId,
  type CheckResult,
  type Status,
} from '../../domain/verdict.ts';
import { somePolicy } from '../support/fake-site.ts';

const AT = '2026-11-21T02:30:00Z';

function result(check: CheckId, status: Status, measured: CheckResult['measured'] = {}): CheckResult {
  return { ...couldNotRun(check, 'q', 'r', AT), status, findings: [], measured };
}

const statuses = fc.constantFrom<Status>('passed', 'failed', 'inconclusive');
const results = fc.uniqueArray(fc.record({ check: fc.constantFrom(...CHECK_IDS), status: statuses }), {
  selector: ({ check }) => check,
});

test('a verdict is passed only when every required check ran and passed', () => {
  fc.assert(
    fc.property(results, fc.uniqueArray(fc.constantFrom(...CHECK_IDS)), (ran, required) => {
      const { status, reasons } = judge(
        ran.map(({ check, status }) => result(check, status)),
        required,
      );
      const allRan = required.every((id) => ran.some(({ check }) => check === id));
      const expected: Status = ran.some((r) => r.status === 'failed')
        ? 'failed'
        : required.length > 0 && allRan && ran.every((r) => r.status === 'passed')
          ? 'passed'
          : 'inconclusive';
      expect(status).toBe(expected);
      expect(reasons.length === 0).toBe(status === 'passed');
    }),
  );
});

test('zero examined is never a pass, unless the source says that there is nothing', () => {
  expect(statusOf([], [])).toBe('inconclusive');
  expect(statusOf([], [{ unit: 'rows', examined: 0, total: 0 }])).toBe('inconclusive');
  expect(statusOf([], [{ unit: 'rows', examined: 0, total: 0, knownEmpty: true }])).toBe('passed');
  expect(statusOf([], [{ unit: 'rows', examined: 5, total: 6 }])).toBe('inconclusive');
  expect(statusOf([], [{ unit: 'rows', examined: 6, total: 6 }])).toBe('passed');
});

test('a failure outweighs doubt, and a note weighs nothing', () => {
  const seen = [{ unit: 'rows' as const, examined: 1, total: 1 }];
  const finding = (severity: 'failure' | 'doubt' | 'note') => ({ severity, code: 'c', message: 'm' });
  expect(statusOf([finding('doubt'), finding('failure')], seen)).toBe('failed');
  expect(statusOf([finding('doubt')], seen)).toBe('inconclusive');
  expect(statusOf([finding('note')], seen)).toBe('passed');
});

const gone = { complete: true, removed: [{ what: 'copy', absent: true, seen: 'not found' }] };
const all = CHECK_IDS.map((check) => result(check, 'passed'));
const good = {
  checks: all,
  required: CHECK_IDS,
  stopped: null,
  isolation: { failed: [], unknown: [] },
  teardown: gone,
  verifiedAfter: 60,
  rtoSeconds: 60,
};

test('a drill passes exactly at its objective, and fails one second later', () => {
  expect(judgeDrill(good)).toEqual({ status: 'passed', reasons: [] });
  expect(judgeDrill({ ...good, verifiedAfter: 61 })).toMatchObject({
    status: 'failed',
    reasons: ['RTO: verified after 61 s, the objective is 60 s'],
  });
});

test.each<[string, Partial<typeof good>, Status]>([
  ['isolation broken', { isolation: { failed: ['reached'] as never[], unknown: [] } }, 'failed'],
  ['isolation unknown', { isolation: { failed: [], unknown: ['no address'] as never[] } }, 'inconclusive'],
  [
    'something left behind',
    { teardown: { complete: false, removed: [{ what: 'copy', absent: false, seen: 'there' }] } },
    'failed',
  ],
  ['a check missing', { checks: all.slice(1) }, 'inconclusive'],
  ['no check at all', { checks: [], verifiedAfter: 0 }, 'inconclusive'],
])('a drill with %s does not pass', (_what, change, expected) => {
  expect(judgeDrill({ ...good, ...change }).status).toBe(expected);
});

test('a restore that is known to be impossible fails the drill; one that merely stopped leaves it open', () => {
  const stopped = { ...good, checks: [], verifiedAfter: null };
  expect(judgeDrill({ ...stopped, stopped: { reason: 'r', definite: true } }).status).toBe('failed');
  expect(judgeDrill({ ...stopped, stopped: { reason: 'r', definite: false } })).toEqual({
    status: 'inconclusive',
    reasons: ['r'],
  });
});

test('the data loss is the worst that any rule measured, and unknown when none could', () => {
  expect(measuredDataLoss([result('boot', 'passed')])).toBeNull();
  expect(
    measuredDataLoss([
      result('freshness', 'passed', { dataLossSeconds: 3 }),
      result('content', 'passed', { dataLossSeconds: 9 }),
    ]),
  ).toBe(9);
});

test('a night without a single verdict is not a pass', () => {
  const row = { resource: 'r', arn: 'a', slot: AT, reason: '' };
  expect(nightVerdict([])).toBe('inconclusive');
  expect(nightVerdict([{ ...row, end: 'excluded' }])).toBe('inconclusive');
  expect(
    nightVerdict([
      { ...row, end: 'passed' },
      { ...row, end: 'excluded' },
    ]),
  ).toBe('passed');
  expect(
    nightVerdict([
      { ...row, end: 'passed' },
      { ...row, end: 'missed' },
    ]),
  ).toBe('inconclusive');
  expect(
    nightVerdict([
      { ...row, end: 'inconclusive' },
      { ...row, end: 'failed' },
    ]),
  ).toBe('failed');
});

test('a protected database is not listed as uncovered', () => {
  const policy = somePolicy();
  expect(uncoveredRows(policy, [{ arn: policy.resources[0]!.arn }], AT)).toEqual([]);
});
