import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { DBInstance } from '@aws-sdk/client-rds';
import { backUp, copyPoint, restorePoint, vaultArn, whenBackedUp } from './support/backup-flow.ts';
import {
  AWAY,
  backupRole,
  type Cloud,
  type Corner,
  createInstance,
  customerKey,
  DRILL,
  HOME,
  openCloud,
  PRODUCTION,
  query,
  VAULT,
  whenAvailable,
  whenGone,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

/** A text that matches, for use inside a larger expectation. */
const says = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

jest.setTimeout(240_000); // real servers are booted; on a busy machine that takes its time

let cloud: Cloud;
let home: Corner;
let relay: Corner;
let safe: Corner;
let shop: DBInstance;
let role: string;
let homeKey: string;
let relayKey: string;
let safeKey: string;

const openTo = (...accounts: string[]) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        ...{ Effect: 'Allow', Action: 'backup:CopyIntoBackupVault', Resource: '*' },
        Principal: { AWS: accounts.map((account) => `arn:aws:iam::${account}:root`) },
      },
    ],
  });

beforeAll(async () => {
  cloud = await openCloud();
  [home, relay, safe] = [
    cloud.corner(PRODUCTION, HOME),
    cloud.corner(PRODUCTION, AWAY),
    cloud.corner(VAULT, AWAY),
  ];
  homeKey = await customerKey(home);
  relayKey = await customerKey(relay, VAULT);
  safeKey = await customerKey(safe);
  role = await backupRole(home);
  await home.backup.createBackupVault({ BackupVaultName: 'local', EncryptionKeyArn: homeKey });
  await relay.backup.createBackupVault({ BackupVaultName: 'relay', EncryptionKeyArn: relayKey });
  await safe.backup.createBackupVault({ BackupVaultName: 'safe', EncryptionKeyArn: safeKey });
  shop = await createInstance(home, {
    id: 'shop',
    kmsKeyId: homeKey,
    options: { Tags: [{ Key: 'team', Value: 'orders' }] },
  });
  await query(
    cloud,
    shop,
    `CREATE TABLE orders AS SELECT g::int AS id, md5(g::text) AS text FROM generate_series(1, 20000) g; ALTER TABLE orders ADD PRIMARY KEY (id)`,
  );
});
afterAll(async () => {
  await cloud.end();
});

const DIGEST = `SELECT count(*)::int AS rows, md5(string_agg(id || text, ',' ORDER BY id)) AS digest FROM orders`;
const backUpShop = (more: object = {}) =>
  backUp(home, { vault: 'local', resource: shop.DBInstanceArn!, role, days: 90, ...more });

test('a backup travels by two hops into another account, is restored there, and holds the same data', async () => {
  const before = await query(cloud, shop, DIGEST);
  const job = await backUpShop({ tags: { slot: 'tonight' } });
  expect(job).toMatchObject({
    State: 'COMPLETED',
    ResourceType: 'RDS',
    PercentDone: '100.0',
    VaultLockState: 'UNLOCKED',
  });
  await query(cloud, shop, `UPDATE orders SET text = 'changed afterwards' WHERE id = 1`);
  const first = job.RecoveryPointArn!;
  expect(first).toBe(
    `arn:aws:rds:${HOME}:${PRODUCTION}:snapshot:awsbackup:job-${job.BackupJobId!.toLowerCase()}`,
  );

  const across = await copyPoint(home, {
    point: first,
    from: 'local',
    to: vaultArn(relay, 'relay'),
    role,
    lifecycle: { DeleteAfterDays: 30 },
  });
  expect(across).toMatchObject({ State: 'COMPLETED' });
  const second = across.DestinationRecoveryPointArn!;
  await safe.backup.putBackupVaultAccessPolicy({ BackupVaultName: 'safe', Policy: openTo(PRODUCTION) });
  const into = await copyPoint(relay, {
    point: second,
    from: 'relay',
    to: vaultArn(safe, 'safe'),
    role,
    lifecycle: { DeleteAfterDays: 90 },
  });
  expect(into).toMatchObject({ State: 'COMPLETED' });
  const third = into.DestinationRecoveryPointArn!;
  expect(third).toMatch(new RegExp(`^arn:aws:rds:${AWAY}:${VAULT}:snapshot:awsbackup:copyjob-`));

  const original = await home.backup.describeRecoveryPoint({
    BackupVaultName: 'local',
    RecoveryPointArn: first,
  });
  const copy = await safe.backup.describeRecoveryPoint({ BackupVaultName: 'safe', RecoveryPointArn: third });
  expect(copy).toMatchObject({
    Status: 'COMPLETED',
    CreationDate: original.CreationDate,
    ResourceArn: shop.DBInstanceArn,
    EncryptionKeyArn: safeKey,
    IsEncrypted: true,
    SourceBackupVaultArn: vaultArn(relay, 'relay'),
  });
  const days =
    (copy.CalculatedLifecycle!.DeleteAt!.getTime() - original.CreationDate!.getTime()) / 86_400_000;
  expect(days).toBe(90);
  expect((await safe.backup.listTags({ ResourceArn: third })).Tags).toEqual({
    slot: 'tonight',
    team: 'orders',
  });

  const safeRole = await backupRole(safe);
  const restored = await restorePoint(safe, {
    vault: 'safe',
    point: third,
    role: safeRole,
    id: 'drill-1',
    copyTags: true,
  });
  expect(restored).toMatchObject({
    Status: 'COMPLETED',
    CreatedResourceArn: `arn:aws:rds:${AWAY}:${VAULT}:db:drill-1`,
  });
  const drill = await whenAvailable(safe.rds, 'drill-1');
  expect(drill.DbiResourceId).not.toBe(shop.DbiResourceId);
  expect(drill.KmsKeyId).toBe(safeKey);
  expect(drill.TagList).toEqual([{ Key: 'team', Value: 'orders' }]);
  expect(await query(cloud, drill, DIGEST)).toEqual(before);
  await expect(query(cloud, drill, 'SELECT 1', { from: shop.Endpoint!.Address! })).rejects.toThrow(
    /no pg_hba.conf entry/,
  );
  await safe.backup.putRestoreValidationResult({
    RestoreJobId: restored.RestoreJobId!,
    ValidationStatus: 'SUCCESSFUL',
  });
  const { RestoreJobs } = await safe.backup.listRestoreJobs({ ByStatus: 'COMPLETED' });
  expect(RestoreJobs).toEqual([
    expect.objectContaining({ ValidationStatus: 'SUCCESSFUL', IamRoleArn: safeRole }),
  ]);
  await safe.rds.deleteDBInstance({ DBInstanceIdentifier: 'drill-1', SkipFinalSnapshot: true });
  await whenGone(safe.rds, 'drill-1');
});

