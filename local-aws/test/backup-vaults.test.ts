import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { SNS } from '@aws-sdk/client-sns';
import { bucketRole, createBucket } from './support/backup-buckets.ts';
import { backUp, copyPoint, vaultArn } from './support/backup-flow.ts';
import { type Cloud, type Corner, HOME, openCloud, PRODUCTION } from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

jest.setTimeout(240_000);

let cloud: Cloud;
let home: Corner;
let role: string;
let bucket: string;
const named = (name: string) => expect.objectContaining({ name }) as unknown;
const says = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;
const TOPIC = `arn:aws:sns:${HOME}:${PRODUCTION}:backups`;

beforeAll(async () => {
  cloud = await openCloud();
  home = cloud.corner(PRODUCTION, HOME);
  role = await bucketRole(home);
  bucket = await createBucket(cloud, home, 'bucket-of-vaults');
});
afterEach(async () => {
  await cloud.admin('POST', '/backup/behaviour', {
    ...{ lockError: 'InvalidRequestException', missingVaultError: 'ResourceNotFoundException' },
  });
});
afterAll(async () => {
  await cloud.end();
});

const take = async (vault: string, days?: number) => {
  const job = await backUp(home, { vault, resource: bucket, role, ...(days !== undefined && { days }) });
  return { BackupVaultName: vault, RecoveryPointArn: job.RecoveryPointArn ?? '', job };
};

test('the default vault is there when it is first named, under the key that AWS manages', async () => {
  expect((await home.backup.listBackupVaults({})).BackupVaultList).toEqual([]);
  const vault = await home.backup.describeBackupVault({ BackupVaultName: 'Default' });
  expect(vault).toMatchObject({
    ...{ BackupVaultArn: vaultArn(home, 'Default'), VaultType: 'BACKUP_VAULT', VaultState: 'AVAILABLE' },
    ...{ Locked: false, NumberOfRecoveryPoints: 0 },
  });
  const key = await home.kms.describeKey({ KeyId: vault.EncryptionKeyArn! });
  expect(key.KeyMetadata?.KeyManager).toBe('AWS');
  const { RecoveryPointArn } = await take('Default');
  expect(await home.backup.describeBackupVault({ BackupVaultName: 'Default' })).toMatchObject({
    NumberOfRecoveryPoints: 1,
  });
  await expect(home.backup.deleteBackupVault({ BackupVaultName: 'Default' })).rejects.toThrow(
    'Backup vault cannot be deleted because it contains recovery points.',
  );
  await home.backup.deleteRecoveryPoint({ BackupVaultName: 'Default', RecoveryPointArn });
  await eventually('empty', async () => {
    const { NumberOfRecoveryPoints } = await home.backup.describeBackupVault({ BackupVaultName: 'Default' });
    return NumberOfRecoveryPoints === 0 ? true : undefined;
  });
  await home.backup.deleteBackupVault({ BackupVaultName: 'Default' });
  expect((await home.backup.listBackupVaults({})).BackupVaultList).toEqual([]);
});

test('what a lock forbids, and a vault that is not there, can be said by either error that AWS may give', async () => {
  await home.backup.createBackupVault({ BackupVaultName: 'either' });
  const { BackupVaultName, RecoveryPointArn } = await take('either', 30);
  await home.backup.putBackupVaultLockConfiguration({ BackupVaultName, MinRetentionDays: 7 });
  const remove = () => home.backup.deleteRecoveryPoint({ BackupVaultName, RecoveryPointArn });
  const change = () =>
    home.backup.updateRecoveryPointLifecycle({
      ...{ BackupVaultName, RecoveryPointArn, Lifecycle: { DeleteAfterDays: 1 } },
    });
  const missing = () => home.backup.describeBackupVault({ BackupVaultName: 'not-there' });
  await expect(remove()).rejects.toEqual(named('InvalidRequestException'));
  await expect(change()).rejects.toEqual(named('InvalidRequestException'));
  await expect(missing()).rejects.toEqual(named('ResourceNotFoundException'));
  await cloud.admin('POST', '/backup/behaviour', {
    ...{ lockError: 'AccessDeniedException', missingVaultError: 'AccessDeniedException' },
  });
  await expect(remove()).rejects.toEqual(named('AccessDeniedException'));
  await expect(change()).rejects.toEqual(named('AccessDeniedException'));
  await expect(missing()).rejects.toEqual(named('AccessDeniedException'));
  for (const wrong of [{ lockError: 'Nonsense' }, { colour: 'red' }, { copyConcurrency: 0 }])
    expect((await cloud.admin('POST', '/backup/behaviour', wrong)).status).toBe(400);
  expect((await cloud.admin('GET', '/backup/behaviour')).body).toEqual({
    ...{ lockError: 'AccessDeniedException', missingVaultError: 'AccessDeniedException' },
    ...{ oneStepCopies: false, copyConcurrency: 100, emptyFirstPages: false },
  });
});

