import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createLedgerActivities, createLedgerReader } from '../../activities/ledger/index.ts';
import { connectControlPlane } from '../../cli/temporal-control-plane.ts';
import type { SignOffFact, WaiverFact } from '../../domain/claims.ts';
import type { Fact } from '../../domain/facts.ts';
import { TASK_QUEUE } from '../../domain/names.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import { canonicalSha256 } from '../../evidence/canonical.ts';
import { verifyExport } from '../../evidence/verifier/verify-export.ts';
import { temporalSettings } from '../../worker/temporal-connection.ts';
import { lifeboat as lifeboatWith, type Said } from '../support/cli-world.ts';
import { localLedger, type LocalLedger } from '../support/local-ledger.ts';
import { devServer, workflowBundle } from '../support/temporal.ts';
import { drillFact, nightFact, SLOT } from '../unit/evidence-facts.ts';
import { quietRuntime } from '../workflow/site.ts';

/** The command, a Temporal server, the control plane's worker and a ledger, each the real one. */
let ledger: LocalLedger;
let policy: Policy;
let lifeboat: (...line: string[]) => Promise<Said>;
const undo: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  quietRuntime();
  const [local, temporal] = await Promise.all([localLedger(), devServer()]);
  ledger = local;
  undo.push(
    () => temporal.stop(),
    () => local.close(),
  );
  policy = {
    ...local.policy,
    reviewers: ['grace', 'ada'],
    waivers: { owners: ['grace'], longest: '90d' },
  };
  const connection = await NativeConnection.connect({ address: temporal.address });
  const worker = await Worker.create({
    connection,
    taskQueue: TASK_QUEUE,
    workflowBundle: workflowBundle(),
    activities: createLedgerActivities({ clients: local.clients }),
  });
  const running = worker.run();
  undo.unshift(async () => {
    worker.shutdown();
    await running;
    await connection.close();
  });
  const connect = () => connectControlPlane(temporalSettings({ TEMPORAL_ADDRESS: temporal.address }));
  const loaded = { file: 'lifeboat.yaml', policy, policySha256: canonicalSha256(policy) };
  lifeboat = (...line) => lifeboatWith(line, { connect, policy: () => loaded });
}, 60_000);

afterAll(async () => {
  for (const step of undo) await step();
});

async function statements<F extends Fact>(type: F['type']): Promise<{ key: string; fact: F }[]> {
  const reader = createLedgerReader({ clients: ledger.clients });
  const listed = await reader.listStatements({ policy });
  const read = await Promise.all(listed.map((one) => reader.readStatement({ policy, ...one })));
  return read
    .map(({ key, statement }) => ({ key, fact: statement.predicate as F }))
    .filter(({ fact }) => fact.type === type);
}

async function drill(slot: string, changes: Partial<ReturnType<typeof drillFact>>): Promise<string> {
  const activities = createLedgerActivities({ clients: ledger.clients });
  const fact = { ...drillFact('orders', slot), ...changes };
  return (await activities.recordStatement({ policy, scope: `drill-orders-${slot}`, name: 'drill', fact }))
    .key;
}

test('a reviewer signs the newest drill off by a command, and it is on record with the digest of what was reviewed', async () => {
  const key = await drill(SLOT, {});
  const said = await lifeboat(
    'evidence',
    'sign-off',
    'orders',
    '--as',
    'grace',
    '--note',
    'looked at the findings',
  );
  expect(said).toMatchObject({ status: 0, err: '' });
  expect(said.out).toContain('grace accepted it; on record as statements/');
  const [signOff, ...others] = await statements<SignOffFact>('sign-off');
  expect(others).toEqual([]);
  expect(signOff?.fact).toMatchObject({
    policy: 'sample',
    reviewer: 'grace',
    decision: 'accepted',
    note: 'looked at the findings',
    statement: { key },
  });
  const evidence = await createLedgerReader({ clients: ledger.clients }).findDrill({
    policy,
    which: 'orders',
  });
  expect(evidence.signOffs).toEqual([{ key: signOff?.key, fact: signOff?.fact }]);
});

