import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { AURORA, describeCluster } from './cluster-describe.ts';
import { heirOf } from './cluster-servers.ts';
import { requireRoomForCluster, requireRoomForManualClusterSnapshot } from './cluster-limits.ts';
import type { ClusterRecord } from './cluster-records.ts';
import {
  auroraVersionFor,
  clusterParameterGroupFor,
  clusterRetention,
  newClusterResourceId,
  placeCluster,
  requireAurora,
  requireFixed,
  scalingFrom,
  storageTypeFor,
} from './cluster-settings.ts';
import type { ClusterContext } from './cluster-context.ts';
import { keyForNewData, usableKey } from './encryption.ts';
import { fault, invalidCombination, required } from './faults.ts';
import { idFrom, passwordFrom, requireUsername } from './instance-handlers.ts';
import { identifier, keyOf, rdsArn } from './names.ts';
import { applyFilters, byKey, page } from './paging.ts';
import type { InstanceRecord } from './records.ts';
import { scramVerifier } from './scram.ts';
import { tagContext, tagsFrom } from './tags.ts';

const CREATE_REFUSED = [
  ...['AvailabilityZones', 'CharacterSetName', 'ReplicationSourceIdentifier', 'EnableCloudwatchLogsExports'],
  ...['ScalingConfiguration', 'RdsCustomClusterConfiguration', 'DBClusterInstanceClass', 'AllocatedStorage'],
  ...['Iops', 'PubliclyAccessible', 'GlobalClusterIdentifier', 'EnableHttpEndpoint', 'Domain'],
  ...['DomainIAMRoleName', 'EnableGlobalWriteForwarding', 'MonitoringRoleArn', 'DatabaseInsightsMode'],
  ...['EnablePerformanceInsights', 'PerformanceInsightsKMSKeyId', 'PerformanceInsightsRetentionPeriod'],
  ...['EnableLimitlessDatabase', 'ClusterScalabilityType', 'DBSystemId', 'EnableLocalWriteForwarding'],
  ...['CACertificateIdentifier', 'TagSpecifications', 'MasterUserAuthenticationType'],
  ...['WithExpressConfiguration', 'AssociatedRoles'],
];
const KEY_LOST = 'inaccessible-encryption-credentials-recoverable';

