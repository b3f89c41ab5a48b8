import { expect, test } from '@jest/globals';
import { promiseReport } from '../../evidence/promises/report.ts';
import { recordOf } from '../../evidence/promises/record.ts';
import { slotOfNight } from './evidence-export.ts';
import { nightFact, POLICY } from './evidence-facts.ts';
import { backupOf, drillOf, restoreOf } from './evidence-month.ts';
import type { Answer } from '../../evidence/promises/predicates.ts';
import type { Basis, NightRecord, StatementRecord } from '../../evidence/reports/source.ts';
import type { Predicate } from '../../domain/promises.ts';
import type { Fact, PopulationRow, ProtectionFact } from '../../domain/facts.ts';

/** The nights 0 to 40 of one resource, whole unless a test bends them; the ledger begins with night `first`. */
interface Told {
  readonly first?: number;
  readonly last?: number;
  readonly sequence?: number;
  readonly bend?: (facts: Fact[], n: number) => Fact[];
  readonly end?: PopulationRow['end'];
  readonly silent?: readonly number[];
  readonly problems?: readonly string[];
}

function recordFrom({
  first = 0,
  last = 40,
  sequence = 1,
  bend = (facts) => facts,
  end = 'passed',
  silent = [],
  problems = [],
}: Told) {
  const basis: Basis = {
    bucket: 'b',
    region: 'r',
    where: 'w',
    seals: 0,
    statements: 0,
    first: null,
    last: null,
    problems: [...problems],
  };
  const record = recordOf(basis);
  for (let n = first; n <= last; n += 1) {
    if (silent.includes(n)) continue;
    const slot = slotOfNight(n);
    const retention: Fact = { type: 'retention', policy: POLICY, slot, awsNow: slot, vaults: [] };
    const facts = bend([backupOf('orders', slot, 30), drillOf('orders', slot, n), retention], n);
    const sealedAt = new Date(Date.parse(slot) + 3_600_000).toISOString();
    basis.first ??= { sequence, openedAt: slot };
    basis.last = { sequence: n, sealedAt, sha256: '' };
    const statements = facts.map((fact, at): StatementRecord => ({
      key: `statements/${n}/${at}-${fact.type}`,
      versionId: 'v',
      sha256: '',
      writtenAt: new Date(Date.parse(slot) + at * 1000).toISOString(),
      signedBy: [],
      fact,
    }));
    const seal = { night: nightFact(['orders'], slot, end), sealedAt } as NightRecord['seal'];
    record.add({ key: `seals/${n}`, sha256: '', signedBy: [], seal, statements });
  }
  return record.record();
}

/** From the 2nd to the 30th night. */
const PERIOD = { from: '2026-11-22', to: '2026-12-20' };

function answer(predicate: Predicate, told: Told = {}, period = PERIOD) {
  const report = promiseReport(
    'P',
    [{ name: 'p', says: 'it is so', holds: [predicate] }],
    recordFrom(told),
    period,
  );
  return report.promises[0]!;
}

const without =
  (type: Fact['type'], ...nights: number[]) =>
  (facts: Fact[], n: number): Fact[] =>
    nights.includes(n) ? facts.filter((fact) => fact.type !== type) : facts;

const backups =
  (change: (fact: ProtectionFact) => ProtectionFact, only?: number) =>
  (facts: Fact[], n: number): Fact[] =>
    facts.map((fact) =>
      fact.type === 'protection' && (only === undefined || n === only) ? change(fact) : fact,
    );

const lastPoint = (change: object, only?: number) =>
  backups(
    (fact) => ({
      ...fact,
      points: fact.points.map((point, at) => (at === 2 ? { ...point, ...change } : point)),
    }),
    only,
  );

const DAILY: Predicate = { kind: 'backed-up', every: '24h' };
const WEEKLY_DRILL: Predicate = { kind: 'recovered', within: '7d' };
const YEARLY_DRILL: Predicate = { kind: 'recovered', within: '365d' };
const KEPT: Predicate = { kind: 'kept', atLeast: '30d' };
const GONE: Predicate = { kind: 'removed', within: '31d' };
const ACCESS: Predicate = { kind: 'access', within: '24h' };
const EU: Predicate = { kind: 'residency', regions: ['eu-central-1', 'us-east-1'] };
const restores =
  (...phases: readonly (readonly [number, Parameters<typeof restoreOf>[2]])[]) =>
  (facts: Fact[], n: number): Fact[] => [
    ...facts,
    ...phases.filter(([night]) => night === n).map(([, phase]) => restoreOf('r', slotOfNight(n), phase)),
  ];
