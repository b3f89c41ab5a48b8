import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { DBInstance } from '@aws-sdk/client-rds';
import { backUp, copyPoint, vaultArn } from './support/backup-flow.ts';
import {
  backupRole,
  type Cloud,
  type Corner,
  createInstance,
  customerKey,
  HOME,
  openCloud,
  PRODUCTION,
  query,
  whenAvailable,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

/** A text that matches, for use inside a larger expectation. */
const says = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

jest.setTimeout(240_000); // real servers are booted; on a busy machine that takes its time

let cloud: Cloud;
let home: Corner;
let shop: DBInstance;
let role: string;

beforeAll(async () => {
  cloud = await openCloud();
  home = cloud.corner(PRODUCTION, HOME);
  const key = await customerKey(home);
  role = await backupRole(home);
  shop = await createInstance(home, { id: 'shop', kmsKeyId: key });
  for (const BackupVaultName of ['open', 'locked', 'governed', 'held'])
    await home.backup.createBackupVault({ BackupVaultName, EncryptionKeyArn: key });
});
afterAll(async () => {
  await cloud.end();
});

const point = async (vault: string, days?: number) => {
  const job = await backUp(home, {
    vault,
    resource: shop.DBInstanceArn!,
    role,
    ...(days !== undefined && { days }),
  });
  expect(job).toMatchObject({ State: 'COMPLETED' });
  return { BackupVaultName: vault, RecoveryPointArn: job.RecoveryPointArn! };
};
const list = async (BackupVaultName: string) =>
  ((await home.backup.listRecoveryPointsByBackupVault({ BackupVaultName })).RecoveryPoints ?? []).map(
    (found) => found.RecoveryPointArn,
  );
const named = (name: string) => expect.objectContaining({ name }) as unknown;

test('a lock needs three days of cooling off, sane limits, and is immutable only when they are over', async () => {
  const lock = (more: object) =>
    home.backup.putBackupVaultLockConfiguration({ BackupVaultName: 'locked', ...more });
  await expect(lock({ ChangeableForDays: 2 })).rejects.toEqual(named('InvalidParameterValueException'));
  await expect(lock({ MinRetentionDays: 9, MaxRetentionDays: 8 })).rejects.toEqual(
    named('InvalidParameterValueException'),
  );
  await lock({ MinRetentionDays: 7, MaxRetentionDays: 100, ChangeableForDays: 3 });
  const cooling = await home.backup.describeBackupVault({ BackupVaultName: 'locked' });
  expect(cooling).toMatchObject({ Locked: true, MinRetentionDays: 7, MaxRetentionDays: 100 });
  expect(cooling.LockDate!.getTime()).toBeGreaterThan(Date.now());
  await home.backup.deleteBackupVaultLockConfiguration({ BackupVaultName: 'locked' });
  expect(await home.backup.describeBackupVault({ BackupVaultName: 'locked' })).toMatchObject({
    Locked: false,
  });
  await lock({ MinRetentionDays: 7, MaxRetentionDays: 100, ChangeableForDays: 3 });
  await cloud.advance({ days: 3, hours: 1 });
  await expect(lock({ MinRetentionDays: 1 })).rejects.toThrow(/compliance mode since .* cannot be changed/);
  await expect(home.backup.deleteBackupVaultLockConfiguration({ BackupVaultName: 'locked' })).rejects.toEqual(
    named('InvalidRequestException'),
  );
});

test('a locked vault gives nothing back early, takes nothing outside its limits, and lets go on the day', async () => {
  const kept = await point('locked', 90);
  await expect(home.backup.deleteRecoveryPoint(kept)).rejects.toThrow(
    /backup vault locked is locked and the point is retained until/,
  );
  await expect(
    home.backup.updateRecoveryPointLifecycle({ ...kept, Lifecycle: { DeleteAfterDays: 8 } }),
  ).rejects.toEqual(named('InvalidRequestException'));
  await expect(home.backup.deleteBackupVault({ BackupVaultName: 'locked' })).rejects.toThrow(
    /contains recovery points/,
  );
  const outside = (days?: number) =>
    backUp(home, {
      vault: 'locked',
      resource: shop.DBInstanceArn!,
      role,
      ...(days !== undefined && { days }),
    });
  expect(await outside(6)).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/below the minimum of 7 days/),
  });
  expect(await outside(101)).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/above the maximum of 100 days/),
  });
  expect(await outside()).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/\(always\) is above/),
  });
  const free = await point('open', 90);
  const copy = await copyPoint(home, {
    point: free.RecoveryPointArn,
    from: 'open',
    to: vaultArn(home, 'locked'),
    role,
    lifecycle: { DeleteAfterDays: 3 },
  });
  expect(copy).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/below the minimum/),
  });
  await cloud.advance({ days: 89 });
  expect(await list('locked')).toEqual([kept.RecoveryPointArn]);
  await cloud.advance({ days: 2 });
  expect(await list('locked')).toEqual([]);
  await expect(home.backup.describeRecoveryPoint(kept)).rejects.toEqual(named('ResourceNotFoundException'));
  const id = kept.RecoveryPointArn.split(':snapshot:')[1]!;
  await expect(
    home.rds.describeDBSnapshots({ DBSnapshotIdentifier: id, SnapshotType: 'awsbackup' }),
  ).rejects.toEqual(named('DBSnapshotNotFoundFault'));
  await home.backup.deleteBackupVault({ BackupVaultName: 'locked' });
});

