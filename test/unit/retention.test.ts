import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { cameDue, judgePoints, promisedDays } from '../../domain/retention.ts';
import { readBackProblems } from '../../domain/read-back.ts';
import { finalVault, routeOf, transitVault, vaultArn } from '../../domain/route.ts';
import { choose } from '../../domain/selection.ts';
import { seconds } from '../../domain/units.ts';
import { somePolicy } from '../support/fake-site.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-21T02:30:00Z');
const iso = (ms: number): string => new Date(ms).toISOString();

const point = fc.record({
  arn: fc.uuid(),
  status: fc.constantFrom('COMPLETED', 'AVAILABLE', 'EXPIRED', 'DELETING'),
  deleteAt: fc.option(
    fc.integer({ min: -200, max: 200 }).map((days) => iso(NOW + days * DAY)),
    { nil: null },
  ),
});

test('every point is either live or overdue, and none is overdue before its date and grace have passed', () => {
  fc.assert(
    fc.property(fc.array(point), fc.integer({ min: 0, max: 10 * 86_400 }), (points, grace) => {
      const { live, overdue, withoutExpiry } = judgePoints(points, iso(NOW), seconds(grace));
      expect(live + overdue.length).toBe(points.length);
      for (const { arn } of overdue) {
        const found = points.find((candidate) => candidate.arn === arn)!;
        const due = found.deleteAt === null ? null : Date.parse(found.deleteAt);
        expect(found.status === 'EXPIRED' || (due !== null && due + grace * 1000 < NOW)).toBe(true);
      }
      for (const arn of withoutExpiry)
        expect(points.find((candidate) => candidate.arn === arn)!.deleteAt).toBeNull();
    }),
  );
});

test('a point that AWS could not delete is overdue whatever its date says', () => {
  const { overdue } = judgePoints(
    [{ arn: 'a', status: 'EXPIRED', deleteAt: iso(NOW + DAY) }],
    iso(NOW),
    seconds(0),
  );
  expect(overdue).toHaveLength(1);
});

test('however long no pass has run, the next one looks at the statement of every point that came due meanwhile', () => {
  const days = fc.integer({ min: 0, max: 400 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3650 }),
      days,
      days,
      fc.integer({ min: 0, max: 7 * 86_400 }),
      (keepDays, pause, into, filedBefore) => {
        const previous = NOW;
        const now = previous + pause * DAY;
        const dueAt = previous + Math.min(into, pause) * DAY;
        const filedAt = dueAt - keepDays * DAY - filedBefore * 1000;
        const { from, to } = promisedDays(iso(now), keepDays, iso(previous));
        expect(filedAt).toBeGreaterThanOrEqual(Date.parse(from));
        expect(filedAt).toBeLessThanOrEqual(Date.parse(to));
        expect(cameDue(iso(dueAt), iso(now), iso(previous), seconds(172_800))).toBe(true);
      },
    ),
  );
});

test('a point is proven gone again while AWS may still have been deleting it at the previous pass, and not for ever', () => {
  const grace = seconds(2 * 86_400);
  expect(cameDue(iso(NOW - 2 * DAY), iso(NOW + DAY), iso(NOW), grace)).toBe(true);
  expect(cameDue(iso(NOW - 4 * DAY), iso(NOW + DAY), iso(NOW), grace)).toBe(false);
  expect(cameDue(iso(NOW + 2 * DAY), iso(NOW + DAY), iso(NOW), grace)).toBe(false);
  expect(cameDue(iso(NOW - 400 * DAY), iso(NOW), null, grace)).toBe(true);
});

test('the newest point that is old enough is chosen, and the same one by everybody', () => {
  const points = ['c', 'a', 'b'].map((arn, index) => ({ arn, createdAt: iso(NOW - index * DAY) }));
  expect(choose(points, {})?.point.arn).toBe('c');
  expect(choose(points, { at: iso(NOW - DAY) })?.point.arn).toBe('a');
  expect(choose(points, { at: iso(NOW - 9 * DAY) })).toBeNull();
  expect(choose(points, { pointArn: 'b' })?.rule).toBe('named in the request');
  expect(choose(points, { pointArn: 'z' })).toBeNull();
  const twins = [
    { arn: 'y', createdAt: iso(NOW) },
    { arn: 'x', createdAt: iso(NOW) },
  ];
  expect(choose(twins, {})).toEqual(choose([...twins].reverse(), {}));
});

test('the route leads from the vault beside the resource to the one that restores start from', () => {
  const policy = somePolicy();
  expect(routeOf(policy).map(({ name, keepDays }) => [name, keepDays])).toEqual([
    ['lifeboat-local', 90],
    ['lifeboat-relay', 3],
    ['lifeboat', 90],
  ]);
  expect(vaultArn(policy, finalVault(policy))).toBe(
    'arn:aws:backup:us-east-1:222222222222:backup-vault:lifeboat',
  );
  expect(transitVault(policy)).toMatchObject({
    account: 'drill',
    name: 'lifeboat-transit',
    serviceRole: null,
  });
});

const vault = finalVault(somePolicy());
const asAsked = {
  arn: 'arn:point',
  location: { accountId: '2', region: 'us-east-1', vault: 'lifeboat' },
  status: 'COMPLETED',
  createdAt: iso(NOW),
  deleteAt: iso(NOW + 90 * DAY),
  encryptionKeyArn: 'arn:key',
  sizeBytes: 1,
  lock: { state: 'immutable' as const, since: iso(0), minDays: 1, maxDays: 400 },
};

test('a point that is as the policy wants it has no problems, also while its lock is cooling off', () => {
  expect(readBackProblems(asAsked, vault)).toEqual([]);
  expect(
    readBackProblems({ ...asAsked, lock: { state: 'pending', immutableFrom: iso(NOW + DAY) } }, vault),
  ).toEqual([]);
});

test.each([
  ['partial', { status: 'PARTIAL' }, 'is PARTIAL'],
  ['unencrypted', { encryptionKeyArn: null }, 'not encrypted'],
  ['kept for ever', { deleteAt: null }, 'never expires'],
  ['kept too short', { deleteAt: iso(NOW + 30 * DAY) }, 'expires after 30.0 days, not 90'],
  [
    'in a governance vault',
    { lock: { state: 'governance' as const } },
    'not under a compliance lock (governance)',
  ],
  [
    'in a vault that nobody could look at',
    { lock: { state: 'unknown' as const, reason: 'denied' } },
    'not under a compliance lock (unknown)',
  ],
])('a point that is %s is reported', (_what, change, sentence) => {
  expect(readBackProblems({ ...asAsked, ...change }, vault).join()).toContain(sentence);
});