/** Two days later each point is looked for and not found. */
const looksGone = (facts: Fact[], n: number): Fact[] =>
  facts.map((fact) =>
    fact.type !== 'retention'
      ? fact
      : {
          ...fact,
          vaults: [
            {
              location: { accountId: '1', region: 'r', vault: 'v' },
              live: 0,
              lingering: [],
              held: [],
              withoutExpiry: [],
              provenGone:
                n < 31
                  ? []
                  : backupOf('orders', slotOfNight(n - 31)).points.map(({ arn }) => ({
                      arn,
                      dueAt: fact.slot,
                      seen: 'not found',
                    })),
            },
          ],
        },
  );

test.each<[string, Predicate, Told, Answer]>([
  ['a backup in every night', DAILY, {}, 'kept'],
  [
    'a night that was an hour late, as when summer time ends',
    { kind: 'backed-up', every: '23h' },
    {},
    'kept',
  ],
  [
    'a backup that failed once',
    DAILY,
    { bend: backups((fact) => ({ ...fact, outcome: 'failed' }), 9) },
    'broken',
  ],
  ['a night that never happened', DAILY, { silent: [9] }, 'broken'],
  ['a backup every 12 hours, of which half were made', { kind: 'backed-up', every: '12h' }, {}, 'broken'],
  ['a ledger that begins in the middle of the period', DAILY, { first: 9 }, 'not provable'],
  ['an export that begins in the middle of the period', DAILY, { first: 9, sequence: 70 }, 'not provable'],
  ['evidence that ends before the period does', DAILY, { last: 20 }, 'not provable'],
  ['evidence of another time', DAILY, { first: 60, last: 70 }, 'not provable'],
  ['a gap although the evidence ends early', DAILY, { silent: [9], last: 20 }, 'broken'],
  ['evidence that does not hold', DAILY, { problems: ['x: changed'] }, 'not provable'],
  ['a resource that nobody decided about', DAILY, { bend: () => [], end: 'not-covered' }, 'broken'],
  ['a resource that the policy leaves out', DAILY, { bend: () => [], end: 'excluded' }, 'not provable'],
  ['a drill each night', WEEKLY_DRILL, {}, 'kept'],
  [
    'a week without a drill that passed',
    WEEKLY_DRILL,
    {
      bend: (facts, n) =>
        facts.map((fact) =>
          fact.type === 'drill' && n > 5 && n < 14 ? { ...fact, verdict: 'inconclusive' } : fact,
        ),
    },
    'broken',
  ],
  [
    'one drill in the year so far',
    YEARLY_DRILL,
    { bend: without('drill', ...Array.from({ length: 40 }, (_, n) => n + 1)) },
    'kept',
  ],
  [
    'no drill at all, in less than a year of evidence',
    YEARLY_DRILL,
    { bend: without('drill', ...Array.from({ length: 41 }, (_, n) => n)) },
    'not provable',
  ],
  ['points with a key', { kind: 'encrypted' }, {}, 'kept'],
  [
    'one point without a key',
    { kind: 'encrypted' },
    { bend: lastPoint({ encryptionKeyArn: null }, 9) },
    'broken',
  ],
  ['a copy in another region', { kind: 'other-region' }, {}, 'kept'],
  [
    'copies that stay in the region',
    { kind: 'other-region' },
    { bend: backups((fact) => ({ ...fact, points: fact.points.slice(0, 1) }), 9) },
    'broken',
  ],
  ['a copy in another account', { kind: 'other-account' }, {}, 'kept'],
  [
    'copies that stay in the account',
    { kind: 'other-account' },
    { bend: backups((fact) => ({ ...fact, points: fact.points.slice(0, 2) }), 9) },
    'broken',
  ],
  ['an immutable lock', { kind: 'immutable' }, {}, 'kept'],
  [
    'a lock in its cooling-off',
    { kind: 'immutable' },
    { bend: lastPoint({ lock: { state: 'pending', immutableFrom: 'x' } }, 9) },
    'broken',
  ],
  [
    'a lock that could not be read',
    { kind: 'immutable' },
    { bend: lastPoint({ lock: { state: 'unknown', reason: 'denied' } }, 9) },
    'not provable',
  ],
  [
    'no backup in the period',
    { kind: 'immutable' },
    { bend: without('protection', ...Array.from({ length: 41 }, (_, n) => n)) },
    'not provable',
  ],
  ['points kept for 30 days under an immutable lock', KEPT, {}, 'kept'],
  ['a point that goes a day early', KEPT, { bend: lastPoint({ deleteAt: slotOfNight(38) }, 9) }, 'broken'],
  [
    'points that somebody could delete before',
    KEPT,
    { bend: lastPoint({ lock: { state: 'governance' } }, 9) },
    'not provable',
  ],
  ['a point that never expires', GONE, { bend: lastPoint({ deleteAt: null }, 9) }, 'broken'],
  ['a point that is kept for too long', { kind: 'removed', within: '20d' }, {}, 'broken'],
  [
    'nobody who looks',
    GONE,
    { bend: without('retention', ...Array.from({ length: 41 }, (_, n) => n)) },
    'not provable',
  ],
  [
    'a point that lingers',
    GONE,
    {
      bend: (facts) =>
        facts.map((fact) =>
          fact.type === 'retention'
            ? {
                ...fact,
                vaults: [
                  {
                    location: { accountId: '1', region: 'r', vault: 'v' },
                    live: 1,
                    provenGone: [],
                    held: [],
                    withoutExpiry: [],
                    lingering: [{ arn: 'a', dueAt: fact.slot, status: 'EXPIRED' }],
                  },
                ],
              }
            : fact,
        ),
    },
    'broken',
  ],
  ['29 points at the end', { kind: 'points', count: 29 }, {}, 'kept'],
  ['too few points at the end', { kind: 'points', count: 60 }, {}, 'broken'],
  [
    'too few points in an export that begins late',
    { kind: 'points', count: 60 },
    { sequence: 70 },
    'not provable',
  ],
  ['recoveries within the time', { kind: 'rto', atMost: '4h' }, {}, 'kept'],
  ['a recovery that took longer', { kind: 'rto', atMost: '20m' }, {}, 'broken'],
  [
    'a recovery that was not measured',
    { kind: 'rpo', atMost: '1h' },
    {
      bend: (facts, n) =>
        facts.map((fact) => (fact.type === 'drill' && n === 9 ? { ...fact, rpoSeconds: null } : fact)),
    },
    'not provable',
  ],
  ['no access at all', ACCESS, {}, 'kept'],
  ['an access that ended the same day', ACCESS, { bend: restores([9, 'handed-over'], [9, 'ended']) }, 'kept'],
  ['an access that lasted two days', ACCESS, { bend: restores([9, 'handed-over'], [11, 'ended']) }, 'broken'],
  ['an access without an end', ACCESS, { bend: restores([9, 'handed-over']) }, 'broken'],
  [
    'an access that has just begun',
    ACCESS,
    { last: 29, bend: restores([29, 'handed-over']) },
    'not provable',
  ],
  ['data where it may be', EU, {}, 'kept'],
  ['a copy elsewhere', { kind: 'residency', regions: ['eu-central-1'] }, {}, 'broken'],
  [
    'nothing that says where data was',
    EU,
    { bend: (facts) => facts.filter(({ type }) => type === 'retention') },
    'not provable',
  ],
  ['what no statement speaks of', { kind: 'point-in-time' }, {}, 'not provable'],
])('%s: %j is answered as it must be', (_what, predicate, told, expected) => {
  const { answer: said, predicates } = answer(predicate, told);
  expect([said, predicates[0]!.findings.map(({ because }) => because)]).toEqual([
    expected,
    expect.anything(),
  ]);
});

