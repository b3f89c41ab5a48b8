import {
  DBInstanceAlreadyExistsFault,
  DBParameterGroupNotFoundFault,
  DBSnapshotNotFoundFault,
  type DBInstance,
  InvalidDBSnapshotStateFault,
  KMSKeyNotAccessibleFault,
  type RestoreDBInstanceFromDBSnapshotCommandInput,
} from '@aws-sdk/client-rds';
import { randomBytes } from 'node:crypto';
import type { Place } from '../platform.ts';
import { refuseMembers } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { describeInstance, majorOf, PARAMETER_GROUP } from './describe.ts';
import { usableKey } from './encryption.ts';
import { fault, invalidValue, required } from './faults.ts';
import { requireRoomForInstance } from './limits.ts';
import { identifier, keyOf, parseRdsArn, rdsArn } from './names.ts';
import { place } from './placement.ts';
import type { InstanceRecord, SnapshotRecord } from './records.ts';
import { tagContext, tagsFrom } from './tags.ts';

const REFUSED = [
  ...['DBClusterSnapshotIdentifier', 'TdeCredentialArn', 'Domain', 'DomainFqdn', 'CustomIamInstanceProfile'],
  ...['ManageMasterUserPassword', 'DBCapacityReservationIdentifier', 'AdditionalStorageVolumes', 'DBName'],
  ...['TagSpecifications', 'EnableCustomerOwnedIp', 'DedicatedLogVolume'],
];

/** RestoreDBInstanceFromDBSnapshot: a new instance, still `creating`, from a snapshot. AWS Backup uses it, too. */
export async function restoreFromSnapshot(
  context: RdsContext,
  input: RestoreDBInstanceFromDBSnapshotCommandInput,
  call: Call,
  awsBackupJob?: string,
): Promise<DBInstance> {
  refuseMembers('rds', 'RestoreDBInstanceFromDBSnapshot', input, REFUSED);
  const { platform, store, fleet } = context;
  const id = identifier(required(input.DBInstanceIdentifier, 'DBInstanceIdentifier'), 'DBInstanceIdentifier');
  const snapshot = findSnapshot(context, call, required(input.DBSnapshotIdentifier, 'DBSnapshotIdentifier'));
  const tags = input.Tags ? tagsFrom(input.Tags) : snapshot.tags;
  const authorized = (arn: string) => {
    const context = {
      ...tagContext(tags, arn.includes(':snapshot:') ? snapshot.tags : []),
      'rds:PubliclyAccessible': String(input.PubliclyAccessible ?? false),
      ...(input.DBInstanceClass !== undefined && { 'rds:DatabaseClass': input.DBInstanceClass }),
    };
    // Whether the snapshot is shared is findSnapshot's question; here the caller's own rights count.
    platform.authorize(call, 'rds:RestoreDBInstanceFromDBSnapshot', arn, context, {
      ownerAccountId: call.accountId,
    });
  };
  authorized(rdsArn(call, 'db', id));
  authorized(rdsArn(snapshot, 'snapshot', snapshot.id));
  if (store.instance(call, id)) throw fault(DBInstanceAlreadyExistsFault, 'DB instance already exists');
  requireRestorable(snapshot, call);
  if (snapshot.kmsKeyArn !== undefined) usableKey(platform, call, snapshot.kmsKeyArn);
  const from = snapshot.instance;
  const storage = input.AllocatedStorage ?? from.allocatedStorage;
  if (storage < from.allocatedStorage)
    throw invalidValue(`AllocatedStorage must not be below the snapshot's ${from.allocatedStorage} GiB.`);
  requireRoomForInstance(store, call, storage);
  const parameterGroup = parameterGroupFor(context, call, input.DBParameterGroupName, from.engineVersion);
  const multiAz = input.MultiAZ ?? false;
  const placed = await place(context, call, {
    subnetGroup: input.DBSubnetGroupName,
    securityGroupIds: input.VpcSecurityGroupIds,
    availabilityZone: input.AvailabilityZone,
    multiAz,
    port: input.Port,
  });
  if (store.instance(call, id)) throw fault(DBInstanceAlreadyExistsFault, 'DB instance already exists');
  const snapshotKey = keyOf(snapshot, snapshot.id);
  const record: InstanceRecord = {
    ...placed,
    ...{
      accountId: call.accountId,
      region: call.region,
      id,
      status: 'creating',
      dbiResourceId: newResourceId(),
    },
    ...{ engineVersion: from.engineVersion, masterUsername: from.masterUsername, dbName: from.dbName },
    instanceClass: input.DBInstanceClass ?? from.instanceClass,
    allocatedStorage: storage,
    storageType: input.StorageType ?? from.storageType,
    encrypted: snapshot.encrypted,
    kmsKeyArn: snapshot.kmsKeyArn,
    parameterGroup,
    multiAz,
    publiclyAccessible: input.PubliclyAccessible ?? false,
    autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade ?? from.autoMinorVersionUpgrade,
    deletionProtection: input.DeletionProtection ?? false,
    copyTagsToSnapshot: input.CopyTagsToSnapshot ?? false,
    iamAuthentication: input.EnableIAMDatabaseAuthentication ?? from.iamAuthentication,
    backupRetentionPeriod: input.BackupRetentionPeriod ?? from.backupRetentionPeriod,
    backupWindow: input.PreferredBackupWindow ?? from.backupWindow,
    maintenanceWindow: 'sun:06:00-sun:06:30',
    chosenWindows: { backup: input.PreferredBackupWindow !== undefined, maintenance: false },
    caIdentifier: input.CACertificateIdentifier ?? from.caIdentifier,
    engineLifecycleSupport: input.EngineLifecycleSupport ?? 'open-source-rds-extended-support',
    tags,
    pending: {},
    awsBackupJob,
    work: { kind: 'restore', snapshotKey },
  };
  await store.instances.put(keyOf(call, id), record);
  fleet.restore(record, snapshotKey);
  return describeInstance(store, record);
}

/** By name in the caller's own partition, or by ARN, also of another account that shares it. @throws DBSnapshotNotFoundFault */
export function findSnapshot({ store }: RdsContext, call: Place, ref: string): SnapshotRecord {
  const missing = () => fault(DBSnapshotNotFoundFault, `DBSnapshot not found: ${ref}`);
  const parsed = parseRdsArn(ref);
  if (!parsed) {
    const own = store.snapshot(call, ref.toLowerCase());
    if (!own) throw missing();
    return own;
  }
  const found = store.snapshot(parsed, parsed.id);
  const visible = found && (found.accountId === call.accountId || found.sharedWith.includes(call.accountId));
  if (parsed.kind !== 'snapshot' || visible !== true) throw missing();
  return found;
}

function requireRestorable(snapshot: SnapshotRecord, call: Call): void {
  if (snapshot.region !== call.region)
    throw fault(DBSnapshotNotFoundFault, `DBSnapshot not found in ${call.region}: copy it there first.`);
  if (snapshot.status !== 'available')
    throw fault(
      InvalidDBSnapshotStateFault,
      `DBSnapshot ${snapshot.id} must be in available status; it is ${snapshot.status}.`,
    );
  if (snapshot.accountId !== call.accountId && snapshot.encrypted)
    throw fault(
      KMSKeyNotAccessibleFault,
      'A shared encrypted snapshot cannot be restored directly: copy it with a key of your own account first.',
    );
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
