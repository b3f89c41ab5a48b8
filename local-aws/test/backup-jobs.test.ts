import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { bucketRole, createBucket, s3At } from './support/backup-buckets.ts';
import { backUp, copyPoint, vaultArn, whenBackedUp } from './support/backup-flow.ts';
import {
  AWAY,
  type Cloud,
  type Corner,
  customerKey,
  HOME,
  openCloud,
  PRODUCTION,
  VAULT,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

jest.setTimeout(240_000);

let cloud: Cloud;
let home: Corner;
let away: Corner;
let safe: Corner;
let role: string;
let bucket: string;
const named = (name: string) => expect.objectContaining({ name }) as unknown;
const says = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

beforeAll(async () => {
  cloud = await openCloud();
  home = cloud.corner(PRODUCTION, HOME);
  away = cloud.corner(PRODUCTION, AWAY);
  safe = cloud.corner(VAULT, HOME);
  role = await bucketRole(home);
  bucket = await createBucket(cloud, home, 'jobs-of-backup');
  const [homeKey, safeKey] = [await customerKey(home, VAULT), await customerKey(safe, PRODUCTION)];
  await home.backup.createBackupVault({ BackupVaultName: 'local', EncryptionKeyArn: homeKey });
  await away.backup.createBackupVault({ BackupVaultName: 'relay' });
  await safe.backup.createBackupVault({ BackupVaultName: 'safe', EncryptionKeyArn: safeKey });
});
afterEach(async () => {
  await fetch(`${cloud.aws.adminEndpoint}/faults`, { method: 'DELETE' });
  await cloud.admin('POST', '/backup/behaviour', { copyConcurrency: 100, oneStepCopies: false });
});
afterAll(async () => {
  await cloud.end();
});

const inject = async (rule: object) => {
  const { status, body } = await cloud.admin('POST', '/faults', { service: 'backup', ...rule });
  expect([status, body]).toEqual([200, expect.anything()]);
};
const start = async (more = {}) =>
  (
    await home.backup.startBackupJob({
      ...{ BackupVaultName: 'local', ResourceArn: bucket, IamRoleArn: role, ...more },
    })
  ).BackupJobId!;
const stateOf = async (BackupJobId: string) => (await home.backup.describeBackupJob({ BackupJobId })).State;
const reaches = async (id: string, state: string) =>
  eventually(`${id} is ${state}`, async () => ((await stateOf(id)) === state ? true : undefined));
const point = async () => (await backUp(home, { vault: 'local', resource: bucket, role })).RecoveryPointArn!;
const pointsOf = async (corner: Corner, BackupVaultName: string) =>
  (await corner.backup.listRecoveryPointsByBackupVault({ BackupVaultName })).RecoveryPoints ?? [];

test('a stalled job rests in its state until its window is over, and takes what it made along', async () => {
  const before = await pointsOf(home, 'local');
  await inject({ kind: 'stall-job', job: 'backup.job.created' });
  const resting = await start({ StartWindowMinutes: 60 });
  const behind = await start({ StartWindowMinutes: 60 });
  expect(await stateOf(resting)).toBe('CREATED');
  await cloud.advance({ hours: 1 });
  expect(await home.backup.describeBackupJob({ BackupJobId: resting })).toMatchObject({
    ...{ State: 'EXPIRED', MessageCategory: 'EXPIRED' },
    StatusMessage: says(/could not start before its start window ended/),
  });
  expect(await stateOf(behind)).toBe('EXPIRED'); // one at a time: it never came to its turn

  await inject({ kind: 'stall-job', job: 'backup.job.running' });
  const running = await start({ StartWindowMinutes: 60, CompleteWindowMinutes: 120 });
  await reaches(running, 'RUNNING');
  expect(await pointsOf(home, 'local')).toHaveLength(before.length + 1);
  await cloud.advance({ hours: 2 });
  expect(await home.backup.describeBackupJob({ BackupJobId: running })).toMatchObject({
    ...{ State: 'EXPIRED', StatusMessage: 'Backup job expired before completion.' },
  });
  expect(await pointsOf(home, 'local')).toEqual(before);
});

test('jobs pass through PENDING, fail where a fault strikes, and can be PARTIAL', async () => {
  await inject({ kind: 'stall-job', job: 'backup.job.start' });
  const id = await start();
  await reaches(id, 'PENDING');
  await home.backup.stopBackupJob({ BackupJobId: id });
  expect(await stateOf(id)).toBe('ABORTED');
  await expect(home.backup.stopBackupJob({ BackupJobId: id })).rejects.toEqual(
    named('InvalidRequestException'),
  );

  await inject({ kind: 'fail-job', job: 'backup.job.finish', message: 'the volume went away' });
  const before = await pointsOf(home, 'local');
  const failed = await backUp(home, { vault: 'local', resource: bucket, role });
  expect(failed).toMatchObject({ State: 'FAILED', StatusMessage: 'the volume went away' });
  expect(await pointsOf(home, 'local')).toEqual(before);

  await inject({
    ...{ kind: 'fail-job', job: 'backup.job.finish', message: 'one part is missing', outcome: 'PARTIAL' },
  });
  const partial = await backUp(home, { vault: 'local', resource: bucket, role });
  expect(partial).toMatchObject({ State: 'PARTIAL', StatusMessage: 'one part is missing' });
  const described = await home.backup.describeRecoveryPoint({
    ...{ BackupVaultName: 'local', RecoveryPointArn: partial.RecoveryPointArn! },
  });
  expect(described).toMatchObject({ Status: 'PARTIAL', StatusMessage: 'one part is missing' });
  const copy = copyPoint(home, {
    ...{ point: partial.RecoveryPointArn!, from: 'local', to: vaultArn(away, 'relay'), role },
  });
  await expect(copy).rejects.toEqual(named('InvalidRequestException'));
});

test('a token binds its parameters; windows that make no sense are refused', async () => {
  const id = await start({ IdempotencyToken: 'once', RecoveryPointTags: { b: '2', a: '1' } });
  expect(await start({ RecoveryPointTags: { a: '1', b: '2' }, IdempotencyToken: 'once' })).toBe(id);
  await expect(start({ IdempotencyToken: 'once' })).rejects.toEqual(named('InvalidParameterValueException'));
  await whenBackedUp(home, id);
  const invalid = named('InvalidParameterValueException');
  await expect(start({ StartWindowMinutes: 59 })).rejects.toEqual(invalid);
  await expect(start({ StartWindowMinutes: 120, CompleteWindowMinutes: 90 })).rejects.toEqual(invalid);
  await expect(
    start({ Lifecycle: { MoveToColdStorageAfterDays: 30, DeleteAfterDays: 100 } }),
  ).rejects.toEqual(invalid);
  await expect(start({ Lifecycle: { DeleteAfterDays: 0 } })).rejects.toEqual(invalid);
  const kept = await start({ Lifecycle: { MoveToColdStorageAfterDays: 30, DeleteAfterDays: 120 } });
  expect(await whenBackedUp(home, kept)).toMatchObject({
    RecoveryPointLifecycle: { MoveToColdStorageAfterDays: 30, DeleteAfterDays: 120 },
  });
});

test('copies beyond the limit rest in CREATED, in their order, and go on when there is room', async () => {
  await cloud.admin('POST', '/backup/behaviour', { copyConcurrency: 1 });
  const other = await createBucket(cloud, home, 'jobs-of-others');
  const mine = await point();
  const theirs = (await backUp(home, { vault: 'local', resource: other, role })).RecoveryPointArn!;
  await inject({ kind: 'stall-job', job: 'backup.copy.running', resource: bucket });
  const startCopy = async (RecoveryPointArn: string) =>
    (
      await home.backup.startCopyJob({
        ...{ RecoveryPointArn, SourceBackupVaultName: 'local', IamRoleArn: role },
        DestinationBackupVaultArn: vaultArn(away, 'relay'),
      })
    ).CopyJobId!;
  const job = async (CopyJobId: string) => (await home.backup.describeCopyJob({ CopyJobId })).CopyJob!;
  const first = await startCopy(mine);
  await eventually('running', async () => ((await job(first)).State === 'RUNNING' ? true : undefined));
  const second = await startCopy(theirs);
  const deletion = home.backup.deleteRecoveryPoint({ BackupVaultName: 'local', RecoveryPointArn: mine });
  await expect(deletion).rejects.toEqual(named('InvalidResourceStateException'));
  expect((await job(second)).State).toBe('CREATED');
  await fetch(`${cloud.aws.adminEndpoint}/faults`, { method: 'DELETE' });
  const ends = await eventually('both over', async () => {
    const jobs = [await job(first), await job(second)];
    return jobs.every(({ State }) => State === 'COMPLETED') ? jobs : undefined;
  });
  const [one, two] = ends.map(({ CompletionDate }) => CompletionDate!.getTime());
  expect(one).toBeLessThanOrEqual(two!);
  const listed = await home.backup.listCopyJobs({ BySourceRecoveryPointArn: theirs });
  expect(listed.CopyJobs?.map(({ CopyJobId }) => CopyJobId)).toEqual([second]);
});

test('a copy into another account is refused in order: organization, policy, default vault, key', async () => {
  const source = await point();
  const copyTo = async (to: string) => {
    const { State, StatusMessage } = await copyPoint(home, { point: source, from: 'local', to, role });
    expect(State).toBe('FAILED');
    return StatusMessage;
  };
  const settings = (isCrossAccountBackupEnabled: string, corner = home) =>
    corner.backup.updateGlobalSettings({ GlobalSettings: { isCrossAccountBackupEnabled } });
  await expect(settings('false', safe)).rejects.toEqual(named('InvalidRequestException'));
  await expect(settings('maybe')).rejects.toEqual(named('InvalidParameterValueException'));
  await settings('false');
  expect(await copyTo(vaultArn(safe, 'safe'))).toMatch(/must be a member of the same organization/);
  await settings('true');
  const { GlobalSettings, LastUpdateTime } = await home.backup.describeGlobalSettings({});
  expect(GlobalSettings).toMatchObject({ isCrossAccountBackupEnabled: 'true' });
  expect(LastUpdateTime).toBeInstanceOf(Date);
  expect(await copyTo(vaultArn(safe, 'safe'))).toMatch(/Access Denied.*CopyIntoBackupVault/);
  const allow = { Effect: 'Allow', Principal: '*', Action: 'backup:CopyIntoBackupVault', Resource: '*' };
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [allow] });
  await safe.backup.putBackupVaultAccessPolicy({ BackupVaultName: 'Default', Policy });
  expect(await copyTo(vaultArn(safe, 'Default'))).toMatch(/default backup vault cannot be the destination/);
  await safe.backup.createBackupVault({ BackupVaultName: 'managed' });
  await safe.backup.putBackupVaultAccessPolicy({ BackupVaultName: 'managed', Policy });
  expect(await copyTo(vaultArn(safe, 'managed'))).toMatch(/managed by AWS/);
});

