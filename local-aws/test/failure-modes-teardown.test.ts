import { RDS } from '@aws-sdk/client-rds';
import { ResourceGroupsTaggingAPI } from '@aws-sdk/client-resource-groups-tagging-api';
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import { addMember, createCluster, whenClusterGone } from './support/clusters.ts';
import {
  AWAY,
  backupRole,
  createInstance,
  customerKey,
  DRILL,
  HOME,
  PRODUCTION,
  query,
  whenAvailable,
  whenGone,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';
import { refusal, row, says, Trouble } from './support/failure-modes.ts';

let lab: Trouble;
let rds: RDS;
let key: string;
beforeAll(async () => {
  lab = await Trouble.start();
  ({ rds } = lab.home);
  key = await customerKey(lab.home);
  const orders = await createInstance(lab.home, { id: 'orders', kmsKeyId: key });
  await query(lab.cloud, orders, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await snapshot('base');
});
afterEach(() => lab.clear());
afterAll(() => lab.end());

const slotTag = [{ Key: 'slot', Value: 'tonight' }];
const EXPIRES = 'lifeboat:expires-at';
const snapshotOf = async (id: string, from = rds) =>
  (await from.describeDBSnapshots({ DBSnapshotIdentifier: id })).DBSnapshots?.[0];
const whenTaken = (id: string, from = rds) =>
  eventually(`snapshot ${id} is available`, async () =>
    (await snapshotOf(id, from))?.Status === 'available' ? true : undefined,
  );
const snapshot = async (id: string) => {
  await rds.createDBSnapshot({ DBInstanceIdentifier: 'orders', DBSnapshotIdentifier: id });
  await whenTaken(id);
};
const restore = (id: string, more: Partial<Parameters<RDS['restoreDBInstanceFromDBSnapshot']>[0]> = {}) =>
  rds.restoreDBInstanceFromDBSnapshot({ DBInstanceIdentifier: id, DBSnapshotIdentifier: 'base', ...more });
const remove = (id: string, more: object = { SkipFinalSnapshot: true }) =>
  rds.deleteDBInstance({ DBInstanceIdentifier: id, ...more });
const instance = async (id: string) =>
  (await rds.describeDBInstances({ DBInstanceIdentifier: id })).DBInstances?.[0];

row(57, 'what is protected from deletion is not deleted until the protection is taken away', async () => {
  await restore('guarded', { DeletionProtection: true });
  await whenAvailable(rds, 'guarded');
  await expect(remove('guarded')).rejects.toMatchObject(
    refusal(
      'InvalidParameterCombination',
      /^Cannot delete protected DB Instance, please disable deletion protection and try again\.$/,
    ),
  );
  const unprotected = { DeletionProtection: false, ApplyImmediately: true };
  await rds.modifyDBInstance({ DBInstanceIdentifier: 'guarded', ...unprotected });
  expect(await instance('guarded')).toMatchObject({ DeletionProtection: false });
  await eventually('it can be deleted', () => remove('guarded').catch(() => undefined));
  await whenGone(rds, 'guarded');
});

row(58, 'a cluster is not deleted while it has members that are not going', async () => {
  await createCluster(lab.home, 'ring');
  await addMember(lab.home, 'ring', 'ring-1');
  const drop = () => rds.deleteDBCluster({ DBClusterIdentifier: 'ring', SkipFinalSnapshot: true });
  await expect(drop()).rejects.toMatchObject(
    refusal('InvalidDBClusterStateFault', /still contains DB instances in non-deleting state/),
  );
  await lab.fault({ kind: 'stall-job', service: 'rds', job: 'delete-instance', resource: 'ring-1' });
  await remove('ring-1');
  expect(await instance('ring-1')).toMatchObject({ DBInstanceStatus: 'deleting' });
  await drop();
  await lab.clear();
  await whenClusterGone(rds, 'ring');
});

row(59, 'a deletion demands a final snapshot, and a full quota has no room for it', async () => {
  await restore('last-words');
  await whenAvailable(rds, 'last-words');
  const combination = refusal('InvalidParameterCombination', /FinalDBSnapshotIdentifier/);
  await expect(remove('last-words', {})).rejects.toMatchObject(combination);
  const both = { SkipFinalSnapshot: true, FinalDBSnapshotIdentifier: 'final' };
  await expect(remove('last-words', both)).rejects.toMatchObject(combination);
  await lab.quota('ManualSnapshots', 1);
  await expect(remove('last-words', { FinalDBSnapshotIdentifier: 'final' })).rejects.toMatchObject(
    refusal('SnapshotQuotaExceededFault', /Cannot create more than 1 manual snapshots/),
  );
  await lab.quota('ManualSnapshots', -1);
  expect(await instance('last-words')).toMatchObject({ DBInstanceStatus: 'available' });
  await remove('last-words');
  await whenGone(rds, 'last-words');
});

row(60, 'what nobody tears down stays for good, and is found by its tag', async () => {
  const Tags = [{ Key: EXPIRES, Value: new Date().toISOString() }];
  await restore('orphan', { Tags });
  const { DBInstanceArn } = await whenAvailable(rds, 'orphan');
  await lab.cloud.advance({ days: 30 });
  expect(await instance('orphan')).toMatchObject({ DBInstanceStatus: 'available', TagList: Tags });
  const tagging = new ResourceGroupsTaggingAPI(lab.config());
  const { ResourceTagMappingList: found } = await tagging.getResources({ TagFilters: [{ Key: EXPIRES }] });
  expect(found).toEqual([{ ResourceARN: DBInstanceArn, Tags }]);
});

row(61, 'a teardown aimed at production: who asks is told, and permissions refuse it', async () => {
  const drill = await lab.session(
    'drill',
    { Effect: 'Allow', Action: 'rds:*', Resource: '*' },
    {
      ...{ Effect: 'Deny', Action: 'rds:DeleteDBInstance', Resource: '*' },
      Condition: { Null: { [`aws:ResourceTag/${EXPIRES}`]: 'true' } },
    },
  );
  expect((await lab.sts(drill).getCallerIdentity({})).Account).toBe(PRODUCTION);
  const own = lab.cornerWith(PRODUCTION, drill).rds;
  const careless = { DBInstanceIdentifier: 'orders', SkipFinalSnapshot: true };
  await expect(own.deleteDBInstance(careless)).rejects.toMatchObject(refusal('AccessDenied'));
  await own.deleteDBInstance({ ...careless, DBInstanceIdentifier: 'orphan' });
  // The drill account has no such name, and an ARN of another account names nothing there.
  expect((await lab.sts(lab.admin(DRILL)).getCallerIdentity({})).Account).toBe(DRILL);
  for (const DBInstanceIdentifier of ['orders', `arn:aws:rds:${HOME}:${PRODUCTION}:db:orders`])
    await expect(lab.drill.rds.deleteDBInstance({ ...careless, DBInstanceIdentifier })).rejects.toMatchObject(
      { $metadata: { httpStatusCode: expect.any(Number) as unknown } },
    );
  expect(await instance('orders')).toMatchObject({ DBInstanceStatus: 'available' });
});

row(66, 'the region of production is down, and what was copied is restored elsewhere', async () => {
  const awayKey = await customerKey(lab.away);
  const away = lab.away.rds;
  await away.copyDBSnapshot({
    ...{ TargetDBSnapshotIdentifier: 'abroad', KmsKeyId: awayKey },
    SourceDBSnapshotIdentifier: `arn:aws:rds:${HOME}:${PRODUCTION}:snapshot:base`,
  });
  await whenTaken('abroad', away);
  await lab.fault({ kind: 'region-down', region: HOME });
  const impatient = new RDS({
    ...lab.config(),
    requestHandler: { requestTimeout: 300, throwOnRequestTimeout: true },
  });
  await expect(impatient.describeDBInstances({})).rejects.toMatchObject({ name: 'TimeoutError' });
  await away.restoreDBInstanceFromDBSnapshot({
    ...{ DBInstanceIdentifier: 'rescued', DBSnapshotIdentifier: 'abroad' },
  });
  const rescued = await whenAvailable(away, 'rescued');
  expect(rescued).toMatchObject({ KmsKeyId: awayKey, AvailabilityZone: says(RegExp(AWAY)) });
  expect(await query(lab.cloud, rescued, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
});

row(
  69,
  'a call had its effect and its answer was lost: the name, or the token, tells the second one',
  async () => {
    const order = { DBInstanceIdentifier: 'orders', DBSnapshotIdentifier: 'once', Tags: slotTag };
    await lab.fault({ kind: 'drop-after', service: 'rds', operation: 'CreateDBSnapshot' });
    await expect(rds.createDBSnapshot(order)).rejects.toThrow(/socket hang up|ECONNRESET/);
    await expect(rds.createDBSnapshot(order)).rejects.toMatchObject(
      refusal('DBSnapshotAlreadyExistsFault', /already exists/),
    );
    expect(await snapshotOf('once')).toMatchObject({ DBInstanceIdentifier: 'orders', TagList: slotTag });
    await whenTaken('once');

    const { backup } = lab.home;
    await backup.createBackupVault({ BackupVaultName: 'local', EncryptionKeyArn: key });
    const job = {
      ...{ BackupVaultName: 'local', ResourceArn: `arn:aws:rds:${HOME}:${PRODUCTION}:db:orders` },
      ...{ IamRoleArn: await backupRole(lab.home), IdempotencyToken: 'slot-tonight' },
    };
    await lab.fault({ kind: 'drop-after', service: 'backup', operation: 'StartBackupJob' });
    await expect(backup.startBackupJob(job)).rejects.toThrow(/socket hang up|ECONNRESET/);
    const { BackupJobId } = await backup.startBackupJob(job);
    const { BackupJobs } = await backup.listBackupJobs({});
    expect(BackupJobs?.map((one) => one.BackupJobId)).toEqual([BackupJobId]);
  },
);
row(70, 'AWS is still working when the deadline is over, and something appears afterwards', async () => {
  await lab.fault({ kind: 'stall-job', service: 'rds', job: 'restore-instance', resource: 'late' });
  await restore('late');
  await lab.cloud.advance({ hours: 5 });
  expect(await instance('late')).toMatchObject({ DBInstanceStatus: 'creating' });
  await lab.clear();
  const late = await whenAvailable(rds, 'late');
  expect(await query(lab.cloud, late, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  await remove('late');
  await whenGone(rds, 'late');
});
