import { CloudWatch } from '@aws-sdk/client-cloudwatch';
import { RDS } from '@aws-sdk/client-rds';
import { S3 } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import { backUp } from './support/backup-flow.ts';
import { backupRole, HOME, PRODUCTION } from './support/database-cloud.ts';
import { refusal, row, Trouble } from './support/failure-modes.ts';

let lab: Trouble;
const Bucket = 'papers';
beforeAll(async () => {
  lab = await Trouble.start();
  await lab.s3().createBucket({ Bucket, CreateBucketConfiguration: { LocationConstraint: HOME } });
  await lab.s3().putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Enabled' } });
});
afterEach(() => lab.clear());
afterAll(() => lab.end());

const everything = { Effect: 'Allow', Action: '*', Resource: '*' };
const roleArn = (name: string) => `arn:aws:iam::${PRODUCTION}:role/${name}`;

row(62, 'a session expires in a long wait, and a chained one lives for an hour at most', async () => {
  const session = await lab.session('waiting', everything);
  const { rds, backup, kms } = lab.cornerWith(PRODUCTION, session);
  const asks = [
    ['ExpiredToken', () => rds.describeDBInstances({})],
    ['ExpiredToken', () => lab.sts(session).getCallerIdentity({})],
    ['ExpiredToken', () => lab.s3(session).listBuckets({})],
    ['ExpiredTokenException', () => backup.listBackupJobs({})],
    ['ExpiredTokenException', () => kms.listKeys({})],
  ] as const;
  for (const [, ask] of asks) await ask();
  expect((await lab.cloud.admin('POST', '/sessions/expire', { role: roleArn('waiting') })).body).toEqual({
    expired: 1,
  });
  for (const [name, ask] of asks) await expect(ask()).rejects.toMatchObject({ name });
  const renewed = await lab.assume(roleArn('waiting'));
  await lab.sts(renewed).getCallerIdentity({});
  const asked = { RoleArn: roleArn('waiting'), RoleSessionName: 'chained' };
  const { Credentials: chained } = await lab.sts(renewed).assumeRole(asked);
  expect(chained?.Expiration?.getTime()).toBeLessThanOrEqual(Date.now() + 3_600_000);
});

row(63, 'a role that assumes a role may not ask for more than an hour', async () => {
  const session = await lab.session('first', everything);
  await lab.home.iam.updateRole({ RoleName: 'first', MaxSessionDuration: 7200 });
  const asked = { RoleArn: roleArn('first'), RoleSessionName: 'second', DurationSeconds: 7200 };
  await expect(lab.sts(session).assumeRole(asked)).rejects.toMatchObject(
    refusal('ValidationError', /1 hour.*role chaining/),
  );
  await lab.sts().assumeRole(asked);
});

row(
  64,
  'the clocks differ: signatures are refused, and the SDK learns from the answer by how much',
  async () => {
    const { s3, rds } = { s3: lab.s3(), rds: new RDS(lab.config()) };
    await lab.fault({ kind: 'clock-skew', seconds: 1800 });
    await expect(s3.listBuckets({})).rejects.toMatchObject({ name: 'RequestTimeTooSkewed' });
    await expect(rds.describeDBInstances({})).rejects.toMatchObject(
      refusal('SignatureDoesNotMatch', /Signature expired/),
    );
    await s3.listBuckets({}); // the same clients, signing with the corrected time now
    await rds.describeDBInstances({});
    const fresh = new S3({ ...lab.config(), maxAttempts: 2 });
    expect((await fresh.listBuckets({})).$metadata.attempts).toBe(2);
  },
);

row(65, 'a role was just made, and is not known everywhere yet', async () => {
  await lab.session('deployed', everything);
  const asked = { RoleArn: roleArn('deployed'), RoleSessionName: 'early' };
  await lab.fault({ kind: 'error', service: 'sts', operation: 'AssumeRole', code: 'AccessDenied', times: 2 });
  for (let early = 0; early < 2; early += 1)
    await expect(lab.sts().assumeRole(asked)).rejects.toMatchObject({ name: 'AccessDenied' });
  await lab.sts().assumeRole(asked);
  await lab.fault({
    ...{ kind: 'error', service: 'rds', operation: 'StartExportTask', code: 'IamRoleNotFoundFault' },
    message: 'The IAM role could not be found.',
  });
  const order = {
    ...{ ExportTaskIdentifier: 'e', S3BucketName: Bucket, KmsKeyId: 'k', IamRoleArn: roleArn('deployed') },
    SourceArn: `arn:aws:rds:${HOME}:${PRODUCTION}:snapshot:none`,
  };
  await expect(lab.home.rds.startExportTask(order)).rejects.toMatchObject(
    refusal('IamRoleNotFoundFault', /could not be found/),
  );
  await expect(lab.home.rds.startExportTask(order)).rejects.not.toMatchObject({
    name: 'IamRoleNotFoundFault',
  });
});