/** Aurora PostgreSQL clusters. Instances join by CreateDBInstance. */
export function clusterHandlers(context: ClusterContext): Handlers<typeof RDS> {
  const { platform, store, clusters } = context;

  return {
    async CreateDBCluster(input, call) {
      refuseMembers('rds', 'CreateDBCluster', input, CREATE_REFUSED);
      const id = identifier(
        required(input.DBClusterIdentifier, 'DBClusterIdentifier'),
        'DBClusterIdentifier',
      );
      const tags = tagsFrom(input.Tags);
      platform.authorize(call, 'rds:CreateDBCluster', rdsArn(call, 'cluster', id), {
        ...tagContext(tags),
        'rds:StorageEncrypted': String(input.StorageEncrypted ?? false),
      });
      requireAurora(input.Engine);
      const engineVersion = auroraVersionFor(input.EngineVersion, clusters.servers.host.binaries.version);
      requireFixed('CreateDBCluster', input, engineVersion);
      requireNewCluster(context, call, id);
      requireRoomForCluster(store, call);
      const masterUsername = required(input.MasterUsername, 'MasterUsername');
      requireUsername(masterUsername);
      const managed = input.ManageMasterUserPassword ?? false;
      const password = passwordFrom(input.MasterUserPassword, managed);
      const encrypted = input.StorageEncrypted ?? false;
      if (!encrypted && input.KmsKeyId !== undefined)
        throw invalidCombination('KmsKeyId can be given only with StorageEncrypted.');
      const kmsKeyArn = encrypted ? await keyForNewData(platform, call, input.KmsKeyId) : undefined;
      const parameterGroup = clusterParameterGroupFor(
        context,
        call,
        input.DBClusterParameterGroupName,
        engineVersion,
      );
      const backupRetentionPeriod = clusterRetention(input.BackupRetentionPeriod ?? 1);
      const storageType = storageTypeFor(input.StorageType);
      const serverlessScaling = scalingFrom(input.ServerlessV2ScalingConfiguration);
      const placed = await placeCluster(context, call, {
        subnetGroup: input.DBSubnetGroupName,
        securityGroupIds: input.VpcSecurityGroupIds,
        port: input.Port,
      });
      const masterVerifier = await scramVerifier(password);
      const resourceId = newClusterResourceId();
      const masterSecret = managed
        ? await putClusterSecret(
            context,
            call,
            { resourceId, masterUsername },
            password,
            input.MasterUserSecretKmsKeyId,
          )
        : undefined;
      requireNewCluster(context, call, id);
      const record: ClusterRecord = {
        ...placed,
        ...{ accountId: call.accountId, region: call.region, id, resourceId, status: 'creating' },
        ...{ engineVersion, masterUsername, dbName: input.DatabaseName, encrypted, kmsKeyArn },
        ...{ parameterGroup, backupRetentionPeriod, storageType, serverlessScaling, tags, masterSecret },
        askedAt: platform.clock.now().toISOString(),
        autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade ?? true,
        deletionProtection: input.DeletionProtection ?? false,
        copyTagsToSnapshot: input.CopyTagsToSnapshot ?? false,
        iamAuthentication: input.EnableIAMDatabaseAuthentication ?? false,
        backupWindow: input.PreferredBackupWindow ?? '03:00-03:30',
        maintenanceWindow: input.PreferredMaintenanceWindow ?? 'sun:06:00-sun:06:30',
        chosenWindows: {
          backup: input.PreferredBackupWindow !== undefined,
          maintenance: input.PreferredMaintenanceWindow !== undefined,
        },
        engineLifecycleSupport: input.EngineLifecycleSupport ?? 'open-source-rds-extended-support',
        pending: {},
        work: { kind: 'create', masterVerifier },
      };
      await store.clusters.put(keyOf(call, id), record);
      clusters.begin(record);
      return { DBCluster: describeCluster(store, record) };
    },

    async DescribeDBClusters(input, call) {
      refuseMembers('rds', 'DescribeDBClusters', input, ['IncludeShared']);
      const ref = input.DBClusterIdentifier;
      const wanted = ref === undefined ? undefined : idFrom(ref);
      platform.authorize(call, 'rds:DescribeDBClusters', rdsArn(call, 'cluster', wanted ?? '*'));
      if (wanted !== undefined)
        return { DBClusters: [describeCluster(store, findCluster(context, call, wanted))] };
      const here = [...store.clusters.values()].filter(
        ({ accountId, region }) => accountId === call.accountId && region === call.region,
      );
      const matching = applyFilters(here, input.Filters, {
        'db-cluster-id': (record) => [record.id, rdsArn(record, 'cluster', record.id)],
        'db-cluster-resource-id': ({ resourceId }) => [resourceId],
        engine: () => [AURORA],
        'clone-group-id': () => [],
        domain: () => [],
      }).sort(byKey(({ id }) => id));
      const { items, Marker } = page(matching, ({ id }) => id, input);
      return { DBClusters: items.map((record) => describeCluster(store, record)), Marker };
    },

    async DeleteDBCluster(input, call) {
      refuseMembers(
        'rds',
        'DeleteDBCluster',
        input,
        input.DeleteAutomatedBackups === false ? ['DeleteAutomatedBackups'] : [],
      );
      const record = findCluster(
        context,
        call,
        idFrom(required(input.DBClusterIdentifier, 'DBClusterIdentifier')),
      );
      authorizeOn('rds:DeleteDBCluster', record, call);
      const skip = input.SkipFinalSnapshot ?? false;
      const finalId = input.FinalDBSnapshotIdentifier;
      if (record.deletionProtection)
        throw invalidCombination(
          'Cannot delete protected Cluster, please disable deletion protection and try again.',
        );
      if (skip && finalId !== undefined)
        throw invalidCombination(
          'FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is true.',
        );
      if (!skip && finalId === undefined)
        throw invalidCombination(
          'FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.',
        );
      if (store.members(record).some(({ status }) => status !== 'deleting'))
        throw fault(
          RDS.InvalidDBClusterStateFault,
          'Cluster cannot be deleted, it still contains DB instances in non-deleting state.',
        );
      if (record.status === 'deleting')
        throw fault(RDS.InvalidDBClusterStateFault, `Cluster ${record.id} is already being deleted.`);
      if (finalId !== undefined) requireFinalSnapshot(record, finalId, call);
      const work = { kind: 'delete', finalSnapshotId: finalId?.toLowerCase() } as const;
      const deleting = await store.patchCluster(keyOf(record, record.id), { status: 'deleting', work });
      clusters.begin(deleting ?? record);
      return { DBCluster: describeCluster(store, deleting ?? record) };
    },

    async StopDBCluster(input, call) {
      const record = await change('rds:StopDBCluster', input.DBClusterIdentifier, call, ['available'], {
        status: 'stopping',
        work: { kind: 'stop' },
      });
      clusters.begin(record);
      return { DBCluster: describeCluster(store, record) };
    },

    async StartDBCluster(input, call) {
      const id = idFrom(required(input.DBClusterIdentifier, 'DBClusterIdentifier'));
      const { kmsKeyArn } = findCluster(context, call, id);
      if (kmsKeyArn !== undefined) usableKey(platform, call, kmsKeyArn);
      const record = await change('rds:StartDBCluster', id, call, ['stopped', KEY_LOST], {
        status: 'starting',
        work: { kind: 'start' },
      });
      clusters.begin(record);
      return { DBCluster: describeCluster(store, record) };
    },

    async FailoverDBCluster(input, call) {
      const before = findCluster(
        context,
        call,
        idFrom(required(input.DBClusterIdentifier, 'DBClusterIdentifier')),
      );
      const to = heir(before, input.TargetDBInstanceIdentifier);
      const record = await change('rds:FailoverDBCluster', before.id, call, ['available'], {
        status: 'failing-over',
        work: { kind: 'failover', to: to.dbiResourceId },
      });
      clusters.begin(record);
      return { DBCluster: describeCluster(store, record) };
    },
  };

  function heir(cluster: ClusterRecord, wanted: string | undefined): InstanceRecord {
    const readers = store.members(cluster).filter(({ dbiResourceId }) => dbiResourceId !== cluster.writer);
    const target =
      wanted === undefined
        ? heirOf(readers.filter(({ status }) => status === 'available'))
        : readers.find(({ id }) => id === idFrom(wanted));
    if (!target)
      throw wanted === undefined
        ? fault(
            RDS.InvalidDBClusterStateFault,
            `Cluster ${cluster.id} has no available reader to fail over to.`,
          )
        : fault(
            RDS.InvalidDBInstanceStateFault,
            `Instance ${wanted} is not a reader of cluster ${cluster.id}.`,
          );
    if (target.status !== 'available')
      throw fault(
        RDS.InvalidDBInstanceStateFault,
        `Instance ${target.id} is not in available state. Its state is ${target.status}.`,
      );
    return target;
  }

  function authorizeOn(action: string, record: ClusterRecord, call: Call): void {
    platform.authorize(call, action, rdsArn(record, 'cluster', record.id), tagContext([], record.tags));
  }

  /** Checks and sets the status with no await between them. */
  async function change(
    action: string,
    ref: string | undefined,
    call: Call,
    from: readonly string[],
    to: Pick<ClusterRecord, 'status' | 'work'>,
  ): Promise<ClusterRecord> {
    const record = findCluster(context, call, idFrom(required(ref, 'DBClusterIdentifier')));
    authorizeOn(action, record, call);
    if (!from.includes(record.status))
      throw fault(
        RDS.InvalidDBClusterStateFault,
        `DbCluster ${record.id} is in ${record.status} state and not in ${from.join(' or ')} state.`,
      );
    const changed = { ...record, ...to };
    await store.clusters.put(keyOf(record, record.id), changed);
    return changed;
  }

  function requireFinalSnapshot(record: ClusterRecord, finalId: string, call: Call): void {
    const id = identifier(finalId, 'FinalDBSnapshotIdentifier', 63);
    if (record.createdAt === undefined || record.status === KEY_LOST)
      throw fault(
        RDS.InvalidDBClusterStateFault,
        `Cannot take a final snapshot of cluster ${record.id} in state ${record.status}: set SkipFinalSnapshot.`,
      );
    if (store.clusterSnapshot(call, id))
      throw fault(
        RDS.DBClusterSnapshotAlreadyExistsFault,
        `Cannot create the cluster snapshot because one with the identifier ${id} already exists.`,
      );
    requireRoomForManualClusterSnapshot(store, call);
  }
}

export function findCluster({ store }: ClusterContext, call: Call, id: string): ClusterRecord {
  const record = store.cluster(call, id);
  if (!record) throw fault(RDS.DBClusterNotFoundFault, `DBCluster ${id} not found.`);
  return record;
}

export function requireNewCluster({ store }: ClusterContext, call: Call, id: string): void {
  if (store.cluster(call, id)) throw fault(RDS.DBClusterAlreadyExistsFault, 'DB Cluster already exists');
}

export async function putClusterSecret(
  { platform }: ClusterContext,
  call: Call,
  { resourceId, masterUsername }: Pick<ClusterRecord, 'resourceId' | 'masterUsername'>,
  password: string,
  kmsKey: string | undefined,
): Promise<ClusterRecord['masterSecret']> {
  const value = { username: masterUsername, password };
  const { accountId, region } = call;
  const arn = await platform.secrets.putManaged(accountId, region, `rds!${resourceId}`, value, kmsKey);
  return { arn, kmsKeyArn: kmsKey ?? (await platform.keys.managed('secretsmanager', call)).arn };
}
