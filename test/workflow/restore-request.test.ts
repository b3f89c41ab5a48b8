import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { RestoreFact } from '../../domain/facts.ts';
import type { RestoreRequest, RestoreState } from '../../domain/requests.ts';
import { fakeSite, somePolicy, type SiteOptions } from '../support/fake-site.ts';
import { timeSkippingEnvironment } from '../support/temporal.ts';
import { quietRuntime, serving } from './site.ts';

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  quietRuntime();
  env = await timeSkippingEnvironment();
});
afterAll(async () => env.teardown());

const request: RestoreRequest = {
  policy: somePolicy(),
  policySha256: 'ff',
  request: 'r-1',
  resource: 'orders',
  requestedBy: 'ada',
  reason: 'somebody dropped a table',
  keepSeconds: 8 * 3600,
  acceptUnverified: false,
};

type Handle = {
  query(name: string): Promise<RestoreState>;
  executeUpdate(name: string, options: { args: unknown[] }): Promise<RestoreState>;
};

async function untilPhase(handle: unknown, phase: RestoreState['phase']): Promise<RestoreState> {
  for (;;) {
    const state = await (handle as Handle).query('state');
    if (state.phase === phase) return state;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function restore(options: SiteOptions = {}, asked = request) {
  const site = fakeSite(options);
  const result = await serving(env, site, async (start) => (await start('restoreRequest', asked)).result());
  const phases = site.statements.map((fact) => (fact.type === 'restore' ? fact.phase : fact.type));
  return { ...site, result, phases };
}

test('a verified copy is handed over, kept until its deadline, and taken down', async () => {
  const { result, phases, calls } = await restore();
  expect(result).toMatchObject({
    verdict: 'passed',
    handedOver: true,
    ended: 'its deadline passed',
    cleanedUp: true,
  });
  expect(phases).toEqual(['verified', 'handed-over', 'access', 'access', 'isolation', 'teardown', 'ended']);
  expect(calls.indexOf('deleteCopy')).toBeGreaterThan(calls.indexOf('extendExpiry'));
});

test('the person who is done ends it before its deadline', async () => {
  const site = fakeSite();
  // Without a client that waits for the result, the test server's time stands still, as a person's does.
  const result = await serving(env, site, async (start) => {
    const handle = await start('restoreRequest', request);
    const state = await untilPhase(handle, 'handed-over');
    expect(state).toMatchObject({
      verdict: 'passed',
      endpoint: '127.20.1.5:5433',
      secretArn: 'arn:secret:drill',
    });
    await (handle as unknown as Handle).executeUpdate('finish', { args: [{ by: 'ada' }] });
    return handle.result();
  });
  expect(result).toMatchObject({ ended: 'finished by ada', cleanedUp: true });
});

test('finishing without a name is refused to the caller', async () => {
  await serving(env, fakeSite(), async (start) => {
    const handle = await start('restoreRequest', request);
    await untilPhase(handle, 'handed-over');
    const refused = (handle as unknown as Handle).executeUpdate('finish', { args: [{ by: ' ' }] });
    await expect(refused).rejects.toMatchObject({ cause: { type: 'RequestRefused' } });
    await handle.result();
  });
});

test('a copy that is not verified is not handed over', async () => {
  const { result, phases } = await restore({ checks: 'failed' });
  expect(result).toMatchObject({
    verdict: 'failed',
    handedOver: false,
    ended: 'it was not verified, and not handed over',
  });
  expect(phases).toEqual(['verified', 'isolation', 'teardown', 'ended']);
});

test('a copy that is not verified is handed over when the request accepts that, and the evidence says so', async () => {
  const { result, statements } = await restore({ checks: 'failed' }, { ...request, acceptUnverified: true });
  expect(result).toMatchObject({ verdict: 'failed', handedOver: true });
  expect(statements).toContainEqual(expect.objectContaining({ phase: 'handed-over', verdict: 'failed' }));
});

test('a copy that reaches production is handed over to nobody', async () => {
  const { result } = await restore({ reached: true }, { ...request, acceptUnverified: true });
  expect(result).toMatchObject({ verdict: 'failed', handedOver: false });
});

test('nobody keeps a copy for longer than a day', async () => {
  const { statements } = await restore({}, { ...request, keepSeconds: 30 * 86_400 });
  const handedOver = statements.find((fact) => (fact as RestoreFact).phase === 'handed-over') as RestoreFact;
  expect(handedOver.deadline).toBe('2026-11-22T02:30:00.000Z');
});
