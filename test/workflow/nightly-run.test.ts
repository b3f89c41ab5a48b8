import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { NightFact } from '../../domain/facts.ts';
import type { NightRequest } from '../../domain/requests.ts';
import { fakeSite, somePolicy, type SiteOptions } from '../support/fake-site.ts';
import { timeSkippingEnvironment } from '../support/temporal.ts';
import { quietRuntime, serving } from './site.ts';

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  quietRuntime();
  env = await timeSkippingEnvironment();
});
afterAll(async () => env.teardown());

let minute = 0;
/** Each test has a slot of its own, since the slot is part of the ids of the children. */
function night(changes: Partial<NightRequest> = {}): NightRequest {
  minute += 1;
  return {
    policy: somePolicy(),
    policySha256: 'ff',
    slot: `2026-11-21T03:${String(minute).padStart(2, '0')}:00Z`,
    ...changes,
  };
}

/** As the schedule starts it: the slot is that of the start. */
function scheduled(changes: Partial<NightRequest> = {}): NightRequest {
  return { policy: somePolicy(), policySha256: 'ff', ...changes };
}

async function run(options: SiteOptions = {}, request = night()) {
  const site = fakeSite(options);
  const result = await serving(env, site, async (start) => (await start('nightlyRun', request)).result());
  return { ...site, result, sealed: site.seals.at(-1) as NightFact };
}

test('a night in which everything is proven ends passed and sealed', async () => {
  const { result, sealed } = await run();
  expect(result).toMatchObject({ verdict: 'passed', seal: { sequence: 1 } });
  expect(sealed.population).toEqual([expect.objectContaining({ resource: 'orders', end: 'passed' })]);
});

test('a slot is on record before anything is done in it, also when that record cannot be written', async () => {
  const { statements, calls } = await run();
  expect(statements[0]).toMatchObject({ type: 'slot-opened', resources: [{ name: 'orders' }] });
  expect(calls.indexOf('recordStatement')).toBeLessThan(calls.indexOf('discover'));
  const unwritten = await run({ refuseOnce: { recordStatement: 'LedgerRefused' } });
  expect(unwritten.result.verdict).toBe('passed');
});

test('an applied policy is on record with who applied it', async () => {
  const site = fakeSite();
  const policy = somePolicy(2);
  const ask = { policy, policySha256: 'ab', appliedBy: 'ada', appliedAt: '2026-11-21T03:00:00Z' };
  await serving(env, site, async (start) => (await start('recordPolicy', ask)).result());
  expect(site.statements).toMatchObject([
    { type: 'policy-applied', policySha256: 'ab', appliedBy: 'ada', resources: ['orders-0', 'orders-1'] },
  ]);
});

test('a policy in force of which no record says who applied it is put on record by the next scheduled night, without a name', async () => {
  const policyOnRecord = async () => false;
  const lost = await run({ instead: { policyOnRecord } }, scheduled({ policy: somePolicy(2) }));
  const applied = lost.statements.filter(({ type }) => type === 'policy-applied');
  expect(applied).toMatchObject([
    { policySha256: 'ff', seenInForce: lost.result.slot, resources: ['orders-0', 'orders-1'] },
  ]);
  expect(applied[0]).not.toHaveProperty('appliedBy');
  const known = await run({}, scheduled());
  expect(known.statements.filter(({ type }) => type === 'policy-applied')).toEqual([]);
  // What somebody runs by hand need not be what the schedule runs.
  const byHand = await run({ instead: { policyOnRecord } }, night());
  expect(byHand.statements.filter(({ type }) => type === 'policy-applied')).toEqual([]);
});

test('a record of the policy that cannot be looked up does not keep the night from protecting', async () => {
  const policy = { ...somePolicy(), knownBad: 'off' as const };
  const { result } = await run(
    { refuse: { policyOnRecord: 'LedgerRefused' } },
    scheduled({ policy, only: 'protect' }),
  );
  expect(result.resources[0]?.protection?.outcome).toBe('protected');
});

test('checks that see the damage again clear the alert of the night in which they did not', async () => {
  const open = { key: 'statements/a.json', raisedAt: '2026-11-20T03:00:00Z', subject: 'orders' };
  const { statements } = await run({ instead: { openAlert: async () => open } });
  expect(statements.filter(({ type }) => type === 'alert')).toMatchObject([
    { alert: 'known-bad/night', state: 'cleared', message: expect.stringContaining(open.raisedAt) },
  ]);
  const blind = await run({ blind: true, instead: { openAlert: async () => open } });
  expect(blind.statements.filter(({ type }) => type === 'alert')).toMatchObject([{ state: 'raised' }]);
  const unknown = await run({ refuse: { openAlert: 'LedgerRefused' } });
  expect(unknown.result.verdict).toBe('passed');
  expect(unknown.statements.filter(({ type }) => type === 'alert')).toEqual([]);
});

test('each night one spoilt copy goes through the live path, and catching it leaves the night passed', async () => {
  const { result, calls, statements } = await run();
  expect(result).toMatchObject({
    verdict: 'passed',
    knownBad: { caught: true, verdict: 'failed', damage: 'one row deleted in shop.public.city block 7' },
  });
  expect(calls.filter((call) => call === 'startRestore')).toHaveLength(2);
  expect(calls.filter((call) => call === 'deleteCopy')).toHaveLength(2);
  expect(statements.find(({ type }) => type === 'known-bad')).toMatchObject({ caught: true });
});

