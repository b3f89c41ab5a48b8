import { randomUUID } from 'node:crypto';
import { BackupClient, CancelLegalHoldCommand, ListLegalHoldsCommand } from '@aws-sdk/client-backup';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { inAccount } from '../../activities/aws/clients.ts';
import { createLedgerReader } from '../../activities/ledger/index.ts';
import type { DrillFact, ProtectionFact, RetentionFact } from '../../domain/facts.ts';
import { restoreId, TASK_QUEUE } from '../../domain/names.ts';
import { checksOf } from '../../domain/policy/checks.ts';
import { finalVault, vaultArn } from '../../domain/route.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import type { NightRequest, NightResult, RestoreState } from '../../domain/requests.ts';
import { verifyExport } from '../../evidence/verifier/verify-export.ts';
import type { nightlyRun, restoreRequest } from '../../workflows/index.ts';
import { bucketPolicy, bucketsOf, OBJECTS } from '../support/bucket-site.ts';
import { ledgerClients } from '../support/ledger-clients.ts';
import { connect } from '../../scripts/sample/connection.ts';
import { foundIn, plant, PLANTED, readable, textOfFiles } from '../support/planted.ts';
import { wholeSite, type WholeSite } from '../support/whole-site.ts';

let site: WholeSite;
let lastNight: NightResult;
let reader: ReturnType<typeof createLedgerReader>;
beforeAll(async () => {
  site = await wholeSite();
  await plant(site.zone.sample);
  reader = createLedgerReader({ clients: ledgerClients(site) });
}, 240_000);
afterAll(async () => {
  // Unset when the site could not be started; that is reported by the hook above.
  if (site as WholeSite | undefined) await site.stop();
}, 60_000);

const policySha256 = 'ab'.repeat(32);

/**
 * The site's policy, which also wants to know whether the data look like those of the last verified point, and does not have read again
 * what provably did not change since.
 */
function watchful(): Policy {
  const { policy } = site.zone;
  const resources = policy.resources.map((one) => ({
    ...one,
    checks: [...checksOf(one), 'anomaly' as const],
    load: { ...one.load, rereadWithin: 365 },
  }));
  return { ...policy, resources };
}

async function night(changes: Partial<NightRequest> = {}): Promise<NightResult> {
  const slot = `${new Date().toISOString().slice(0, 19)}Z`;
  const handle = await site.client.workflow.start<typeof nightlyRun>('nightlyRun', {
    taskQueue: TASK_QUEUE,
    workflowId: `night/night-${slot}`,
    args: [{ policy: site.zone.policy, policySha256, slot, ...changes }],
  });
  return handle.result();
}

