import * as RDS from '@aws-sdk/client-rds';
import { notImplemented, refuseMembers } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import { AURORA, auroraFamily, CLUSTER_PARAMETER_GROUP } from './cluster-describe.ts';
import { findCluster } from './cluster-handlers.ts';
import type { ClusterRecord } from './cluster-records.ts';
import { isDown } from './cluster-servers.ts';
import { auroraVersionFor, requireAurora } from './cluster-settings.ts';
import type { ClusterContext } from './cluster-context.ts';
import { describeInstance } from './describe.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { idFrom } from './instance-handlers.ts';
import { requireRoomForInstance } from './limits.ts';
import { identifier, keyOf, rdsArn } from './names.ts';
import { place } from './placement.ts';
import type { InstanceRecord } from './records.ts';
import { newResourceId } from './restore.ts';
import { tagContext, tagsFrom } from './tags.ts';

/** What belongs to the cluster and cannot be said of a member, and what AWS calls it when it says so. */
const OF_THE_CLUSTER = {
  MasterUsername: 'master user name',
  MasterUserPassword: 'master user password',
  ManageMasterUserPassword: 'master user password',
  DBName: 'database name',
  Port: 'database endpoint port',
  BackupRetentionPeriod: 'backup retention period',
  PreferredBackupWindow: 'backup window',
  VpcSecurityGroupIds: 'vpc security group',
  EnableIAMDatabaseAuthentication: 'IAM database authentication',
  AllocatedStorage: 'allocated storage',
  Iops: 'storage',
  StorageThroughput: 'storage',
  MaxAllocatedStorage: 'storage',
  DeletionProtection: 'deletion protection',
} as const;

const CREATE_REFUSED = [
  ...[
    'DBSecurityGroups',
    'CharacterSetName',
    'NcharCharacterSetName',
    'TdeCredentialArn',
    'TdeCredentialPassword',
  ],
  ...[
    'Domain',
    'DomainFqdn',
    'DomainOu',
    'DomainAuthSecretArn',
    'DomainDnsIps',
    'DomainIAMRoleName',
    'Timezone',
  ],
  ...[
    'MonitoringRoleArn',
    'DatabaseInsightsMode',
    'EnablePerformanceInsights',
    'PerformanceInsightsKMSKeyId',
  ],
  ...['PerformanceInsightsRetentionPeriod', 'EnableCloudwatchLogsExports', 'ProcessorFeatures', 'MultiAZ'],
  ...['EnableCustomerOwnedIp', 'BackupTarget', 'CustomIamInstanceProfile', 'DBSystemId', 'MultiTenant'],
  ...['MasterUserSecretKmsKeyId', 'DedicatedLogVolume', 'AdditionalStorageVolumes', 'TagSpecifications'],
  ...['DBCapacityReservationIdentifier', 'MasterUserAuthenticationType', 'OptionGroupName', 'LicenseModel'],
];

