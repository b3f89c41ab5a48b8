import type { S3 } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import { backUp } from './support/backup-flow.ts';
import { backupRole, HOME } from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';
import { refusal, row, says, Trouble } from './support/failure-modes.ts';

let lab: Trouble;
let s3: S3;
let role: string;
const Bucket = 'evidence';
const DAY = 86_400_000;
beforeAll(async () => {
  lab = await Trouble.start();
  s3 = lab.s3();
  await s3.createBucket({
    ...{ Bucket, ObjectLockEnabledForBucket: true },
    CreateBucketConfiguration: { LocationConstraint: HOME },
  });
  await s3.createBucket({ Bucket: 'data', CreateBucketConfiguration: { LocationConstraint: HOME } });
  await s3.putBucketVersioning({ Bucket: 'data', VersioningConfiguration: { Status: 'Enabled' } });
  await s3.putObject({ Bucket: 'data', Key: 'a', Body: 'a' });
  role = await backupRole(lab.home, 'backup-service', ['s3:*', 'backup:*', 'kms:*', 'tag:*']);
  await lab.home.backup.createBackupVault({ BackupVaultName: 'locked' });
  await lab.home.backup.createBackupVault({ BackupVaultName: 'open' });
  await lab.home.backup.putBackupVaultLockConfiguration({
    ...{ BackupVaultName: 'locked', MinRetentionDays: 30, MaxRetentionDays: 90, ChangeableForDays: 3 },
  });
});
afterEach(() => lab.clear());
afterAll(() => lab.end());

const inDays = (days: number) => new Date(Date.now() + days * DAY);
const put = async (Key: string, days?: number) => {
  const lock = { ObjectLockMode: 'COMPLIANCE' as const, ObjectLockRetainUntilDate: inDays(days ?? 0) };
  return (
    (await s3.putObject({ Bucket, Key, Body: Key, ...(days === undefined ? {} : lock) })).VersionId ?? ''
  );
};
const backUpData = (vault: string, days: number) =>
  backUp(lab.home, { vault, resource: 'arn:aws:s3:::data', role, days });
const pointsIn = async (BackupVaultName: string) =>
  (await lab.home.backup.listRecoveryPointsByBackupVault({ BackupVaultName })).RecoveryPoints ?? [];

row(27, 'a retention outside the limits of the vault fails the job', async () => {
  for (const days of [7, 365])
    expect(await backUpData('locked', days)).toMatchObject({
      State: 'FAILED',
      StatusMessage: says(/retention/i),
    });
});

row(
  28,
  'an object is locked for longer than the policy wants, for good, unless the bucket forbids it',
  async () => {
    const VersionId = await put('too-long', 365);
    const where = { Bucket, Key: 'too-long', VersionId };
    const { Retention } = await s3.getObjectRetention(where);
    expect(Retention?.RetainUntilDate?.getTime()).toBeGreaterThan(inDays(364).getTime());
    const shorter = { Mode: 'COMPLIANCE' as const, RetainUntilDate: inDays(90) };
    await expect(s3.putObjectRetention({ ...where, Retention: shorter })).rejects.toMatchObject(
      refusal('AccessDenied', /object lock/),
    );
    const statement = {
      ...{ Effect: 'Deny', Principal: '*', Action: 's3:PutObject', Resource: `arn:aws:s3:::${Bucket}/*` },
      Condition: { NumericGreaterThan: { 's3:object-lock-remaining-retention-days': '100' } },
    };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    await s3.putBucketPolicy({ Bucket, Policy });
    await expect(put('refused', 365)).rejects.toMatchObject(refusal('AccessDenied'));
    await put('let-through', 90);
    await s3.deleteBucketPolicy({ Bucket });
  },
);

row(29, 'a retention is missing, and can be extended', async () => {
  const where = { Bucket, Key: 'bare', VersionId: await put('bare') };
  await expect(s3.getObjectRetention(where)).rejects.toMatchObject({ name: 'NoSuchObjectLockConfiguration' });
  for (const days of [1, 90]) {
    const Retention = { Mode: 'COMPLIANCE' as const, RetainUntilDate: inDays(days) };
    await s3.putObjectRetention({ ...where, Retention });
  }
  const { Retention } = await s3.getObjectRetention(where);
  expect(Retention?.RetainUntilDate?.getTime()).toBeGreaterThan(inDays(89).getTime());
});

