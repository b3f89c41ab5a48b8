import {
  DBInstanceAutomatedBackupQuotaExceededFault,
  InstanceQuotaExceededFault,
  SnapshotQuotaExceededFault,
  StorageQuotaExceededFault,
} from '@aws-sdk/client-rds';
import type { Place } from '../platform.ts';
import { clustersUsed } from './cluster-limits.ts';
import { fault } from './faults.ts';
import { quota, type QuotaName } from './quotas.ts';
import type { RdsStore } from './store.ts';

function here<T extends Place>(records: Iterable<T>, { accountId, region }: Place): T[] {
  return [...records].filter((record) => record.accountId === accountId && record.region === region);
}

function used(store: RdsStore, place: Place): Partial<Record<QuotaName, number>> {
  const instances = here(store.instances.values(), place);
  const storage = instances.reduce(
    (sum, { allocatedStorage, member }) => sum + (member ? 0 : allocatedStorage),
    0,
  );
  return {
    DBInstances: instances.length,
    AllocatedStorage: storage,
    ManualSnapshots: manualSnapshots(store, place),
    DBSubnetGroups: here(store.subnetGroups.values(), place).filter(({ name }) => name !== 'default').length,
    DBParameterGroups: here(store.parameterGroups.values(), place).length,
    OptionGroups: here(store.optionGroups.values(), place).length,
    ...clustersUsed(store, place),
  };
}

function manualSnapshots(store: RdsStore, place: Place): number {
  return here(store.snapshots.values(), place).filter(({ type }) => type === 'manual').length;
}

/** What `DescribeAccountAttributes` tells. */
export function usage(store: RdsStore, place: Place): Record<string, { used: number; max: number }> {
  const counted = Object.entries(used(store, place)) as [QuotaName, number][];
  return Object.fromEntries(
    counted.map(([name, count]) => [name, { used: count, max: quota(store, place, name) }]),
  );
}

/** Whether one more fits, and the quota for the message. */
export function room(store: RdsStore, place: Place, name: QuotaName): { full: boolean; max: number } {
  const max = quota(store, place, name);
  return { full: (used(store, place)[name] ?? 0) >= max, max };
}

export function requireRoomForInstance(store: RdsStore, place: Place, storage: number): void {
  const instances = room(store, place, 'DBInstances');
  if (instances.full)
    throw fault(InstanceQuotaExceededFault, `Cannot create more than ${instances.max} DB instances`);
  requireRoomForStorage(store, place, storage);
}

/** @param more GiB that are to be allocated in addition. */
export function requireRoomForStorage(store: RdsStore, place: Place, more: number): void {
  const max = quota(store, place, 'AllocatedStorage');
  if ((used(store, place).AllocatedStorage ?? 0) + more > max)
    throw fault(StorageQuotaExceededFault, `Cannot allocate more than ${max} GiB of storage`);
}

export function requireRoomForManualSnapshot(store: RdsStore, place: Place): void {
  const { full, max } = room(store, place, 'ManualSnapshots');
  if (full) throw fault(SnapshotQuotaExceededFault, `Cannot create more than ${max} manual snapshots`);
}

export function requireRoomForCrossRegionCopy(store: RdsStore, place: Place): void {
  const max = quota(store, place, 'CrossRegionCopies');
  const copying = here(store.snapshots.values(), place).filter(
    ({ status, sourceArn, replica }) =>
      status === 'copying' &&
      replica !== true &&
      sourceArn !== undefined &&
      !sourceArn.includes(`:${place.region}:`),
  );
  if (copying.length >= max)
    throw fault(SnapshotQuotaExceededFault, `Cannot copy more than ${max} snapshots across regions`);
}

/** Counted in the destination. */
export function requireRoomForReplica(store: RdsStore, place: Place): void {
  const max = quota(store, place, 'ReplicatedAutomatedBackups');
  const replicas = here(store.automated.values(), place).filter(
    ({ sourceRegion }) => sourceRegion !== undefined,
  );
  if (replicas.length >= max)
    throw fault(
      DBInstanceAutomatedBackupQuotaExceededFault,
      `The quota for retained and replicated automated backups was exceeded: ${max} per destination region.`,
    );
}