test('a governance lock protects too, but can be taken away by who may', async () => {
  await home.backup.putBackupVaultLockConfiguration({ BackupVaultName: 'governed', MinRetentionDays: 1 });
  const kept = await point('governed', 30);
  const vault = await home.backup.describeBackupVault({ BackupVaultName: 'governed' });
  expect([vault.Locked, vault.LockDate]).toEqual([true, undefined]);
  await expect(home.backup.deleteRecoveryPoint(kept)).rejects.toEqual(named('InvalidRequestException'));
  await home.backup.deleteBackupVaultLockConfiguration({ BackupVaultName: 'governed' });
  await home.backup.deleteRecoveryPoint(kept);
  await eventually('gone', async () => ((await list('governed')).length === 0 ? true : undefined));
});

test('a legal hold keeps a point past its date, names it, and lets it go when it is cancelled', async () => {
  const kept = await point('held', 5);
  const request = {
    ...{ Title: 'inquiry 7', Description: 'all of shop', IdempotencyToken: 'hold-7' },
    RecoveryPointSelection: { VaultNames: ['held'], ResourceIdentifiers: [shop.DBInstanceArn!] },
  };
  const { LegalHoldId, Status } = await home.backup.createLegalHold(request);
  expect(Status).toBe('CREATING');
  const again = await home.backup.createLegalHold(request);
  expect(again.LegalHoldId).toBe(LegalHoldId);
  await expect(home.backup.createLegalHold({ ...request, Title: 'another' })).rejects.toEqual(
    named('InvalidParameterValueException'),
  );
  await eventually('active', async () =>
    (await home.backup.getLegalHold({ LegalHoldId: LegalHoldId! })).Status === 'ACTIVE' ? true : undefined,
  );
  await expect(home.backup.deleteRecoveryPoint(kept)).rejects.toThrow(
    'The recovery point cannot be deleted because it has active legal hold(s)',
  );
  await cloud.advance({ days: 10 });
  const { RecoveryPoints } = await home.backup.listRecoveryPointsByLegalHold({ LegalHoldId: LegalHoldId! });
  expect(RecoveryPoints?.map(({ RecoveryPointArn }) => RecoveryPointArn)).toEqual([kept.RecoveryPointArn]);
  expect(await list('held')).toEqual([kept.RecoveryPointArn]);
  await home.backup.cancelLegalHold({ LegalHoldId: LegalHoldId!, CancelDescription: 'over' });
  await eventually('expired at once', async () => ((await list('held')).length === 0 ? true : undefined));
  await eventually('cancelled', async () =>
    (await home.backup.getLegalHold({ LegalHoldId: LegalHoldId! })).Status === 'CANCELED' ? true : undefined,
  );
  const { LegalHolds } = await home.backup.listLegalHolds({});
  expect(LegalHolds).toEqual([expect.objectContaining({ Title: 'inquiry 7', Status: 'CANCELED' })]);
});

test('a point whose role is gone answers 200 to its deletion, turns EXPIRED and stays', async () => {
  const other = await backupRole(home, 'short-lived');
  const job = await backUp(home, { vault: 'open', resource: shop.DBInstanceArn!, role: other, days: 1 });
  const kept = { BackupVaultName: 'open', RecoveryPointArn: job.RecoveryPointArn! };
  await home.iam.deleteRolePolicy({ RoleName: 'short-lived', PolicyName: 'rights' });
  await home.iam.deleteRole({ RoleName: 'short-lived' });
  await home.backup.deleteRecoveryPoint(kept);
  expect(await home.backup.describeRecoveryPoint(kept)).toMatchObject({ Status: 'EXPIRED' });
  await cloud.advance({ days: 2 });
  expect(await home.backup.describeRecoveryPoint(kept)).toMatchObject({ Status: 'EXPIRED' });
});