row(30, 'a delete without version id answers 204 with a marker, and deletes nothing', async () => {
  const VersionId = await put('marked', 90);
  const gone = await s3.deleteObject({ Bucket, Key: 'marked' });
  expect(gone).toMatchObject({ DeleteMarker: true, $metadata: { httpStatusCode: 204 } });
  const { Versions, DeleteMarkers } = await s3.listObjectVersions({ Bucket, Prefix: 'marked' });
  expect(Versions?.map((one) => one.VersionId)).toEqual([VersionId]);
  expect(DeleteMarkers).toHaveLength(1);
});

row(31, 'a delete marker hides evidence that is there', async () => {
  await expect(s3.getObject({ Bucket, Key: 'marked' })).rejects.toMatchObject({ name: 'NoSuchKey' });
  const { Versions: [version] = [], DeleteMarkers: [marker] = [] } = await s3.listObjectVersions({
    ...{ Bucket, Prefix: 'marked' },
  });
  const read = (VersionId?: string) => s3.getObject({ Bucket, Key: 'marked', VersionId });
  expect(await (await read(version?.VersionId)).Body?.transformToString()).toBe('marked');
  await s3.deleteObject({ Bucket, Key: 'marked', VersionId: marker?.VersionId });
  expect(await (await read()).Body?.transformToString()).toBe('marked');
});

row(32, 'the deletion of a version is denied: by the lock in other words than by IAM', async () => {
  const where = { Bucket, Key: 'denied', VersionId: await put('denied', 90) };
  await expect(s3.deleteObject(where)).rejects.toMatchObject(
    refusal('AccessDenied', /object protected by object lock/),
  );
  const weak = lab.s3(await lab.session('reader', { Effect: 'Allow', Action: 's3:Get*', Resource: '*' }));
  const byIam = weak.deleteObject({ Bucket, Key: 'bare', VersionId: 'null' });
  await expect(byIam).rejects.toMatchObject({
    name: 'AccessDenied',
    message: expect.not.stringMatching(/object lock/),
  });
});

row(33, 'deleting many answers 200 and lists what was not deleted', async () => {
  const [kept, free] = [await put('kept', 90), await put('free')];
  const Objects = [
    { Key: 'kept', VersionId: kept },
    { Key: 'free', VersionId: free },
  ];
  const { Errors, Deleted, $metadata } = await s3.deleteObjects({ Bucket, Delete: { Objects } });
  expect($metadata.httpStatusCode).toBe(200);
  expect(Errors).toMatchObject([{ Key: 'kept', VersionId: kept, Code: 'AccessDenied' }]);
  expect(Deleted).toMatchObject([{ Key: 'free', VersionId: free }]);
});

row(34, 'the deletion of a recovery point answers 200, and the point stays, EXPIRED', async () => {
  const { RecoveryPointArn } = await backUpData('open', 7);
  const where = { BackupVaultName: 'open', RecoveryPointArn };
  await lab.fault({ kind: 'fail-job', service: 'backup', job: 'backup.point.delete' });
  const answer = await lab.home.backup.deleteRecoveryPoint(where);
  expect(answer.$metadata.httpStatusCode).toBe(200);
  await eventually('the point is EXPIRED', async () =>
    (await lab.home.backup.describeRecoveryPoint(where)).Status === 'EXPIRED' ? true : undefined,
  );
  await lab.home.backup.deleteRecoveryPoint(where);
  await eventually('it is gone', async () => ((await pointsIn('open')).length === 0 ? true : undefined));
});

row(35, 'a legal hold keeps a point beyond its date', async () => {
  const { RecoveryPointArn } = await backUpData('open', 1);
  const { LegalHoldId } = await lab.home.backup.createLegalHold({
    ...{ Title: 'audit', Description: 'do not delete' },
    RecoveryPointSelection: { VaultNames: ['open'] },
  });
  await eventually('the hold is in force', async () =>
    (await lab.home.backup.getLegalHold({ LegalHoldId })).Status === 'ACTIVE' ? true : undefined,
  );
  const where = { BackupVaultName: 'open', RecoveryPointArn };
  await expect(lab.home.backup.deleteRecoveryPoint(where)).rejects.toMatchObject(
    refusal('InvalidRequestException', /legal hold/),
  );
  await lab.cloud.advance({ days: 2 });
  expect(await pointsIn('open')).toHaveLength(1);
  await lab.home.backup.cancelLegalHold({ LegalHoldId, CancelDescription: 'over' });
  await lab.cloud.advance({ days: 1 });
  await eventually('it is gone', async () => ((await pointsIn('open')).length === 0 ? true : undefined));
});

