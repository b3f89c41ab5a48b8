import type { DBInstance, RDS } from '@aws-sdk/client-rds';
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { backUp, restorePoint } from './support/backup-flow.ts';
import {
  addMember,
  ask,
  AURORA,
  createCluster,
  describedCluster,
  whenClusterAvailable,
  whenClusterSnapshotAvailable,
} from './support/clusters.ts';
import {
  backupRole,
  createInstance,
  customerKey,
  HOME,
  PASSWORD,
  query,
  whenAvailable,
  whenGone,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';
import { refusal, row, says, Trouble } from './support/failure-modes.ts';

let lab: Trouble;
let rds: RDS;
let key: string;
let orders: DBInstance;
/** A version that is still offered, and is not the newest. */
let older: string;
let newest: string;
/** Something that no restored database should talk to. */
const outside = createServer((socket) => socket.destroy());
const drill = { DBInstanceIdentifier: 'drill' };
beforeAll(async () => {
  // AWS goes on to say `available` long enough for that to be seen.
  const overrides = { 'rds.staleAvailable': 15_000, 'rds.resetMasterCredentials': 15_000 };
  lab = await Trouble.start({ pace: { scale: 1 / 15_000, overrides } });
  ({ rds } = lab.home);
  key = await customerKey(lab.home);
  const { DBEngineVersions } = await rds.describeDBEngineVersions({ Engine: 'postgres' });
  newest = DBEngineVersions?.[0]?.EngineVersion ?? '';
  older = `${newest.split('.')[0] ?? ''}.0`;
  await lab.cloud.admin('POST', '/engine-versions', { version: older, status: 'available' });
  const options = { EngineVersion: older };
  orders = await createInstance(lab.home, { id: 'orders', kmsKeyId: key, options });
  await query(
    lab.cloud,
    orders,
    `CREATE TABLE heartbeat AS SELECT 1 AS beat; CREATE TABLE item AS SELECT generate_series(1, 100) AS id;
     CREATE UNLOGGED TABLE scratch AS SELECT 1 AS one;
     CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1' PUBLICATION prices WITH (connect = false);
     ALTER SUBSCRIPTION feed ENABLE`,
  );
  await rds.createDBSnapshot({ DBInstanceIdentifier: 'orders', DBSnapshotIdentifier: 'base' });
  await eventually('the snapshot is there', async () => {
    const { DBSnapshots } = await rds.describeDBSnapshots({ DBSnapshotIdentifier: 'base' });
    return DBSnapshots?.[0]?.Status === 'available' ? true : undefined;
  });
  await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
  await restore('drill', { Tags: [{ Key: 'drill-id', Value: '7' }] });
  await whenAvailable(rds, 'drill');
});
afterEach(() => lab.clear());
afterAll(async () => {
  await lab.end();
  await new Promise((resolve) => outside.close(resolve));
});

const restore = (id: string, more: object = {}, from = rds) =>
  from.restoreDBInstanceFromDBSnapshot({ DBInstanceIdentifier: id, DBSnapshotIdentifier: 'base', ...more });
const describe = async (id: string) => {
  const { DBInstances: [one] = [] } = await rds.describeDBInstances({ DBInstanceIdentifier: id });
  if (!one) throw new Error(`No instance ${id} in the answer.`);
  return one;
};
const becomes = (id: string, status: string) =>
  eventually(`${id} is ${status}`, async () => {
    const one = await describe(id);
    return one.DBInstanceStatus === status ? one : undefined;
  });
const remove = async (DBInstanceIdentifier: string) => {
  await rds.deleteDBInstance({ DBInstanceIdentifier, SkipFinalSnapshot: true });
  await whenGone(rds, DBInstanceIdentifier);
};
const failing = (outcome: string, resource: string) =>
  lab.fault({ kind: 'fail-job', service: 'rds', job: 'restore-instance', outcome, resource });

row(41, 'there is no capacity for the class: the call says so, or the instance ends that way', async () => {
  await lab.fault({
    ...{ kind: 'error', service: 'rds', operation: 'RestoreDBInstanceFromDBSnapshot' },
    ...{ code: 'InsufficientDBInstanceCapacityFault', message: 'No db.r7g.large in this zone.' },
  });
  await expect(restore('crowded')).rejects.toMatchObject(
    refusal('InsufficientDBInstanceCapacityFault', /No db\.r7g\.large/),
  );
  await expect(describe('crowded')).rejects.toMatchObject({ name: 'DBInstanceNotFoundFault' });
  await lab.fault({
    ...{ kind: 'fail-job', service: 'rds', job: 'restore-instance', outcome: 'insufficient-capacity' },
  });
  await restore('crowded');
  await becomes('crowded', 'insufficient-capacity');
  await remove('crowded');
  const { DBInstance: elsewhere } = await restore('roomy', { AvailabilityZone: `${HOME}b` });
  expect(elsewhere).toMatchObject({ AvailabilityZone: `${HOME}b`, DBInstanceStatus: 'creating' });
  await remove('roomy');
});

row(42, 'the quotas of instances, of storage and of clusters are used up', async () => {
  const { AccountQuotas = [] } = await rds.describeAccountAttributes({});
  const used = (name: string) =>
    AccountQuotas.find(({ AccountQuotaName }) => AccountQuotaName === name)?.Used ?? NaN;
  await lab.quota('DBInstances', used('DBInstances'));
  await expect(restore('one-more')).rejects.toMatchObject(refusal('InstanceQuotaExceededFault'));
  await lab.quota('DBInstances', -1);
  await lab.quota('AllocatedStorage', used('AllocatedStorage') + 19);
  await expect(restore('one-more')).rejects.toMatchObject(refusal('StorageQuotaExceededFault'));
  await lab.quota('AllocatedStorage', -1);
  await lab.quota('DBClusters', 0);
  const master = { MasterUsername: 'boss', MasterUserPassword: PASSWORD };
  await expect(
    rds.createDBCluster({ DBClusterIdentifier: 'one-more', Engine: AURORA, ...master }),
  ).rejects.toMatchObject({
    ...refusal('DBClusterQuotaExceededFault'),
    $metadata: { httpStatusCode: 403 },
  });
  await lab.quota('DBClusters', -1);
});

row(43, 'a subnet group lacks zones, or names a subnet that is not there', async () => {
  const { Vpc } = await lab.home.ec2.createVpc({ CidrBlock: '10.43.0.0/16' });
  const { Subnet } = await lab.home.ec2.createSubnet({
    ...{ VpcId: Vpc?.VpcId, CidrBlock: '10.43.1.0/24', AvailabilityZone: `${HOME}a` },
  });
  const group = (...SubnetIds: string[]) =>
    rds.createDBSubnetGroup({ DBSubnetGroupName: 'narrow', DBSubnetGroupDescription: 'narrow', SubnetIds });
  const subnet = Subnet?.SubnetId ?? '';
  await expect(group(subnet)).rejects.toMatchObject(refusal('DBSubnetGroupDoesNotCoverEnoughAZs'));
  await expect(group(subnet, 'subnet-0123456789abcdef0')).rejects.toMatchObject(refusal('InvalidSubnet'));
  await expect(restore('nowhere', { DBSubnetGroupName: 'narrow' })).rejects.toMatchObject(
    refusal('DBSubnetGroupNotFoundFault'),
  );
});

row(46, 'a restore ends in a state that it never leaves', async () => {
  const ends = ['incompatible-restore', 'restore-error', 'incompatible-network'];
  for (const end of ends) await failing(end, end);
  await Promise.all(ends.map((end) => restore(end)));
  for (const end of ends) {
    await becomes(end, end);
    const { Events } = await rds.describeEvents({
      ...{ SourceType: 'db-instance', SourceIdentifier: end, EventCategories: ['failure'] },
    });
    expect(Events).toHaveLength(1);
    const gone = rds.deleteDBInstance({ DBInstanceIdentifier: end, FinalDBSnapshotIdentifier: 'last' });
    await expect(gone).rejects.toMatchObject(refusal('InvalidDBInstanceStateFault', /SkipFinalSnapshot/));
    await remove(end);
  }
});

row(48, 'a restored database has the old password, and no secret', async () => {
  const restored = await describe('drill');
  expect(restored.MasterUserSecret).toBeUndefined();
  await expect(query(lab.cloud, restored, 'SELECT 1', { password: 'unknown' })).rejects.toMatchObject({
    code: '28P01',
  });
  expect(await query(lab.cloud, restored, 'SELECT count(*)::int AS rows FROM item')).toEqual([{ rows: 100 }]);
  await rds.modifyDBInstance({ ...drill, ManageMasterUserPassword: true, ApplyImmediately: true });
  const { MasterUserSecret } = await eventually('the secret is in use', async () => {
    const one = await describe('drill');
    return one.MasterUserSecret?.SecretStatus === 'active' ? one : undefined;
  });
  const { SecretString = '{}' } = await lab.home.secrets.getSecretValue({
    SecretId: MasterUserSecret?.SecretArn,
  });
  const { password } = JSON.parse(SecretString) as { password: string };
  expect(await query(lab.cloud, restored, 'SELECT 1 AS one', { password })).toEqual([{ one: 1 }]);
  const back = { ManageMasterUserPassword: false, MasterUserPassword: PASSWORD, ApplyImmediately: true };
  await rds.modifyDBInstance({ ...drill, ...back });
  await eventually('the secret is gone, the password back', async () => {
    const { DBInstanceStatus, PendingModifiedValues, MasterUserSecret: secret } = await describe('drill');
    const over = DBInstanceStatus === 'available' && !PendingModifiedValues?.MasterUserPassword && !secret;
    return over ? true : undefined;
  });
});

row(49, 'a modification has been accepted, and the status is still available', async () => {
  const MasterUserPassword = 'another-one-for-tests';
  await rds.modifyDBInstance({ ...drill, MasterUserPassword, ApplyImmediately: true });
  const stale = await describe('drill');
  expect(stale).toMatchObject({
    ...{ DBInstanceStatus: 'available', PendingModifiedValues: { MasterUserPassword: '****' } },
  });
  const login = (password: string) => query(lab.cloud, stale, 'SELECT 1 AS one', { password });
  await expect(login(MasterUserPassword)).rejects.toMatchObject({ code: '28P01' });
  await becomes('drill', 'resetting-master-credentials');
  const after = await becomes('drill', 'available');
  expect(after.PendingModifiedValues?.MasterUserPassword).toBeUndefined();
  expect(await login(MasterUserPassword)).toEqual([{ one: 1 }]);
  await expect(login(PASSWORD)).rejects.toMatchObject({ code: '28P01' });
});

row(
  44,
  'a version is retired: what was backed up under it must be upgraded before it is restored',
  async () => {
    const versions = async () => {
      const { DBEngineVersions = [] } = await rds.describeDBEngineVersions({ Engine: 'postgres' });
      return DBEngineVersions.map(({ EngineVersion }) => EngineVersion);
    };
    const orderable = async () => {
      const asked = { Engine: 'postgres', EngineVersion: older };
      return (await rds.describeOrderableDBInstanceOptions(asked)).OrderableDBInstanceOptions?.length;
    };
    expect([await versions(), await orderable()]).toEqual([[older, newest], 5]);
    const { status } = await lab.cloud.admin('POST', '/engine-versions', {
      version: older,
      status: 'retired',
    });
    expect([status, await versions(), await orderable()]).toEqual([200, [newest], 0]);
    const from = (DBSnapshotIdentifier: string) => restore('upgraded', { DBSnapshotIdentifier });
    const refused = refusal(
      'InvalidParameterCombination',
      new RegExp(`Cannot find version ${older} for postgres`),
    );
    await expect(from('base')).rejects.toMatchObject(refused);
    const copy = { DBSnapshotIdentifier: 'aging' };
    const when = (...states: string[]) =>
      eventually(`the copy is ${states.join(' or ')}`, async () => {
        const { DBSnapshots: [one] = [] } = await rds.describeDBSnapshots(copy);
        return states.includes(one?.Status ?? '') ? one : undefined;
      });
    await rds.copyDBSnapshot({ SourceDBSnapshotIdentifier: 'base', TargetDBSnapshotIdentifier: 'aging' });
    await when('available');
    await expect(rds.modifyDBSnapshot({ ...copy, EngineVersion: '99.1' })).rejects.toMatchObject(
      refusal('InvalidParameterCombination', /Cannot upgrade postgres/),
    );
    const { DBSnapshot } = await rds.modifyDBSnapshot({ ...copy, EngineVersion: newest });
    expect(DBSnapshot).toMatchObject({ Status: 'upgrading', EngineVersion: older });
    expect(await when('available')).toMatchObject({ EngineVersion: newest });
    const { DBInstance: upgraded } = await from('aging');
    expect(upgraded).toMatchObject({ EngineVersion: newest });
    await remove('upgraded');
    await lab.cloud.admin('POST', '/engine-versions', { version: older, status: 'available' });
  },
);

row(47, 'a restored database is available, and its first queries crawl', async () => {
  await lab.fault({ kind: 'stall-job', service: 'rds', job: 'load-blocks', resource: 'cold' });
  await restore('cold');
  await whenAvailable(rds, 'cold');
  const cold = await eventually('its blocks are missing', async () => {
    const one = await describe('cold');
    return one.StorageOperationPercentProgress === 0 ? one : undefined;
  });
  expect(cold).toMatchObject({ DBInstanceStatus: 'available', StorageOperationStatus: 'Initializing' });
  const first = async () => {
    const begun = performance.now();
    expect(await query(lab.cloud, cold, 'SELECT count(*)::int AS rows FROM item')).toEqual([{ rows: 100 }]);
    return performance.now() - begun;
  };
  await eventually('the first query takes a second and more', async () =>
    (await first()) > 1000 ? true : undefined,
  );
  await lab.clear();
  await eventually('all blocks are there', async () =>
    (await describe('cold')).StorageOperationStatus === undefined ? true : undefined,
  );
  expect(await query(lab.cloud, cold, 'SHOW post_auth_delay')).toEqual([{ post_auth_delay: '0' }]);
  await remove('cold');
});

row(50, 'a restored database shows a certificate of another authority than its source', async () => {
  const CertificateIdentifier = 'rds-ca-ecc384-g1';
  await rds.modifyCertificates({ CertificateIdentifier });
  const { Certificates, DefaultCertificateForNewLaunches } = await rds.describeCertificates({});
  expect(DefaultCertificateForNewLaunches).toBe(CertificateIdentifier);
  expect(Certificates?.map((one) => one.CertificateIdentifier)).toEqual([
    ...[CertificateIdentifier, 'rds-ca-rsa2048-g1', 'rds-ca-rsa4096-g1'],
  ]);
  await restore('renewed');
  const renewed = await whenAvailable(rds, 'renewed');
  expect([orders.CACertificateIdentifier, renewed.CACertificateIdentifier]).toEqual([
    ...['rds-ca-rsa2048-g1', CertificateIdentifier],
  ]);
  const bundle = await readFile(lab.cloud.aws.caBundle, 'utf8');
  const single = bundle.match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g) ?? [];
  const accepted = async (instance: DBInstance, ca: string) =>
    query(lab.cloud, instance, 'SELECT 1 AS one', { ca }).then(
      () => true,
      (err: unknown) =>
        (err as Error).message.includes('certificate') ? false : Promise.reject(err as Error),
    );
  const trusting = async (instance: DBInstance) => Promise.all(single.map((ca) => accepted(instance, ca)));
  const [before, after] = [await trusting(orders), await trusting(renewed)];
  expect(before.filter(Boolean)).toHaveLength(1);
  expect(after.filter(Boolean)).toHaveLength(1);
  expect(after).not.toEqual(before); // who trusts only the old authority is shut out
  expect(await accepted(renewed, bundle)).toBe(true);

  const rotated = { DBInstanceIdentifier: 'renewed', CACertificateIdentifier: 'rds-ca-rsa2048-g1' };
  const { DBInstance: asked } = await rds.modifyDBInstance({ ...rotated, ApplyImmediately: true });
  expect(asked?.PendingModifiedValues?.CACertificateIdentifier).toBe('rds-ca-rsa2048-g1');
  await eventually('it is rotated', async () => {
    const { CACertificateIdentifier, DBInstanceStatus } = await describe('renewed');
    const over = CACertificateIdentifier === 'rds-ca-rsa2048-g1' && DBInstanceStatus === 'available';
    return over ? true : undefined;
  });
  expect(await trusting(renewed)).toEqual(before);
  await rds.modifyCertificates({ RemoveCustomerOverride: true });
  await remove('renewed');
});

