import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteRecoveryPointCommand,
  DescribeBackupVaultCommand,
  ListLegalHoldsCommand,
} from '@aws-sdk/client-backup';
import { DeleteDBInstanceCommand, RDSClient } from '@aws-sdk/client-rds';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { fromIni } from '@aws-sdk/credential-providers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { startLocalAws } from '../../local-aws/src/index.ts';
import type { LocalAws } from '../../local-aws/src/index.ts';
import { createAwsClients, inAccount } from '../../activities/aws/clients.ts';
import type { AwsClients } from '../../activities/aws/clients.ts';
import { createBackupJobActivities } from '../../activities/backup-jobs.ts';
import { createDrivers } from '../../activities/kinds/index.ts';
import { createLedgerActivities } from '../../activities/ledger/index.ts';
import { createPreflight } from '../../activities/preflight.ts';
import { createRestoreActivities } from '../../activities/restores.ts';
import { createRetentionActivities } from '../../activities/retention.ts';
import { createSweepActivities } from '../../activities/sweep.ts';
import { createTeardownActivities } from '../../activities/teardown.ts';
import { parsePolicy } from '../../domain/policy/parse.ts';
import { finalVault, routeOf, transitVault } from '../../domain/route.ts';
import type { Vault } from '../../domain/route.ts';
import { ACCOUNTS, prepareLandingZone } from '../../scripts/landing-zone/index.ts';
import type { LandingZone, ProgramName } from '../../scripts/landing-zone/index.ts';

let stateDir: string;
let aws: LocalAws;
let zone: LandingZone;
let clients: AwsClients;

async function prepare(): Promise<LandingZone> {
  const { production, vault, drill } = ACCOUNTS;
  const key = (account: string) => aws.accounts[account]!;
  return prepareLandingZone({
    ...{ endpoint: aws.endpoint, adminEndpoint: aws.adminEndpoint, stateDir, databaseCa: aws.caBundle },
    administrators: { production: key(production), vault: key(vault), drill: key(drill) },
  });
}

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'lifeboat-landing-zone-'));
  await chmod(stateDir, 0o711); // PostgreSQL's own user must get through when we are root
  aws = await startLocalAws({
    ...{ stateDir: join(stateDir, 'aws'), port: 0, adminPort: 0 },
    accounts: Object.entries(ACCOUNTS).map(([name, id]) => ({ name, id })),
  });
  zone = await prepare();
  // What a worker's process has, and nothing else: every call below is made under the documents of infra/iam.
  Object.assign(process.env, zone.environments.worker);
  clients = createAwsClients({ sessionName: 'lifeboat-test' });
}, 180_000);
afterAll(async () => {
  clients.destroy();
  await aws.close();
  await rm(stateDir, { recursive: true, force: true });
});

/** The ARN of a recovery point that does not exist. */
function anyPointIn({ account, region }: Pick<Vault, 'account' | 'region'>): string {
  return `arn:aws:rds:${region}:${ACCOUNTS[account]}:snapshot:awsbackup:copyjob-0`;
}

/** The credentials that a program's process has. */
function as(program: ProgramName, region: string) {
  const { AWS_PROFILE, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE } = zone.environments[program];
  const files = { configFilepath: AWS_CONFIG_FILE!, filepath: AWS_SHARED_CREDENTIALS_FILE! };
  return {
    region,
    endpoint: aws.endpoint,
    credentials: fromIni({ profile: AWS_PROFILE!, ...files, ignoreCache: true }),
  };
}

test('everything that a night needs holds, as the preflight of the product sees it under its own roles', async () => {
  const conditions = await createPreflight(clients, createDrivers(clients)).conditions(zone.policy);
  expect(conditions.length).toBeGreaterThanOrEqual(11);
  expect(conditions.filter(({ state }) => state !== 'ok')).toEqual([]);
});

test('the locks are immutable, not on their way to it', async () => {
  const { now } = (await (await fetch(new URL('/clock', aws.adminEndpoint))).json()) as { now: string };
  for (const { account, region, name, lock } of routeOf(zone.policy)) {
    if (lock === 'none') continue;
    const backup = clients.backup(inAccount(zone.policy, account, region));
    const { Locked, LockDate } = await backup.send(new DescribeBackupVaultCommand({ BackupVaultName: name }));
    expect(Locked).toBe(true);
    expect(LockDate!.getTime()).toBeLessThan(Date.parse(now));
  }
});