row(36, 'a vault lock cools off, or is gone', async () => {
  const { backup } = lab.home;
  const BackupVaultName = 'cooling';
  await backup.createBackupVault({ BackupVaultName });
  await backup.putBackupVaultLockConfiguration({
    BackupVaultName,
    MinRetentionDays: 1,
    ChangeableForDays: 3,
  });
  const vault = () => backup.describeBackupVault({ BackupVaultName });
  const now = new Date((await lab.cloud.admin('GET', '/clock')).body['now'] as string);
  expect((await vault()).LockDate?.getTime()).toBeGreaterThan(now.getTime());
  await backup.deleteBackupVaultLockConfiguration({ BackupVaultName });
  expect((await vault()).Locked).toBe(false);
});

row(37, "AWS's time is not the time of this computer", async () => {
  const { BackupJobId } = await backUpData('open', 7);
  const { CreationDate } = await lab.home.backup.describeBackupJob({ BackupJobId });
  expect((CreationDate?.getTime() ?? 0) - Date.now()).toBeGreaterThan(2 * DAY);
  await lab.fault({ kind: 'clock-skew', seconds: -3600 });
  const answer = await fetch(lab.cloud.aws.endpoint, {
    headers: {
      authorization:
        'AWS4-HMAC-SHA256 Credential=x/20260101/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=00',
      'x-amz-date': '20260101T000000Z',
    },
  });
  const off = Date.now() - Date.parse(answer.headers.get('date') ?? '');
  expect(off).toBeGreaterThan(3_500_000);
});

row(38, 'replication fails, and does not try again by itself', async () => {
  await s3.createBucket({ Bucket: 'replica', CreateBucketConfiguration: { LocationConstraint: HOME } });
  await s3.putBucketVersioning({ Bucket: 'replica', VersioningConfiguration: { Status: 'Enabled' } });
  const document = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  const trust = { Effect: 'Allow', Principal: { Service: 's3.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const { Role } = await lab.home.iam.createRole({
    ...{ RoleName: 'replicator', AssumeRolePolicyDocument: document(trust) },
  });
  const rule = {
    ...{ ID: 'all', Status: 'Enabled' as const, Priority: 1, Filter: { Prefix: '' } },
    ...{ DeleteMarkerReplication: { Status: 'Disabled' as const } },
    Destination: { Bucket: 'arn:aws:s3:::replica' },
  };
  await s3.putBucketReplication({
    ...{ Bucket: 'data', ReplicationConfiguration: { Role: Role?.Arn, Rules: [rule] } },
  });
  await s3.putObject({ Bucket: 'data', Key: 'b', Body: 'b' });
  const status = async () => (await s3.headObject({ Bucket: 'data', Key: 'b' })).ReplicationStatus;
  await eventually('it has failed', async () => ((await status()) === 'FAILED' ? true : undefined));
  await lab.cloud.advance({ days: 1 });
  expect(await status()).toBe('FAILED');
  await expect(s3.headObject({ Bucket: 'replica', Key: 'b' })).rejects.toMatchObject({ name: 'NotFound' });
});

row(39, 'an auditor without the right to see a lock sees none', async () => {
  const VersionId = await put('audited', 90);
  const auditor = lab.s3(
    await lab.session(
      'auditor',
      { Effect: 'Allow', Action: 's3:GetObject*', Resource: '*' },
      { Effect: 'Deny', Action: 's3:GetObjectRetention', Resource: '*' },
    ),
  );
  const where = { Bucket, Key: 'audited', VersionId };
  expect((await s3.headObject(where)).ObjectLockMode).toBe('COMPLIANCE');
  expect((await auditor.headObject(where)).ObjectLockMode).toBeUndefined();
  await expect(auditor.getObjectRetention(where)).rejects.toMatchObject(refusal('AccessDenied'));
});

row(40, 'the last good point expires while the newer ones have failed', async () => {
  const good = await backUpData('open', 2);
  expect(good.State).toBe('COMPLETED');
  await lab.fault({ kind: 'fail-job', service: 'backup', job: 'backup.job.finish', times: 0 });
  for (let night = 0; night < 3; night += 1) {
    await lab.cloud.advance({ days: 1 });
    expect(await backUpData('open', 2)).toMatchObject({ State: 'FAILED' });
  }
  const arns = (await pointsIn('open')).map(({ RecoveryPointArn }) => RecoveryPointArn);
  expect(arns).not.toContain(good.RecoveryPointArn);
});