test('checks that do not see a spoilt copy make every pass of the night inconclusive, and raise an alert', async () => {
  const { result, sealed, statements } = await run({ blind: true }, night({ policy: somePolicy(2) }));
  expect(result.verdict).toBe('failed');
  expect(sealed.population.map(({ resource, end }) => [resource, end]).sort()).toEqual([
    ['known-bad', 'failed'],
    ['orders-0', 'inconclusive'],
    ['orders-1', 'inconclusive'],
  ]);
  expect(statements.find(({ type }) => type === 'alert')).toMatchObject({
    state: 'raised',
    severity: 'page',
  });
});

test('checks that are blind are found out also when the spoilt drill is doubtful for another reason', async () => {
  let looks = 0;
  const compareInventories = async () => {
    looks += 1; // the first is that of the real drill
    const unread = looks === 1 ? [] : [{ source: 'rds:DescribeDBSnapshots', reason: 'AccessDenied' }];
    return { after: { things: [], unread }, leftovers: [] };
  };
  const { result, sealed } = await run({ blind: true, instead: { compareInventories } });
  expect(result.knownBad).toMatchObject({ verdict: 'inconclusive', blind: true });
  expect(sealed.population.map(({ end }) => end).sort()).toEqual(['failed', 'inconclusive']);
});

test('where no rows are compared, no lost row is expected to be seen', async () => {
  const policy = somePolicy();
  const resources = policy.resources.map((one) => ({ ...one, checks: ['boot' as const] }));
  const { result } = await run({}, night({ policy: { ...policy, resources } }));
  expect(result.verdict).toBe('passed');
  expect(result.knownBad).toBeUndefined();
});

test('a night whose known-bad drill cannot be carried out is inconclusive and says why', async () => {
  const { sealed } = await run({ refuse: { spoilCopy: 'DatabaseUnreachable' } });
  expect(sealed.population).toContainEqual(
    expect.objectContaining({
      resource: 'known-bad',
      end: 'inconclusive',
      reason: expect.stringContaining('spoilCopy was refused'),
    }),
  );
  const empty = await run({ instead: { spoilCopy: async () => null } });
  expect(empty.result.verdict).toBe('inconclusive');
});

test('a night without a pass has nothing to doubt, and a policy may leave the known-bad drill out', async () => {
  const failed = await run({ checks: 'failed' });
  expect(failed.result.knownBad).toBeUndefined();
  const off = await run({}, night({ policy: { ...somePolicy(), knownBad: 'off' } }));
  expect(off.result).toMatchObject({ verdict: 'passed' });
  expect(off.calls).not.toContain('spoilCopy');
});

test('a resource that cannot be protected fails the night, and the others are still proven', async () => {
  const policy = somePolicy(3);
  const { activities } = fakeSite();
  const describeSource = async (ask: Parameters<typeof activities.describeSource>[0]) => {
    if (ask.resource === 'orders-1') throw Object.assign(new Error('unreachable'), { name: 'never' });
    return activities.describeSource(ask);
  };
  const { result, sealed } = await run({ instead: { describeSource: describeSource } }, night({ policy }));
  expect(result.verdict).toBe('failed');
  expect(sealed.population.map(({ resource, end }) => [resource, end]).sort()).toEqual([
    ['orders-0', 'passed'],
    ['orders-1', 'failed'],
    ['orders-2', 'passed'],
  ]);
});

test('databases that the policy does not name are rows of the population', async () => {
  const excluded = { arn: 'arn:aws:rds:eu-central-1:111111111111:db:scratch', reason: 'thrown away weekly' };
  const forgotten = 'arn:aws:rds:eu-central-1:111111111111:db:forgotten';
  const discover = async () => [excluded.arn, forgotten].map((arn) => ({ arn, immutableId: 'db-1' }));
  const { result } = await run(
    { instead: { discover } },
    night({ policy: { ...somePolicy(), exclude: [excluded] } }),
  );
  expect(result.population).toContainEqual(
    expect.objectContaining({ arn: excluded.arn, end: 'excluded', reason: 'thrown away weekly' }),
  );
  expect(result.population).toContainEqual(expect.objectContaining({ arn: forgotten, end: 'not-covered' }));
});

test('points that linger past their date leave the night inconclusive', async () => {
  const inspectVault = async () => ({
    location: { accountId: '1', region: 'r', vault: 'v' },
    live: 0,
    provenGone: [],
    lingering: [{ arn: 'arn:old', dueAt: '2026-08-01T00:00:00Z', status: 'EXPIRED' }],
    held: [],
    withoutExpiry: [],
  });
  const { result } = await run({ instead: { inspectVault } });
  expect(result.verdict).toBe('inconclusive');
  expect(result.population).toContainEqual(
    expect.objectContaining({
      resource: 'retention',
      reason: '3 points are past their date and still there',
    }),
  );
});

test('a night that cannot be sealed says so and does not pass silently', async () => {
  const { result } = await run({ refuse: { sealNight: 'LedgerRefused' } });
  expect(result).toMatchObject({ seal: null, sealProblem: 'sealNight was refused' });
});

test('a run with the drill alone makes no backup, and one with protection alone proves nothing', async () => {
  const drill = await run({}, night({ only: 'drill' }));
  expect(drill.calls).not.toContain('startBackup');
  expect(drill.result.verdict).toBe('passed');
  const protect = await run({}, night({ only: 'protect' }));
  expect(protect.calls).not.toContain('startRestore');
  expect(protect.result.verdict).toBe('inconclusive');
});

test('a fleet larger than one run continues as new and seals one population', async () => {
  const { result, seals } = await run({}, night({ policy: somePolicy(205), only: 'protect' }));
  expect(seals).toHaveLength(1);
  expect(result.population).toHaveLength(205);
  expect(new Set(result.population.map(({ resource }) => resource)).size).toBe(205);
}, 180_000);