row(51, 'a restored database goes on with what its source did, and reaches out', async () => {
  const called = new Promise<void>((resolve) => outside.once('connection', () => resolve()));
  const { port } = outside.address() as AddressInfo;
  await query(lab.cloud, orders, `ALTER SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=${port}'`);
  await rds.createDBSnapshot({ DBInstanceIdentifier: 'orders', DBSnapshotIdentifier: 'talkative' });
  await eventually('the snapshot is there', async () => {
    const { DBSnapshots } = await rds.describeDBSnapshots({ DBSnapshotIdentifier: 'talkative' });
    return DBSnapshots?.[0]?.Status === 'available' ? true : undefined;
  });
  const { DBEngineVersions } = await rds.describeDBEngineVersions({ Engine: 'postgres' });
  await rds.createDBParameterGroup({
    ...{ DBParameterGroupName: 'workers', Description: 'as in production' },
    DBParameterGroupFamily: DBEngineVersions?.[0]?.DBParameterGroupFamily,
  });
  const workers = { ParameterName: 'max_logical_replication_workers', ParameterValue: '4' };
  await rds.modifyDBParameterGroup({
    DBParameterGroupName: 'workers',
    Parameters: [{ ...workers, ApplyMethod: 'pending-reboot' }],
  });
  await restore('talker', { DBSnapshotIdentifier: 'talkative', DBParameterGroupName: 'workers' });
  await called;
  const talker = await whenAvailable(rds, 'talker');
  const inventory = 'SELECT subname, subenabled FROM pg_subscription';
  expect(await query(lab.cloud, talker, inventory)).toEqual([{ subname: 'feed', subenabled: true }]);
  await remove('talker');
});

