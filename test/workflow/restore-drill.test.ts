import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { ProbeFence, RunCheck } from '../../activities/prober.ts';
import { createRetryActivities, type ReadHistory } from '../../activities/retries.ts';
import type { DrillFact } from '../../domain/facts.ts';
import type { DrillRequest } from '../../domain/requests.ts';
import {
  closedNetwork,
  fakeSite,
  fingerprint,
  passed,
  somePolicy,
  type FakeSite,
  type SiteOptions,
} from '../support/fake-site.ts';
import { timeSkippingEnvironment } from '../support/temporal.ts';
import { quietRuntime, serving } from './site.ts';

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  quietRuntime();
  env = await timeSkippingEnvironment();
});
afterAll(async () => env.teardown());

const request: DrillRequest = {
  policy: somePolicy(),
  policySha256: 'ff',
  slot: '2026-11-21T02:30:00Z',
  resource: 'orders',
  trigger: 'night',
};

async function drill(options: SiteOptions = {}, asked = request) {
  const site = fakeSite(options);
  const result = await serving(env, site, async (start) => (await start('restoreDrill', asked)).result());
  return { ...site, result, statement: site.statements.at(-1) as DrillFact };
}

test('a drill whose checks all pass ends passed, taken down and stated', async () => {
  const { result, statement, calls } = await drill();
  expect(result).toMatchObject({ verdict: 'passed', reasons: [], cleanedUp: true });
  expect(statement).toMatchObject({ type: 'drill', verdict: 'passed', selection: { rule: 'the newest' } });
  expect(statement.checks.map(({ check }) => check)).toEqual([
    'boot',
    'pages',
    'structure',
    'schema',
    'content',
    'freshness',
  ]);
  expect(calls.indexOf('deleteCopy')).toBeGreaterThan(calls.lastIndexOf('runCheck'));
  expect(calls.indexOf('deleteTransitPoint')).toBeGreaterThan(calls.indexOf('deleteCopy'));
});

test.each([
  ['choosePoint', 'NoRecoveryPoint', 'inconclusive', []],
  ['startCopy', 'CopyFailed', 'inconclusive', []],
  ['waitForCopy', 'CopyFailed', 'inconclusive', ['deleteTransitPoint']],
  ['startRestore', 'RestoreFailed', 'failed', ['deleteTransitPoint']],
  ['waitForRestore', 'RestoreFailed', 'failed', ['deleteCopy', 'deleteTransitPoint']],
  ['waitUntilAvailable', 'RestoreFailed', 'failed', ['deleteCopy', 'deleteTransitPoint']],
  ['waitForAccess', 'PermissionMissing', 'inconclusive', ['deleteCopy', 'deleteTransitPoint']],
  ['firstQuery', 'DatabaseUnreachable', 'inconclusive', ['deleteCopy', 'deleteTransitPoint']],
] as const)(
  'a drill that is refused %s (%s) ends %s and removes what it may have made',
  async (step, type, verdict, removed) => {
    const { result, calls, statement } = await drill({ refuse: { [step]: type } });
    expect(result.verdict).toBe(verdict);
    expect(result.reasons.join()).toContain(`${step} was refused`);
    expect(calls.filter((call) => call === 'deleteCopy' || call === 'deleteTransitPoint')).toEqual(removed);
    expect(statement.verdict).toBe(verdict);
  },
);

test('a copy that reaches production fails the drill and is taken down unread', async () => {
  const { result, calls } = await drill({ reached: true });
  expect(result.verdict).toBe('failed');
  expect(result.reasons.join()).toContain('isolation: the drill network reaches production orders');
  expect(calls).not.toContain('runCheck');
  expect(calls).toContain('deleteCopy');
});

const OPEN = { routeTable: 'rtb-1', destination: '0.0.0.0/0', target: 'nat-1', state: 'active' };

test.each([
  [
    'with a route out of its network',
    { readNetwork: async () => ({ network: { ...closedNetwork(), routes: [OPEN] }, caller: 'c' }) },
    "route table rtb-1 of the copy's subnets sends 0.0.0.0/0 to nat-1",
  ],
  [
    'whose prober can take a role of production',
    {
      tryRoles: async () => ({
        caller: 'arn:aws:sts::333333333333:assumed-role/p/s',
        attempts: [{ role: 'arn:prod', refused: false, how: 'credentials were given' }],
      }),
    },
    "the drill's prober could take the role arn:prod",
  ],
  [
    'whose prober reaches the internet',
    {
      probeFence: async ({ targets }: ProbeFence) =>
        targets.map(({ kind, name }) => ({ target: name, reached: kind === 'tcp', how: 'TCP connects' })),
    },
    'the drill network reaches outside',
  ],
] as const)('a copy %s fails the drill and is taken down unread', async (_where, instead, reason) => {
  const { result, calls } = await drill({ instead });
  expect(result.verdict).toBe('failed');
  expect(result.reasons.join()).toContain(`isolation: ${reason}`);
  expect(calls).not.toContain('runCheck');
  expect(calls).toContain('deleteCopy');
});

