import {
  DBInstanceAlreadyExistsFault,
  DBParameterGroupNotFoundFault,
  type RestoreDBInstanceFromDBSnapshotCommandInput,
} from '@aws-sdk/client-rds';
import { randomBytes } from 'node:crypto';
import type { Place } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';
import { dailyWindow } from './backup-schedule.ts';
import type { RdsContext } from './context.ts';
import { majorOf, PARAMETER_GROUP } from './describe.ts';
import { usableKey } from './encryption.ts';
import { fault, invalidValue } from './faults.ts';
import { retentionDays } from './instance-handlers.ts';
import { requireRoomForInstance } from './limits.ts';
import { keyOf } from './names.ts';
import { place } from './placement.ts';
import type { InstanceFacts, InstanceRecord, InstanceWork, Tag } from './records.ts';
import type { RdsStore } from './store.ts';

/** What neither kind of restore understands. */
export const REFUSED_AT_RESTORE = [
  ...['DBClusterSnapshotIdentifier', 'TdeCredentialArn', 'Domain', 'DomainFqdn', 'CustomIamInstanceProfile'],
  ...['ManageMasterUserPassword', 'DBCapacityReservationIdentifier', 'AdditionalStorageVolumes', 'DBName'],
  ...['TagSpecifications', 'EnableCustomerOwnedIp', 'DedicatedLogVolume', 'MaxAllocatedStorage'],
  ...['EnableCloudwatchLogsExports', 'ProcessorFeatures', 'DomainAuthSecretArn', 'DomainDnsIps', 'DomainOu'],
];

/** What restores have in common. */
type Wishes = Pick<
  RestoreDBInstanceFromDBSnapshotCommandInput,
  | 'DBInstanceClass'
  | 'AllocatedStorage'
  | 'StorageType'
  | 'DBSubnetGroupName'
  | 'VpcSecurityGroupIds'
  | 'AvailabilityZone'
  | 'MultiAZ'
  | 'Port'
  | 'PubliclyAccessible'
  | 'AutoMinorVersionUpgrade'
  | 'DeletionProtection'
  | 'CopyTagsToSnapshot'
  | 'EnableIAMDatabaseAuthentication'
  | 'BackupRetentionPeriod'
  | 'PreferredBackupWindow'
  | 'CACertificateIdentifier'
  | 'EngineLifecycleSupport'
  | 'DBParameterGroupName'
>;

interface NewInstance {
  readonly id: string;
  readonly input: Wishes;
  /** The instance as it was, and how its data are encrypted. */
  readonly from: InstanceFacts & Pick<InstanceRecord, 'encrypted' | 'kmsKeyArn'>;
  readonly tags: readonly Tag[];
  readonly work: InstanceWork;
  readonly awsBackupJob?: string | undefined;
}

/** Checks what a restore asks for, places the new instance and writes its record, `creating`. Defaults are AWS's. */
export async function makeInstance(
  context: RdsContext,
  call: Call,
  { id, input, from, tags, work, awsBackupJob }: NewInstance,
): Promise<InstanceRecord> {
  const { platform, store } = context;
  if (from.kmsKeyArn !== undefined) usableKey(platform, call, from.kmsKeyArn);
  const allocatedStorage = input.AllocatedStorage ?? from.allocatedStorage;
  if (allocatedStorage < from.allocatedStorage)
    throw invalidValue(
      `AllocatedStorage must not be below the ${from.allocatedStorage} GiB of what is restored.`,
    );
  requireRoomForInstance(store, call, allocatedStorage);
  const parameterGroup = parameterGroupFor(context, call, input.DBParameterGroupName, from.engineVersion);
  const multiAz = input.MultiAZ ?? false;
  const placed = await place(context, call, {
    subnetGroup: input.DBSubnetGroupName,
    securityGroupIds: input.VpcSecurityGroupIds,
    availabilityZone: input.AvailabilityZone,
    multiAz,
    port: input.Port,
  });
  requireFreeName(store, call, id);
  const { accountId, region } = call;
  const record: InstanceRecord = {
    ...placed,
    ...{ accountId, region, id, status: 'creating', dbiResourceId: newResourceId() },
    ...{ engineVersion: from.engineVersion, masterUsername: from.masterUsername, dbName: from.dbName },
    instanceClass: input.DBInstanceClass ?? from.instanceClass,
    allocatedStorage,
    storageType: input.StorageType ?? from.storageType,
    encrypted: from.encrypted,
    kmsKeyArn: from.kmsKeyArn,
    parameterGroup,
    multiAz,
    publiclyAccessible: input.PubliclyAccessible ?? false,
    autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade ?? from.autoMinorVersionUpgrade,
    deletionProtection: input.DeletionProtection ?? false,
    copyTagsToSnapshot: input.CopyTagsToSnapshot ?? false,
    iamAuthentication: input.EnableIAMDatabaseAuthentication ?? from.iamAuthentication,
    backupRetentionPeriod: retentionDays(input.BackupRetentionPeriod ?? from.backupRetentionPeriod),
    backupWindow:
      input.PreferredBackupWindow === undefined
        ? from.backupWindow
        : dailyWindow(input.PreferredBackupWindow),
    maintenanceWindow: 'sun:06:00-sun:06:30',
    chosenWindows: { backup: input.PreferredBackupWindow !== undefined, maintenance: false },
    caIdentifier: input.CACertificateIdentifier ?? from.caIdentifier,
    engineLifecycleSupport: input.EngineLifecycleSupport ?? 'open-source-rds-extended-support',
    tags,
    pending: {},
    awsBackupJob,
    work,
  };
  await store.instances.put(keyOf(call, id), record);
  return record;
}

export function requireFreeName(store: RdsStore, where: Place, id: string): void {
  if (store.instance(where, id)) throw fault(DBInstanceAlreadyExistsFault, 'DB instance already exists');
}

export function parameterGroupFor(
  { store }: RdsContext,
  where: Place,
  name: string | undefined,
  engineVersion: string,
): string {
  const fallback = PARAMETER_GROUP(majorOf(engineVersion));
  if (name === undefined || name === fallback) return fallback;
  if (store.parameterGroups.has(keyOf(where, name.toLowerCase()))) return name.toLowerCase();
  throw fault(DBParameterGroupNotFoundFault, `DBParameterGroup not found: ${name}`);
}

/** 26 characters, as AWS makes them. */
export function newResourceId(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return `db-${[...randomBytes(26)].map((byte) => alphabet[byte % 32]).join('')}`;
}
