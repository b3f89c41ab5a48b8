import type { DBCluster, RDS } from '@aws-sdk/client-rds';
import type { Client } from 'pg';
import { type Cloud, type Corner, connect, PASSWORD, whenAvailable } from './database-cloud.ts';
import { eventually } from './eventually.ts';

export const AURORA = 'aurora-postgresql';

type Wishes = Partial<Parameters<RDS['createDBCluster']>[0]>;

/** Creates a cluster with a database `shop`, without instances, and waits until it is available. */
export async function createCluster({ rds }: Corner, id: string, wishes: Wishes = {}): Promise<DBCluster> {
  await rds.createDBCluster({
    ...{ DBClusterIdentifier: id, Engine: AURORA, DatabaseName: 'shop' },
    ...{ MasterUsername: 'boss', MasterUserPassword: PASSWORD },
    ...wishes,
  });
  return whenClusterAvailable(rds, id);
}

export async function addMember(
  { rds }: Corner,
  cluster: string,
  id: string,
  wishes: Partial<Parameters<RDS['createDBInstance']>[0]> = {},
) {
  await rds.createDBInstance({
    ...{ DBInstanceIdentifier: id, DBClusterIdentifier: cluster, Engine: AURORA },
    ...{ DBInstanceClass: 'db.r7g.large', ...wishes },
  });
  return whenAvailable(rds, id);
}

export async function describedCluster(rds: RDS, id: string): Promise<DBCluster> {
  const { DBClusters: [cluster] = [] } = await rds.describeDBClusters({ DBClusterIdentifier: id });
  if (!cluster) throw new Error(`No cluster ${id} in the answer.`);
  return cluster;
}

export async function whenClusterAvailable(rds: RDS, id: string): Promise<DBCluster> {
  return eventually(`cluster ${id} is available`, async () => {
    const cluster = await describedCluster(rds, id);
    if (/failed/.test(cluster.Status ?? '')) throw new Error(`${id} is ${cluster.Status ?? ''}`);
    return cluster.Status === 'available' ? cluster : undefined;
  });
}

export async function whenClusterGone(rds: RDS, id: string): Promise<void> {
  await eventually(`cluster ${id} is gone`, async () =>
    rds.describeDBClusters({ DBClusterIdentifier: id }).then(
      () => undefined,
      (err: unknown) => ((err as Error).name === 'DBClusterNotFoundFault' ? true : undefined),
    ),
  );
}

export async function whenClusterSnapshotAvailable(rds: RDS, id: string) {
  return eventually(`cluster snapshot ${id} is available`, async () => {
    const { DBClusterSnapshots: [one] = [] } = await rds.describeDBClusterSnapshots({
      DBClusterSnapshotIdentifier: id,
    });
    if (one?.Status === 'failed') throw new Error(`${id} failed`);
    return one?.Status === 'available' ? one : undefined;
  });
}

/** One statement at the cluster endpoint, or at the reader endpoint. */
export async function ask(
  cloud: Pick<Cloud, 'aws'>,
  cluster: DBCluster,
  sql: string,
  { at = 'writer', password = PASSWORD }: { at?: 'writer' | 'reader'; password?: string } = {},
): Promise<Record<string, unknown>[]> {
  const Address = (at === 'writer' ? cluster.Endpoint : cluster.ReaderEndpoint) ?? '';
  const endpoint = { Address, Port: cluster.Port ?? 0 };
  const client: Client = await connect(
    cloud,
    { Endpoint: endpoint, MasterUsername: cluster.MasterUsername },
    { password },
  );
  try {
    const result = (await client.query(sql)) as { rows?: Record<string, unknown>[] };
    return result.rows ?? [];
  } finally {
    await client.end();
  }
}
