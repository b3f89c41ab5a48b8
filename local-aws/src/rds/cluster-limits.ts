import { DBClusterQuotaExceededFault, SnapshotQuotaExceededFault } from '@aws-sdk/client-rds';
import type { Place } from '../platform.ts';
import { fault } from './faults.ts';
import { quota } from './quotas.ts';
import type { RdsStore } from './store.ts';

function here<T extends Place>(records: Iterable<T>, { accountId, region }: Place): T[] {
  return [...records].filter((record) => record.accountId === accountId && record.region === region);
}

/** What counts towards the quotas of clusters. Contract §2.1. */
export function clustersUsed(
  store: RdsStore,
  place: Place,
): Record<'DBClusters' | 'ManualClusterSnapshots' | 'DBClusterParameterGroups', number> {
  const snapshots = here(store.clusterSnapshots.values(), place);
  return {
    DBClusters: here(store.clusters.values(), place).length,
    ManualClusterSnapshots: snapshots.filter(({ type }) => type === 'manual').length,
    DBClusterParameterGroups: here(store.clusterParameterGroups.values(), place).length,
  };
}

export function requireRoomForCluster(store: RdsStore, place: Place): void {
  const max = quota(store, place, 'DBClusters');
  if (clustersUsed(store, place).DBClusters >= max)
    throw fault(DBClusterQuotaExceededFault, `Cannot create more than ${max} DB clusters`);
}

export function requireRoomForManualClusterSnapshot(store: RdsStore, place: Place): void {
  const max = quota(store, place, 'ManualClusterSnapshots');
  if (clustersUsed(store, place).ManualClusterSnapshots >= max)
    throw fault(SnapshotQuotaExceededFault, `Cannot create more than ${max} manual snapshots`);
}

export function requireRoomForCrossRegionClusterCopy(store: RdsStore, place: Place): void {
  const max = quota(store, place, 'CrossRegionClusterCopies');
  const copying = here(store.clusterSnapshots.values(), place).filter(
    ({ status, sourceArn }) => status === 'copying' && sourceArn?.includes(`:${place.region}:`) === false,
  );
  if (copying.length >= max)
    throw fault(SnapshotQuotaExceededFault, `Cannot copy more than ${max} snapshots across regions`);
}
