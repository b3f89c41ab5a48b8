import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RDS } from '@aws-sdk/client-rds';
import {
  addMember,
  ask,
  AURORA,
  createCluster,
  describedCluster,
  whenClusterAvailable,
  whenClusterGone,
} from './support/clusters.ts';
import {
  type Cloud,
  connect,
  type Corner,
  HOME,
  openCloud,
  PASSWORD,
  PRODUCTION,
  query,
  whenAvailable,
  whenGone,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

describe('Aurora PostgreSQL clusters', () => {
  let cloud: Cloud;
  let home: Corner;
  let rds: RDS;

  beforeAll(async () => {
    cloud = await openCloud();
    home = cloud.corner(PRODUCTION, HOME);
    ({ rds } = home);
    await createCluster(home, 'Orders', {
      BackupRetentionPeriod: 7,
      DeletionProtection: true,
      Tags: [{ Key: 'owner', Value: 'shop' }],
    });
  }, 120_000);
  afterAll(() => cloud.end(), 60_000);

  it('is available without instances, and then nobody answers at its endpoints', async () => {
    const cluster = await describedCluster(rds, 'orders');
    expect(cluster).toMatchObject({
      ...{ DBClusterIdentifier: 'orders', Engine: AURORA, EngineMode: 'provisioned', AllocatedStorage: 1 },
      ...{ DBClusterMembers: [], BackupRetentionPeriod: 7, DeletionProtection: true, DatabaseName: 'shop' },
      ...{ MasterUsername: 'boss', TagList: [{ Key: 'owner', Value: 'shop' }], StorageEncrypted: false },
      DBClusterArn: `arn:aws:rds:${HOME}:${PRODUCTION}:cluster:orders`,
    });
    expect(cluster.DbClusterResourceId).toMatch(/^cluster-[A-Z2-7]{26}$/);
    expect(cluster.DBClusterParameterGroup).toMatch(/^default\.aurora-postgresql\d+$/);
    expect(cluster.ClusterCreateTime).toBeInstanceOf(Date);
    for (const at of ['writer', 'reader'] as const)
      await expect(ask(cloud, cluster, 'SELECT 1', { at })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('takes its first instance as the writer, at the cluster endpoint and at its own', async () => {
    const member = await addMember(home, 'orders', 'orders-1', { PromotionTier: 0 });
    expect(member).toMatchObject({
      ...{ DBClusterIdentifier: 'orders', Engine: AURORA, StorageType: 'aurora', AllocatedStorage: 1 },
      ...{
        PromotionTier: 0,
        MasterUsername: 'boss',
        BackupRetentionPeriod: 7,
        DBInstanceClass: 'db.r7g.large',
      },
    });
    const cluster = await describedCluster(rds, 'orders');
    expect(cluster.DBClusterMembers).toEqual([
      expect.objectContaining({ DBInstanceIdentifier: 'orders-1', IsClusterWriter: true, PromotionTier: 0 }),
    ]);
    expect(member.Endpoint?.Port).toBe(cluster.Port);
    await ask(cloud, cluster, 'CREATE TABLE item AS SELECT generate_series(1, 1000) AS id');
    expect(await query(cloud, member, 'SELECT count(*)::int FROM item')).toEqual([{ count: 1000 }]);
    expect(await ask(cloud, cluster, 'SELECT pg_is_in_recovery() AS reads', { at: 'reader' })).toEqual([
      { reads: false }, // with no reader, the reader endpoint leads to the writer
    ]);
  });

  it('has readers that see what is written and refuse to write', async () => {
    const reader = await addMember(home, 'orders', 'orders-2');
    const cluster = await describedCluster(rds, 'orders');
    expect(cluster.DBClusterMembers?.map(({ IsClusterWriter }) => IsClusterWriter)).toEqual([true, false]);
    await ask(cloud, cluster, 'INSERT INTO item VALUES (2000)');
    await eventually('the reader has the row', async () => {
      const [row] = await query(cloud, reader, 'SELECT max(id) FROM item');
      return row?.['max'] === 2000 ? true : undefined;
    });
    for (const write of [
      query(cloud, reader, 'INSERT INTO item VALUES (1)'),
      ask(cloud, cluster, 'DELETE FROM item', { at: 'reader' }),
    ])
      await expect(write).rejects.toMatchObject({ code: '25006' }); // read_only_sql_transaction
    expect(await ask(cloud, cluster, 'SELECT pg_is_in_recovery() AS reads', { at: 'reader' })).toEqual([
      { reads: true },
    ]);
  });

  it('sees the address of the client at the reader endpoint, so that networks are fenced there, too', async () => {
    const cluster = await describedCluster(rds, 'orders');
    const stranger = connect(
      cloud,
      { Endpoint: { Address: cluster.ReaderEndpoint, Port: cluster.Port }, MasterUsername: 'boss' },
      { from: '127.99.0.1' },
    );
    await expect(stranger).rejects.toThrow(/no pg_hba.conf entry/);
  });

  it('fails over to a reader without losing a row, and the old writer reads', async () => {
    await expect(
      rds.failoverDBCluster({ DBClusterIdentifier: 'orders', TargetDBInstanceIdentifier: 'orders-1' }),
    ).rejects.toMatchObject({ name: 'InvalidDBInstanceStateFault' });
    await ask(cloud, await describedCluster(rds, 'orders'), 'INSERT INTO item VALUES (3000)');
    const { DBCluster } = await rds.failoverDBCluster({ DBClusterIdentifier: 'orders' });
    expect(DBCluster?.Status).toBe('failing-over');
    const cluster = await whenClusterAvailable(rds, 'orders');
    const writers = cluster.DBClusterMembers?.filter(({ IsClusterWriter }) => IsClusterWriter);
    expect(writers?.map(({ DBInstanceIdentifier }) => DBInstanceIdentifier)).toEqual(['orders-2']);
    await ask(cloud, cluster, 'INSERT INTO item VALUES (4000)');
    const [one, two] = await Promise.all(['orders-1', 'orders-2'].map((id) => whenAvailable(rds, id)));
    expect(await query(cloud, two!, 'SELECT max(id), count(*)::int FROM item')).toEqual([
      { max: 4000, count: 1003 },
    ]);
    expect(await query(cloud, one!, 'SELECT pg_is_in_recovery() AS reads')).toEqual([{ reads: true }]);
  });

  it('lets a member be rebooted, and gives its error log', async () => {
    await rds.rebootDBInstance({ DBInstanceIdentifier: 'orders-1' });
    const member = await whenAvailable(rds, 'orders-1');
    expect(await query(cloud, member, 'SELECT count(*)::int FROM item')).toEqual([{ count: 1003 }]);
    const { LogFileData } = await rds.downloadDBLogFilePortion({
      ...{ DBInstanceIdentifier: 'orders-1', LogFileName: 'error/postgres.log' },
    });
    expect(LogFileData).toMatch(/entering standby mode/);
  });

  it('gives a writer whose server was killed its server back', async () => {
    const { body } = await cloud.admin('GET', '/status');
    const databases = body['databases'] as { instance: string; pid: number }[];
    const writer = databases.find(({ instance }) => instance.endsWith('/orders-2'));
    process.kill(writer?.pid ?? 0, 'SIGKILL');
    const cluster = await describedCluster(rds, 'orders');
    const count = await eventually('the writer answers again', () =>
      ask(cloud, cluster, 'SELECT count(*)::int FROM item').catch(() => undefined),
    );
    expect(count).toEqual([{ count: 1003 }]);
  });

  it('keeps a new master password pending until it is to be applied', async () => {
    const change = { DBClusterIdentifier: 'orders', MasterUserPassword: 'another-word-1' };
    await rds.modifyDBCluster(change);
    const waiting = await whenClusterAvailable(rds, 'orders');
    expect(waiting.PendingModifiedValues?.MasterUserPassword).toBe('****');
    await ask(cloud, waiting, 'SELECT 1');
    await rds.modifyDBCluster({ ...change, ApplyImmediately: true });
    const cluster = await eventually('the password is set', async () => {
      const now = await describedCluster(rds, 'orders');
      return now.Status === 'available' && now.PendingModifiedValues === undefined ? now : undefined;
    });
    await expect(ask(cloud, cluster, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    await ask(cloud, cluster, 'SELECT 1', { password: 'another-word-1' });
    await ask(cloud, cluster, 'SELECT 1', { password: 'another-word-1', at: 'reader' });
    await rds.modifyDBCluster({ ...change, MasterUserPassword: PASSWORD, ApplyImmediately: true });
    await eventually('the password is back', async () => {
      const now = await describedCluster(rds, 'orders');
      return now.PendingModifiedValues === undefined ? true : undefined;
    });
  });

  it('leaves to the cluster what is the cluster’s', async () => {
    const member = { DBInstanceIdentifier: 'x', DBClusterIdentifier: 'orders', Engine: AURORA };
    const create = (more: object) =>
      rds.createDBInstance({ ...member, DBInstanceClass: 'db.r7g.large', ...more });
    await expect(create({ MasterUsername: 'boss' })).rejects.toMatchObject({
      name: 'InvalidParameterCombination',
      message:
        'The requested DB Instance will be a member of a DB Cluster. Set master user name for the DB Cluster.',
    });
    await expect(create({ AllocatedStorage: 20 })).rejects.toThrow(/member of a DB Cluster/);
    await expect(create({ DBClusterIdentifier: 'nobody' })).rejects.toMatchObject({
      name: 'DBClusterNotFoundFault',
    });
    await expect(create({ DBInstanceClass: 'db.serverless' })).rejects.toThrow(/Serverless v2/);
    await expect(create({ MultiAZ: true })).rejects.toMatchObject({ name: 'NotImplemented' });
    await expect(
      rds.createDBSnapshot({ DBInstanceIdentifier: 'orders-1', DBSnapshotIdentifier: 'x' }),
    ).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: expect.stringContaining('Please use the CreateDBClusterSnapshot API instead.'),
    });
    await expect(rds.stopDBInstance({ DBInstanceIdentifier: 'orders-1' })).rejects.toThrow(/StopDBCluster/);
    await expect(
      rds.modifyDBInstance({ DBInstanceIdentifier: 'orders-1', MasterUserPassword: 'password-1' }),
    ).rejects.toThrow(/Set master user password for the DB Cluster/);
  });

  it('stops and starts with all its members', async () => {
    await rds.stopDBCluster({ DBClusterIdentifier: 'orders' });
    const stopped = await eventually('the cluster is stopped', async () => {
      const now = await describedCluster(rds, 'orders');
      return now.Status === 'stopped' ? now : undefined;
    });
    await expect(ask(cloud, stopped, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(
      rds.createDBClusterSnapshot({ DBClusterIdentifier: 'orders', DBClusterSnapshotIdentifier: 'x' }),
    ).rejects.toMatchObject({ name: 'InvalidDBClusterStateFault' });
    await rds.startDBCluster({ DBClusterIdentifier: 'orders' });
    const cluster = await whenClusterAvailable(rds, 'orders');
    expect(await ask(cloud, cluster, 'SELECT count(*)::int FROM item')).toEqual([{ count: 1003 }]);
  });

  it('is deleted only unprotected, without members, and with a word about the final snapshot', async () => {
    const remove = (more: object) => rds.deleteDBCluster({ DBClusterIdentifier: 'orders', ...more });
    await expect(remove({ SkipFinalSnapshot: true })).rejects.toMatchObject({
      name: 'InvalidParameterCombination',
      message: 'Cannot delete protected Cluster, please disable deletion protection and try again.',
    });
    await rds.modifyDBCluster({ DBClusterIdentifier: 'orders', DeletionProtection: false });
    await expect(remove({})).rejects.toThrow(/FinalDBSnapshotIdentifier is required/);
    await expect(remove({ SkipFinalSnapshot: true, FinalDBSnapshotIdentifier: 'f' })).rejects.toThrow(
      /cannot be specified/,
    );
    await expect(remove({ SkipFinalSnapshot: true })).rejects.toMatchObject({
      name: 'InvalidDBClusterStateFault',
      message: 'Cluster cannot be deleted, it still contains DB instances in non-deleting state.',
    });
  });

  it('lets a reader take over when the writer is deleted, and stays when the last member goes', async () => {
    await rds.deleteDBInstance({ DBInstanceIdentifier: 'orders-2', SkipFinalSnapshot: true });
    await whenGone(rds, 'orders-2');
    const cluster = await describedCluster(rds, 'orders');
    expect(cluster.DBClusterMembers).toEqual([
      expect.objectContaining({ DBInstanceIdentifier: 'orders-1', IsClusterWriter: true }),
    ]);
    expect(await ask(cloud, cluster, 'SELECT count(*)::int FROM item')).toEqual([{ count: 1003 }]);
    await expect(
      rds.deleteDBInstance({ DBInstanceIdentifier: 'orders-1', FinalDBSnapshotIdentifier: 'f' }),
    ).rejects.toMatchObject({ name: 'InvalidParameterCombination' });
    await rds.deleteDBInstance({ DBInstanceIdentifier: 'orders-1' });
    // A member in `deleting` does not hold up its cluster.
    await rds.deleteDBCluster({ DBClusterIdentifier: 'orders', FinalDBSnapshotIdentifier: 'orders-final' });
    await whenClusterGone(rds, 'orders');
    const { DBClusterSnapshots: [final] = [] } = await rds.describeDBClusterSnapshots({
      DBClusterSnapshotIdentifier: 'orders-final',
    });
    expect(final).toMatchObject({
      Status: 'available',
      SnapshotType: 'manual',
      DBClusterIdentifier: 'orders',
    });
  });

  it('tells of all that in its events', async () => {
    const { Events = [] } = await rds.describeEvents({
      SourceType: 'db-cluster',
      SourceIdentifier: 'orders',
    });
    const messages = Events.map(({ Message }) => Message);
    expect(messages).toEqual(
      expect.arrayContaining([
        'DB cluster created',
        'Started cross AZ failover to DB instance: orders-2',
        'Completed failover to DB instance: orders-2',
        'Reset master credentials',
        'DB cluster stopped',
        'DB cluster deleted',
      ]),
    );
    expect(Events[0]?.SourceArn).toBe(`arn:aws:rds:${HOME}:${PRODUCTION}:cluster:orders`);
  });
});
