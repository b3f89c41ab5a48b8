import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { S3 } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { backUp, copyPoint, vaultArn, whenRestored } from './support/backup-flow.ts';
import {
  AWAY,
  backupRole,
  type Cloud,
  type Corner,
  customerKey,
  HOME,
  openCloud,
  PRODUCTION,
  VAULT,
} from './support/database-cloud.ts';

jest.setTimeout(240_000);

const RIGHTS = ['s3:*', 'backup:*', 'kms:*'];
const BUCKET = 'ledger-of-shop';
const REPORT = 'a;b\n1;2\n';
const RESOURCE = `arn:aws:s3:::${BUCKET}`;
const says = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

let cloud: Cloud;
let home: Corner;
let safe: Corner;
let role: string;
let homeKey: string;
let safeKey: string;

const s3At = ({ accountId, region }: Corner) =>
  new S3({
    ...{ endpoint: cloud.aws.endpoint, region, maxAttempts: 1 },
    credentials: cloud.aws.accounts[accountId]!,
  });

beforeAll(async () => {
  cloud = await openCloud();
  home = cloud.corner(PRODUCTION, HOME);
  safe = cloud.corner(VAULT, AWAY);
  homeKey = await customerKey(home, VAULT);
  safeKey = await customerKey(safe, PRODUCTION);
  role = await backupRole(home, 'backup-service', RIGHTS);
  await home.backup.createBackupVault({ BackupVaultName: 'local', EncryptionKeyArn: homeKey });
  await safe.backup.createBackupVault({ BackupVaultName: 'safe', EncryptionKeyArn: safeKey });
  const allow = { Effect: 'Allow', Principal: '*', Action: 'backup:CopyIntoBackupVault', Resource: '*' };
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [allow] });
  await safe.backup.putBackupVaultAccessPolicy({ BackupVaultName: 'safe', Policy });
  const s3 = s3At(home);
  await s3.createBucket({ Bucket: BUCKET, CreateBucketConfiguration: { LocationConstraint: HOME } });
});
afterAll(async () => {
  await cloud.end();
});

const write = (Key: string, text: string, more = {}) =>
  s3At(home).putObject({ Bucket: BUCKET, Key, Body: Buffer.from(text), ...more });
const read = async (s3: S3, Bucket: string, Key: string) =>
  (await s3.getObject({ Bucket, Key })).Body!.transformToString();
const keys = async (s3: S3, Bucket: string) =>
  ((await s3.listObjectsV2({ Bucket })).Contents ?? []).map(({ Key }) => Key);
const backUpBucket = (more: { role?: string } = {}) =>
  backUp(home, { vault: 'local', resource: RESOURCE, role, ...more });

async function restore(corner: Corner, point: string, roleArn: string, Metadata: Record<string, string>) {
  const { RestoreJobId } = await corner.backup.startRestoreJob({
    ...{ RecoveryPointArn: point, IamRoleArn: roleArn, ResourceType: 'S3', Metadata },
  });
  return whenRestored(corner, RestoreJobId!);
}

test('a bucket without versioning, or a role without rights, fails the job and leaves nothing', async () => {
  expect(await backUpBucket()).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/S3 Versioning must be enabled/),
  });
  await s3At(home).putBucketVersioning({
    Bucket: BUCKET,
    VersioningConfiguration: { Status: 'Enabled' },
  });
  const weak = await backupRole(home, 'weak', ['rds:*']);
  expect(await backUpBucket({ role: weak })).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/Access denied: .*s3:GetBucketVersioning/),
  });
  const { RecoveryPoints } = await home.backup.listRecoveryPointsByBackupVault({ BackupVaultName: 'local' });
  expect(RecoveryPoints).toEqual([]);
});

