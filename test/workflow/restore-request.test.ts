import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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

describe('a policy that wants two people to agree', () => {
  const plain = somePolicy();
  const policy = {
    ...plain,
    restore: { approvals: 2, approvers: ['ada', 'grace', 'linus', 'barbara'], decideWithin: '4h' },
  };
  const asked = { ...request, policy };
  const decide = (handle: unknown, by: string, decision = 'approved', reason = ''): Promise<RestoreState> =>
    (handle as Handle).executeUpdate('decide', { args: [{ by, decision, reason }] });
  const refusedWith = (message: string) => ({
    cause: expect.objectContaining({ type: 'RequestRefused', message: expect.stringContaining(message) }),
  });

  test('begins nothing before they did, and names them in every statement', async () => {
    const site = fakeSite();
    const result = await serving(env, site, async (start) => {
      const handle = await start('restoreRequest', asked);
      await untilPhase(handle, 'awaiting-approval');
      const one = await decide(handle, 'grace');
      expect(one.approval).toMatchObject({ needed: 2, decisions: [{ by: 'grace' }] });
      expect(site.calls).not.toContain('choosePoint');
      await decide(handle, 'linus', 'approved', 'go on');
      return handle.result();
    });
    expect(result).toMatchObject({ verdict: 'passed', handedOver: true });
    const of = (type: string) => site.statements.filter((fact) => fact.type === type);
    expect(of('approval')).toMatchObject([
      { by: 'grace', decision: 'approved', request: 'r-1' },
      { by: 'linus', decision: 'approved', reason: 'go on' },
    ]);
    for (const fact of of('restore'))
      expect(fact).toMatchObject({ approvalsNeeded: 2, approvals: [{ by: 'grace' }, { by: 'linus' }] });
    for (const fact of of('access')) expect(fact).toMatchObject({ approvedBy: ['grace', 'linus'] });
  });

  test('refuses the person who asked, strangers, second votes, and a denial without a reason', async () => {
    const site = fakeSite();
    const result = await serving(env, site, async (start) => {
      const handle = await start('restoreRequest', asked);
      await untilPhase(handle, 'awaiting-approval');
      await expect(decide(handle, 'ada')).rejects.toMatchObject(refusedWith('ada asked for this restore'));
      await expect(decide(handle, 'mallory')).rejects.toMatchObject(refusedWith('not one of the policy'));
      await expect(decide(handle, 'grace', 'denied')).rejects.toMatchObject(refusedWith('Say why'));
      await decide(handle, 'grace');
      await expect(decide(handle, 'grace')).rejects.toMatchObject(
        refusedWith('grace has approved it already'),
      );
      await decide(handle, 'linus', 'denied', 'that table is still there');
      const ended = await handle.result();
      return ended;
    });
    expect(result).toMatchObject({
      verdict: 'inconclusive',
      handedOver: false,
      ended: 'denied by linus: that table is still there',
      cleanedUp: true,
    });
    expect(site.calls).not.toContain('startRestore');
    expect(site.statements.at(-1)).toMatchObject({
      type: 'restore',
      phase: 'ended',
      verdict: 'inconclusive',
    });
  });

  test('is not kept waiting for ever: what nobody agreed to in time does not begin', async () => {
    const { result, calls, phases } = await restore({}, asked);
    expect(result.ended).toBe('it was not agreed to within 4 h: 0 of 2 approvals');
    expect(calls).not.toContain('choosePoint');
    expect(phases).toEqual(['ended']);
  });

  test('may be told by who asked that it is not needed any more', async () => {
    const site = fakeSite();
    const result = await serving(env, site, async (start) => {
      const handle = await start('restoreRequest', asked);
      await untilPhase(handle, 'awaiting-approval');
      await (handle as unknown as Handle).executeUpdate('finish', { args: [{ by: 'ada' }] });
      return handle.result();
    });
    expect(result).toMatchObject({ ended: 'finished by ada', handedOver: false });
    expect(site.calls).not.toContain('choosePoint');
  });
});
