import type { RDS } from '@aws-sdk/client-rds';
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import { backUp, whenBackedUp } from './support/backup-flow.ts';
import { AURORA } from './support/clusters.ts';
import {
  backupRole,
  createInstance,
  customerKey,
  HOME,
  PASSWORD,
  PRODUCTION,
  whenAvailable,
  whenGone,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';
import { refusal, row, says, Trouble } from './support/failure-modes.ts';

let lab: Trouble;
let rds: RDS;
let key: string;
let role: string;
const orders = { DBInstanceIdentifier: 'orders' };
const Tags = [{ Key: 'protect', Value: 'yes' }];
const ORDERS = `arn:aws:rds:${HOME}:${PRODUCTION}:db:orders`;
const LEDGER = `arn:aws:rds:${HOME}:${PRODUCTION}:cluster:ledger`;
beforeAll(async () => {
  // A modification takes long enough to be met.
  lab = await Trouble.start({ pace: { scale: 1 / 15_000, overrides: { 'rds.modifyInstance': 15_000 } } });
  ({ rds } = lab.home);
  key = await customerKey(lab.home);
  role = await backupRole(lab.home);
  await lab.home.backup.createBackupVault({ BackupVaultName: 'local', EncryptionKeyArn: key });
  await createInstance(lab.home, { id: 'orders', kmsKeyId: key, options: { Tags } });
});
afterEach(() => lab.clear());
afterAll(() => lab.end());

const take = (id: string, more: object = {}) =>
  rds.createDBSnapshot({ ...orders, DBSnapshotIdentifier: id, ...more });
const snapshot = async (id: string) =>
  (await rds.describeDBSnapshots({ DBSnapshotIdentifier: id })).DBSnapshots?.[0];
const settled = async (id: string) => {
  const end = await eventually(`snapshot ${id} is over`, async () => {
    const found = await snapshot(id);
    return ['available', 'failed'].includes(found?.Status ?? '') ? found : undefined;
  });
  await becomes('available'); // the database says so a moment later
  return end;
};
const remove = async (id: string) => {
  await rds.deleteDBSnapshot({ DBSnapshotIdentifier: id });
  await eventually(`snapshot ${id} is gone`, () =>
    snapshot(id).then(
      () => undefined,
      (err: unknown) => ((err as Error).name === 'DBSnapshotNotFoundFault' ? true : undefined),
    ),
  );
};
const instance = async () => (await rds.describeDBInstances(orders)).DBInstances?.[0];
const becomes = (status: string) =>
  eventually(`orders is ${status}`, async () =>
    (await instance())?.DBInstanceStatus === status ? true : undefined,
  );
const notAvailable = refusal('InvalidDBInstanceStateFault', /is not currently in the available state/);

row(1, 'a snapshot is stuck in creating, its progress frozen', async () => {
  await lab.fault({ kind: 'stall-job', service: 'rds', job: 'snapshot' });
  await take('stuck');
  const stuck = { Status: 'creating', PercentProgress: 0 };
  expect(await snapshot('stuck')).toMatchObject(stuck);
  await lab.cloud.advance({ hours: 3 });
  expect(await snapshot('stuck')).toMatchObject(stuck);
  await lab.clear();
  expect(await settled('stuck')).toMatchObject({ Status: 'available', PercentProgress: 100 });
});

row(2, 'a snapshot ends failed, can be deleted, and taken again under another name', async () => {
  await lab.fault({ kind: 'fail-job', service: 'rds', job: 'snapshot', message: 'the storage went away' });
  await take('bad');
  expect(await settled('bad')).toMatchObject({ Status: 'failed' });
  const { Events = [] } = await rds.describeEvents({
    ...{ SourceType: 'db-snapshot', SourceIdentifier: 'bad', EventCategories: ['failure'] },
  });
  expect(Events).toMatchObject([{ Message: says(/the storage went away/) }]);
  await remove('bad');
  await take('bad-r1');
  expect(await settled('bad-r1')).toMatchObject({ Status: 'available' });
});

row(
  3,
  'a database is busy with a backup, a reboot or a modification, a cluster with its creation',
  async () => {
    await lab.fault({ kind: 'stall-job', service: 'rds', job: 'snapshot' });
    await take('first');
    expect(await instance()).toMatchObject({ DBInstanceStatus: 'backing-up' });
    await expect(take('second')).rejects.toMatchObject(notAvailable);
    await lab.clear();
    await settled('first');

    await rds.rebootDBInstance(orders);
    expect(await instance()).toMatchObject({ DBInstanceStatus: 'rebooting' });
    await expect(take('second')).rejects.toMatchObject(notAvailable);
    await becomes('available');

    await rds.modifyDBInstance({ ...orders, DBInstanceClass: 'db.t4g.small', ApplyImmediately: true });
    await becomes('modifying');
    await expect(take('second')).rejects.toMatchObject(notAvailable);
    await becomes('available');

    await lab.fault({ kind: 'stall-job', service: 'rds', job: 'create-cluster' });
    const master = { MasterUsername: 'boss', MasterUserPassword: PASSWORD };
    await rds.createDBCluster({ DBClusterIdentifier: 'ledger', Engine: AURORA, ...master });
    await expect(
      rds.createDBClusterSnapshot({ DBClusterIdentifier: 'ledger', DBClusterSnapshotIdentifier: 'early' }),
    ).rejects.toMatchObject(refusal('InvalidDBClusterStateFault', /available/));
  },
);

row(4, 'a database is stopped, full, or has lost its key', async () => {
  await rds.stopDBInstance(orders);
  await becomes('stopped');
  await expect(take('never')).rejects.toMatchObject(notAvailable);
  await rds.startDBInstance(orders);
  await becomes('available');

  await lab.fault({ kind: 'fail-job', service: 'rds', job: 'run-instance', outcome: 'storage-full' });
  await becomes('storage-full');
  await expect(take('never')).rejects.toMatchObject(notAvailable);
  await rds.modifyDBInstance({ ...orders, AllocatedStorage: 40 });
  await becomes('available');

  await lab.home.kms.disableKey({ KeyId: key });
  await becomes('inaccessible-encryption-credentials-recoverable');
  await expect(take('never')).rejects.toMatchObject(notAvailable);
  await lab.home.kms.enableKey({ KeyId: key });
  await rds.startDBInstance(orders);
  await becomes('available');
});

row(5, 'the answer to a create is lost, and the retry finds its own work', async () => {
  await lab.fault({ kind: 'drop-after', service: 'rds', operation: 'CreateDBSnapshot' });
  const slot = { Tags: [{ Key: 'slot', Value: 'tonight' }] };
  const lost = lab.patient().rds.createDBSnapshot({ ...orders, DBSnapshotIdentifier: 'lost', ...slot });
  await expect(lost).rejects.toMatchObject({
    ...refusal(
      'DBSnapshotAlreadyExistsFault',
      /^Cannot create the snapshot because a snapshot with the identifier lost already exists\.$/,
    ),
    $metadata: { attempts: 2 },
  });
  expect(await settled('lost')).toMatchObject({ ...orders, Status: 'available', TagList: slot.Tags });
});

row(6, 'there is no room for another manual snapshot, until one is deleted', async () => {
  const { DBSnapshots = [] } = await rds.describeDBSnapshots({ SnapshotType: 'manual' });
  const Max = DBSnapshots.length;
  await lab.quota('ManualSnapshots', Max);
  await expect(take('one-too-many')).rejects.toMatchObject(
    refusal('SnapshotQuotaExceededFault', new RegExp(`^Cannot create more than ${Max} manual snapshots`)),
  );
  const { AccountQuotas } = await rds.describeAccountAttributes({});
  expect(AccountQuotas).toContainEqual({ AccountQuotaName: 'ManualSnapshots', Used: Max, Max });
  await remove('stuck');
  await take('one-too-many');
  await settled('one-too-many');
  await lab.quota('ManualSnapshots', -1);
});

row(7, 'calls are throttled, and go through when they are made again', async () => {
  await lab.fault({ kind: 'throttle', service: 'rds', operation: 'DescribeDBSnapshots', times: 2 });
  await expect(rds.describeDBSnapshots({})).rejects.toMatchObject(refusal('Throttling', /^Rate exceeded$/));
  const { $metadata } = await lab.patient().rds.describeDBSnapshots({});
  expect($metadata).toMatchObject({ attempts: 2, httpStatusCode: 200 });
  await lab.fault({ kind: 'throttle', service: 'backup', operation: 'ListBackupJobs' });
  await expect(lab.home.backup.listBackupJobs({})).rejects.toMatchObject({
    ...refusal('ThrottlingException'),
    $metadata: { httpStatusCode: 429 },
  });
});

const job = (more: object = {}) =>
  lab.home.backup.startBackupJob({
    ...{ BackupVaultName: 'local', ResourceArn: ORDERS, IamRoleArn: role, ...more },
  });
const backUpOrders = () => backUp(lab.home, { vault: 'local', resource: ORDERS, role });

row(8, 'a backup job expires, since it could not begin within its start window', async () => {
  await lab.fault({ kind: 'stall-job', service: 'rds', job: 'snapshot', resource: 'in-the-way' });
  await take('in-the-way');
  const { BackupJobId = '' } = await job({ StartWindowMinutes: 60 });
  const waiting = await eventually('the job says what it waits for', async () => {
    const found = await lab.home.backup.describeBackupJob({ BackupJobId });
    return found.StatusMessage === undefined ? undefined : found;
  });
  expect(waiting).toMatchObject({ State: 'CREATED', StatusMessage: says(/orders is backing-up/) });
  await lab.cloud.advance({ hours: 2 });
  const expired = await whenBackedUp(lab.home, BackupJobId);
  expect(expired).toMatchObject({
    State: 'EXPIRED',
    StatusMessage: says(/could not start before its start window ended/),
  });
  expect(expired.RecoveryPointArn).toBeUndefined();
  await lab.clear();
  await settled('in-the-way');
  expect(await backUpOrders()).toMatchObject({ State: 'COMPLETED' });
});

row(
  9,
  'a backup job fails inside or close to a window of RDS, and not an hour and a quarter away',
  async () => {
    const { body } = await lab.cloud.admin('GET', '/clock');
    const windowIn = async (minutes: number) => {
      const at = (more: number) => {
        const time = new Date(Date.parse(body['now'] as string) + (minutes + more) * 60_000);
        const day = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][time.getUTCDay()] ?? '';
        return `${day}:${time.toISOString().slice(11, 16)}`;
      };
      await rds.modifyDBInstance({ ...orders, PreferredMaintenanceWindow: `${at(0)}-${at(30)}` });
    };
    for (const minutes of [-10, 50]) {
      await windowIn(minutes);
      expect(await backUpOrders()).toMatchObject({
        State: 'FAILED',
        StatusMessage: says(
          /could not start because it is either inside or too close to the weekly maintenance window/,
        ),
      });
    }
    await windowIn(75);
    expect(await backUpOrders()).toMatchObject({ State: 'COMPLETED' });
  },
);