test("a vault's own policy binds even an administrator", async () => {
  const kept = await point('open');
  const deny = { Effect: 'Deny', Principal: '*', Action: 'backup:DeleteRecoveryPoint', Resource: '*' };
  await home.backup.putBackupVaultAccessPolicy({
    BackupVaultName: 'open',
    Policy: JSON.stringify({ Version: '2012-10-17', Statement: [deny] }),
  });
  await expect(home.backup.deleteRecoveryPoint(kept)).rejects.toEqual(named('AccessDeniedException'));
  await home.backup.deleteBackupVaultAccessPolicy({ BackupVaultName: 'open' });
  await home.backup.deleteRecoveryPoint(kept);
});

test('a job inside a window that somebody chose fails as in AWS; windows that nobody chose are no obstacle', async () => {
  const now = new Date((await cloud.admin('GET', '/clock')).body['now'] as string);
  const clock = (minutes: number) => new Date(now.getTime() + minutes * 60_000).toISOString().slice(11, 16);
  await home.rds.modifyDBInstance({
    DBInstanceIdentifier: 'shop',
    BackupRetentionPeriod: 7,
    ApplyImmediately: true, // from 0 it would wait for the maintenance window
    PreferredBackupWindow: `${clock(30)}-${clock(60)}`,
  });
  const job = await backUp(home, { vault: 'open', resource: shop.DBInstanceArn!, role });
  expect(job).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/inside or too close to the automated backup window/),
  });
  await home.rds.modifyDBInstance({
    DBInstanceIdentifier: 'shop',
    PreferredBackupWindow: `${clock(300)}-${clock(330)}`,
  });
  await point('open');
});

test('opt-in, tags and lists answer with what is there', async () => {
  const settings = async () =>
    (await home.backup.describeRegionSettings({})).ResourceTypeOptInPreference ?? {};
  expect(await settings()).toMatchObject({ RDS: true, Aurora: false });
  await home.backup.updateRegionSettings({ ResourceTypeOptInPreference: { RDS: false } });
  const start = home.backup.startBackupJob({
    BackupVaultName: 'open',
    ResourceArn: shop.DBInstanceArn!,
    IamRoleArn: role,
  });
  await expect(start).rejects.toThrow(/not opted in/);
  await home.backup.updateRegionSettings({ ResourceTypeOptInPreference: { RDS: true } });
  const arn = vaultArn(home, 'open');
  await home.backup.tagResource({ ResourceArn: arn, Tags: { owner: 'ops' } });
  expect((await home.backup.listTags({ ResourceArn: arn })).Tags).toEqual({ owner: 'ops' });
  await home.backup.untagResource({ ResourceArn: arn, TagKeyList: ['owner'] });
  expect((await home.backup.listTags({ ResourceArn: arn })).Tags).toEqual({});
  const pages: (string | undefined)[] = [];
  let NextToken: string | undefined;
  do {
    const answer = await home.backup.listBackupVaults({
      MaxResults: 1,
      ...(NextToken !== undefined && { NextToken }),
    });
    pages.push(...(answer.BackupVaultList ?? []).map(({ BackupVaultName }) => BackupVaultName));
    NextToken = answer.NextToken;
  } while (NextToken !== undefined);
  expect(pages.sort()).toEqual(['governed', 'held', 'open']);
});

test('manual snapshots show up beside recovery points unless only those of AWS Backup are asked for', async () => {
  await whenAvailable(home.rds, 'shop');
  await home.rds.createDBSnapshot({ DBInstanceIdentifier: 'shop', DBSnapshotIdentifier: 'by-hand' });
  await eventually('available', async () => {
    const { DBSnapshots } = await home.rds.describeDBSnapshots({ DBSnapshotIdentifier: 'by-hand' });
    return DBSnapshots?.[0]?.Status === 'available' ? true : undefined;
  });
  const arns = async (ManagedByAWSBackupOnly: boolean) =>
    (
      (
        await home.backup.listRecoveryPointsByResource({
          ResourceArn: shop.DBInstanceArn!,
          ManagedByAWSBackupOnly,
        })
      ).RecoveryPoints ?? []
    ).map(({ RecoveryPointArn }) => RecoveryPointArn);
  const byHand = `arn:aws:rds:${HOME}:${PRODUCTION}:snapshot:by-hand`;
  expect(await arns(false)).toContain(byHand);
  expect(await arns(true)).not.toContain(byHand);
  expect(await query(cloud, shop, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});