test('the current versions travel into another account and region at once, and come back with metadata, tags and checksums', async () => {
  await write('reports/2026.csv', 'old');
  await write('reports/2026.csv', REPORT, {
    ContentType: 'text/csv',
    Metadata: { author: 'ops' },
    Tagging: 'class=gold',
    ChecksumAlgorithm: 'SHA256',
  });
  await write('empty', '');
  await write('gone', 'no longer');
  await s3At(home).deleteObject({ Bucket: BUCKET, Key: 'gone' });
  const job = await backUpBucket();
  expect(job).toMatchObject({
    ...{ State: 'COMPLETED', ResourceType: 'S3', BackupSizeInBytes: 8, PercentDone: '100.0' },
    RecoveryPointArn: says(new RegExp(`^arn:aws:backup:${HOME}:${PRODUCTION}:recovery-point:[0-9A-F-]{36}$`)),
  });
  await write('reports/2026.csv', 'overwritten by an attacker');
  const first = { BackupVaultName: 'local', RecoveryPointArn: job.RecoveryPointArn! };
  expect(await home.backup.describeRecoveryPoint(first)).toMatchObject({
    ...{ ResourceType: 'S3', ResourceArn: RESOURCE, ResourceName: BUCKET, Status: 'COMPLETED' },
    ...{ EncryptionKeyArn: homeKey, IsEncrypted: true },
  });
  const metadata = (await home.backup.getRecoveryPointRestoreMetadata(first)).RestoreMetadata!;
  expect(metadata).toMatchObject({ DestinationBucketName: BUCKET });

  const to = vaultArn(safe, 'safe');
  const copy = await copyPoint(home, { point: first.RecoveryPointArn, from: 'local', to, role });
  expect(copy).toMatchObject({ State: 'COMPLETED', ResourceType: 'S3', BackupSizeInBytes: 8 });
  await home.backup.deleteRecoveryPoint(first); // the copy owes the original nothing
  const restoreRole = await backupRole(safe, 'restore-service', RIGHTS);
  const restored = await restore(safe, copy.DestinationRecoveryPointArn!, restoreRole, {
    ...metadata,
    ...{ DestinationBucketName: 'drill-of-ledger', NewBucket: 'true' },
  });
  expect(restored).toMatchObject({
    Status: 'COMPLETED',
    CreatedResourceArn: 'arn:aws:s3:::drill-of-ledger',
  });
  const there = s3At(safe);
  expect(await keys(there, 'drill-of-ledger')).toEqual(['empty', 'reports/2026.csv']);
  const head = await there.headObject({
    ...{ Bucket: 'drill-of-ledger', Key: 'reports/2026.csv', ChecksumMode: 'ENABLED' },
  });
  expect(head).toMatchObject({
    ...{ ContentType: 'text/csv', Metadata: { author: 'ops' } },
    ChecksumSHA256: createHash('sha256').update(REPORT).digest('base64'),
  });
  expect(await read(there, 'drill-of-ledger', 'reports/2026.csv')).toBe(REPORT);
  const { TagSet } = await there.getObjectTagging({ Bucket: 'drill-of-ledger', Key: 'reports/2026.csv' });
  expect(TagSet).toEqual([{ Key: 'class', Value: 'gold' }]);
});

test('a restore to an existing bucket overwrites nothing, brings back what is hidden by a marker, and can name single objects', async () => {
  const s3 = s3At(home);
  await write('lost', 'was deleted');
  await write('edited', 'as it was');
  const { RecoveryPointArn } = await backUpBucket();
  await s3.deleteObject({ Bucket: BUCKET, Key: 'lost' });
  await write('edited', 'newer');
  const one = { DestinationBucketName: BUCKET, ItemsToRestore: `["s3://${BUCKET}/lost"]` };
  const back = await restore(home, RecoveryPointArn!, role, one);
  expect(back).toMatchObject({ Status: 'COMPLETED' });
  expect(await read(s3, BUCKET, 'lost')).toBe('was deleted');
  await restore(home, RecoveryPointArn!, role, { DestinationBucketName: BUCKET });
  expect(await read(s3, BUCKET, 'edited')).toBe('newer');
});

