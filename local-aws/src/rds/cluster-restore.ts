import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { auroraMajor, describeCluster } from './cluster-describe.ts';
import { archiveKey } from './cluster-backups.ts';
import { findCluster, requireNewCluster } from './cluster-handlers.ts';
import { requireRoomForCluster } from './cluster-limits.ts';
import type { ClusterFacts, ClusterRecord, ClusterWork } from './cluster-records.ts';
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
import { findClusterSnapshot } from './cluster-snapshot-handlers.ts';
import { clusterSnapshotArn } from './cluster-snapshots.ts';
import type { ClusterContext } from './cluster-context.ts';
import { usableKey } from './encryption.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { idFrom } from './instance-handlers.ts';
import { identifier, keyOf, parseRdsArn, rdsArn } from './names.ts';
import type { Tag } from './records.ts';
import { findSnapshot } from './restore.ts';
import { arnOf } from './snapshots.ts';
import { tagContext, tagsFrom } from './tags.ts';

const REFUSED = [
  ...['EnableCloudwatchLogsExports', 'ScalingConfiguration', 'Domain', 'DomainIAMRoleName'],
  ...['DBClusterInstanceClass', 'Iops', 'PubliclyAccessible', 'RdsCustomClusterConfiguration'],
  ...['MonitoringRoleArn', 'EnablePerformanceInsights', 'PerformanceInsightsKMSKeyId', 'TagSpecifications'],
  ...['PerformanceInsightsRetentionPeriod', 'EnableVPCNetworking', 'EnableInternetAccessGateway'],
  ...['AssociatedRoles'],
];

type SnapshotInput = RDS.RestoreDBClusterFromSnapshotCommandInput;
type TimeInput = RDS.RestoreDBClusterToPointInTimeCommandInput;

export function clusterRestoreHandlers(context: ClusterContext): Handlers<typeof RDS> {
  return {
    async RestoreDBClusterFromSnapshot(input, call) {
      return { DBCluster: await restoreClusterFromSnapshot(context, input, call) };
    },
    async RestoreDBClusterToPointInTime(input, call) {
      return { DBCluster: await restoreClusterToTime(context, input, call) };
    },
  };
}

/** What a restore starts from, whatever it is. */
interface Origin {
  readonly facts: Omit<ClusterFacts, 'id' | 'resourceId' | 'createdAt'>;
  readonly encrypted: boolean;
  readonly kmsKeyArn: string | undefined;
  readonly tags: readonly Tag[];
  readonly work: ClusterWork;
}

/** RestoreDBClusterFromSnapshot: a new cluster without instances, still `creating`. AWS Backup uses it, too. */
export async function restoreClusterFromSnapshot(
  context: ClusterContext,
  input: SnapshotInput,
  call: Call,
  awsBackupJob?: string,
): Promise<RDS.DBCluster> {
  refuseMembers('rds', 'RestoreDBClusterFromSnapshot', input, [
    ...REFUSED,
    'AvailabilityZones',
    'DatabaseName',
  ]);
  const id = identifier(required(input.DBClusterIdentifier, 'DBClusterIdentifier'), 'DBClusterIdentifier');
  const ref = required(input.SnapshotIdentifier, 'SnapshotIdentifier');
  requireAurora(input.Engine);
  const origin = originOf(context, ref, input, id, call);
  const record = await restoredCluster(context, id, origin, input, call, awsBackupJob);
  context.clusters.begin(record);
  return describeCluster(context.store, record);
}