test('lists are paged to the end with tokens of their own, filtered by state, vault, account and date', async () => {
  const ids: string[] = [];
  let NextToken: string | undefined;
  do {
    const answer = await home.backup.listBackupJobs({ MaxResults: 3, ...(NextToken && { NextToken }) });
    expect(answer.BackupJobs!.length).toBeLessThanOrEqual(3);
    ids.push(...answer.BackupJobs!.map(({ BackupJobId }) => BackupJobId!));
    NextToken = answer.NextToken;
  } while (NextToken !== undefined);
  const { BackupJobs } = await home.backup.listBackupJobs({});
  expect(ids).toEqual(BackupJobs!.map(({ BackupJobId }) => BackupJobId));
  const count = async (filter: object) => (await home.backup.listBackupJobs(filter)).BackupJobs!.length;
  expect(await count({ ByState: 'PARTIAL' })).toBe(1);
  expect(await count({ ByState: 'EXPIRED', ByResourceArn: bucket })).toBe(3);
  expect(await count({ ByAccountId: VAULT })).toBe(0);
  expect(await count({ ByAccountId: PRODUCTION, ByBackupVaultName: 'local' })).toBe(ids.length);
  expect(await count({ ByBackupVaultName: 'nowhere' })).toBe(0);
  const newest = BackupJobs![0]!.CreationDate!;
  expect(await count({ ByCreatedAfter: newest })).toBe(0);
  expect(await count({ ByCreatedBefore: newest })).toBe(ids.length - 1);
  expect(await count({ ByParentJobId: ids[0]! })).toBe(0);
  await expect(home.backup.listBackupJobs({ NextToken: 'bm9uc2Vuc2U' })).rejects.toEqual(
    named('InvalidParameterValueException'),
  );
  await expect(home.backup.listBackupJobs({ MaxResults: 1001 })).rejects.toEqual(
    named('InvalidParameterValueException'),
  );
  const short = home.backup.listRecoveryPointsByResource({
    ...{ ResourceArn: `arn:aws:rds:${HOME}:${PRODUCTION}:db:shop`, MaxResults: 19 },
  });
  await expect(short).rejects.toThrow(/20 or more/);
});

