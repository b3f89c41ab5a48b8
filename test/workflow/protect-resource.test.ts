import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { TakeFingerprint } from '../../activities/prober.ts';
import type { ProtectionFact } from '../../domain/facts.ts';
import type { ProtectRequest } from '../../domain/requests.ts';
import { fakeSite, fingerprint, somePolicy, type SiteOptions } from '../support/fake-site.ts';
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

const REMEMBERED = {
  slot: '2026-11-20T02:30:00Z',
  pointArn: 'arn:point:earlier',
  fingerprints: { before: fingerprint('known before'), after: fingerprint('known after') },
};

test.each<[string, number | undefined, SiteOptions, object]>([
  ['takes what did not change from the last verified night', 7, {}, { known: REMEMBERED.fingerprints }],
  ['reads everything when no night was verified', 7, { instead: { findLastVerified: async () => null } }, {}],
  [
    'reads everything when the ledger cannot be searched',
    7,
    { refuse: { findLastVerified: 'LedgerRefused' } },
    {},
  ],
  ['does not ask when the policy wants everything read', undefined, {}, {}],
])('the first pass %s, and no seed is in a history', async (_, rereadWithin, options, expected) => {
  const asked: TakeFingerprint[] = [];
  const takeFingerprint = async (ask: TakeFingerprint) => {
    asked.push(ask);
    return fingerprint(ask.pass);
  };
  const findLastVerified = async () => REMEMBERED;
  const [resource] = request.policy.resources;
  const load = rereadWithin === undefined ? {} : { load: { rereadWithin } };
  const policy = { ...request.policy, resources: [{ ...resource!, ...load }] };
  const site = fakeSite({ ...options, instead: { findLastVerified, takeFingerprint, ...options.instead } });
  const result = await serving(env, site, async (start) =>
    (await start('protectResource', { ...request, policy })).result(),
  );
  expect(result.outcome).toBe('protected');
  expect(site.calls.includes('findLastVerified')).toBe(rereadWithin !== undefined);
  expect(asked.map(({ pass }) => pass)).toEqual(['before', 'after']);
  expect(asked.map(({ known }) => (known === undefined ? {} : { known }))).toEqual([expected, {}]);
  expect(asked.map((ask) => 'seed' in ask)).toEqual([false, false]);
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