row(10, 'a plan skips Aurora without a word while its type is not opted in', async () => {
  await eventually('the cluster is available', async () => {
    const { DBClusters } = await rds.describeDBClusters({ DBClusterIdentifier: 'ledger' });
    return DBClusters?.[0]?.Status === 'available' ? true : undefined;
  });
  const { ResourceTypeOptInPreference: opted } = await lab.home.backup.describeRegionSettings({});
  expect(opted).toMatchObject({ Aurora: false, RDS: true });
  const rule = { RuleName: 'night', TargetBackupVaultName: 'local' };
  const { BackupPlanId } = await lab.home.backup.createBackupPlan({
    BackupPlan: { BackupPlanName: 'silent', Rules: [rule] },
  });
  const BackupSelection = { SelectionName: 'all', IamRoleArn: role, Resources: [LEDGER] };
  await lab.home.backup.createBackupSelection({ BackupPlanId, BackupSelection });
  await lab.cloud.advance({ days: 1 });
  const jobs = async () =>
    (await lab.home.backup.listBackupJobs({ ByResourceArn: LEDGER })).BackupJobs?.length;
  const lastRun = async () => (await lab.home.backup.getBackupPlan({ BackupPlanId })).LastExecutionDate;
  expect(await lastRun()).toBeInstanceOf(Date);
  expect(await jobs()).toBe(0);
  await lab.home.backup.updateRegionSettings({ ResourceTypeOptInPreference: { Aurora: true } });
  await lab.cloud.advance({ days: 1 });
  await eventually('the plan backs the cluster up', async () => ((await jobs()) === 1 ? true : undefined));
});