test('the same idempotency token gets the same job, another one another', async () => {
  const start = (IdempotencyToken: string) =>
    home.backup.startBackupJob({
      BackupVaultName: 'local',
      ResourceArn: shop.DBInstanceArn!,
      IamRoleArn: role,
      IdempotencyToken,
    });
  const [one, same, other] = await Promise.all([start('a'), start('a'), start('b')]);
  expect(same.BackupJobId).toBe(one.BackupJobId);
  expect(other.BackupJobId).not.toBe(one.BackupJobId);
  const jobs = await Promise.all([one, other].map(({ BackupJobId }) => whenBackedUp(home, BackupJobId!)));
  expect(jobs.map(({ State }) => State)).toEqual(['COMPLETED', 'COMPLETED']);
  const [first, second] = jobs.sort((a, b) => a.CompletionDate!.getTime() - b.CompletionDate!.getTime());
  expect(second!.InitiationDate!.getTime()).toBeGreaterThanOrEqual(first!.CompletionDate!.getTime()); // one at a time
});

test('a copy into another account fails with a reason: no policy, AWS-managed key, both hops at once, or too short a life', async () => {
  const job = await backUpShop();
  const point = job.RecoveryPointArn!;
  const across = await copyPoint(home, { point, from: 'local', to: vaultArn(relay, 'relay'), role });
  const source = across.DestinationRecoveryPointArn!;
  const copyTo = (to: string, lifecycle = {}) =>
    copyPoint(relay, { point: source, from: 'relay', to, role, ...lifecycle });
  await safe.backup.createBackupVault({ BackupVaultName: 'closed', EncryptionKeyArn: safeKey });
  expect(await copyTo(vaultArn(safe, 'closed'))).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/Access Denied trying to call AWS Backup service.*CopyIntoBackupVault/),
  });
  await safe.backup.createBackupVault({ BackupVaultName: 'managed' });
  await safe.backup.putBackupVaultAccessPolicy({ BackupVaultName: 'managed', Policy: openTo(PRODUCTION) });
  expect(await copyTo(vaultArn(safe, 'managed'))).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/managed by AWS/),
  });
  expect(await copyTo(vaultArn(safe, 'nowhere'))).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/does not exist or may not be used/),
  });
  const both = await copyPoint(home, { point, from: 'local', to: vaultArn(safe, 'safe'), role });
  expect(both).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/in one step is not supported/),
  });
  await cloud.advance({ days: 3 });
  const late = await copyTo(vaultArn(safe, 'safe'), { lifecycle: { DeleteAfterDays: 2 } });
  expect(late).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/has already passed/),
  });
  const { RecoveryPoints } = await safe.backup.listRecoveryPointsByBackupVault({ BackupVaultName: 'closed' });
  expect(RecoveryPoints).toEqual([]);
});

test('a key that is disabled stops a copy, and one that is not shared does too', async () => {
  const unshared = await customerKey(relay);
  await relay.backup.createBackupVault({ BackupVaultName: 'unshared', EncryptionKeyArn: unshared });
  const job = await backUpShop();
  const hop = await copyPoint(home, {
    point: job.RecoveryPointArn!,
    from: 'local',
    to: vaultArn(relay, 'unshared'),
    role,
  });
  const into = await copyPoint(relay, {
    point: hop.DestinationRecoveryPointArn!,
    from: 'unshared',
    to: vaultArn(safe, 'safe'),
    role,
  });
  expect(into).toMatchObject({ State: 'FAILED', StatusMessage: says(/KMS key/) });
  await relay.kms.disableKey({ KeyId: relayKey });
  const disabled = await copyPoint(home, {
    point: job.RecoveryPointArn!,
    from: 'local',
    to: vaultArn(relay, 'relay'),
    role,
  });
  expect(disabled).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/KMS key/),
  });
  await relay.kms.enableKey({ KeyId: relayKey });
});