/** A cluster snapshot by name or ARN, or a DB snapshot by ARN, which is then migrated. */
function originOf(
  context: ClusterContext,
  ref: string,
  input: SnapshotInput,
  id: string,
  call: Call,
): Origin {
  const isInstance = parseRdsArn(ref)?.kind === 'snapshot';
  const snapshot = isInstance ? findSnapshot(context, call, ref) : findClusterSnapshot(context, call, ref);
  const arn = 'cluster' in snapshot ? clusterSnapshotArn(snapshot) : arnOf(snapshot);
  const tags = input.Tags ? tagsFrom(input.Tags) : snapshot.tags;
  // Whether the snapshot is shared is the finder's question; here the caller's own rights count.
  const options = { ownerAccountId: call.accountId };
  const action = 'rds:RestoreDBClusterFromSnapshot';
  const { platform } = context;
  platform.authorize(call, action, rdsArn(call, 'cluster', id), tagContext(tags), options);
  platform.authorize(call, action, arn, tagContext(tags, snapshot.tags), options);
  if (snapshot.region !== call.region) {
    const message = `The snapshot ${ref} is not in ${call.region}: copy it there first.`;
    throw isInstance
      ? fault(RDS.DBSnapshotNotFoundFault, message)
      : fault(RDS.DBClusterSnapshotNotFoundFault, message);
  }
  if (snapshot.status !== 'available') {
    const message = `The snapshot ${snapshot.id} must be in available status; it is ${snapshot.status}.`;
    throw isInstance
      ? fault(RDS.InvalidDBSnapshotStateFault, message)
      : fault(RDS.InvalidDBClusterSnapshotStateFault, message);
  }
  // A shared encrypted cluster snapshot may be restored directly, given the right to its key.
  if (isInstance && snapshot.accountId !== call.accountId && snapshot.encrypted)
    throw fault(
      RDS.KMSKeyNotAccessibleFault,
      'A shared encrypted snapshot cannot be restored directly: copy it with a key of your own account first.',
    );
  const { encrypted, kmsKeyArn } = snapshot;
  const key = keyOf(snapshot, snapshot.id);
  if ('cluster' in snapshot)
    return {
      ...{ facts: snapshot.cluster, encrypted, kmsKeyArn, tags },
      work: { kind: 'restore', from: 'cluster-snapshot', key },
    };
  const parameterGroup = ''; // an instance's group is of another family
  return {
    facts: { ...snapshot.instance, parameterGroup, storageType: 'aurora' },
    ...{ encrypted, kmsKeyArn, tags },
    work: { kind: 'restore', from: 'snapshot', key },
  };
}

/** RestoreDBClusterToPointInTime. `copy-on-write` is a clone of the cluster as it is now. */
async function restoreClusterToTime(
  context: ClusterContext,
  input: TimeInput,
  call: Call,
): Promise<RDS.DBCluster> {
  refuseMembers('rds', 'RestoreDBClusterToPointInTime', input, REFUSED);
  const { platform, store } = context;
  const id = identifier(required(input.DBClusterIdentifier, 'DBClusterIdentifier'), 'DBClusterIdentifier');
  const source = sourceOf(context, input, call);
  const tags = input.Tags ? tagsFrom(input.Tags) : source.tags;
  const action = 'rds:RestoreDBClusterToPointInTime';
  platform.authorize(call, action, rdsArn(call, 'cluster', id), tagContext(tags));
  platform.authorize(call, action, rdsArn(source, 'cluster', source.id), tagContext(tags, source.tags));
  const type = input.RestoreType ?? 'full-copy';
  if (type !== 'full-copy' && type !== 'copy-on-write') throw invalidValue(`Invalid RestoreType: ${type}.`);
  if ((input.RestoreToTime === undefined) === (input.UseLatestRestorableTime !== true))
    throw invalidCombination('Give either RestoreToTime or UseLatestRestorableTime, and not both.');
  if (type === 'copy-on-write' && input.RestoreToTime !== undefined)
    throw invalidCombination('RestoreToTime cannot be specified with RestoreType copy-on-write.');
  if (source.status !== 'available')
    throw fault(
      RDS.InvalidDBClusterStateFault,
      `DbCluster ${source.id} is in ${source.status} state and not in available state.`,
    );
  const { encrypted, kmsKeyArn } = source;
  const work: ClusterWork =
    type === 'full-copy'
      ? replayOf(context, source, input.RestoreToTime)
      : { kind: 'clone', key: keyOf(source, source.id) };
  const origin = { facts: source, encrypted, kmsKeyArn, tags, work };
  const record = await restoredCluster(context, id, origin, input, call);
  context.clusters.begin(record);
  return describeCluster(store, record);
}

/** The base to begin with, and until when to replay. */
function replayOf(
  { clusterBackups }: ClusterContext,
  source: ClusterRecord,
  time: Date | undefined,
): ClusterWork {
  const window = clusterBackups.window(source);
  if (!window)
    throw fault(
      RDS.InvalidDBClusterStateFault,
      `DB cluster ${source.id} cannot be restored to a point in time yet: its first automated backup is not finished.`,
    );
  const until = time?.toISOString();
  if (until !== undefined && (until > window.latest || until < window.earliest))
    throw invalidValue(
      `The specified restore time ${until} is not between the earliest restorable time ${window.earliest} and the latest, ${window.latest}, of ${source.id}.`,
    );
  const bases = clusterBackups.bases(source);
  const base = bases.findLast(({ createdAt = '' }) => until === undefined || createdAt <= until) ?? bases[0];
  if (!base) throw new Error('A restore window without a base cannot be.');
  return { kind: 'replay', backupKey: archiveKey(source), snapshotKey: keyOf(base, base.id), until };
}

