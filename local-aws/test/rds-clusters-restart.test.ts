import { expect, test } from '@jest/globals';
import { rm } from 'node:fs/promises';
import {
  addMember,
  ask,
  AURORA,
  createCluster,
  describedCluster,
  whenClusterAvailable,
  whenClusterGone,
  whenClusterSnapshotAvailable,
} from './support/clusters.ts';
import { customerKey, HOME, openCloud, PRODUCTION, whenAvailable } from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

test('clusters come back where they were, and unfinished restores, members and deletions go on', async () => {
  const stuck = { 'rds.restoreCluster': 1e6, 'rds.deleteCluster': 1e6, 'rds.createMember': 1e6 };
  const before = await openCloud({ pace: { scale: 1 / 15_000 } });
  const { stateDir } = before;
  const home = before.corner(PRODUCTION, HOME);
  await createCluster(home, 'orders');
  await addMember(home, 'orders', 'orders-1');
  await addMember(home, 'orders', 'orders-2');
  const cluster = await describedCluster(home.rds, 'orders');
  await ask(before, cluster, 'CREATE TABLE item AS SELECT generate_series(1, 10) AS id');
  await home.rds.createDBClusterSnapshot({ DBClusterIdentifier: 'orders', DBClusterSnapshotIdentifier: 's' });
  await whenClusterSnapshotAvailable(home.rds, 's');
  await whenClusterAvailable(home.rds, 'orders');
  await createCluster(home, 'old');
  await before.aws.close();

  const between = await openCloud({ stateDir, pace: { scale: 1 / 15_000, overrides: stuck } });
  const { rds } = between.corner(PRODUCTION, HOME);
  expect(await describedCluster(rds, 'orders')).toMatchObject({
    ...{ Endpoint: cluster.Endpoint, ReaderEndpoint: cluster.ReaderEndpoint, Port: cluster.Port },
    ...{ Status: 'available', DBClusterMembers: cluster.DBClusterMembers },
  });
  expect(await ask(between, cluster, 'SELECT count(*)::int FROM item')).toEqual([{ count: 10 }]);
  const reads = 'SELECT pg_is_in_recovery() AS reads, count(*)::int FROM item';
  expect(await ask(between, cluster, reads, { at: 'reader' })).toEqual([{ reads: true, count: 10 }]);
  await rds.restoreDBClusterFromSnapshot({
    ...{ DBClusterIdentifier: 'restored', SnapshotIdentifier: 's', Engine: AURORA },
  });
  await rds.createDBInstance({
    ...{ DBInstanceIdentifier: 'orders-3', DBClusterIdentifier: 'orders', Engine: AURORA },
    DBInstanceClass: 'db.r7g.large',
  });
  await rds.deleteDBCluster({ DBClusterIdentifier: 'old', SkipFinalSnapshot: true });
  await between.end();

  const after = await openCloud({ stateDir });
  const corner = after.corner(PRODUCTION, HOME);
  const restored = await whenClusterAvailable(corner.rds, 'restored');
  await addMember(corner, 'restored', 'restored-1');
  expect(await ask(after, restored, 'SELECT count(*)::int FROM item')).toEqual([{ count: 10 }]);
  await whenAvailable(corner.rds, 'orders-3');
  await whenClusterGone(corner.rds, 'old');
  await after.end();
  await rm(stateDir, { recursive: true, force: true });
}, 120_000);

test('a cluster whose key is disabled is shut down, members and all, and starts again when the key is back; it holds on to its subnets', async () => {
  const cloud = await openCloud();
  try {
    const home = cloud.corner(PRODUCTION, HOME);
    const KmsKeyId = await customerKey(home);
    await createCluster(home, 'sealed', { StorageEncrypted: true, KmsKeyId });
    await addMember(home, 'sealed', 'sealed-1');
    await home.kms.disableKey({ KeyId: KmsKeyId });
    const lost = 'inaccessible-encryption-credentials-recoverable';
    const cluster = await eventually('the cluster is shut down', async () => {
      const now = await describedCluster(home.rds, 'sealed');
      return now.Status === lost ? now : undefined;
    });
    await eventually('nobody answers any more', () =>
      ask(cloud, cluster, 'SELECT 1').then(
        () => undefined,
        () => true,
      ),
    );
    const start = () => home.rds.startDBCluster({ DBClusterIdentifier: 'sealed' });
    await expect(start()).rejects.toMatchObject({ name: 'KMSKeyNotAccessibleFault' });
    await expect(
      home.rds.createDBClusterSnapshot({ DBClusterIdentifier: 'sealed', DBClusterSnapshotIdentifier: 's' }),
    ).rejects.toMatchObject({ name: 'InvalidDBClusterStateFault' });
    await home.kms.enableKey({ KeyId: KmsKeyId });
    await start();
    await whenClusterAvailable(home.rds, 'sealed');
    await whenAvailable(home.rds, 'sealed-1');
    expect(await ask(cloud, cluster, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    const { Subnets = [] } = await home.ec2.describeSubnets({});
    await home.rds.createDBSubnetGroup({
      ...{ DBSubnetGroupName: 'own', DBSubnetGroupDescription: 'own' },
      SubnetIds: Subnets.map(({ SubnetId = '' }) => SubnetId),
    });
    await createCluster(home, 'placed', { DBSubnetGroupName: 'own' });
    await expect(home.rds.deleteDBSubnetGroup({ DBSubnetGroupName: 'own' })).rejects.toMatchObject({
      name: 'InvalidDBSubnetGroupStateFault', // though the cluster has no instance yet
    });
  } finally {
    await cloud.end();
  }
}, 120_000);