async function admin(path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await fetch(new URL(path, site.adminEndpoint), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const said = (await answer.json()) as Record<string, unknown>;
  if (!answer.ok) throw new Error(`${path}: ${JSON.stringify(said)}`);
  return said;
}

async function drillFact(result: NightResult): Promise<DrillFact> {
  const key = result.resources[0]?.drill?.statement?.key ?? '';
  return (await reader.readStatement({ policy: site.zone.policy, key })).statement.predicate as DrillFact;
}

test('a night on a busy database ends passed, isolated, taken down and sealed', async () => {
  const result = await night({ policy: watchful() });
  expect(result).toMatchObject({ verdict: 'passed', seal: { sequence: 1 } });
  const fact = await drillFact(result);
  expect(fact.point?.lock.state).toBe('immutable');
  expect(fact.point?.location).toMatchObject({
    accountId: '222222222222',
    region: 'us-east-1',
    vault: 'lifeboat',
  });
  expect(fact.fence?.attempts).toEqual([
    expect.objectContaining({ target: expect.stringContaining('production orders'), reached: false }),
    expect.objectContaining({ target: expect.stringContaining('outside'), reached: false }),
  ]);
  expect(fact.fence?.network?.routes.map(({ target }) => target)).toEqual(['local']);
  expect(fact.fence?.credentials?.attempts.map(({ refused }) => refused)).toEqual([true, true]);
  expect(result.knownBad).toMatchObject({ caught: true, cleanedUp: true });
  expect(fact.teardown?.complete).toBe(true);
  expect(fact.teardown?.removed.length).toBeGreaterThanOrEqual(4);
  const content = fact.checks.find(({ check }) => check === 'content');
  expect(content?.coverage?.provenRows).toBeGreaterThan(200_000);
  expect(content?.coverage?.notExaminedRows).toBe(0);
  expect(fact.checks.find(({ check }) => check === 'anomaly')).toMatchObject({
    status: 'passed',
    findings: [],
    notTested: [expect.stringContaining('no point was verified before this one')],
  });
}, 240_000);

test('a night of a bucket, too, ends passed, apart from production, taken down and sealed', async () => {
  const result = await night({ policy: await bucketPolicy(site) });
  expect(result.resources[0]?.drill?.reasons).toEqual([]);
  expect(result).toMatchObject({ verdict: 'passed', knownBad: { caught: true, cleanedUp: true } });
  expect(result.knownBad?.damage).toMatch(/^one bit of object [0-9a-f]{32} was changed$/);
  const fact = await drillFact(result);
  expect(fact.resource).toMatchObject({ kind: 's3-bucket', arn: 'arn:aws:s3:::papers-of-people' });
  expect(fact.point?.lock.state).toBe('immutable');
  expect(fact.checks.map(({ check, status }) => [check, status])).toEqual([
    ['objects', 'passed'],
    ['content', 'passed'],
    ['metadata', 'passed'],
  ]);
  expect(fact.checks[1]?.coverage).toEqual({ provenRows: OBJECTS, boundedRows: 0, notExaminedRows: 0 });
  expect(fact.fence?.attempts[0]).toMatchObject({
    target: 'production papers at papers-of-people.s3.eu-central-1.amazonaws.com:443',
    reached: false,
  });
  expect(fact.fence?.settings).toMatchObject({
    publicAccessBlocked: true,
    bucketPolicy: false,
    replicated: false,
  });
  expect(fact.teardown?.complete).toBe(true);
  expect(await bucketsOf(site, 'drill')).toEqual([]);
}, 240_000);

test.each([
  ['page', 'pages'],
  ['rows', 'content'],
  ['stale', 'content'],
])(
  'a vault copy damaged at rest (%s) fails the drill, which still cleans up and seals',
  async (kind, check) => {
    const policy = watchful();
    await night({ only: 'protect', policy });
    const damage = await admin('/damage', {
      kind,
      vaultArn: vaultArn(policy, finalVault(policy)),
      seed: kind,
    });
    const result = await night({ only: 'drill', policy });
    expect(result.verdict).toBe('failed');
    expect(result.seal).not.toBeNull();
    const fact = await drillFact(result);
    expect(fact.teardown?.complete).toBe(true);
    const caught = fact.checks.find((candidate) => candidate.check === check);
    expect(caught?.status).toBe('failed');
    // The source was hardly read, the copy was in full.
    const compared = fact.checks.find((candidate) => candidate.check === 'content');
    if (kind === 'rows') expect(compared?.coverage?.remembered?.rows).toBeGreaterThan(100_000);
    const named = JSON.stringify(caught?.findings);
    // `stale` changes everything; the others were done to one relation, which must be named.
    if (typeof damage['relation'] === 'string') expect(named).toContain(damage['relation'].split('.').at(-1));
  },
  240_000,
);

async function untilHandedOver(handle: WorkflowHandle): Promise<RestoreState> {
  for (;;) {
    const state = await handle.query<RestoreState>('state');
    if (state.phase === 'handed-over' || state.phase === 'ended') return state;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test('an SRE gets a verified copy by hand, and it is gone when she is done', async () => {
  await night({ only: 'protect' });
  const request = 'r-1';
  const handle = await site.client.workflow.start<typeof restoreRequest>('restoreRequest', {
    taskQueue: TASK_QUEUE,
    workflowId: restoreId(request),
    args: [
      {
        ...{ policy: site.zone.policy, policySha256, request, resource: 'orders', requestedBy: 'ada' },
        ...{ reason: 'a table was dropped', keepSeconds: 3600, acceptUnverified: false },
      },
    ],
  });
  const state = await untilHandedOver(handle);
  expect(state).toMatchObject({ phase: 'handed-over', verdict: 'passed' });
  expect(state.secretArn).toContain(':secret:rds!db-');
  await handle.executeUpdate('finish', { args: [{ by: 'ada' }] });
  expect(await handle.result()).toMatchObject({ ended: 'finished by ada', cleanedUp: true });
  const listed = await reader.listStatements({ policy: site.zone.policy });
  const facts = await Promise.all(
    listed
      .filter(({ key }) => key.includes('/restore-r-1/'))
      .map(
        async (one) => (await reader.readStatement({ policy: site.zone.policy, ...one })).statement.predicate,
      ),
  );
  expect(facts.map((fact) => (fact.type === 'restore' ? fact.phase : fact.type)).sort()).toEqual([
    ...['access', 'access', 'ended', 'handed-over'],
    ...['isolation', 'teardown', 'verified'],
  ]);
}, 240_000);

/** A rule that makes PostgreSQL quote a row in its error: the text of a name as a time. */
async function drillThatFails(): Promise<void> {
  const { policy } = site.zone;
  const resources = policy.resources.map((resource) => ({
    ...resource,
    freshness: [{ database: 'shop', table: 'public.person', column: 'email', maxAge: '15m' }],
  }));
  const result = await night({ only: 'drill', policy: { ...policy, resources } });
  expect(result.verdict).toBe('inconclusive');
}

test('no personal data leaves the databases: not in histories, logs, statements, fingerprints or reports', async () => {
  await drillThatFails();
  const texts = new Map<string, string>();
  for await (const { workflowId, runId } of site.client.workflow.list()) {
    const history = await site.client.workflow.getHandle(workflowId, runId).fetchHistory();
    const payloads = JSON.stringify(history, (_, value: unknown) =>
      value instanceof Uint8Array
        ? Buffer.from(value).toString('latin1')
        : typeof value === 'bigint'
          ? ''
          : value,
    );
    texts.set(`history of ${workflowId}`, payloads);
  }
  for (const [path, text] of await textOfFiles(site.stateDir, (name) =>
    /^(worker|prober).*\.log$/.test(name),
  ))
    texts.set(`log ${path}`, text);
  const { policy } = site.zone;
  const s3 = ledgerClients(site).s3(inAccount(policy, 'vault', policy.ledger.region));
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: policy.ledger.bucket }));
  for (const { Key } of Contents) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: policy.ledger.bucket, Key }));
    texts.set(`ledger ${Key ?? ''}`, readable((await Body?.transformToByteArray()) ?? new Uint8Array()));
  }
  const count = (kind: string) => [...texts.keys()].filter((name) => name.startsWith(kind)).length;
  expect(count('history')).toBeGreaterThan(20);
  expect(count('log')).toBe(3);
  expect(count('ledger fingerprints')).toBeGreaterThan(3);
  expect(count('ledger statements')).toBeGreaterThan(20);

  const leaks = [...texts].flatMap(([where, text]) => foundIn(text).map((value) => `${value} in ${where}`));
  expect(leaks).toEqual([]);
  // The search itself finds what is there, in every form, and the values were really read: the statements name their table.
  for (const value of Object.values(PLANTED)) {
    expect(foundIn(`x${value}x`)).toEqual([value]);
    for (const pad of ['', 'a', 'ab'])
      expect(foundIn(Buffer.from(`${pad}${value} and more`).toString('base64'))).toEqual([value]);
  }
  expect([...texts.values()].some((text) => text.includes('person'))).toBe(true);
}, 240_000);