test('a drill whose network was described without a single route is inconclusive, not fenced', async () => {
  const { result } = await drill({
    instead: { readNetwork: async () => ({ network: { ...closedNetwork(), routes: [] }, caller: 'c' }) },
  });
  expect(result.verdict).toBe('inconclusive');
  expect(result.reasons.join()).toContain('no route table of its subnets was described');
});

test.each([
  ['readNetwork', 'the network of the copy could not be read'],
  ['tryRoles', "the prober's credentials could not be read"],
  ['takeInventory', 'the drill account could not be read (takeInventory was refused)'],
  ['compareInventories', 'the drill account could not be listed again'],
] as const)('a drill that is refused %s is inconclusive and says why', async (step, reason) => {
  const { result } = await drill({ refuse: { [step]: 'PermissionMissing' } });
  expect(result.verdict).toBe('inconclusive');
  expect(result.reasons.join()).toContain(reason);
});

test('what a drill leaves in its account fails it, whatever its own teardown says', async () => {
  const left = 'arn:aws:rds:us-east-1:333333333333:snapshot:forgotten';
  const after = { things: [{ arn: left, source: 's', drill: 'd' }], unread: [] };
  const { result, statements } = await drill({
    instead: { compareInventories: async () => ({ after, leftovers: [left] }) },
  });
  expect(result).toMatchObject({ verdict: 'failed', cleanedUp: false });
  expect(result.reasons.join()).toContain(`teardown: ${left} is not proven gone`);
  expect(statements.find(({ type }) => type === 'teardown')).toMatchObject({
    leftovers: [left],
    after: [left],
    cost: { currency: 'USD', ratesOf: 'us-east-1, 2026-07-01' },
  });
});

test('a drill says whose resource it is, who asked, on which engine, and until when it counts', async () => {
  const policy = somePolicy();
  const [orders] = policy.resources;
  const source = { document: 'BIA 2026', date: '2026-02-01' };
  const asked = {
    ...request,
    policy: {
      ...policy,
      objectives: { ...policy.objectives, source },
      resources: [{ ...orders!, tier: 'gold', owner: 'shop team' }],
    },
    trigger: 'by-hand' as const,
    requestedBy: 'ada',
  };
  const { statement } = await drill({}, asked);
  expect(statement).toMatchObject({
    requestedBy: 'ada',
    engineVersion: '18.4',
    scope: { tier: 'gold', owner: 'shop team', objectivesSource: source },
    freshUntil: '2026-11-28T02:30:00.000Z',
  });
});

test('a policy that was applied before the newer keys existed is drilled as it was', async () => {
  const policy = somePolicy();
  const newer = ['freshFor', 'mustNotReach'];
  const entries = Object.entries(policy.drill).filter(([key]) => !newer.includes(key));
  const older = { ...request, policy: { ...policy, drill: Object.fromEntries(entries) } as typeof policy };
  const { result, statement } = await drill({}, older);
  expect(result.verdict).toBe('passed');
  expect(statement.freshUntil).toBeUndefined();
});

test('isolation and teardown are statements of their own', async () => {
  const { statements } = await drill();
  expect(statements.map(({ type }) => type)).toEqual(['isolation', 'teardown', 'drill']);
  expect(statements[0]).toMatchObject({
    roles: [expect.stringContaining('lifeboat-control'), expect.stringContaining('lifeboat-prober')],
    productionCredentials: [],
    fence: { network: { gateways: [] }, credentials: { attempts: [{ refused: true }, { refused: true }] } },
  });
});

test('a drill without a fingerprint of its source is inconclusive, never passed', async () => {
  const { result } = await drill({ withoutProtection: true });
  expect(result.verdict).toBe('inconclusive');
  expect(result.reasons.join()).toContain('no fingerprint of the source belongs to this recovery point');
  expect(result.reasons.join()).toContain('no address of production is known');
});

test('a check that could not be run leaves the drill inconclusive and the other checks run', async () => {
  const { result, calls } = await drill({ refuse: { runCheck: 'DatabaseUnreachable' } });
  expect(result.verdict).toBe('inconclusive');
  expect(result.checks.map(({ status }) => status)).toEqual(Array(6).fill('inconclusive'));
  expect(calls.filter((call) => call === 'runCheck')).toHaveLength(6);
});