test('a restore can be stalled, followed and failed; its verdict, once final, stays', async () => {
  const source = await point();
  const restore = async (DestinationBucketName: string) => {
    const { RestoreJobId } = await home.backup.startRestoreJob({
      ...{ RecoveryPointArn: source, IamRoleArn: role, ResourceType: 'S3' },
      Metadata: { DestinationBucketName, NewBucket: 'true' },
    });
    return RestoreJobId!;
  };
  const job = (RestoreJobId: string) => home.backup.describeRestoreJob({ RestoreJobId });
  const over = async (id: string) =>
    eventually('over', async () => (/ED$/.test((await job(id)).Status!) ? await job(id) : undefined));
  await inject({ kind: 'fail-job', job: 'backup.restore.finish', message: 'restored, then lost' });
  expect(await over(await restore('restore-fails'))).toMatchObject({
    ...{ Status: 'FAILED', StatusMessage: 'restored, then lost' },
  });
  await inject({ kind: 'stall-job', job: 'backup.restore.running' });
  const id = await restore('restore-stalls');
  await eventually('running', async () => ((await job(id)).Status === 'RUNNING' ? true : undefined));
  const validate = (ValidationStatus: 'VALIDATING' | 'SUCCESSFUL' | 'FAILED') =>
    home.backup.putRestoreValidationResult({ RestoreJobId: id, ValidationStatus });
  await expect(validate('SUCCESSFUL')).rejects.toEqual(named('InvalidRequestException'));
  await fetch(`${cloud.aws.adminEndpoint}/faults`, { method: 'DELETE' });
  expect(await over(id)).toMatchObject({
    Status: 'COMPLETED',
    CreatedResourceArn: 'arn:aws:s3:::restore-stalls',
  });
  await validate('VALIDATING');
  await validate('SUCCESSFUL');
  await validate('SUCCESSFUL');
  await expect(validate('FAILED')).rejects.toEqual(named('InvalidRequestException'));
  expect((await home.backup.getRestoreJobMetadata({ RestoreJobId: id })).Metadata).toEqual({
    ...{ DestinationBucketName: 'restore-stalls', NewBucket: 'true' },
  });
  const { RestoreJobs } = await home.backup.listRestoreJobsByProtectedResource({
    ...{ ResourceArn: bucket, ByStatus: 'COMPLETED' },
  });
  expect(RestoreJobs?.map(({ RestoreJobId }) => RestoreJobId)).toEqual([id]);
  const { RestoreJobSummaries } = await home.backup.listRestoreJobSummaries({ State: 'AGGREGATE_ALL' });
  expect(RestoreJobSummaries).toEqual([expect.objectContaining({ State: 'AGGREGATE_ALL', Count: 2 })]);
  expect((await s3At(cloud, home).listObjectsV2({ Bucket: 'restore-stalls' })).KeyCount).toBe(1);
});

test('a deletion that AWS cannot finish answers 200 and leaves the point EXPIRED', async () => {
  const RecoveryPointArn = await point();
  await inject({
    kind: 'fail-job',
    job: 'backup.point.delete',
    message: 'AWS Backup cannot delete the point.',
  });
  await home.backup.deleteRecoveryPoint({ BackupVaultName: 'local', RecoveryPointArn });
  await eventually('EXPIRED', async () => {
    const { Status } = await home.backup.describeRecoveryPoint({
      BackupVaultName: 'local',
      RecoveryPointArn,
    });
    return Status === 'EXPIRED' ? true : undefined;
  });
  await home.backup.deleteRecoveryPoint({ BackupVaultName: 'local', RecoveryPointArn });
  await eventually('gone', async () =>
    (await pointsOf(home, 'local')).every((one) => one.RecoveryPointArn !== RecoveryPointArn)
      ? true
      : undefined,
  );
});