test('a role that AWS Backup may not assume, or that lacks a right, is told apart', async () => {
  const start = (IamRoleArn: string) =>
    home.backup.startBackupJob({ BackupVaultName: 'local', ResourceArn: shop.DBInstanceArn!, IamRoleArn });
  await expect(start(`arn:aws:iam::${PRODUCTION}:role/nobody`)).rejects.toThrow(/does not exist/);
  const weak = await backupRole(home, 'weak', ['rds:Describe*']);
  const job = await backUpShop({ role: weak });
  expect(job).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/Access denied: .*rds:CreateDBSnapshot/),
  });
  const { RecoveryPoints } = await home.backup.listRecoveryPointsByBackupVault({
    BackupVaultName: 'local',
    ByCreatedAfter: job.CreationDate!,
  });
  expect(RecoveryPoints).toEqual([]);
});

test('restore metadata that is unknown, malformed or incomplete fails the job, not the call', async () => {
  const job = await backUpShop();
  const restore = (metadata: Record<string, string>) =>
    restorePoint(home, { vault: 'local', point: job.RecoveryPointArn!, role, id: 'never', metadata });
  expect(await restore({ Colour: 'red' })).toMatchObject({
    Status: 'FAILED',
    StatusMessage: 'Restore metadata contains the unknown key Colour.',
  });
  expect(await restore({ MultiAZ: 'maybe' })).toMatchObject({ Status: 'FAILED' });
  expect(await restore({ VpcSecurityGroupIds: 'sg-1' })).toMatchObject({
    Status: 'FAILED',
    StatusMessage: says(/JSON list/),
  });
  expect(await restore({ DBInstanceIdentifier: 'shop' })).toMatchObject({
    Status: 'FAILED',
    StatusMessage: 'DB instance already exists',
  });
  const { DBInstances } = await home.rds.describeDBInstances({});
  expect(DBInstances?.map(({ DBInstanceIdentifier }) => DBInstanceIdentifier)).toEqual(['shop']);
});

test('snapshots of AWS Backup are visible in RDS only when asked for, and cannot be deleted or shared there', async () => {
  const job = await backUpShop();
  const id = job.RecoveryPointArn!.split(':snapshot:')[1]!;
  const usual = await home.rds.describeDBSnapshots({ DBInstanceIdentifier: 'shop' });
  expect(usual.DBSnapshots).toEqual([]);
  const { DBSnapshots } = await home.rds.describeDBSnapshots({
    SnapshotType: 'awsbackup',
    DBSnapshotIdentifier: id,
  });
  expect(DBSnapshots).toEqual([
    expect.objectContaining({ Status: 'available', SnapshotType: 'awsbackup', KmsKeyId: homeKey }),
  ]);
  await expect(home.rds.deleteDBSnapshot({ DBSnapshotIdentifier: id })).rejects.toThrow(
    /managed by AWS Backup/,
  );
  const share = home.rds.modifyDBSnapshotAttribute({
    DBSnapshotIdentifier: id,
    AttributeName: 'restore',
    ValuesToAdd: [DRILL],
  });
  await expect(share).rejects.toThrow(/Only manual snapshots can be shared/);
});

test('a job waits while the database is stopped, and can be stopped itself', async () => {
  await home.rds.stopDBInstance({ DBInstanceIdentifier: 'shop' });
  const { BackupJobId } = await home.backup.startBackupJob({
    BackupVaultName: 'local',
    ResourceArn: shop.DBInstanceArn!,
    IamRoleArn: role,
  });
  await eventually('the job says what it waits for', async () => {
    const { State, StatusMessage } = await home.backup.describeBackupJob({ BackupJobId });
    return State === 'CREATED' && /is stop(ped|ping)/.test(StatusMessage ?? '') ? true : undefined;
  });
  await home.backup.stopBackupJob({ BackupJobId });
  expect(await home.backup.describeBackupJob({ BackupJobId })).toMatchObject({ State: 'ABORTED' });
  await eventually('stopped', async () => {
    const { DBInstances } = await home.rds.describeDBInstances({ DBInstanceIdentifier: 'shop' });
    return DBInstances?.[0]?.DBInstanceStatus === 'stopped' ? true : undefined;
  });
  const late = await home.backup.startBackupJob({
    ...{
      BackupVaultName: 'local',
      ResourceArn: shop.DBInstanceArn!,
      IamRoleArn: role,
      StartWindowMinutes: 60,
    },
  });
  await cloud.advance({ hours: 2 });
  expect(await whenBackedUp(home, late.BackupJobId!)).toMatchObject({ State: 'EXPIRED' });
  await home.rds.startDBInstance({ DBInstanceIdentifier: 'shop' });
  await whenAvailable(home.rds, 'shop');
});
