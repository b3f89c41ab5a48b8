import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RDS } from '@aws-sdk/client-rds';
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
  AWAY,
  type Cloud,
  type Corner,
  createInstance,
  customerKey,
  DRILL,
  HOME,
  openCloud,
  PRODUCTION,
  query,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

describe('DB cluster snapshots', () => {
  let cloud: Cloud;
  let home: Corner;
  let away: Corner;
  let drill: Corner;
  let rds: RDS;
  let key: string;
  const arn = (id: string, region = HOME, account = PRODUCTION) =>
    `arn:aws:rds:${region}:${account}:cluster-snapshot:${id}`;

  beforeAll(async () => {
    cloud = await openCloud();
    home = cloud.corner(PRODUCTION, HOME);
    away = cloud.corner(PRODUCTION, AWAY);
    drill = cloud.corner(DRILL, HOME);
    ({ rds } = home);
    key = await customerKey(home, DRILL);
    const wishes = {
      StorageEncrypted: true,
      KmsKeyId: key,
      CopyTagsToSnapshot: true,
      BackupRetentionPeriod: 3,
    };
    await createCluster(home, 'orders', { ...wishes, Tags: [{ Key: 'owner', Value: 'shop' }] });
    await addMember(home, 'orders', 'orders-1');
    const cluster = await describedCluster(rds, 'orders');
    await ask(cloud, cluster, 'CREATE TABLE item AS SELECT generate_series(1, 500) AS id');
    await rds.createDBClusterSnapshot({
      DBClusterIdentifier: 'orders',
      DBClusterSnapshotIdentifier: 'Night-1',
    });
    await whenClusterSnapshotAvailable(rds, 'night-1');
    await ask(cloud, cluster, 'DROP TABLE item');
  }, 120_000);
  afterAll(() => cloud.end(), 60_000);

  it('say what was cut, when and under which key', async () => {
    const { DBClusterSnapshots: [one] = [] } = await rds.describeDBClusterSnapshots({
      DBClusterSnapshotIdentifier: arn('night-1'),
    });
    expect(one).toMatchObject({
      ...{ DBClusterSnapshotIdentifier: 'night-1', DBClusterSnapshotArn: arn('night-1'), Engine: AURORA },
      ...{ SnapshotType: 'manual', Status: 'available', PercentProgress: 100, StorageEncrypted: true },
      ...{ KmsKeyId: key, MasterUsername: 'boss', BackupRetentionPeriod: 3 },
      TagList: [{ Key: 'owner', Value: 'shop' }],
    });
    expect(one?.SnapshotCreateTime).toBeInstanceOf(Date);
  });

  it('that fail leave their cluster available', async () => {
    const rule = { kind: 'fail-job', service: 'rds', job: 'cluster-snapshot' };
    expect(await cloud.admin('POST', '/faults', rule)).toMatchObject({ status: 200 });
    const bad = { DBClusterSnapshotIdentifier: 'bad' };
    await rds.createDBClusterSnapshot({ DBClusterIdentifier: 'orders', ...bad });
    await eventually('it has failed', async () => {
      const { DBClusterSnapshots: [one] = [] } = await rds.describeDBClusterSnapshots(bad);
      return one?.Status === 'failed' ? true : undefined;
    });
    await whenClusterAvailable(rds, 'orders');
    await rds.deleteDBClusterSnapshot(bad);
  });

  it('are taken of available clusters only, once per name, never of a member', async () => {
    const taken = { DBClusterIdentifier: 'orders', DBClusterSnapshotIdentifier: 'night-1' };
    await expect(rds.createDBClusterSnapshot(taken)).rejects.toMatchObject({
      name: 'DBClusterSnapshotAlreadyExistsFault',
    });
    await expect(
      rds.createDBClusterSnapshot({ ...taken, DBClusterIdentifier: 'nobody' }),
    ).rejects.toMatchObject({ name: 'DBClusterNotFoundFault' });
    await rds.createDBClusterSnapshot({ ...taken, DBClusterSnapshotIdentifier: 'night-2' });
    await expect(
      rds.createDBClusterSnapshot({ ...taken, DBClusterSnapshotIdentifier: 'night-3' }),
    ).rejects.toMatchObject({ name: 'InvalidDBClusterStateFault' }); // backing-up
    await whenClusterSnapshotAvailable(rds, 'night-2');
    await whenClusterAvailable(rds, 'orders');
  });

  it('are listed by cluster, type and filter, in pages; a name and a cluster exclude each other', async () => {
    const ids = async (input: Parameters<RDS['describeDBClusterSnapshots']>[0]) =>
      (await rds.describeDBClusterSnapshots(input)).DBClusterSnapshots?.map(
        ({ DBClusterSnapshotIdentifier }) => DBClusterSnapshotIdentifier,
      );
    expect(await ids({ DBClusterIdentifier: 'orders', SnapshotType: 'manual' })).toEqual([
      'night-1',
      'night-2',
    ]);
    expect(await ids({ DBClusterIdentifier: 'nobody' })).toEqual([]);
    expect(await ids({ SnapshotType: 'awsbackup' })).toEqual([]);
    const Filters = [{ Name: 'db-cluster-snapshot-id', Values: ['night-2'] }];
    expect(await ids({ Filters })).toEqual(['night-2']);
    await expect(ids({ DBClusterSnapshotIdentifier: 'nothing' })).rejects.toMatchObject({
      name: 'DBClusterSnapshotNotFoundFault',
    });
    await expect(
      ids({ DBClusterIdentifier: 'orders', DBClusterSnapshotIdentifier: 'night-1' }),
    ).rejects.toMatchObject({ name: 'InvalidParameterCombination' });
    await expect(ids({ MaxRecords: 5 })).rejects.toThrow(/between 20 and 100/);
  });

  it('become clusters without instances, with the data of then and the master of then', async () => {
    const { DBCluster } = await rds.restoreDBClusterFromSnapshot({
      ...{ DBClusterIdentifier: 'restored', SnapshotIdentifier: 'night-1', Engine: AURORA },
      Tags: [{ Key: 'drill', Value: '7' }],
    });
    expect(DBCluster).toMatchObject({ Status: 'creating', KmsKeyId: key, DeletionProtection: false });
    const cluster = await whenClusterAvailable(rds, 'restored');
    const source = await describedCluster(rds, 'orders');
    expect(cluster.DBClusterMembers).toEqual([]);
    expect(cluster.DbClusterResourceId).not.toBe(source.DbClusterResourceId);
    expect(cluster.TagList).toEqual([{ Key: 'drill', Value: '7' }]);
    await expect(ask(cloud, cluster, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const member = await addMember(home, 'restored', 'restored-1');
    expect(await ask(cloud, cluster, 'SELECT count(*)::int FROM item')).toEqual([{ count: 500 }]);
    expect(await query(cloud, member, 'SELECT count(*)::int FROM item')).toEqual([{ count: 500 }]);
    await ask(cloud, cluster, 'INSERT INTO item VALUES (0)'); // writable, and nothing of it reaches the source
    await expect(ask(cloud, source, 'SELECT 1 FROM item')).rejects.toMatchObject({ code: '42P01' });
  });

  it('are restored with the defaults of AWS, and refused with its errors', async () => {
    const restore = (more: object) =>
      rds.restoreDBClusterFromSnapshot({
        ...{ DBClusterIdentifier: 'another', SnapshotIdentifier: 'night-1', Engine: AURORA, ...more },
      });
    await expect(restore({ DBClusterIdentifier: 'orders' })).rejects.toMatchObject({
      name: 'DBClusterAlreadyExistsFault',
    });
    await expect(restore({ SnapshotIdentifier: 'nothing' })).rejects.toMatchObject({
      name: 'DBClusterSnapshotNotFoundFault',
    });
    await expect(restore({ Engine: 'aurora-mysql' })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
    });
    await expect(restore({ DBClusterParameterGroupName: 'nothing' })).rejects.toMatchObject({
      name: 'DBClusterParameterGroupNotFoundFault',
    });
    await expect(restore({ BackupRetentionPeriod: 0 })).rejects.toThrow(/between 1 and 35/);
    await expect(restore({ EngineMode: 'serverless' })).rejects.toMatchObject({ name: 'NotImplemented' });
  });

  it('are copied into another region only with a key of that region, tags only when asked', async () => {
    const copy = (more: object) =>
      away.rds.copyDBClusterSnapshot({
        ...{ SourceDBClusterSnapshotIdentifier: arn('night-1'), TargetDBClusterSnapshotIdentifier: 'far' },
        ...more,
      });
    await expect(copy({})).rejects.toMatchObject({ name: 'InvalidParameterCombination' });
    await expect(copy({ KmsKeyId: key })).rejects.toMatchObject({ name: 'KMSKeyNotAccessibleFault' });
    const awayKey = await customerKey(away);
    const { DBClusterSnapshot } = await copy({ KmsKeyId: awayKey, CopyTags: true });
    expect(DBClusterSnapshot).toMatchObject({ Status: 'copying', KmsKeyId: awayKey });
    const far = await whenClusterSnapshotAvailable(away.rds, 'far');
    expect(far).toMatchObject({
      SourceDBClusterSnapshotArn: arn('night-1'),
      TagList: [{ Key: 'owner', Value: 'shop' }],
    });
    await away.rds.restoreDBClusterFromSnapshot({
      ...{ DBClusterIdentifier: 'far', SnapshotIdentifier: 'far', Engine: AURORA },
    });
    const cluster = await whenClusterAvailable(away.rds, 'far');
    await addMember(away, 'far', 'far-1');
    expect(await ask(cloud, cluster, 'SELECT count(*)::int FROM item')).toEqual([{ count: 500 }]);
  });

  it('cannot be encrypted by a copy, but by a restore', async () => {
    await createCluster(home, 'plain');
    await rds.createDBClusterSnapshot({
      DBClusterIdentifier: 'plain',
      DBClusterSnapshotIdentifier: 'plain-1',
    });
    await whenClusterSnapshotAvailable(rds, 'plain-1'); // of a cluster without instances
    await expect(
      rds.copyDBClusterSnapshot({
        ...{ SourceDBClusterSnapshotIdentifier: 'plain-1', TargetDBClusterSnapshotIdentifier: 'p2' },
        KmsKeyId: key,
      }),
    ).rejects.toMatchObject({ name: 'InvalidParameterCombination' });
    await rds.restoreDBClusterFromSnapshot({
      ...{ DBClusterIdentifier: 'sealed', SnapshotIdentifier: 'plain-1', Engine: AURORA, KmsKeyId: key },
    });
    expect(await whenClusterAvailable(rds, 'sealed')).toMatchObject({
      StorageEncrypted: true,
      KmsKeyId: key,
    });
  });

  it('have two quotas with one error: five copies across regions at a time, and so many snapshots', async () => {
    const slow = await openCloud({ pace: { scale: 1 / 15_000, overrides: { 'rds.copySnapshot': 1e6 } } });
    try {
      const here = slow.corner(PRODUCTION, HOME);
      const there = slow.corner(PRODUCTION, AWAY);
      await createCluster(here, 'c');
      await here.rds.createDBClusterSnapshot({ DBClusterIdentifier: 'c', DBClusterSnapshotIdentifier: 's' });
      await whenClusterSnapshotAvailable(here.rds, 's');
      const copy = (to: string) =>
        there.rds.copyDBClusterSnapshot({
          SourceDBClusterSnapshotIdentifier: arn('s'),
          TargetDBClusterSnapshotIdentifier: to,
        });
      for (const to of ['a', 'b', 'c', 'd', 'e']) await copy(to);
      await expect(copy('f')).rejects.toMatchObject({
        name: 'SnapshotQuotaExceededFault',
        message: 'Cannot copy more than 5 snapshots across regions',
      });
      await slow.admin('POST', '/quotas', { name: 'ManualClusterSnapshots', value: 5 });
      await expect(copy('f')).rejects.toMatchObject({
        name: 'SnapshotQuotaExceededFault',
        message: 'Cannot create more than 5 manual snapshots',
      });
      await there.rds.deleteDBClusterSnapshot({ DBClusterSnapshotIdentifier: 'a' }); // cancels the copy
      await eventually('the copy is gone', async () => {
        const { DBClusterSnapshots = [] } = await there.rds.describeDBClusterSnapshots({});
        return DBClusterSnapshots.length === 4 ? true : undefined;
      });
      const { AccountQuotas = [] } = await there.rds.describeAccountAttributes({});
      expect(AccountQuotas).toContainEqual({ AccountQuotaName: 'ManualClusterSnapshots', Used: 4, Max: 5 });
    } finally {
      await slow.end();
    }
  });

  describe('shared with another account', () => {
    const share = (id: string, add: string[], remove: string[] = []) =>
      rds.modifyDBClusterSnapshotAttribute({
        ...{ DBClusterSnapshotIdentifier: id, AttributeName: 'restore' },
        ...{ ValuesToAdd: add, ValuesToRemove: remove },
      });

    it('are invisible until shared, and then listed as shared only', async () => {
      const name = { DBClusterSnapshotIdentifier: arn('night-1') };
      await expect(drill.rds.describeDBClusterSnapshots(name)).rejects.toMatchObject({
        name: 'DBClusterSnapshotNotFoundFault',
      });
      await share('night-1', [DRILL]);
      const { DBClusterSnapshotAttributesResult: result } = await rds.describeDBClusterSnapshotAttributes({
        DBClusterSnapshotIdentifier: 'night-1',
      });
      expect(result?.DBClusterSnapshotAttributes).toEqual([
        { AttributeName: 'restore', AttributeValues: [DRILL] },
      ]);
      const listed = async (input: object) =>
        (await drill.rds.describeDBClusterSnapshots(input)).DBClusterSnapshots?.length;
      expect(await listed({})).toBe(0);
      expect(await listed({ SnapshotType: 'shared' })).toBe(1);
      expect(await listed({ IncludeShared: true })).toBe(1);
    });

    it('may be restored directly though encrypted, which instance snapshots may not', async () => {
      const drillKey = await customerKey(drill);
      await drill.rds.restoreDBClusterFromSnapshot({
        ...{ DBClusterIdentifier: 'drill', SnapshotIdentifier: arn('night-1'), Engine: AURORA },
        KmsKeyId: drillKey,
      });
      const cluster = await whenClusterAvailable(drill.rds, 'drill');
      expect(cluster.KmsKeyId).toBe(drillKey);
      await addMember(drill, 'drill', 'drill-1');
      expect(await ask(cloud, cluster, 'SELECT count(*)::int FROM item')).toEqual([{ count: 500 }]);
      await share('night-1', [], [DRILL]); // takes nothing back
      expect(await ask(cloud, cluster, 'SELECT count(*)::int FROM item')).toEqual([{ count: 500 }]);
    });

    it('need a key of the copying account, and the right to the source’s key', async () => {
      await share('night-1', [DRILL]);
      const copy = (more: object) =>
        drill.rds.copyDBClusterSnapshot({
          ...{ SourceDBClusterSnapshotIdentifier: arn('night-1'), TargetDBClusterSnapshotIdentifier: 'mine' },
          ...more,
        });
      await expect(copy({})).rejects.toMatchObject({ name: 'InvalidParameterCombination' });
      await home.kms.disableKey({ KeyId: key });
      const drillKey = await customerKey(drill);
      await expect(copy({ KmsKeyId: drillKey })).rejects.toMatchObject({ name: 'KMSKeyNotAccessibleFault' });
      await home.kms.enableKey({ KeyId: key });
      await copy({ KmsKeyId: drillKey });
      await whenClusterSnapshotAvailable(drill.rds, 'mine');
    });

    it('are not those under the default key, nor shared with everybody when encrypted', async () => {
      await expect(share('night-1', ['all'])).rejects.toMatchObject({ name: 'InvalidParameterCombination' });
      await createCluster(home, 'managed', { StorageEncrypted: true });
      const taken = { DBClusterIdentifier: 'managed', DBClusterSnapshotIdentifier: 'managed-1' };
      await rds.createDBClusterSnapshot(taken);
      await whenClusterSnapshotAvailable(rds, 'managed-1');
      await expect(share('managed-1', [DRILL])).rejects.toThrow(/default key aws\/rds cannot be shared/);
      const many = Array.from({ length: 21 }, (_, i) => String(400_000_000_000 + i));
      await expect(share('night-2', many)).rejects.toMatchObject({
        name: 'SharedSnapshotQuotaExceededFault',
      });
    });
  });

  it('of instances become clusters, too, by their ARN', async () => {
    const instance = await createInstance(home, { id: 'single' });
    await query(cloud, instance, 'CREATE TABLE item AS SELECT generate_series(1, 70) AS id');
    await rds.createDBSnapshot({ DBInstanceIdentifier: 'single', DBSnapshotIdentifier: 'single-1' });
    await eventually('the snapshot is there', async () => {
      const { DBSnapshots: [one] = [] } = await rds.describeDBSnapshots({ DBSnapshotIdentifier: 'single-1' });
      return one?.Status === 'available' ? true : undefined;
    });
    const { DBCluster } = await rds.restoreDBClusterFromSnapshot({
      ...{ DBClusterIdentifier: 'moved', Engine: AURORA },
      SnapshotIdentifier: `arn:aws:rds:${HOME}:${PRODUCTION}:snapshot:single-1`,
    });
    expect(DBCluster?.Status).toBe('migrating');
    const cluster = await whenClusterAvailable(rds, 'moved');
    await addMember(home, 'moved', 'moved-1');
    expect(await ask(cloud, cluster, 'SELECT count(*)::int FROM item')).toEqual([{ count: 70 }]);
  });

  it('are not needed for a clone, which has the data of now', async () => {
    const source = await describedCluster(rds, 'orders');
    await ask(cloud, source, 'CREATE TABLE now AS SELECT 1 AS one');
    await rds.restoreDBClusterToPointInTime({
      ...{ DBClusterIdentifier: 'clone', SourceDBClusterIdentifier: 'orders' },
      ...{ RestoreType: 'copy-on-write', UseLatestRestorableTime: true },
    });
    const clone = await whenClusterAvailable(rds, 'clone');
    await addMember(home, 'clone', 'clone-1');
    expect(await ask(cloud, clone, 'SELECT one FROM now')).toEqual([{ one: 1 }]);
    await expect(
      rds.restoreDBClusterToPointInTime({
        ...{ DBClusterIdentifier: 'clone-2', SourceDBClusterIdentifier: 'orders' },
        ...{ RestoreType: 'copy-on-write', RestoreToTime: new Date() },
      }),
    ).rejects.toMatchObject({ name: 'InvalidParameterCombination' });
  });

  it('and archived WAL bring a cluster back to any second since the first automated one', async () => {
    await createCluster(home, 'ledger');
    await addMember(home, 'ledger', 'ledger-1');
    const source = await eventually('the cluster can be restored to a point in time', async () => {
      const now = await describedCluster(rds, 'ledger');
      return now.LatestRestorableTime ? now : undefined;
    });
    await ask(cloud, source, 'CREATE TABLE entry AS SELECT 1 AS id');
    const [row] = await ask(cloud, source, 'SELECT clock_timestamp() AS at');
    const before = new Date((row?.['at'] as Date).getTime() + 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await ask(cloud, source, 'DROP TABLE entry');
    const restore = (DBClusterIdentifier: string, more: object) =>
      rds.restoreDBClusterToPointInTime({
        ...{ DBClusterIdentifier, SourceDBClusterIdentifier: 'ledger', ...more },
      });
    const far = new Date(Date.now() + 3_600_000);
    await expect(restore('wrong', { RestoreToTime: far })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
    });
    await expect(
      restore('wrong', { RestoreToTime: before, UseLatestRestorableTime: true }),
    ).rejects.toMatchObject({ name: 'InvalidParameterCombination' });
    await eventually('the WAL of then has been shipped', async () => {
      const { LatestRestorableTime: latest } = await describedCluster(rds, 'ledger');
      return latest && latest.getTime() > before.getTime() + 200 ? true : undefined;
    });
    await restore('then', { RestoreToTime: before });
    await restore('latest', { UseLatestRestorableTime: true });
    const [then, latest] = [
      await whenClusterAvailable(rds, 'then'),
      await whenClusterAvailable(rds, 'latest'),
    ];
    expect(then.DBClusterMembers).toEqual([]);
    await addMember(home, 'then', 'then-1');
    await addMember(home, 'then', 'then-2'); // a reader follows on the new timeline, too
    await addMember(home, 'latest', 'latest-1');
    expect(await ask(cloud, then, 'SELECT id FROM entry', { at: 'reader' })).toEqual([{ id: 1 }]);
    await ask(cloud, then, 'INSERT INTO entry VALUES (2)');
    await expect(ask(cloud, latest, 'SELECT id FROM entry')).rejects.toMatchObject({ code: '42P01' });
    const { DBClusterSnapshots: [automated] = [] } = await rds.describeDBClusterSnapshots({
      ...{ DBClusterIdentifier: 'ledger', SnapshotType: 'automated' },
    });
    expect(automated?.DBClusterSnapshotIdentifier).toMatch(/^rds:ledger-\d{4}-\d\d-\d\d-\d\d-\d\d$/);
    await expect(
      rds.deleteDBClusterSnapshot({
        DBClusterSnapshotIdentifier: automated?.DBClusterSnapshotIdentifier,
      }),
    ).rejects.toMatchObject({ name: 'InvalidDBClusterSnapshotStateFault' });
  });

  it('and clusters have tags by ARN; cluster parameter groups are kept and guarded', async () => {
    const ResourceName = arn('night-1');
    await rds.addTagsToResource({ ResourceName, Tags: [{ Key: 'kept', Value: 'yes' }] });
    await rds.removeTagsFromResource({ ResourceName, TagKeys: ['owner'] });
    expect((await rds.listTagsForResource({ ResourceName })).TagList).toEqual([
      { Key: 'kept', Value: 'yes' },
    ]);
    const { DBClusterParameterGroups: [standard] = [] } = await rds.describeDBClusterParameterGroups({});
    const family = standard?.DBParameterGroupFamily ?? '';
    expect(family).toMatch(/^aurora-postgresql\d+$/);
    const DBClusterParameterGroupName = 'Tuned';
    const group = { DBClusterParameterGroupName, DBParameterGroupFamily: family, Description: 'tuned' };
    await rds.createDBClusterParameterGroup(group);
    await expect(rds.createDBClusterParameterGroup(group)).rejects.toMatchObject({
      name: 'DBParameterGroupAlreadyExistsFault',
    });
    await rds.modifyDBCluster({ DBClusterIdentifier: 'plain', DBClusterParameterGroupName });
    expect((await describedCluster(rds, 'plain')).DBClusterParameterGroup).toBe('tuned');
    await expect(rds.deleteDBClusterParameterGroup({ DBClusterParameterGroupName })).rejects.toMatchObject({
      name: 'InvalidDBParameterGroupStateFault',
    });
  });
});