test('whoever ran a drill may not sign it off, nor somebody whom the policy does not name', async () => {
  const slot = '2026-11-22T10:00:00Z';
  const key = await drill(slot, { trigger: 'by-hand', requestedBy: 'ada' });
  const before = await statements('sign-off');
  const own = await lifeboat('evidence', 'sign-off', key, '--as', 'ada');
  expect(own.status).toBe(2);
  expect(own.err).toContain(`ada took part in ${key}; somebody else must sign it off. Nothing was written.`);
  const stranger = await lifeboat('evidence', 'sign-off', key, '--as', 'mallory');
  expect(stranger.status).toBe(2);
  expect(stranger.err).toContain("mallory is not one of the policy's reviewers (grace, ada)");
  expect(await statements('sign-off')).toEqual(before);
  const other = await lifeboat('evidence', 'sign-off', key, '--as', 'grace', '--decision', 'rejected');
  expect(other.status).toBe(0);
  expect(await statements('sign-off')).toHaveLength(before.length + 1);
});

test('a waiver by its owner is on record until its day; others, and days too far away, are refused', async () => {
  const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  const add = (owner: string, days: number) =>
    lifeboat(
      ...['waiver', 'add', '--what', 'structure', '--reason', 'gin indexes are only read', '--owner', owner],
      ...['--expires', day(days), '--resource', 'orders', '--name', 'gin'],
    );
  const stranger = await add('mallory', 30);
  expect(stranger.status).toBe(2);
  expect(stranger.err).toContain('mallory may not answer for an exception; waivers.owners names grace');
  const long = await add('grace', 120);
  expect(long.err).toContain('waivers.longest allows 90d');
  expect(await statements('waiver')).toEqual([]);
  const said = await add('grace', 30);
  expect(said).toMatchObject({ status: 0, err: '' });
  const waivers = await statements<WaiverFact>('waiver');
  expect(waivers.map(({ fact }) => fact)).toMatchObject([
    { waiver: 'gin', owner: 'grace', resource: 'orders', expires: `${day(30)}T23:59:59Z` },
  ]);
});

test('which policy was applied, and whether an alert is open, is read from the newest statement of it', async () => {
  const activities = createLedgerActivities({ clients: ledger.clients });
  const [first, second] = ['ab'.repeat(32), 'cd'.repeat(32)] as const;
  const apply = (name: string, policySha256: string, at: string) =>
    activities.recordStatement({
      policy,
      scope: `policy-${name}-${at}`,
      name: 'policy-applied',
      fact: { type: 'policy-applied', policy: name, policySha256, resources: ['orders'] },
    });
  const onRecord = (policySha256: string) => activities.policyOnRecord({ policy, policySha256 });
  expect(await onRecord(first)).toBe(false);
  await apply('sample', first, '2026-11-20T02:30:00Z');
  await apply('sample-two', second, '2026-11-21T02:30:00Z');
  expect([await onRecord(first), await onRecord(second)]).toEqual([true, false]);
  // S3's dates, which decide, are whole seconds.
  await fetch(`${ledger.aws.adminEndpoint}/clock/advance`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ days: 1 }),
  });
  await apply('sample', second, '2026-11-22T02:30:00Z');
  expect([await onRecord(first), await onRecord(second)]).toEqual([false, true]);

  const alert = (state: 'raised' | 'cleared', slot: string) =>
    activities.recordStatement({
      policy,
      scope: `known-bad-sample-${slot}`,
      name: state === 'raised' ? 'alert' : 'alert-cleared',
      slot,
      fact: {
        ...{ type: 'alert', policy: 'sample', policySha256: first, alert: 'known-bad/sample', state },
        ...{ severity: 'page', subject: 'orders', message: '', at: slot, deliveries: [] },
      },
    });
  const open = () => activities.openAlert({ policy, alert: 'known-bad/sample' });
  const today = (await activities.awsNow({ policy })).slice(0, 10);
  expect(await open()).toBeNull();
  await alert('raised', `${today}T02:30:00Z`);
  expect(await open()).toMatchObject({ raisedAt: `${today}T02:30:00Z`, subject: 'orders' });
  expect(await activities.openAlert({ policy, alert: 'another' })).toBeNull();
  const later = new Date(Date.parse(`${today}T02:30:00Z`) + 86_400_000).toISOString();
  await alert('cleared', `${later.slice(0, 19)}Z`);
  expect(await open()).toBeNull();
});

test('what people decided is sealed with the night and verifies offline', async () => {
  const activities = createLedgerActivities({ clients: ledger.clients });
  await activities.sealNight({ policy, slot: SLOT, night: nightFact(['orders']) });
  const out = join(ledger.folder, 'export');
  await createLedgerReader({ clients: ledger.clients }).exportEvidence({ policy, out });
  expect(verifyExport(out)).toMatchObject({ verdict: 'verified', findings: [] });
});
