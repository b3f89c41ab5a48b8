import type { DBInstance, DBSnapshot, DBSubnetGroup } from '@aws-sdk/client-rds';
import { memberFields } from './cluster-describe.ts';
import { TYPICAL } from './durations.ts';
import { rdsArn } from './names.ts';
import type { InstanceRecord, SnapshotRecord, SubnetGroupRecord } from './records.ts';
import { arnOf } from './snapshots.ts';
import type { RdsStore } from './store.ts';

export const OPTION_GROUP = (major: string) => `default:postgres-${major}`;
export const PARAMETER_GROUP = (major: string) => `default.postgres${major}`;

/** The one that was chosen, or the default. */
export function optionGroupOf({
  optionGroup,
  engineVersion,
}: Pick<InstanceRecord, 'optionGroup' | 'engineVersion'>): string {
  return optionGroup ?? OPTION_GROUP(majorOf(engineVersion));
}

export function majorOf(engineVersion: string): string {
  return engineVersion.split('.')[0] ?? engineVersion;
}

export function date(at: string | undefined): Date | undefined {
  return at === undefined ? undefined : new Date(at);
}

export function describeInstance(store: RdsStore, record: InstanceRecord): DBInstance {
  const group = subnetGroupOf(store, record);
  const reachable = record.createdAt !== undefined; // AWS gives the endpoint once the instance exists
  return {
    DBInstanceIdentifier: record.id,
    DBInstanceArn: rdsArn(record, 'db', record.id),
    DbiResourceId: record.dbiResourceId,
    DBInstanceClass: record.instanceClass,
    DBInstanceStatus: record.status,
    Engine: 'postgres',
    EngineVersion: record.engineVersion,
    LicenseModel: 'postgresql-license',
    MasterUsername: record.masterUsername,
    ...(record.dbName !== undefined && { DBName: record.dbName }),
    ...(reachable && { Endpoint: { Address: record.address, Port: record.port } }),
    DbInstancePort: 0,
    AllocatedStorage: record.allocatedStorage,
    StorageType: record.storageType,
    InstanceCreateTime: date(record.createdAt),
    PreferredBackupWindow: record.backupWindow,
    PreferredMaintenanceWindow: record.maintenanceWindow,
    BackupRetentionPeriod: record.backupRetentionPeriod,
    LatestRestorableTime: date(store.latestRestorableTime(record)),
    DBSecurityGroups: [],
    VpcSecurityGroups: record.securityGroupIds.map((id) => ({ VpcSecurityGroupId: id, Status: 'active' })),
    DBParameterGroups: [
      {
        DBParameterGroupName: record.parameterGroup,
        ParameterApplyStatus: record.parameterStatus ?? 'in-sync',
      },
    ],
    OptionGroupMemberships: [{ OptionGroupName: optionGroupOf(record), Status: 'in-sync' }],
    AvailabilityZone: record.availabilityZone,
    ...(group && { DBSubnetGroup: describeSubnetGroup(store, group) }),
    PendingModifiedValues: {
      ...(record.pending.masterVerifier !== undefined && { MasterUserPassword: '****' }),
      ...(record.pending.instanceClass !== undefined && { DBInstanceClass: record.pending.instanceClass }),
      ...(record.pending.allocatedStorage !== undefined && {
        AllocatedStorage: record.pending.allocatedStorage,
      }),
      ...(record.pending.multiAz !== undefined && { MultiAZ: record.pending.multiAz }),
      ...(record.pending.backupRetentionPeriod !== undefined && {
        BackupRetentionPeriod: record.pending.backupRetentionPeriod,
      }),
      ...(record.pending.caIdentifier !== undefined && {
        CACertificateIdentifier: record.pending.caIdentifier,
      }),
    },
    MultiAZ: record.multiAz,
    AutoMinorVersionUpgrade: record.autoMinorVersionUpgrade,
    ReadReplicaDBInstanceIdentifiers: [],
    PubliclyAccessible: record.publiclyAccessible,
    StorageEncrypted: record.encrypted,
    StorageEncryptionType: record.encrypted ? 'sse-kms' : 'none',
    KmsKeyId: record.kmsKeyArn,
    CACertificateIdentifier: record.caIdentifier,
    CopyTagsToSnapshot: record.copyTagsToSnapshot,
    MonitoringInterval: 0,
    IAMDatabaseAuthenticationEnabled: record.iamAuthentication,
    PerformanceInsightsEnabled: false,
    DeletionProtection: record.deletionProtection,
    AssociatedRoles: [],
    TagList: [...record.tags],
    CustomerOwnedIpEnabled: false,
    NetworkType: 'IPV4',
    BackupTarget: 'region',
    DedicatedLogVolume: false,
    EngineLifecycleSupport: record.engineLifecycleSupport,
    ...(record.status === 'stopped' && {
      AutomaticRestartTime: date(restartTime(record)),
    }),
    ...storageOperation(store, record),
    DBInstanceAutomatedBackupsReplications: replicasOf(store, record),
    ...(record.masterSecret && {
      MasterUserSecret: {
        SecretArn: record.masterSecret.arn,
        SecretStatus: record.pending.masterVerifier === undefined ? 'active' : 'creating',
        KmsKeyId: record.masterSecret.kmsKeyArn,
      },
    }),
    ...memberFields(store, record),
  };
}