test('restore metadata that make no sense fail the job with what is wrong', async () => {
  const { RecoveryPointArn } = await backUpBucket();
  const attempt = async (metadata: Record<string, string>) => {
    const { Status, StatusMessage } = await restore(home, RecoveryPointArn!, role, metadata);
    expect(Status).toBe('FAILED');
    return StatusMessage;
  };
  expect(await attempt({})).toMatch(/lacks the required key DestinationBucketName/);
  expect(await attempt({ DestinationBucketName: BUCKET, Colour: 'red' })).toMatch(/unknown key Colour/);
  expect(await attempt({ DestinationBucketName: BUCKET, NewBucket: 'true' })).toMatch(/exists already/);
  expect(await attempt({ DestinationBucketName: 'nowhere-at-all' })).toMatch(/does not exist/);
  expect(await attempt({ DestinationBucketName: BUCKET, EncryptionType: 'ROT13' })).toMatch(/EncryptionType/);
  expect(await attempt({ DestinationBucketName: BUCKET, ItemsToRestore: '["no-such-object"]' })).toMatch(
    /does not hold the objects no-such-object/,
  );
  expect(await attempt({ DestinationBucketName: BUCKET, RestoreTime: '2026-01-01T00:00:00Z' })).toMatch(
    /continuous backups only/,
  );
});

test('an object whose key is disabled is left out of the backup and named, and keeps the rest of a restore from nothing', async () => {
  const secret = await customerKey(home);
  await write('sealed', 'secret', { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: secret });
  const whole = await backUpBucket();
  await home.kms.disableKey({ KeyId: secret });
  const job = await backUpBucket();
  expect(job).toMatchObject({ State: 'COMPLETED', StatusMessage: says(/1 objects could not be backed up/) });
  const target = { DestinationBucketName: 'second-drill', NewBucket: 'true' };
  const partly = await restore(home, whole.RecoveryPointArn!, role, target);
  expect(partly).toMatchObject({
    Status: 'COMPLETED',
    StatusMessage: says(/1 objects could not be restored/),
  });
  expect(await keys(s3At(home), 'second-drill')).not.toContain('sealed');
  const anew = { ...target, DestinationBucketName: 'third-drill', EncryptionType: 'SSE-S3' };
  await restore(home, whole.RecoveryPointArn!, role, anew);
  expect(await read(s3At(home), 'third-drill', 'sealed')).toBe('secret');
});

test('protected resources, job lists and summaries tell buckets by their type', async () => {
  const { Results } = await home.backup.listProtectedResources({});
  expect(Results).toEqual([
    expect.objectContaining({ ResourceArn: RESOURCE, ResourceType: 'S3', ResourceName: BUCKET }),
  ]);
  const described = await home.backup.describeProtectedResource({ ResourceArn: RESOURCE });
  expect(described).toMatchObject({
    LastBackupVaultArn: vaultArn(home, 'local'),
    LatestRestoreExecutionTimeMinutes: expect.any(Number) as unknown,
  });
  const rds = await home.backup.listBackupJobs({ ByResourceType: 'RDS' });
  expect(rds.BackupJobs).toEqual([]);
  const failed = await home.backup.listBackupJobs({ ByState: 'FAILED', ByResourceType: 'S3' });
  expect(failed.BackupJobs).toHaveLength(2);
  const denied = await home.backup.listBackupJobs({ ByMessageCategory: 'AccessDenied' });
  expect(denied.BackupJobs).toHaveLength(1);
  const { BackupJobSummaries } = await home.backup.listBackupJobSummaries({
    ...{ AccountId: 'ANY', State: 'FAILED', ResourceType: 'ANY', AggregationPeriod: 'ONE_DAY' },
  });
  expect(BackupJobSummaries).toEqual([
    expect.objectContaining({ State: 'FAILED', ResourceType: 'S3', Count: 1 }),
    expect.objectContaining({ State: 'FAILED', ResourceType: 'S3', Count: 1 }),
  ]);
});

test('a point that expires takes its bytes along', async () => {
  const { RecoveryPointArn } = await backUp(home, { vault: 'local', resource: RESOURCE, role, days: 1 });
  const named = { BackupVaultName: 'local', RecoveryPointArn: RecoveryPointArn! };
  const folders = () => readdir(join(cloud.stateDir, 'backup', 's3', PRODUCTION, HOME));
  const id = RecoveryPointArn!.split(':').at(-1)!;
  expect(await folders()).toContain(id);
  await cloud.advance({ days: 2 });
  expect(await folders()).not.toContain(id);
  await expect(home.backup.describeRecoveryPoint(named)).rejects.toThrow(/does not exist/);
});