test('a second start finds what exists and changes nothing', async () => {
  const clock = async (): Promise<number> =>
    ((await (await fetch(new URL('/clock', aws.adminEndpoint))).json()) as { offsetSeconds: number })
      .offsetSeconds;
  const before = await clock();
  const again = await prepare();
  expect(again.loadedNow).toBe(false);
  expect(again.policy).toEqual(zone.policy);
  expect(again.sample).toEqual(zone.sample);
  expect(await clock()).toBe(before);
});

test('the policy that was written is one that the parser takes without a warning, and credentials are for their owner only', async () => {
  const text = await readFile(zone.policyFile, 'utf8');
  expect(text).toMatch(/^# yaml-language-server: \$schema=file:.*\/docs\/lifeboat\.schema\.json\n/);
  expect(parsePolicy(text, zone.policyFile)).toMatchObject({ ok: true, warnings: [] });
  for (const { AWS_SHARED_CREDENTIALS_FILE } of Object.values(zone.environments)) {
    expect((await stat(AWS_SHARED_CREDENTIALS_FILE!)).mode & 0o077).toBe(0);
  }
});

test('the roles suffice for a point on its whole way: backup, copies, restore, new credentials, removal', async () => {
  const { policy } = zone;
  const activity = new MockActivityEnvironment();
  const polling = { pollSeconds: 0.05 };
  const drivers = createDrivers(clients);
  const jobs = createBackupJobActivities({ clients, polling });
  const restores = createRestoreActivities({ clients, drivers, polling });
  const teardown = createTeardownActivities({ clients, drivers, polling });
  const run = async <T>(step: () => Promise<T>): Promise<T> => await activity.run(step);
  const slot = '2026-11-21T02:30:00Z';
  const { arn: resourceArn } = policy.resources[0]!;

  const jobId = await run(() =>
    jobs.startBackup({ policy, resource: 'orders', resourceArn, slot, attempt: 0 }),
  );
  let pointArn = await run(() => jobs.waitForBackup({ policy, jobId }));
  const [first, ...rest] = routeOf(policy);
  let from = first;
  for (const to of [...rest, transitVault(policy)]) {
    const copy = { policy, from, to, pointArn, deleteAfterDays: 90, purpose: 'test' };
    const copyJobId = await run(() => jobs.startCopy(copy));
    pointArn = await run(() => jobs.waitForCopy({ policy, from, to, copyJobId }));
    from = to;
  }
  expect(pointArn).toContain(`:${ACCOUNTS.drill}:`);

  const copy = { policy, kind: 'rds-instance', name: 'lb-drill-orders-test' } as const;
  const drill = 'drill/orders/test';
  const restoreJob = await run(() => restores.startRestore({ ...copy, pointArn, drill }));
  const expiresAt = '2027-01-01T00:00:00Z';
  await run(() =>
    restores.waitForRestore({ ...copy, jobId: restoreJob, drill, resource: 'orders', expiresAt }),
  );
  await run(() => restores.waitUntilAvailable(copy));
  await run(() => restores.resetAccess(copy));
  const secretArn = (await run(() => restores.waitForAccess(copy))) ?? '';
  await run(() => restores.readBootFacts(copy));
  await run(() => restores.readSettings(copy));
  const secret = await new SecretsManagerClient(as('proberDrill', policy.drill.region)).send(
    new GetSecretValueCommand({ SecretId: secretArn }),
  );
  expect(JSON.parse(secret.SecretString!)).toMatchObject({ username: 'shop_owner' });

  await run(() => teardown.deleteCopy({ ...copy, drill }));
  const proofs = await run(() => teardown.waitUntilCopyGone({ ...copy, secretArn }));
  await run(() => teardown.deleteTransitPoint({ policy, pointArn }));
  proofs.push(...(await run(() => teardown.waitUntilTransitPointGone({ policy, pointArn }))));
  expect(proofs.length).toBeGreaterThanOrEqual(2);
  expect(proofs.filter(({ absent }) => !absent)).toEqual([]);
}, 180_000);

test('the roles suffice for the retention pass, the sweep and the evidence', async () => {
  const { policy } = zone;
  const activity = new MockActivityEnvironment();
  const run = async <T>(step: () => Promise<T>): Promise<T> => await activity.run(step);
  const ledger = createLedgerActivities({ clients });
  const awsNow = await run(() => ledger.awsNow({ policy }));
  for (const vault of routeOf(policy)) {
    const gone = { arn: anyPointIn(vault), dueAt: awsNow };
    const seen = await run(() =>
      createRetentionActivities({ clients }).inspectVault({ policy, vault, awsNow, promised: [gone] }),
    );
    expect(seen.provenGone).toEqual([{ ...gone, seen: 'ResourceNotFoundException' }]);
    const backup = clients.backup(inAccount(policy, vault.account, vault.region));
    await backup.send(new ListLegalHoldsCommand({}));
  }
  const sweep = createSweepActivities({ clients, drivers: createDrivers(clients) });
  expect(await run(() => sweep.findOrphans({ policy, awsNow }))).toEqual({ remove: [], refused: [] });

  const slot = '2026-11-21T02:30:00Z';
  const applied = {
    type: 'policy-applied',
    policy: policy.name,
    policySha256: 'a'.repeat(64),
    resources: ['orders'],
  } as const;
  const statement = { policy, scope: 'policy', name: `applied-${slot}`, fact: applied, slot };
  const ref = await run(() => ledger.recordStatement(statement));
  expect(ref.type).toBe('policy-applied');
  const night = {
    type: 'night',
    policy: policy.name,
    policySha256: 'a'.repeat(64),
    slot,
    population: [],
    verdict: 'inconclusive',
  } as const;
  const seal = await run(() => ledger.sealNight({ policy, slot, night }));
  expect(seal.statements).toBeGreaterThanOrEqual(1);
});

test('the control plane cannot read a secret, delete a point or touch a production database', async () => {
  const { policy } = zone;
  const production = inAccount(policy, 'production', policy.backup.region);
  const { credentials: SecretId } = policy.resources[0]!;
  await expect(clients.secrets(production).send(new GetSecretValueCommand({ SecretId }))).rejects.toThrow(
    /not authorized/,
  );
  const remove = new DeleteDBInstanceCommand({ DBInstanceIdentifier: 'orders', SkipFinalSnapshot: true });
  await expect(clients.rds(production).send(remove)).rejects.toThrow(/not authorized/);
  await expect(new RDSClient(as('worker', policy.backup.region)).send(remove)).rejects.toThrow();
  for (const vault of [routeOf(policy)[0], finalVault(policy)]) {
    const point = { BackupVaultName: vault.name, RecoveryPointArn: anyPointIn(vault) };
    const backup = clients.backup(inAccount(policy, vault.account, vault.region));
    await expect(backup.send(new DeleteRecoveryPointCommand(point))).rejects.toThrow(/not authorized/);
  }
});

test('a prober reads the secret of its own network only, and the ledger below fingerprints/ only', async () => {
  const { policy } = zone;
  const { region, bucket: Bucket } = policy.ledger;
  const SecretId = policy.resources[0]!.credentials;
  const read = new GetSecretValueCommand({ SecretId });
  const own = await new SecretsManagerClient(as('proberProduction', policy.backup.region)).send(read);
  expect(JSON.parse(own.SecretString!)).toMatchObject({ username: 'lifeboat_reader' });
  await expect(
    new SecretsManagerClient(as('proberDrill', policy.backup.region)).send(read),
  ).rejects.toThrow();

  const writer = new S3Client(as('proberProduction', region));
  await writer.send(new PutObjectCommand({ Bucket, Key: 'fingerprints/x', Body: 'digests' }));
  const reader = new S3Client(as('proberDrill', region));
  const { Body } = await reader.send(new GetObjectCommand({ Bucket, Key: 'fingerprints/x' }));
  expect(await Body?.transformToString()).toBe('digests');
  for (const s3 of [writer, reader]) {
    const put = new PutObjectCommand({ Bucket, Key: 'statements/x', Body: 'forged' });
    await expect(s3.send(put)).rejects.toThrow(/not authorized|Access ?Denied/i);
  }
  await expect(
    reader.send(new PutObjectCommand({ Bucket, Key: 'fingerprints/y', Body: 'z' })),
  ).rejects.toThrow(/not authorized|Access ?Denied/i);
  await expect(writer.send(new DeleteObjectCommand({ Bucket, Key: 'fingerprints/x' }))).rejects.toThrow(
    /not authorized|Access ?Denied/i,
  );
});

test('nobody writes a statement without compliance retention, not even under the role that writes statements', async () => {
  const { bucket: Bucket, region } = zone.policy.ledger;
  const s3 = clients.s3(inAccount(zone.policy, 'vault', region));
  const plain = { Bucket, Key: 'statements/2026-11-21/test.json', Body: '{}' };
  await expect(s3.send(new PutObjectCommand(plain))).rejects.toThrow(/not authorized|Access ?Denied/i);
  const { now } = (await (await fetch(new URL('/clock', aws.adminEndpoint))).json()) as { now: string };
  const locked = (days: number) =>
    new PutObjectCommand({
      ...plain,
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: new Date(Date.parse(now) + days * 86_400_000),
    });
  await expect(s3.send(locked(36_500))).rejects.toThrow(/not authorized|Access ?Denied/i);
  await s3.send(locked(400));
});