row(45, 'a parameter group is missing, of another family, or holds what the engine refuses', async () => {
  await expect(restore('untuned', { DBParameterGroupName: 'house' })).rejects.toMatchObject(
    refusal('DBParameterGroupNotFoundFault', /house/),
  );
  const { DBEngineVersions } = await rds.describeDBEngineVersions({ Engine: 'postgres' });
  const group = (DBParameterGroupName: string, DBParameterGroupFamily = '') =>
    rds.createDBParameterGroup({ DBParameterGroupName, DBParameterGroupFamily, Description: 'ours' });
  await group('old', 'postgres13');
  await expect(restore('untuned', { DBParameterGroupName: 'old' })).rejects.toMatchObject(
    refusal('InvalidParameterCombination', /DBParameterGroupFamily postgres13 cannot be used/),
  );
  await group('house', DBEngineVersions?.[0]?.DBParameterGroupFamily);
  const refused = { ParameterName: 'shared_preload_libraries', ParameterValue: 'no_such_library' };
  await rds.modifyDBParameterGroup({
    DBParameterGroupName: 'house',
    Parameters: [{ ...refused, ApplyMethod: 'pending-reboot' }],
  });
  await restore('untuned', { DBParameterGroupName: 'house' });
  await becomes('untuned', 'incompatible-parameters');
  await rds.modifyDBInstance({
    ...{ DBInstanceIdentifier: 'untuned', ApplyImmediately: true },
    DBParameterGroupName: `default.${DBEngineVersions?.[0]?.DBParameterGroupFamily ?? ''}`,
  });
  await rds.rebootDBInstance({ DBInstanceIdentifier: 'untuned' });
  const usable = await whenAvailable(rds, 'untuned');
  expect(await query(lab.cloud, usable, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await remove('untuned');
});

row(52, 'a restored database is in order, and empty, or older than its recovery point says', async () => {
  const role = await backupRole(lab.home);
  await lab.home.backup.createBackupVault({ BackupVaultName: 'local', EncryptionKeyArn: key });
  const resource = orders.DBInstanceArn ?? '';
  const point = async (beat: number) => {
    await query(lab.cloud, orders, `UPDATE heartbeat SET beat = ${beat}`);
    const { RecoveryPointArn = '' } = await backUp(lab.home, { vault: 'local', resource, role });
    return RecoveryPointArn;
  };
  const [older, newer] = [await point(2), await point(3)];
  const made = [
    await lab.cloud.admin('POST', '/damage', { kind: 'stale', recoveryPointArn: newer }),
    await lab.cloud.admin('POST', '/damage', { kind: 'empty', recoveryPointArn: older }),
  ];
  expect(made.map(({ status }) => status)).toEqual([200, 200]);
  const look = async (id: string, recoveryPoint: string) => {
    const request = { vault: 'local', point: recoveryPoint, role, id };
    expect(await restorePoint(lab.home, request)).toMatchObject({ Status: 'COMPLETED' });
    const restored = await whenAvailable(rds, id);
    return query(lab.cloud, restored, 'SELECT beat FROM heartbeat');
  };
  const [empty, stale] = await Promise.all([look('empty', older), look('stale', newer)]);
  expect([empty, stale]).toEqual([[], [{ beat: 2 }]]);
  const { RecoveryPoints } = await lab.home.backup.listRecoveryPointsByBackupVault({
    BackupVaultName: 'local',
  });
  expect(RecoveryPoints?.map(({ Status }) => Status)).toEqual(['COMPLETED', 'COMPLETED']);
  await Promise.all(['empty', 'stale'].map(remove));
});

row(
  53,
  'a restore is public, Multi-AZ or enrolled in Extended Support, unless it is told not to be',
  async () => {
    const { DBInstance: plain } = await restore('plain');
    expect(plain).toMatchObject({
      ...{ EngineLifecycleSupport: 'open-source-rds-extended-support', MultiAZ: false },
      DBParameterGroups: [{ DBParameterGroupName: says(/^default\./) }],
    });
    const EngineLifecycleSupport = 'open-source-rds-extended-support-disabled';
    const wishes = { MultiAZ: true, PubliclyAccessible: true, EngineLifecycleSupport };
    await restore('exposed', wishes);
    expect(await describe('exposed')).toMatchObject(wishes);
    await Promise.all(['plain', 'exposed'].map(remove));
  },
);

row(54, 'the answer to a restore is lost, and the retry finds its own work', async () => {
  await lab.fault({ kind: 'drop-after', service: 'rds', operation: 'RestoreDBInstanceFromDBSnapshot' });
  const Tags = [{ Key: 'drill-id', Value: '54' }];
  await expect(restore('twice', { Tags }, lab.patient().rds)).rejects.toMatchObject({
    ...refusal('DBInstanceAlreadyExistsFault'),
    $metadata: { attempts: 2 },
  });
  expect(await describe('twice')).toMatchObject({ TagList: Tags });
  await remove('twice');
});

row(55, 'a cluster is restored and available, and no instance answers', async () => {
  await createCluster(lab.home, 'ledger', { StorageEncrypted: true, KmsKeyId: key });
  await rds.createDBClusterSnapshot({
    ...{ DBClusterIdentifier: 'ledger', DBClusterSnapshotIdentifier: 'ledger-1' },
  });
  await whenClusterSnapshotAvailable(rds, 'ledger-1');
  await rds.restoreDBClusterFromSnapshot({
    ...{ DBClusterIdentifier: 'ledger-drill', SnapshotIdentifier: 'ledger-1', Engine: AURORA },
  });
  const cluster = await whenClusterAvailable(rds, 'ledger-drill');
  expect(cluster.DBClusterMembers).toEqual([]);
  await expect(ask(lab.cloud, cluster, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await addMember(lab.home, 'ledger-drill', 'ledger-drill-1');
  const answering = await describedCluster(rds, 'ledger-drill');
  expect(await ask(lab.cloud, answering, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

row(56, 'an export is complete without all tables, or fails when half of it is written', async () => {
  const s3 = lab.s3();
  const Bucket = 'exports';
  await s3.createBucket({ Bucket, CreateBucketConfiguration: { LocationConstraint: HOME } });
  const { iam } = lab.home;
  const document = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement });
  const trust = { Principal: { Service: 'export.rds.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const { Role } = await iam.createRole({
    ...{ RoleName: 'exporter', AssumeRolePolicyDocument: document({ Effect: 'Allow', ...trust }) },
  });
  const allow = (...more: object[]) =>
    iam.putRolePolicy({
      ...{ RoleName: 'exporter', PolicyName: 'p' },
      PolicyDocument: document({ Effect: 'Allow', Action: 's3:*', Resource: '*' }, ...more),
    });
  const run = async (ExportTaskIdentifier: string) => {
    const { DBSnapshots } = await rds.describeDBSnapshots({ DBSnapshotIdentifier: 'base' });
    await rds.startExportTask({
      ...{ ExportTaskIdentifier, SourceArn: DBSnapshots?.[0]?.DBSnapshotArn, KmsKeyId: key },
      ...{ S3BucketName: Bucket, IamRoleArn: Role?.Arn },
    });
    return eventually('the export is over', async () => {
      const { ExportTasks } = await rds.describeExportTasks({ ExportTaskIdentifier });
      return /COMPLETE|FAILED/.test(ExportTasks?.[0]?.Status ?? '') ? ExportTasks?.[0] : undefined;
    });
  };
  await allow();
  const whole = await run('skipping');
  expect(whole).toMatchObject({ Status: 'COMPLETE', PercentProgress: 100 });
  expect(JSON.parse(whole.WarningMessage ?? '{}')).toMatchObject({
    skippedTables: [{ target: 'shop.public.scratch', reason: 'UNLOGGED_TABLE' }],
  });
  const Resource = `arn:aws:s3:::${Bucket}/half/shop/public.item/*`;
  await allow({ Effect: 'Deny', Action: 's3:PutObject', Resource });
  const half = await run('half');
  expect(half).toMatchObject({ Status: 'FAILED', FailureCause: says(/denied|not authorized/i) });
  const { Contents = [] } = await s3.listObjectsV2({ Bucket, Prefix: 'half/shop/' });
  expect(Contents.map(({ Key = '' }) => Key.split('/')[2])).toEqual(['public.heartbeat', 'public.heartbeat']);
});