const HOLD = { hold: 'court', by: 'grace', reason: 'a lawsuit' };
const changeHold = (ask: object): Promise<unknown> =>
  site.client.workflow.execute('changeHold', {
    taskQueue: TASK_QUEUE,
    workflowId: `hold/${randomUUID()}`,
    args: [{ policy: { ...site.zone.policy, holds: { owners: ['grace'] } }, policySha256, ...HOLD, ...ask }],
  });
const because = (message: string) => ({
  cause: { cause: { type: 'RequestRefused', message: expect.stringContaining(message) } },
});
let heldArn: string;

test('a person has a point held; strangers are refused, and so are points and days that cannot be', async () => {
  const listed = (await reader.listStatements({ policy: site.zone.policy }))
    .filter(({ key }) => key.endsWith('/protection.json'))
    .at(0);
  const { predicate } = (await reader.readStatement({ policy: site.zone.policy, key: listed?.key ?? '' }))
    .statement;
  heldArn = (predicate as ProtectionFact).points.at(-1)?.arn ?? '';
  const place = { action: 'place', pointArn: heldArn, until: '2036-01-01T23:59:59Z' };
  await expect(changeHold({ ...place, by: 'mallory' })).rejects.toMatchObject(
    because('holds.owners names grace'),
  );
  await expect(changeHold({ ...place, until: '2020-01-01T23:59:59Z' })).rejects.toMatchObject(
    because("AWS's time"),
  );
  await expect(changeHold({ ...place, pointArn: `${heldArn}0` })).rejects.toMatchObject({
    cause: { cause: { type: 'NoRecoveryPoint' } },
  });
  await changeHold(place);
  expect(await reader.listHolds({ policy: site.zone.policy })).toMatchObject([
    { ...HOLD, action: 'placed', resource: 'orders', points: [heldArn], until: place.until },
  ]);
  await expect(changeHold({ ...place, reason: 'another' })).rejects.toMatchObject(because('another --name'));
}, 60_000);