test.each([
  ['the fingerprint of the last verified point', fingerprint('verified')],
  ['nothing, when no point was verified before', null],
])('the anomaly check is given %s', async (_, lastVerified) => {
  const policy = somePolicy();
  const resources = policy.resources.map((one) => ({
    ...one,
    checks: ['content' as const, 'anomaly' as const],
  }));
  const asked: Parameters<FakeSite['activities']['findLastVerified']>[0][] = [];
  const given: Pick<RunCheck, 'check' | 'lastVerified'>[] = [];
  const findLastVerified = async (ask: (typeof asked)[number]) => {
    asked.push(ask);
    const fingerprints = { before: fingerprint('before'), after: fingerprint('verified') };
    return lastVerified && { slot: request.slot, pointArn: 'arn:point:earlier', fingerprints };
  };
  const runCheck = async ({ check, lastVerified: with_ }: RunCheck) => {
    given.push({ check, ...(with_ === undefined ? {} : { lastVerified: with_ }) });
    return passed(check);
  };
  const { result } = await drill(
    { instead: { findLastVerified, runCheck } },
    { ...request, policy: { ...policy, resources } },
  );
  expect(result.verdict).toBe('passed');
  expect(given).toEqual([{ check: 'content' }, { check: 'anomaly', lastVerified }]);
  // Once for the record of when the resource was verified before, once for the check.
  const ask = { resource: 'orders', immutableId: 'db-ABC', before: '2026-11-21T02:30:00.000Z' };
  expect(asked).toMatchObject([ask, ask]);
});

test('when the ledger cannot be searched for the last verified point, the anomaly check is inconclusive and says why', async () => {
  const policy = somePolicy();
  const resources = policy.resources.map((one) => ({
    ...one,
    checks: ['content' as const, 'anomaly' as const],
  }));
  const { result } = await drill(
    { refuse: { findLastVerified: 'LedgerRefused' } },
    { ...request, policy: { ...policy, resources } },
  );
  expect(result.verdict).toBe('inconclusive');
  expect(result.reasons.join()).toContain('anomaly: findLastVerified was refused');
});

test('a failed check fails the drill', async () => {
  const { result } = await drill({ checks: 'failed' });
  expect(result).toMatchObject({ verdict: 'failed', cleanedUp: true });
});

test('what cannot be removed fails the drill and is named in the statement', async () => {
  const { result, statement } = await drill({ refuse: { deleteCopy: 'ForeignResource' } });
  expect(result).toMatchObject({ verdict: 'failed', cleanedUp: false });
  expect(statement.teardown?.removed).toContainEqual(
    expect.objectContaining({ absent: false, seen: 'deleteCopy was refused' }),
  );
  expect(statement.teardown?.removed).toContainEqual(
    expect.objectContaining({ what: 'arn:point:lifeboat-transit', absent: true }),
  );
});

test('a drill cancelled while it waits for the restore takes everything down and states that it was cancelled', async () => {
  let reached = (): void => undefined;
  const waiting = new Promise<void>((resolve) => (reached = resolve));
  const { Context } = await import('@temporalio/activity');
  const waitForRestore = async (): Promise<never> => {
    reached();
    const context = Context.current();
    for (;;) {
      context.heartbeat();
      await context.sleep(100);
    }
  };
  const site = fakeSite({ instead: { waitForRestore } });
  const result = await serving(env, site, async (start) => {
    const handle = await start('restoreDrill', request);
    await waiting;
    await handle.cancel();
    return handle.result();
  });
  expect(result.verdict).toBe('inconclusive');
  expect(result.reasons).toContain('it was cancelled');
  expect(site.calls).toEqual(
    expect.arrayContaining(['settleRestore', 'deleteCopy', 'deleteTransitPoint', 'recordStatement']),
  );
});

test('a drill of a resource that the policy does not name is refused', async () => {
  const site = fakeSite();
  await expect(
    serving(env, site, async (start) =>
      (await start('restoreDrill', { ...request, resource: 'nobody' })).result(),
    ),
  ).rejects.toMatchObject({ cause: { type: 'ResourceMissing' } });
});

test('attempts beyond the first are in the statement, as Temporal keeps them of the run', async () => {
  const history: ReadHistory = async ({ workflowId, runId }) =>
    (await env.client.workflow.getHandle(workflowId, runId).fetchHistory()).events ?? [];
  let calls = 0;
  const startCopy = async () => {
    calls += 1;
    if (calls < 3) throw new Error('ThrottlingException: Rate exceeded');
    return 'copy-job';
  };
  const { readRetries } = createRetryActivities({ history });
  const { statement } = await drill({ instead: { startCopy, readRetries } });
  expect(statement.verdict).toBe('passed');
  // The time-skipping server keeps no last failure; a real one does.
  expect(statement.retries).toEqual([{ step: 'startCopy', attempts: 3, lastError: expect.any(String) }]);
  const unread = await drill({ refuse: { readRetries: 'RequestRefused' } });
  expect(unread.statement).not.toHaveProperty('retries');
});

test('a drill says when its resource was verified before, if anybody can tell', async () => {
  const found = {
    slot: '2026-11-20T02:30:00Z',
    pointArn: 'arn:point:9',
    fingerprints: { before: fingerprint('a'), after: fingerprint('b') },
  };
  const { statement } = await drill({ instead: { findLastVerified: async () => found } });
  expect(statement.selection.lastVerifiedAt).toBe(found.slot);
  const never = await drill({ instead: { findLastVerified: async () => null } });
  expect(never.statement.selection.lastVerifiedAt).toBeNull();
  const unread = await drill({ refuse: { findLastVerified: 'LedgerRefused' } });
  expect(unread.statement.verdict).toBe('passed');
  expect(unread.statement.selection).not.toHaveProperty('lastVerifiedAt');
});