/** CreateDBInstance with DBClusterIdentifier: an instance without storage of its own. The first one becomes the writer. */
export async function createMember(
  context: ClusterContext,
  input: RDS.CreateDBInstanceCommandInput,
  call: Call,
): Promise<RDS.DBInstance> {
  const { platform, store, clusters } = context;
  refuseMembers('rds', 'CreateDBInstance with DBClusterIdentifier', input, CREATE_REFUSED);
  const id = identifier(required(input.DBInstanceIdentifier, 'DBInstanceIdentifier'), 'DBInstanceIdentifier');
  const clusterId = idFrom(required(input.DBClusterIdentifier, 'DBClusterIdentifier'));
  const tags = tagsFrom(input.Tags);
  const found = store.cluster(call, clusterId);
  platform.authorize(call, 'rds:CreateDBInstance', rdsArn(call, 'db', id), {
    ...tagContext(tags),
    'rds:PubliclyAccessible': String(input.PubliclyAccessible ?? false),
  });
  platform.authorize(
    call,
    'rds:CreateDBInstance',
    rdsArn(call, 'cluster', clusterId),
    tagContext(tags, found?.tags),
  );
  requireAurora(input.Engine);
  const cluster = findCluster(context, call, clusterId);
  requireClusterSettings(input, cluster);
  if (store.instance(call, id)) throw fault(RDS.DBInstanceAlreadyExistsFault, 'DB instance already exists');
  if (isDown(cluster))
    throw fault(
      RDS.InvalidDBClusterStateFault,
      `DbCluster ${clusterId} is in ${cluster.status} state and not in available state.`,
    );
  requireRoomForInstance(store, call, 0);
  const instanceClass = required(input.DBInstanceClass, 'DBInstanceClass');
  requireServerless(instanceClass, cluster);
  const parameterGroup = memberParameterGroup(context, call, input.DBParameterGroupName, cluster);
  const promotionTier = tierFrom(input.PromotionTier ?? 1);
  const placed = await place(context, call, {
    subnetGroup: cluster.subnetGroup,
    securityGroupIds: cluster.securityGroupIds,
    availabilityZone: input.AvailabilityZone,
    multiAz: false,
    port: cluster.fenced ? cluster.port : undefined,
  });
  if (store.instance(call, id)) throw fault(RDS.DBInstanceAlreadyExistsFault, 'DB instance already exists');
  const record: InstanceRecord = {
    ...placed,
    ...{ accountId: call.accountId, region: call.region, id, status: 'creating', tags, parameterGroup },
    ...{ dbiResourceId: newResourceId(), engineVersion: cluster.engineVersion, instanceClass, pending: {} },
    ...{ masterUsername: cluster.masterUsername, dbName: cluster.dbName },
    ...{ allocatedStorage: 1, storageType: cluster.storageType },
    ...{ encrypted: cluster.encrypted, kmsKeyArn: cluster.kmsKeyArn },
    multiAz: false,
    publiclyAccessible: input.PubliclyAccessible ?? false,
    autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade ?? true,
    deletionProtection: false,
    copyTagsToSnapshot: input.CopyTagsToSnapshot ?? false,
    iamAuthentication: cluster.iamAuthentication,
    backupRetentionPeriod: cluster.backupRetentionPeriod,
    backupWindow: cluster.backupWindow,
    maintenanceWindow: input.PreferredMaintenanceWindow ?? 'sun:06:30-sun:07:00',
    chosenWindows: { backup: false, maintenance: input.PreferredMaintenanceWindow !== undefined },
    caIdentifier: input.CACertificateIdentifier ?? 'rds-ca-rsa2048-g1',
    engineLifecycleSupport: cluster.engineLifecycleSupport,
    member: { clusterId, promotionTier },
    work: { kind: 'join' },
  };
  await store.instances.put(keyOf(call, id), record);
  clusters.join(record);
  return describeInstance(store, record);
}

/** Members go whatever their cluster's deletion protection says; the last one leaves the cluster behind, with its storage. */
export async function deleteMember(
  { store, clusters }: ClusterContext,
  record: InstanceRecord,
  input: RDS.DeleteDBInstanceCommandInput,
): Promise<RDS.DBInstance> {
  if (input.FinalDBSnapshotIdentifier !== undefined)
    throw invalidCombination(
      'FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance',
    );
  if (record.status === 'deleting')
    throw fault(RDS.InvalidDBInstanceStateFault, `Instance ${record.id} is already being deleted.`);
  const change = { status: 'deleting', work: { kind: 'delete' } } as const;
  const deleting = await store.patchInstance(keyOf(record, record.id), change);
  clusters.leave(deleting ?? record);
  return describeInstance(store, deleting ?? record);
}

const MODIFIABLE = [
  ...['DBInstanceIdentifier', 'DBInstanceClass', 'PromotionTier', 'ApplyImmediately', 'PubliclyAccessible'],
  ...[
    'AutoMinorVersionUpgrade',
    'CopyTagsToSnapshot',
    'CACertificateIdentifier',
    'PreferredMaintenanceWindow',
  ],
  ...['DBParameterGroupName', 'CertificateRotationRestart'],
];