test('names that were encrypted in place at the source are warned of with column and numbers, and the drill passes', async () => {
  const client = await connect(site.zone.sample, 'ransom');
  await client.query(`UPDATE public.customer SET name = encode(sha256(convert_to(name, 'UTF8')), 'base64')`);
  await client.end();
  await admin('/clock/advance', { days: 91 });
  lastNight = await night({ policy: watchful() });
  expect(lastNight.verdict).toBe('passed');
  const anomaly = (await drillFact(lastNight)).checks.find(({ check }) => check === 'anomaly');
  expect(anomaly?.status).toBe('passed');
  const warnings = new Map(anomaly?.findings.map(({ where, message }) => [where, message]));
  expect(warnings.get('shop.public.customer.name')).toMatch(
    /average length went from \d+\.\d to 44\.0 bytes; entropy went from \d\.\d to \d\.\d bits per byte/,
  );
  expect([...warnings.keys()]).not.toContain('shop.public.customer.email');
  expect(
    lastNight.resources[0]?.drill?.checks.find(({ check }) => check === 'anomaly')?.says.join(),
  ).toContain('shop.public.customer.name');
}, 240_000);

test('91 days later the points of the first nights are gone, and the pass says so with proof', async () => {
  expect(lastNight.verdict).toBe('passed');
  const listed = await reader.listStatements({ policy: site.zone.policy });
  const retention = listed.filter(({ key }) => key.includes('/retention-')).at(-1);
  const fact = (await reader.readStatement({ policy: site.zone.policy, key: retention?.key ?? '' })).statement
    .predicate as RetentionFact;
  for (const { provenGone, lingering, withoutExpiry } of fact.vaults) {
    expect(provenGone.length).toBeGreaterThanOrEqual(4);
    expect(provenGone.every(({ seen }) => seen === 'ResourceNotFoundException')).toBe(true);
    expect(lingering).toEqual([]);
    expect(withoutExpiry).toEqual([]);
  }
  const reason = expect.stringMatching(
    /^legal hold "lifeboat night court" .* to be looked at by 2036-01-01T/,
  );
  expect(fact.vaults.flatMap(({ held }) => held)).toEqual([{ arn: heldArn, reason }]);
}, 240_000);

test('the control plane releases no hold; once somebody else did, that is on record', async () => {
  const { policy } = site.zone;
  const release = { action: 'release', reason: 'settled' };
  await expect(changeHold(release)).rejects.toMatchObject(
    because('aws backup cancel-legal-hold --region us-east-1'),
  );
  const { region } = finalVault(policy);
  const { AWS_ENDPOINT_URL: endpoint = '' } = site.environment;
  const backup = new BackupClient({ endpoint, region, credentials: site.administrators.vault });
  const product = ledgerClients(site).backup(inAccount(policy, 'vault', region));
  const [hold] = (await backup.send(new ListLegalHoldsCommand({}))).LegalHolds ?? [];
  const cancel = new CancelLegalHoldCommand({
    LegalHoldId: hold?.LegalHoldId,
    CancelDescription: 'case closed',
  });
  await expect(product.send(cancel)).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await backup.send(cancel);
  backup.destroy();
  await changeHold(release);
  expect(await reader.listHolds({ policy })).toMatchObject([
    { hold: 'court', action: 'released', points: [heldArn], reason: 'settled (AWS was told: case closed)' },
  ]);
}, 60_000);

test('all the evidence of these nights verifies offline', async () => {
  const out = await mkdtemp(join(tmpdir(), 'lifeboat-export-'));
  try {
    const folder = join(out, 'evidence');
    await reader.exportEvidence({ policy: site.zone.policy, out: folder });
    const report = verifyExport(folder);
    expect(report).toMatchObject({ verdict: 'verified', findings: [], warnings: [] });
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}, 120_000);