test('an answer names the statements that show it', () => {
  const { predicates } = answer({ kind: 'encrypted' }, { bend: lastPoint({ encryptionKeyArn: null }, 9) });
  expect(predicates[0]!.findings[0]).toMatchObject({
    answer: 'broken',
    of: 1,
    shownBy: [{ key: 'statements/9/0-protection' }],
  });
  const gap = answer(DAILY, { silent: [9] }).predicates[0]!.findings[0]!;
  expect(gap.shownBy.map(({ key }) => key)).toEqual([
    'statements/8/0-protection',
    'statements/10/0-protection',
  ]);
  const kept = answer(DAILY).predicates[0]!.findings[0]!;
  expect([kept.of > 20, kept.shownBy.length]).toEqual([true, 5]);
});

test('a promise about a resource that no statement names is not provable', () => {
  const asked = [
    { name: 'p', says: 'it is so', resources: ['orders', 'ghost'], holds: [{ kind: 'encrypted' }] as const },
  ];
  const report = promiseReport('P', asked, recordFrom({}), PERIOD);
  expect(report.promises[0]).toMatchObject({ answer: 'not provable' });
  expect(JSON.stringify(report)).toContain('ghost: no statement of the period names it');
});

test('a promise is as good as its weakest part', () => {
  const holds = [{ kind: 'encrypted' }, { kind: 'point-in-time' }, { kind: 'rto', atMost: '20m' }] as const;
  const of = (parts: readonly Predicate[]) =>
    promiseReport('P', [{ name: 'p', says: 'it is so', holds: parts }], recordFrom({}), PERIOD).promises[0]!
      .answer;
  expect(of(holds)).toBe('broken');
  expect(of(holds.slice(0, 2))).toBe('not provable');
  expect(of(holds.slice(0, 1))).toBe('kept');
});

test('what had to be gone in the period is kept only when each point was seen gone', () => {
  const period = { from: '2026-11-22', to: '2027-01-10' };
  expect(answer(GONE, { last: 60, bend: looksGone }, period).answer).toBe('kept');
  const unseen = answer(GONE, { last: 60 }, period);
  expect(unseen.answer).toBe('not provable');
  expect(unseen.predicates[0]!.findings[0]!.because).toContain(
    'that had to be gone by now are not proven gone',
  );
});