export async function modifyMember(
  context: ClusterContext,
  record: InstanceRecord,
  input: RDS.ModifyDBInstanceCommandInput,
  call: Call,
): Promise<RDS.DBInstance> {
  const { store, clusters } = context;
  requireOwnSettings(input);
  refuseMembers(
    'rds',
    'ModifyDBInstance of a cluster member',
    input,
    Object.keys(input).filter((name) => !MODIFIABLE.includes(name)),
  );
  const cluster = findCluster(context, call, record.member?.clusterId ?? '');
  if (record.status !== 'available')
    throw fault(
      RDS.InvalidDBInstanceStateFault,
      `Database instance is not in available state. Instance ${record.id} is ${record.status}.`,
    );
  const { DBInstanceClass: instanceClass, PromotionTier: tier, PreferredMaintenanceWindow: window } = input;
  if (instanceClass !== undefined) requireServerless(instanceClass, cluster);
  const changed: InstanceRecord = {
    ...record,
    publiclyAccessible: input.PubliclyAccessible ?? record.publiclyAccessible,
    autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade ?? record.autoMinorVersionUpgrade,
    copyTagsToSnapshot: input.CopyTagsToSnapshot ?? record.copyTagsToSnapshot,
    caIdentifier: input.CACertificateIdentifier ?? record.caIdentifier,
    maintenanceWindow: window ?? record.maintenanceWindow,
    chosenWindows: { ...record.chosenWindows, ...(window !== undefined && { maintenance: true }) },
    parameterGroup: memberParameterGroup(
      context,
      call,
      input.DBParameterGroupName ?? record.parameterGroup,
      cluster,
    ),
    member: {
      clusterId: cluster.id,
      promotionTier: tier === undefined ? (record.member?.promotionTier ?? 1) : tierFrom(tier),
    },
    pending: instanceClass === undefined ? record.pending : { instanceClass },
  };
  await store.instances.put(keyOf(record, record.id), changed);
  await clusters.servers.readmit(keyOf(cluster, cluster.id));
  if (input.ApplyImmediately === true && changed.pending.instanceClass !== undefined)
    clusters.modifyMember(changed, { instanceClass: changed.pending.instanceClass });
  return describeInstance(store, changed);
}

function requireOwnSettings(input: object): void {
  for (const [name, called] of Object.entries(OF_THE_CLUSTER)) {
    const value = (input as Record<string, unknown>)[name];
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue;
    throw invalidCombination(
      `The requested DB Instance will be a member of a DB Cluster. Set ${called} for the DB Cluster.`,
    );
  }
}

function requireClusterSettings(input: RDS.CreateDBInstanceCommandInput, cluster: ClusterRecord): void {
  requireOwnSettings(input);
  auroraVersionFor(input.EngineVersion, cluster.engineVersion);
  if (input.MonitoringInterval !== undefined && input.MonitoringInterval !== 0)
    throw notImplemented('rds', 'CreateDBInstance with MonitoringInterval');
  const wrong = [
    ['DBSubnetGroupName', input.DBSubnetGroupName?.toLowerCase(), cluster.subnetGroup],
    ['StorageEncrypted', input.StorageEncrypted, cluster.encrypted],
    ['KmsKeyId', input.KmsKeyId, cluster.kmsKeyArn],
    ['StorageType', input.StorageType, cluster.storageType],
    ['NetworkType', input.NetworkType, 'IPV4'],
    ['EngineLifecycleSupport', input.EngineLifecycleSupport, cluster.engineLifecycleSupport],
  ].find(([, given, its]) => given !== undefined && given !== its);
  if (wrong)
    throw invalidCombination(
      `${String(wrong[0])} ${String(wrong[1])} is not that of the DB cluster ${cluster.id}, which is ${String(wrong[2])}.`,
    );
}

function requireServerless(instanceClass: string, cluster: ClusterRecord): void {
  if (instanceClass === 'db.serverless' && !cluster.serverlessScaling)
    throw invalidCombination(
      'Set the Serverless v2 scaling configuration on the parent DB cluster before creating a Serverless v2 DB instance.',
    );
}

function memberParameterGroup(
  { store }: ClusterContext,
  call: Call,
  name: string | undefined,
  cluster: ClusterRecord,
): string {
  const fallback = CLUSTER_PARAMETER_GROUP(cluster.engineVersion); // both kinds of default group have one name
  if (name === undefined || name.toLowerCase() === fallback) return fallback;
  const group = store.parameterGroups.get(keyOf(call, name.toLowerCase()));
  if (!group) throw fault(RDS.DBParameterGroupNotFoundFault, `DBParameterGroup not found: ${name}`);
  if (group.family !== auroraFamily(cluster.engineVersion))
    throw invalidCombination(
      `The parameter group ${name} with DBParameterGroupFamily ${group.family} cannot be used for an instance of ${AURORA}.`,
    );
  return group.name;
}

function tierFrom(tier: number): number {
  if (Number.isInteger(tier) && tier >= 0 && tier <= 15) return tier;
  throw invalidValue(`Invalid promotion tier: ${tier}. It must be between 0 and 15.`);
}