row(67, 'an answer is empty, is HTML, or breaks off: none of them says that there is nothing', async () => {
  const { rds } = lab.home;
  await lab.fault({ kind: 'empty-200', service: 'rds' });
  expect((await rds.describeDBSnapshots({})).DBSnapshots).toBeUndefined();
  expect((await rds.describeDBSnapshots({})).DBSnapshots).toEqual([]);
  await lab.fault({ kind: 'html', service: 'rds' });
  await expect(rds.describeDBSnapshots({})).rejects.toMatchObject({
    ...{ name: 'Unknown', $metadata: { httpStatusCode: 502 } },
  });
  await lab.fault({ kind: 'html', service: 'backup', status: 200 });
  await expect(lab.home.backup.listBackupJobs({})).rejects.toThrow();
  await lab.fault({ kind: 'cut-off', service: 'rds' });
  await expect(rds.describeDBSnapshots({})).rejects.toThrow(/aborted|ECONNRESET/);
  const s3 = lab.s3();
  await s3.putObject({ Bucket, Key: 'long', Body: 'x'.repeat(1_000_000) });
  await lab.fault({ kind: 'cut-off', service: 's3', operation: 'GetObject' });
  const half = await s3.getObject({ Bucket, Key: 'long' });
  expect(half.ContentLength).toBe(1_000_000);
  await expect(half.Body?.transformToString()).rejects.toThrow(/aborted|ECONNRESET/);
  const whole = await s3.getObject({ Bucket, Key: 'long' });
  expect(await whole.Body?.transformToString()).toHaveLength(1_000_000);
});

row(68, 'a listing has more pages, and one of them may be empty', async () => {
  const { rds, backup } = lab.home;
  for (let n = 0; n < 21; n += 1)
    await rds.createDBParameterGroup({
      ...{ DBParameterGroupName: `group-${n}`, DBParameterGroupFamily: 'postgres18', Description: 'x' },
    });
  const { DBParameterGroups = [], Marker } = await rds.describeDBParameterGroups({ MaxRecords: 20 });
  expect([DBParameterGroups.length, typeof Marker]).toEqual([20, 'string']);
  const rest = await rds.describeDBParameterGroups({ MaxRecords: 20, Marker });
  expect([rest.DBParameterGroups?.length, rest.Marker]).toEqual([2, undefined]); // with the default group

  const s3 = lab.s3();
  for (const Body of ['1', '2', '3']) await s3.putObject({ Bucket, Key: 'versions', Body });
  const page = await s3.listObjectVersions({ Bucket, Prefix: 'versions', MaxKeys: 2 });
  expect(page).toMatchObject({ IsTruncated: true, NextKeyMarker: 'versions' });

  const role = await backupRole(lab.home, 'backup-service', ['s3:*', 'backup:*', 'kms:*', 'tag:*']);
  await backup.createBackupVault({ BackupVaultName: 'vault' });
  const { RecoveryPointArn } = await backUp(lab.home, {
    ...{ vault: 'vault', resource: `arn:aws:s3:::${Bucket}`, role },
  });
  await lab.cloud.admin('POST', '/backup/behaviour', { emptyFirstPages: true });
  const list = (NextToken?: string) =>
    backup.listRecoveryPointsByBackupVault({ BackupVaultName: 'vault', NextToken });
  const { RecoveryPoints, NextToken } = await list();
  expect([RecoveryPoints, typeof NextToken]).toEqual([[], 'string']);
  const last = await list(NextToken);
  expect(last.RecoveryPoints).toMatchObject([{ RecoveryPointArn }]);
  expect(last.NextToken).toBeUndefined();
});

row(71, 'alerts cannot be sent: the error is there, and so is the missing heartbeat', async () => {
  const sns = lab.sns();
  const { TopicArn } = await sns.createTopic({ Name: 'alerts' });
  const broken = { service: 'sns', operation: 'Publish', code: 'InternalErrorException', times: 0 };
  await lab.fault({ kind: 'error', ...broken });
  await expect(sns.publish({ TopicArn, Message: 'the vault is unlocked' })).rejects.toMatchObject({
    ...{ name: 'InternalErrorException', $metadata: { httpStatusCode: 500 } },
  });
  const metrics = new CloudWatch(lab.config());
  const Namespace = 'Lifeboat';
  await metrics.putMetricData({ Namespace, MetricData: [{ MetricName: 'alive', Value: 1 }] });
  const beats = async (from: number) => {
    const StartTime = new Date(Date.now() + from);
    const EndTime = new Date(Date.now() + from + 3_600_000);
    const period = { Period: 60, Statistics: ['Sum' as const], StartTime, EndTime };
    return (await metrics.getMetricStatistics({ Namespace, MetricName: 'alive', ...period })).Datapoints;
  };
  expect(await beats(-1_800_000)).toHaveLength(1);
  expect(await beats(1_800_000)).toEqual([]);
  const { body } = await lab.cloud.admin('GET', '/sns/deliveries');
  expect(JSON.stringify(body)).not.toContain('the vault is unlocked');
});