function restartTime({ stoppedAt }: InstanceRecord): string | undefined {
  return stoppedAt === undefined ? undefined : new Date(Date.parse(stoppedAt) + 7 * 86_400_000).toISOString();
}

/** Blocks of a restored instance are loaded after it is available. Here they are there at once; only the answer tells of it. */
function storageOperation(
  store: RdsStore,
  { loadingSince, loadingHeld }: InstanceRecord,
): Partial<DBInstance> {
  if (loadingHeld) return { StorageOperationStatus: 'Initializing', StorageOperationPercentProgress: 0 };
  const { pace, clock } = store.platform;
  const takes = TYPICAL.loadBlocks * pace.scale * 1000;
  const done = loadingSince === undefined ? takes : clock.real().getTime() - Date.parse(loadingSince);
  if (done >= takes) return {};
  return {
    StorageOperationStatus: 'Initializing',
    StorageOperationPercentProgress: Math.floor((done / takes) * 100),
  };
}

function replicasOf(
  store: RdsStore,
  record: InstanceRecord,
): DBInstance['DBInstanceAutomatedBackupsReplications'] {
  return [...store.automated.values()]
    .filter(
      (one) =>
        one.sourceRegion === record.region &&
        one.accountId === record.accountId &&
        one.status !== 'retained' &&
        one.instance.dbiResourceId === record.dbiResourceId,
    )
    .map((one) => ({ DBInstanceAutomatedBackupsArn: rdsArn(one, 'auto-backup', one.id) }));
}

export function describeSnapshot(record: SnapshotRecord): DBSnapshot {
  const { instance } = record;
  return {
    DBSnapshotIdentifier: record.id,
    DBSnapshotArn: arnOf(record),
    DBInstanceIdentifier: instance.id,
    DbiResourceId: instance.dbiResourceId,
    Status: record.status,
    PercentProgress: record.percent,
    SnapshotType: record.type,
    SnapshotTarget: 'region',
    SnapshotCreateTime: date(record.createdAt),
    OriginalSnapshotCreateTime: date(record.originalCreatedAt),
    SnapshotDatabaseTime: date(record.databaseTime),
    InstanceCreateTime: date(instance.createdAt),
    Engine: 'postgres',
    EngineVersion: instance.engineVersion,
    LicenseModel: 'postgresql-license',
    MasterUsername: instance.masterUsername,
    AllocatedStorage: instance.allocatedStorage,
    StorageType: instance.storageType,
    Port: instance.port,
    VpcId: instance.vpcId,
    AvailabilityZone: instance.availabilityZone,
    OptionGroupName: optionGroupOf(instance),
    Encrypted: record.encrypted,
    StorageEncryptionType: record.encrypted ? 'sse-kms' : 'none',
    KmsKeyId: record.kmsKeyArn,
    IAMDatabaseAuthenticationEnabled: instance.iamAuthentication,
    ProcessorFeatures: [],
    TagList: [...record.tags],
    DedicatedLogVolume: false,
    BackupRetentionPeriod: instance.backupRetentionPeriod,
    PreferredBackupWindow: instance.backupWindow,
    FullSnapshotSizeInBytes: record.bytes,
    ...(record.sourceArn !== undefined && {
      SourceDBSnapshotIdentifier: record.sourceArn,
      SourceRegion: record.sourceArn.split(':')[3],
    }),
  };
}

export function describeSubnetGroup(store: RdsStore, record: SubnetGroupRecord): DBSubnetGroup {
  const { networks } = store.platform;
  return {
    DBSubnetGroupName: record.name,
    DBSubnetGroupDescription: record.description,
    DBSubnetGroupArn: rdsArn(record, 'subgrp', record.name),
    VpcId: record.vpcId,
    SubnetGroupStatus: 'Complete',
    Subnets: record.subnetIds.map((id) => ({
      SubnetIdentifier: id,
      SubnetAvailabilityZone: { Name: networks.subnet(id)?.availabilityZone },
      SubnetStatus: networks.subnet(id) ? 'Active' : 'Inactive',
    })),
    SupportedNetworkTypes: ['IPV4'],
  };
}

export function subnetGroupOf(store: RdsStore, record: InstanceRecord): SubnetGroupRecord | undefined {
  return store.subnetGroups.get(`${record.accountId}/${record.region}/${record.subnetGroup}`);
}