test('an access policy that would not be understood is refused when it is written', async () => {
  const BackupVaultName = 'worded';
  await home.backup.createBackupVault({ BackupVaultName });
  const odd = { Effect: 'Maybe', Principal: '*', Action: '*', Resource: '*' };
  for (const Policy of ['no JSON', '{"x":1}', JSON.stringify({ Version: '2012-10-17', Statement: [odd] })])
    await expect(home.backup.putBackupVaultAccessPolicy({ BackupVaultName, Policy })).rejects.toEqual(
      named('InvalidParameterValueException'),
    );
  await expect(home.backup.getBackupVaultAccessPolicy({ BackupVaultName })).rejects.toEqual(
    named('ResourceNotFoundException'),
  );
});

test('a compliance lock can be changed and removed while it cools off, and never after', async () => {
  const BackupVaultName = 'cooling';
  await home.backup.createBackupVault({ BackupVaultName });
  const lock = (more: object) => home.backup.putBackupVaultLockConfiguration({ BackupVaultName, ...more });
  const state = () => home.backup.describeBackupVault({ BackupVaultName });
  await lock({ MinRetentionDays: 7, MaxRetentionDays: 100, ChangeableForDays: 3 });
  const cooling = await state();
  expect(cooling).toMatchObject({ Locked: true, MinRetentionDays: 7, MaxRetentionDays: 100 });
  const { body } = await cloud.admin('GET', '/clock');
  const wait = cooling.LockDate!.getTime() - Date.parse(body['now'] as string);
  expect(Math.round(wait / 3_600_000)).toBe(72);
  await home.backup.deleteBackupVaultLockConfiguration({ BackupVaultName });
  expect(await state()).toMatchObject({ Locked: false });
  expect((await state()).LockDate).toBeUndefined();
  await lock({ MinRetentionDays: 10, ChangeableForDays: 3 });
  const tooShort = await take(BackupVaultName, 9);
  expect(tooShort.job).toMatchObject({
    State: 'FAILED',
    StatusMessage: says(/below the minimum of 10 days/),
  });
  await cloud.advance({ days: 3 });
  const refused = named('InvalidRequestException');
  await expect(lock({ MinRetentionDays: 1 })).rejects.toEqual(refused);
  await expect(home.backup.deleteBackupVaultLockConfiguration({ BackupVaultName })).rejects.toEqual(refused);
  for (const wrong of [{ MinRetentionDays: 0 }, { MinRetentionDays: 9, MaxRetentionDays: 8 }])
    await expect(
      home.backup.putBackupVaultLockConfiguration({ BackupVaultName: 'either', ...wrong }),
    ).rejects.toEqual(named('InvalidParameterValueException'));
  await home.backup.deleteBackupVault({ BackupVaultName }); // empty: even a locked one
});