row(12, 'two runs begin the same work: names and tokens let only one of them do it', async () => {
  const snapshots = await Promise.allSettled([take('slot-7'), take('slot-7')]);
  expect(snapshots.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const [refused] = snapshots.filter((one) => one.status === 'rejected');
  expect(refused?.reason).toMatchObject({
    name: says(/^(DBSnapshotAlreadyExistsFault|InvalidDBInstanceStateFault)$/),
  });
  await settled('slot-7');
  const IdempotencyToken = 'slot-7-local';
  const [one, two] = await Promise.all([job({ IdempotencyToken }), job({ IdempotencyToken })]);
  expect(one.BackupJobId).toBe(two.BackupJobId);
  // Without a token of one's own the SDK makes up another at every call.
  const other = await job();
  expect(other.BackupJobId).not.toBe(one.BackupJobId);
  for (const { BackupJobId = '' } of [one, other])
    expect(await whenBackedUp(lab.home, BackupJobId)).toMatchObject({ State: 'COMPLETED' });
});

row(13, 'a snapshot says it was made now, and the moment that it holds is long past', async () => {
  await lab.cloud.advance({ days: 2 });
  await rds.copyDBSnapshot({
    ...{ SourceDBSnapshotIdentifier: 'slot-7', TargetDBSnapshotIdentifier: 'looks-new' },
  });
  const [held, shown] = [await snapshot('slot-7'), await settled('looks-new')];
  expect(shown.SnapshotDatabaseTime).toEqual(held?.SnapshotDatabaseTime);
  expect(shown.OriginalSnapshotCreateTime).toEqual(held?.SnapshotCreateTime);
  const age = (shown.SnapshotCreateTime?.getTime() ?? 0) - (shown.SnapshotDatabaseTime?.getTime() ?? 0);
  expect(age).toBeGreaterThan(2 * 86_400_000);
});

row(11, 'a database is replaced by another of the same name, which is not tagged', async () => {
  const before = await instance();
  await rds.deleteDBInstance({ ...orders, SkipFinalSnapshot: true });
  await whenGone(rds, 'orders');
  await createInstance(lab.home, { id: 'orders' });
  const after = await whenAvailable(rds, 'orders');
  expect(after.DBInstanceArn).toBe(before?.DBInstanceArn);
  expect(after.DbiResourceId).not.toBe(before?.DbiResourceId);
  expect([before?.TagList, after.TagList]).toEqual([Tags, []]);
  const { DBSnapshots = [] } = await rds.describeDBSnapshots({ DbiResourceId: before?.DbiResourceId });
  expect(DBSnapshots.length).toBeGreaterThan(0); // the history of the one that is gone goes by its id
});
