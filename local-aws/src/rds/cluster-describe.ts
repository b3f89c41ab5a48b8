import type { DBCluster, DBClusterSnapshot, DBInstance } from '@aws-sdk/client-rds';
import type { ClusterRecord, ClusterSnapshotRecord } from './cluster-records.ts';
import { clusterSnapshotArn } from './cluster-snapshots.ts';
import { rdsArn } from './names.ts';
import type { InstanceRecord } from './records.ts';
import type { RdsStore } from './store.ts';

export const AURORA = 'aurora-postgresql';

export function auroraMajor(engineVersion: string): string {
  return engineVersion.split('.')[0] ?? engineVersion;
}

export const auroraFamily = (engineVersion: string) => `${AURORA}${auroraMajor(engineVersion)}`;
export const CLUSTER_PARAMETER_GROUP = (engineVersion: string) => `default.${auroraFamily(engineVersion)}`;
export const AURORA_OPTION_GROUP = (engineVersion: string) =>
  `default:${AURORA}-${auroraMajor(engineVersion)}`;

/** Aurora keeps its storage in three zones, whatever its instances do. */
const zonesOf = (region: string) => ['a', 'b', 'c'].map((zone) => `${region}${zone}`);

function date(at: string | undefined): Date | undefined {
  return at === undefined ? undefined : new Date(at);
}

export function describeCluster(store: RdsStore, record: ClusterRecord): DBCluster {
  const members = store.members(record);
  const window = store.clusterWindow(record);
  return {
    AllocatedStorage: 1,
    AvailabilityZones: zonesOf(record.region),
    BackupRetentionPeriod: record.backupRetentionPeriod,
    ...(record.dbName !== undefined && { DatabaseName: record.dbName }),
    DBClusterIdentifier: record.id,
    DBClusterParameterGroup: record.parameterGroup,
    DBSubnetGroup: record.subnetGroup,
    Status: record.status,
    Endpoint: record.address,
    ReaderEndpoint: record.readerAddress,
    EarliestRestorableTime: date(window?.earliest),
    LatestRestorableTime: date(window?.latest),
    MultiAZ: new Set(members.map(({ availabilityZone }) => availabilityZone)).size > 1,
    Engine: AURORA,
    EngineVersion: record.engineVersion,
    EngineMode: 'provisioned',
    Port: record.port,
    MasterUsername: record.masterUsername,
    PreferredBackupWindow: record.backupWindow,
    PreferredMaintenanceWindow: record.maintenanceWindow,
    ReadReplicaIdentifiers: [],
    DBClusterMembers: members.map((member) => ({
      DBInstanceIdentifier: member.id,
      IsClusterWriter: member.dbiResourceId === record.writer,
      DBClusterParameterGroupStatus: 'in-sync',
      PromotionTier: member.member?.promotionTier ?? 1,
    })),
    VpcSecurityGroups: record.securityGroupIds.map((id) => ({ VpcSecurityGroupId: id, Status: 'active' })),
    StorageEncrypted: record.encrypted,
    StorageEncryptionType: record.encrypted ? 'sse-kms' : 'none',
    KmsKeyId: record.kmsKeyArn,
    DbClusterResourceId: record.resourceId,
    DBClusterArn: rdsArn(record, 'cluster', record.id),
    AssociatedRoles: [],
    IAMDatabaseAuthenticationEnabled: record.iamAuthentication,
    ClusterCreateTime: date(record.createdAt ?? record.askedAt),
    ...(record.pending.masterVerifier !== undefined && {
      PendingModifiedValues: { MasterUserPassword: '****' },
    }),
    ...(record.storageType !== 'aurora' && { StorageType: record.storageType }),
    AutoMinorVersionUpgrade: record.autoMinorVersionUpgrade,
    DeletionProtection: record.deletionProtection,
    HttpEndpointEnabled: false,
    ActivityStreamStatus: 'stopped',
    CopyTagsToSnapshot: record.copyTagsToSnapshot,
    CrossAccountClone: false,
    DomainMemberships: [],
    TagList: [...record.tags],
    NetworkType: 'IPV4',
    ...(record.serverlessScaling && { ServerlessV2ScalingConfiguration: { ...record.serverlessScaling } }),
    EngineLifecycleSupport: record.engineLifecycleSupport,
    ...(record.masterSecret && {
      MasterUserSecret: {
        SecretArn: record.masterSecret.arn,
        SecretStatus: record.pending.masterVerifier === undefined ? 'active' : 'creating',
        KmsKeyId: record.masterSecret.kmsKeyArn,
      },
    }),
  };
}

/** What a member of a cluster says otherwise than an instance with storage of its own. */
export function memberFields(store: RdsStore, record: InstanceRecord): Partial<DBInstance> {
  if (!record.member) return {};
  const cluster = store.cluster(record, record.member.clusterId);
  return {
    DBClusterIdentifier: record.member.clusterId,
    PromotionTier: record.member.promotionTier,
    Engine: AURORA,
    OptionGroupMemberships: [
      { OptionGroupName: AURORA_OPTION_GROUP(record.engineVersion), Status: 'in-sync' },
    ],
    ...(cluster && {
      BackupRetentionPeriod: cluster.backupRetentionPeriod,
      PreferredBackupWindow: cluster.backupWindow,
      VpcSecurityGroups: cluster.securityGroupIds.map((id) => ({ VpcSecurityGroupId: id, Status: 'active' })),
      IAMDatabaseAuthenticationEnabled: cluster.iamAuthentication,
    }),
  };
}

export function describeClusterSnapshot(record: ClusterSnapshotRecord): DBClusterSnapshot {
  const { cluster } = record;
  return {
    AvailabilityZones: zonesOf(record.region),
    DBClusterSnapshotIdentifier: record.id,
    DBClusterSnapshotArn: clusterSnapshotArn(record),
    DBClusterIdentifier: cluster.id,
    DbClusterResourceId: cluster.resourceId,
    SnapshotCreateTime: date(record.createdAt),
    Engine: AURORA,
    EngineMode: 'provisioned',
    EngineVersion: cluster.engineVersion,
    AllocatedStorage: 0,
    Status: record.status,
    Port: 0,
    VpcId: cluster.vpcId,
    ClusterCreateTime: date(cluster.createdAt),
    MasterUsername: cluster.masterUsername,
    LicenseModel: 'postgresql-license',
    SnapshotType: record.type,
    PercentProgress: record.percent,
    StorageEncrypted: record.encrypted,
    StorageEncryptionType: record.encrypted ? 'sse-kms' : 'none',
    KmsKeyId: record.kmsKeyArn,
    StorageType: cluster.storageType,
    BackupRetentionPeriod: cluster.backupRetentionPeriod,
    PreferredBackupWindow: cluster.backupWindow,
    IAMDatabaseAuthenticationEnabled: cluster.iamAuthentication,
    TagList: [...record.tags],
    ...(record.sourceArn !== undefined && { SourceDBClusterSnapshotArn: record.sourceArn }),
  };
}