test('a logically air-gapped vault is locked from the start and takes copies within its limits only', async () => {
  const create = (more: object) =>
    home.backup.createLogicallyAirGappedBackupVault({
      ...{ BackupVaultName: 'air-gapped', MinRetentionDays: 7, MaxRetentionDays: 60, ...more },
    });
  await expect(create({ MinRetentionDays: 6 })).rejects.toEqual(named('InvalidParameterValueException'));
  const { BackupVaultArn, VaultState } = await create({});
  expect([BackupVaultArn, VaultState]).toEqual([vaultArn(home, 'air-gapped'), 'AVAILABLE']);
  await expect(create({})).rejects.toEqual(named('AlreadyExistsException'));
  const vault = await home.backup.describeBackupVault({ BackupVaultName: 'air-gapped' });
  expect(vault).toMatchObject({
    ...{ VaultType: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT', Locked: true, MinRetentionDays: 7 },
    LockDate: vault.CreationDate,
  });
  const listed = await home.backup.listBackupVaults({ ByVaultType: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT' });
  expect(listed.BackupVaultList?.map(({ BackupVaultName }) => BackupVaultName)).toEqual(['air-gapped']);
  const direct = home.backup.startBackupJob({
    ...{ BackupVaultName: 'air-gapped', ResourceArn: bucket, IamRoleArn: role },
  });
  await expect(direct).rejects.toEqual(named('InvalidParameterValueException'));
  await home.backup.createBackupVault({ BackupVaultName: 'before' });
  const { RecoveryPointArn: point } = await take('before');
  const copyFor = (days: number) =>
    copyPoint(home, {
      ...{ point, from: 'before', to: BackupVaultArn!, role, lifecycle: { DeleteAfterDays: days } },
    });
  expect(await copyFor(5)).toMatchObject({ State: 'FAILED', StatusMessage: says(/below the minimum/) });
  const copy = await copyFor(30);
  expect(copy).toMatchObject({
    ...{ State: 'COMPLETED', DestinationVaultLockState: 'LOCKED' },
    DestinationVaultType: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT',
  });
  const kept = { BackupVaultName: 'air-gapped', RecoveryPointArn: copy.DestinationRecoveryPointArn! };
  await expect(home.backup.deleteRecoveryPoint(kept)).rejects.toEqual(named('InvalidRequestException'));
  await cloud.advance({ days: 31 });
  await expect(home.backup.describeRecoveryPoint(kept)).rejects.toEqual(named('ResourceNotFoundException'));
});

test('vault notifications are kept, read back and recorded, and fail no job when the topic is not there', async () => {
  const BackupVaultName = 'telling';
  await home.backup.createBackupVault({ BackupVaultName });
  const get = () => home.backup.getBackupVaultNotifications({ BackupVaultName });
  await expect(get()).rejects.toEqual(named('ResourceNotFoundException'));
  const put = (events: string[], SNSTopicArn = TOPIC) =>
    home.backup.putBackupVaultNotifications({
      ...{ BackupVaultName, SNSTopicArn, BackupVaultEvents: events as 'BACKUP_JOB_STARTED'[] },
    });
  await expect(put(['BACKUP_JOB_DANCED'])).rejects.toEqual(named('InvalidParameterValueException'));
  await expect(put(['BACKUP_JOB_STARTED'], 'arn:nothing')).rejects.toEqual(
    named('InvalidParameterValueException'),
  );
  await put(['BACKUP_JOB_COMPLETED', 'BACKUP_JOB_FAILED', 'RECOVERY_POINT_MODIFIED']);
  expect(await get()).toMatchObject({
    ...{ SNSTopicArn: TOPIC, BackupVaultArn: vaultArn(home, BackupVaultName) },
    BackupVaultEvents: ['BACKUP_JOB_COMPLETED', 'BACKUP_JOB_FAILED', 'RECOVERY_POINT_MODIFIED'],
  });
  const { RecoveryPointArn, job } = await take(BackupVaultName);
  expect(job).toMatchObject({ State: 'COMPLETED' });
  await home.backup.updateRecoveryPointLifecycle({
    ...{ BackupVaultName, RecoveryPointArn, Lifecycle: { DeleteAfterDays: 10 } },
  });
  const told = async () => JSON.stringify((await cloud.admin('GET', '/events?kind=service')).body);
  await eventually('both are recorded', async () => {
    const text = await told();
    return text.includes('BACKUP_JOB_COMPLETED') && text.includes('RECOVERY_POINT_MODIFIED')
      ? true
      : undefined;
  });
  expect(await told()).not.toMatch(/BACKUP_JOB_STARTED/); // not asked for
  expect(await told()).toMatch(new RegExp(`completed successfully. Recovery point ARN: ${RecoveryPointArn}`));
  await home.backup.deleteBackupVaultNotifications({ BackupVaultName });
  await expect(get()).rejects.toEqual(named('ResourceNotFoundException'));
});

test('a topic whose policy admits AWS Backup gets what happens in the vault; another does not, and is told apart', async () => {
  const sns = new SNS({
    ...{ endpoint: cloud.aws.endpoint, region: HOME, maxAttempts: 1 },
    credentials: cloud.aws.accounts[PRODUCTION]!,
  });
  const { TopicArn } = await sns.createTopic({ Name: 'backups' });
  const posted = async () =>
    (await cloud.admin('GET', `/sns/deliveries?topic=${TopicArn!}`)).body['deliveries'] as {
      kind: string;
      body: string;
    }[];
  await sns.subscribe({ TopicArn, Protocol: 'email', Endpoint: 'ops@example.com' });
  const asked = JSON.parse((await posted())[0]!.body) as { Token: string };
  await sns.confirmSubscription({ TopicArn, Token: asked.Token });
  const BackupVaultName = 'posting';
  await home.backup.createBackupVault({ BackupVaultName });
  await home.backup.putBackupVaultNotifications({
    ...{ BackupVaultName, SNSTopicArn: TopicArn!, BackupVaultEvents: ['BACKUP_JOB_COMPLETED'] },
  });
  const events = async () => JSON.stringify((await cloud.admin('GET', '/events?kind=service')).body);
  const refused = await take(BackupVaultName);
  await eventually('refused by the policy', async () => {
    const told = new RegExp(
      `${refused.RecoveryPointArn}.*not delivered: the policy of .*backup.amazonaws.com`,
    );
    return told.test(await events()) ? true : undefined;
  });
  const allow = {
    ...{ Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'SNS:Publish' },
    Resource: TopicArn,
  };
  await sns.setTopicAttributes({
    ...{ TopicArn, AttributeName: 'Policy' },
    AttributeValue: JSON.stringify({ Version: '2012-10-17', Statement: [allow] }),
  });
  const { RecoveryPointArn } = await take(BackupVaultName);
  const delivery = await eventually('delivered', async () =>
    (await posted()).find(({ kind, body }) => kind === 'Notification' && body.includes(RecoveryPointArn)),
  );
  expect(JSON.parse(delivery.body)).toMatchObject({
    Subject: 'Notification from AWS Backup',
    MessageAttributes: {
      EventType: { Type: 'String', Value: 'BACKUP_JOB' },
      State: { Type: 'String', Value: 'COMPLETED' },
    },
  });
  expect(delivery.body).not.toContain(refused.RecoveryPointArn);
});

test('a hold by vault, by resource or by date keeps what it covers; a hold that is over lets go', async () => {
  await home.backup.createBackupVault({ BackupVaultName: 'courts' });
  const early = await take('courts', 10);
  await cloud.advance({ days: 5 });
  const late = await take('courts', 10);
  const now = new Date((await cloud.admin('GET', '/clock')).body['now'] as string);
  const days = (count: number) => new Date(now.getTime() + count * 86_400_000);
  const hold = async (RecoveryPointSelection: object) =>
    (
      await home.backup.createLegalHold({
        ...{ Title: 'case', Description: 'of the year', RecoveryPointSelection },
      })
    ).LegalHoldId!;
  const covered = async (LegalHoldId: string) =>
    ((await home.backup.listRecoveryPointsByLegalHold({ LegalHoldId })).RecoveryPoints ?? []).map(
      ({ RecoveryPointArn }) => RecoveryPointArn,
    );
  const byDate = await hold({
    VaultNames: ['courts'],
    DateRange: { FromDate: days(-6), ToDate: days(-4) },
  });
  expect(await covered(byDate)).toEqual([early.RecoveryPointArn]);
  const byResource = await hold({ ResourceIdentifiers: [bucket] });
  expect(await covered(byResource)).toEqual(
    expect.arrayContaining([early.RecoveryPointArn, late.RecoveryPointArn]),
  );
  const reversed = hold({ VaultNames: ['courts'], DateRange: { FromDate: days(1), ToDate: days(-1) } });
  await expect(reversed).rejects.toEqual(named('InvalidParameterValueException'));
  const cancel = (LegalHoldId: string, more = {}) =>
    home.backup.cancelLegalHold({ LegalHoldId, CancelDescription: 'settled', ...more });
  await cancel(byResource, { RetainRecordInDays: 30 });
  await eventually('cancelled', async () =>
    (await home.backup.getLegalHold({ LegalHoldId: byResource })).Status === 'CANCELED' ? true : undefined,
  );
  await expect(cancel(byResource)).rejects.toEqual(named('InvalidResourceStateException'));
  await cloud.advance({ days: 20 });
  const left = await home.backup.listRecoveryPointsByBackupVault({ BackupVaultName: 'courts' });
  expect(left.RecoveryPoints?.map(({ RecoveryPointArn }) => RecoveryPointArn)).toEqual([
    early.RecoveryPointArn,
  ]);
  expect((await home.backup.getLegalHold({ LegalHoldId: byResource })).CancelDescription).toBe('settled');
  await cancel(byDate);
  await eventually('expired', async () => {
    const { RecoveryPoints } = await home.backup.listRecoveryPointsByBackupVault({
      BackupVaultName: 'courts',
    });
    return RecoveryPoints?.length === 0 ? true : undefined;
  });
  const { LegalHolds } = await home.backup.listLegalHolds({ MaxResults: 1 });
  expect(LegalHolds).toHaveLength(1);
});

test('settings are told and changed only as AWS Backup knows them', async () => {
  const unknown = home.backup.updateRegionSettings({ ResourceTypeOptInPreference: { Toaster: true } });
  await expect(unknown).rejects.toEqual(named('InvalidParameterValueException'));
  expect((await home.backup.getSupportedResourceTypes({})).ResourceTypes).toEqual(
    expect.arrayContaining(['RDS', 'S3']),
  );
  await home.backup.updateRegionSettings({ ResourceTypeOptInPreference: { S3: false } });
  const start = home.backup.startBackupJob({
    ...{ BackupVaultName: 'Default', ResourceArn: bucket, IamRoleArn: role },
  });
  await expect(start).rejects.toThrow(/not opted in/);
  const elsewhere = await cloud.corner(PRODUCTION, 'us-east-1').backup.describeRegionSettings({});
  expect(elsewhere.ResourceTypeOptInPreference).toMatchObject({ S3: true });
  await home.backup.updateRegionSettings({ ResourceTypeOptInPreference: { S3: true } });
});
