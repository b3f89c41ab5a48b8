import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { DrillFact } from '../../domain/facts.ts';
import type { DrillRequest } from '../../domain/requests.ts';
import { fakeSite, somePolicy, type SiteOptions } from '../support/fake-site.ts';
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
