import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { ProtectionFact } from '../../domain/facts.ts';
import type { ProtectRequest } from '../../domain/requests.ts';
import { fakeSite, somePolicy, type SiteOptions } from '../support/fake-site.ts';
import { timeSkippingEnvironment } from '../support/temporal.ts';
import { quietRuntime, serving } from './site.ts';

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  quietRuntime();
  env = await timeSkippingEnvironment();
});
afterAll(async () => env.teardown());

const request: ProtectRequest = {
  policy: somePolicy(),
  policySha256: 'ff',
  slot: '2026-11-21T02:30:00Z',
  resource: 'orders',
  trigger: 'night',
};

async function protect(options: SiteOptions = {}) {
  const site = fakeSite(options);
  const result = await serving(env, site, async (start) =>
    (await start('protectResource', request)).result(),
  );
  return { ...site, result, statement: site.statements.at(-1) as ProtectionFact };
}

test('a resource is fingerprinted on both sides of its backup, copied hop by hop, read back and stated', async () => {
  const { result, calls, statement } = await protect();
  expect(result).toMatchObject({
    outcome: 'protected',
    fingerprints: { before: { sha256: 'before' }, after: { sha256: 'after' } },
  });
  expect(result.points.map(({ location }) => location.vault)).toEqual([
    'lifeboat-local',
    'lifeboat-relay',
    'lifeboat',
  ]);
  const order = calls.filter((call) =>
    ['takeFingerprint', 'startBackup', 'waitForBackup', 'startCopy', 'readBackPoint'].includes(call),
  );
  expect(order).toEqual([
    'takeFingerprint',
    'startBackup',
    'waitForBackup',
    'takeFingerprint',
    'readBackPoint',
    'startCopy',
    'readBackPoint',
    'startCopy',
    'readBackPoint',
  ]);
  expect(statement).toMatchObject({
    type: 'protection',
    outcome: 'protected',
    endpoint: { host: '127.10.1.5' },
  });
});

test('a backup job that fails is repeated once under a token of its own', async () => {
  const { result, calls } = await protect({ refuseOnce: { waitForBackup: 'BackupFailed' } });
  expect(result.outcome).toBe('protected');
  expect(calls.filter((call) => call === 'startBackup')).toHaveLength(2);
});

test('a backup that fails twice ends failed, with the reason, and is stated', async () => {
  const { result, statement } = await protect({ refuse: { waitForBackup: 'BackupFailed' } });
  expect(result).toMatchObject({ outcome: 'failed', reason: 'waitForBackup was refused' });
  expect(statement).toMatchObject({ outcome: 'failed', reason: 'waitForBackup was refused', points: [] });
});

test('a fingerprint that cannot be taken does not stop the backup', async () => {
  const { result, calls } = await protect({ refuse: { takeFingerprint: 'DatabaseUnreachable' } });
  expect(result).toMatchObject({ outcome: 'protected', fingerprints: null });
  expect(calls.filter((call) => call === 'takeFingerprint')).toHaveLength(1);
});

test.each([
  ['preflight', 'PreflightRefused'],
  ['describeSource', 'ResourceMissing'],
] as const)('nothing is backed up when %s refuses', async (step, type) => {
  const { result, calls } = await protect({ refuse: { [step]: type } });
  expect(result.outcome).toBe('failed');
  expect(calls).not.toContain('startBackup');
});

test('a point in a vault that is not locked as the policy says is not a protected resource', async () => {
  const { activities } = fakeSite();
  const readBackPoint = async (ask: Parameters<typeof activities.readBackPoint>[0]) => ({
    ...(await activities.readBackPoint(ask)),
    lock: { state: 'none' as const },
  });
  const { result } = await protect({ instead: { readBackPoint: readBackPoint } });
  expect(result.outcome).toBe('failed');
  expect(result.reason).toContain('is not under a compliance lock (none)');
});