function sourceOf(context: ClusterContext, input: TimeInput, call: Call): ClusterRecord {
  const { SourceDBClusterIdentifier: ref, SourceDbClusterResourceId: resourceId } = input;
  if ((ref === undefined) === (resourceId === undefined))
    throw invalidCombination('Give either SourceDBClusterIdentifier or SourceDbClusterResourceId.');
  if (ref !== undefined) return findCluster(context, call, idFrom(ref));
  const found = [...context.store.clusters.values()].find(
    (one) => one.resourceId === resourceId && one.accountId === call.accountId && one.region === call.region,
  );
  if (!found)
    throw fault(
      RDS.DBClusterAutomatedBackupNotFoundFault,
      `There is no cluster or automated backup with the resource id ${resourceId ?? ''}.`,
    );
  return found;
}

async function restoredCluster(
  context: ClusterContext,
  id: string,
  origin: Origin,
  input: SnapshotInput | TimeInput,
  call: Call,
  awsBackupJob?: string,
): Promise<ClusterRecord> {
  const { platform, store, clusters } = context;
  const { facts } = origin;
  const have = clusters.servers.host.binaries.version;
  requireNewCluster(context, call, id);
  requireRoomForCluster(store, call);
  if (auroraMajor(facts.engineVersion) !== auroraMajor(have))
    throw fault(
      RDS.InvalidRestoreFault,
      `The data is of version ${facts.engineVersion}; this computer has ${have}, which cannot read it.`,
    );
  // Left out means the region's default, which may be newer than the snapshot's.
  const asked = 'EngineVersion' in input ? input.EngineVersion : facts.engineVersion;
  const engineVersion = auroraVersionFor(asked === facts.engineVersion ? have : asked, have);
  requireFixed(call.operation, input, engineVersion);
  if (origin.kmsKeyArn !== undefined) usableKey(platform, call, origin.kmsKeyArn);
  const key = input.KmsKeyId === undefined ? undefined : usableKey(platform, call, input.KmsKeyId);
  if (key && key.region !== call.region)
    throw fault(RDS.KMSKeyNotAccessibleFault, `The key ${key.arn} is not in ${call.region}.`);
  if (key && !origin.encrypted && origin.work.kind !== 'restore')
    throw invalidCombination('KmsKeyId cannot be given where the source cluster is not encrypted.');
  const kmsKeyArn = key?.arn ?? origin.kmsKeyArn;
  const parameterGroup = clusterParameterGroupFor(
    context,
    call,
    input.DBClusterParameterGroupName,
    engineVersion,
  );
  const backupRetentionPeriod = clusterRetention(
    input.BackupRetentionPeriod ?? Math.max(1, facts.backupRetentionPeriod),
  );
  const storageType = storageTypeFor(input.StorageType ?? facts.storageType);
  const serverlessScaling = scalingFrom(input.ServerlessV2ScalingConfiguration);
  const placed = await placeCluster(context, call, {
    subnetGroup: input.DBSubnetGroupName,
    securityGroupIds: input.VpcSecurityGroupIds,
    port: input.Port,
  });
  requireNewCluster(context, call, id);
  const record: ClusterRecord = {
    ...placed,
    ...{ accountId: call.accountId, region: call.region, id, resourceId: newClusterResourceId() },
    ...{
      status: origin.work.kind === 'restore' && origin.work.from === 'snapshot' ? 'migrating' : 'creating',
    },
    ...{ engineVersion, masterUsername: facts.masterUsername, dbName: facts.dbName, parameterGroup },
    ...{
      encrypted: kmsKeyArn !== undefined,
      kmsKeyArn,
      backupRetentionPeriod,
      storageType,
      serverlessScaling,
    },
    askedAt: platform.clock.now().toISOString(),
    autoMinorVersionUpgrade: facts.autoMinorVersionUpgrade,
    deletionProtection: input.DeletionProtection ?? false,
    copyTagsToSnapshot: input.CopyTagsToSnapshot ?? false,
    iamAuthentication: input.EnableIAMDatabaseAuthentication ?? false,
    backupWindow: input.PreferredBackupWindow ?? facts.backupWindow,
    maintenanceWindow: 'sun:06:00-sun:06:30',
    chosenWindows: { backup: input.PreferredBackupWindow !== undefined, maintenance: false },
    engineLifecycleSupport: input.EngineLifecycleSupport ?? 'open-source-rds-extended-support',
    tags: origin.tags,
    pending: {},
    awsBackupJob,
    work: origin.work,
  };
  await store.clusters.put(keyOf(call, id), record);
  return record;
}
