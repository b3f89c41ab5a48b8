import {
  InstanceQuotaExceededFault,
  SnapshotQuotaExceededFault,
  StorageQuotaExceededFault,
} from '@aws-sdk/client-rds';
import type { Place } from '../platform.ts';
import { fault } from './faults.ts';
import type { RdsStore } from './store.ts';

/** Default quotas per account and region. Contract §2.1. */
export const QUOTAS = {
  DBInstances: 40,
  ManualSnapshots: 100,
  AllocatedStorage: 100_000,
  DBSubnetGroups: 50,
  DBParameterGroups: 50,
  SnapshotShares: 20,
  CrossRegionCopies: 20,
} as const;

function here<T extends Place>(records: Iterable<T>, { accountId, region }: Place): T[] {
  return [...records].filter((record) => record.accountId === accountId && record.region === region);
}

export function usage(store: RdsStore, place: Place): Record<string, { used: number; max: number }> {
  const instances = here(store.instances.values(), place);
  const manual = here(store.snapshots.values(), place).filter(({ type }) => type === 'manual');
  const storage = instances.reduce((sum, { allocatedStorage }) => sum + allocatedStorage, 0);
  return {
    DBInstances: { used: instances.length, max: QUOTAS.DBInstances },
    AllocatedStorage: { used: storage, max: QUOTAS.AllocatedStorage },
    ManualSnapshots: { used: manual.length, max: QUOTAS.ManualSnapshots },
    DBSubnetGroups: { used: here(store.subnetGroups.values(), place).length, max: QUOTAS.DBSubnetGroups },
    DBParameterGroups: {
      used: here(store.parameterGroups.values(), place).length,
      max: QUOTAS.DBParameterGroups,
    },
  };
}

export function requireRoomForInstance(store: RdsStore, place: Place, storage: number): void {
  const { DBInstances, AllocatedStorage } = usage(store, place);
  if ((DBInstances?.used ?? 0) >= QUOTAS.DBInstances)
    throw fault(InstanceQuotaExceededFault, `Cannot create more than ${QUOTAS.DBInstances} DB instances`);
  if ((AllocatedStorage?.used ?? 0) + storage > QUOTAS.AllocatedStorage)
    throw fault(
      StorageQuotaExceededFault,
      `Cannot allocate more than ${QUOTAS.AllocatedStorage} GiB of storage`,
    );
}

export function requireRoomForManualSnapshot(store: RdsStore, place: Place): void {
  const manual = here(store.snapshots.values(), place).filter(({ type }) => type === 'manual');
  if (manual.length >= QUOTAS.ManualSnapshots)
    throw fault(
      SnapshotQuotaExceededFault,
      `Cannot create more than ${QUOTAS.ManualSnapshots} manual snapshots`,
    );
}

export function requireRoomForCrossRegionCopy(store: RdsStore, place: Place): void {
  const copying = here(store.snapshots.values(), place).filter(
    ({ status, sourceArn }) =>
      status === 'copying' && sourceArn !== undefined && !sourceArn.includes(`:${place.region}:`),
  );
  if (copying.length >= QUOTAS.CrossRegionCopies)
    throw fault(
      SnapshotQuotaExceededFault,
      `Cannot copy more than ${QUOTAS.CrossRegionCopies} snapshots across regions`,
    );
}
