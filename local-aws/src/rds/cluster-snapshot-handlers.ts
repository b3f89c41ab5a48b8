import * as RDS from '@aws-sdk/client-rds';
import type { Place } from '../platform.ts';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { AURORA, describeClusterSnapshot } from './cluster-describe.ts';
import {
  requireRoomForCrossRegionClusterCopy,
  requireRoomForManualClusterSnapshot,
} from './cluster-limits.ts';
import type { ClusterSnapshotRecord } from './cluster-records.ts';
import { clusterSnapshotArn } from './cluster-snapshots.ts';
import type { ClusterContext } from './cluster-context.ts';
import { usableKey } from './encryption.ts';
import { requireOtherRegion } from './cross-region.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { idFrom } from './instance-handlers.ts';
import { identifier, keyOf, parseRdsArn, rdsArn } from './names.ts';
import { applyFilters, byKey, page } from './paging.ts';
import { quota } from './quotas.ts';
import { tagContext, tagsFrom } from './tags.ts';

const LONGEST_ID = 63;

export function clusterSnapshotHandlers(context: ClusterContext): Handlers<typeof RDS> {
  const { platform, store, clusterSnapshots } = context;

  return {
    async CreateDBClusterSnapshot(input, call) {
      const clusterId = idFrom(required(input.DBClusterIdentifier, 'DBClusterIdentifier'));
      const id = newId(input.DBClusterSnapshotIdentifier, 'DBClusterSnapshotIdentifier');
      const given = tagsFrom(input.Tags);
      const cluster = store.cluster(call, clusterId);
      const action = 'rds:CreateDBClusterSnapshot';
      platform.authorize(call, action, rdsArn(call, 'cluster', clusterId), tagContext(given, cluster?.tags));
      platform.authorize(call, action, rdsArn(call, 'cluster-snapshot', id), tagContext(given));
      if (!cluster) throw fault(RDS.DBClusterNotFoundFault, `DBCluster ${clusterId} not found.`);
      requireNewName(call, id);
      requireRoomForManualClusterSnapshot(store, call);
      if (cluster.status !== 'available')
        throw fault(
          RDS.InvalidDBClusterStateFault,
          `Cannot create a snapshot because the database cluster ${clusterId} is not currently in the available state.`,
        );
      const tags = given.length === 0 && cluster.copyTagsToSnapshot ? cluster.tags : given; // explicit tags suppress copying
      const record = await clusterSnapshots.take(cluster, { id, type: 'manual', tags });
      return { DBClusterSnapshot: describeClusterSnapshot(record) };
    },

    async DescribeDBClusterSnapshots(input, call) {
      const { DBClusterSnapshotIdentifier: ref, SnapshotType: type } = input;
      refuseMembers('rds', 'DescribeDBClusterSnapshots', input, ['IncludePublic']);
      if (type !== undefined && !['automated', 'manual', 'awsbackup', 'shared'].includes(type))
        throw invalidValue(`Invalid snapshot type: ${type}.`);
      if (ref !== undefined && input.DBClusterIdentifier !== undefined)
        throw invalidCombination(
          'DBClusterIdentifier and DBClusterSnapshotIdentifier cannot be specified together.',
        );
      const asked = rdsArn(call, 'cluster-snapshot', ref === undefined ? '*' : idFrom(ref));
      platform.authorize(call, 'rds:DescribeDBClusterSnapshots', asked);
      if (ref !== undefined) {
        const found = findClusterSnapshot(context, call, ref);
        const named = type ?? (found.type === 'automated' ? 'manual' : found.type);
        if (named !== found.type && type !== 'shared')
          throw fault(RDS.DBClusterSnapshotNotFoundFault, `DBClusterSnapshot not found: ${ref}`);
        return { DBClusterSnapshots: [describeClusterSnapshot(found)] };
      }
      const clusterId =
        input.DBClusterIdentifier === undefined ? undefined : idFrom(input.DBClusterIdentifier);
      const visible = [...store.clusterSnapshots.values()].filter(
        (record) =>
          isListed(record, call, type, input.IncludeShared === true) &&
          (clusterId === undefined || record.cluster.id === clusterId) &&
          (input.DbClusterResourceId === undefined ||
            record.cluster.resourceId === input.DbClusterResourceId),
      );
      const matching = applyFilters(visible, input.Filters, {
        'db-cluster-id': ({ cluster, clusterArn }) => [cluster.id, clusterArn],
        'db-cluster-snapshot-id': (record) => [record.id, clusterSnapshotArn(record)],
        'db-cluster-resource-id': ({ cluster }) => [cluster.resourceId],
        'snapshot-type': (record) => [record.type],
        engine: () => [AURORA],
      }).sort(byKey(clusterSnapshotArn));
      const { items, Marker } = page(matching, clusterSnapshotArn, input);
      return { DBClusterSnapshots: items.map(describeClusterSnapshot), Marker };
    },

    async CopyDBClusterSnapshot(input, call) {
      const sourceRef = required(
        input.SourceDBClusterSnapshotIdentifier,
        'SourceDBClusterSnapshotIdentifier',
      );
      const id = newId(input.TargetDBClusterSnapshotIdentifier, 'TargetDBClusterSnapshotIdentifier');
      const given = tagsFrom(input.Tags);
      const source = findClusterSnapshot(context, call, sourceRef);
      const action = 'rds:CopyDBClusterSnapshot';
      platform.authorize(call, action, clusterSnapshotArn(source), tagContext(given, source.tags), {
        ownerAccountId: call.accountId, // sharing is checked by findClusterSnapshot; the caller's own rights count here
      });
      platform.authorize(call, action, rdsArn(call, 'cluster-snapshot', id), tagContext(given));
      requireOtherRegion(platform, call, {
        ...{ action, source, sourceArn: clusterSnapshotArn(source) },
        context: tagContext(given, source.tags),
      });
      const crossRegion = source.region !== call.region;
      const crossAccount = source.accountId !== call.accountId;
      if (crossRegion && crossAccount)
        throw invalidValue(
          'A shared cluster snapshot of another region cannot be copied in one step: copy it to this region in its own account first.',
        );
      requireAvailable(source);
      if (!source.encrypted && input.KmsKeyId !== undefined)
        throw invalidCombination(
          'KmsKeyId cannot be given for the copy of a cluster snapshot that is not encrypted: a copy cannot be encrypted, a restore can.',
        );
      if (source.encrypted && (crossRegion || crossAccount) && input.KmsKeyId === undefined)
        throw invalidCombination(
          `Copying an encrypted cluster snapshot ${crossRegion ? 'across regions' : 'that is shared'} needs KmsKeyId: a key of this account and region.`,
        );
      if (source.kmsKeyArn !== undefined) usableKey(platform, call, source.kmsKeyArn);
      const key = input.KmsKeyId === undefined ? undefined : usableKey(platform, call, input.KmsKeyId);
      if (key && key.region !== call.region)
        throw fault(
          RDS.KMSKeyNotAccessibleFault,
          `The key ${key.arn} is not in ${call.region}, where the copy is made.`,
        );
      requireNewName(call, id);
      requireRoomForManualClusterSnapshot(store, call);
      if (crossRegion) requireRoomForCrossRegionClusterCopy(store, call);
      const tags = given.length > 0 ? given : input.CopyTags === true ? source.tags : [];
      const spec = { place: call, id, type: 'manual', tags, kmsKeyArn: key?.arn } as const;
      return { DBClusterSnapshot: describeClusterSnapshot(await clusterSnapshots.copy(source, spec)) };
    },

    async DeleteDBClusterSnapshot(input, call) {
      const record = own('rds:DeleteDBClusterSnapshot', input.DBClusterSnapshotIdentifier, call);
      if (record.type === 'awsbackup')
        throw fault(
          RDS.InvalidDBClusterSnapshotStateFault,
          `The snapshot ${record.id} is managed by AWS Backup and cannot be deleted here; delete its recovery point.`,
        );
      if (record.type === 'automated')
        throw fault(
          RDS.InvalidDBClusterSnapshotStateFault,
          `The snapshot ${record.id} is automated and cannot be deleted.`,
        );
      if (!['available', 'copying', 'failed'].includes(record.status)) requireAvailable(record);
      const key = keyOf(record, record.id);
      await store.patchClusterSnapshot(key, { status: 'deleting' });
      clusterSnapshots.remove(key);
      return { DBClusterSnapshot: { ...describeClusterSnapshot(record), Status: 'deleted' } };
    },

    async DescribeDBClusterSnapshotAttributes(input, call) {
      const record = own('rds:DescribeDBClusterSnapshotAttributes', input.DBClusterSnapshotIdentifier, call);
      return { DBClusterSnapshotAttributesResult: attributesOf(record) };
    },

    async ModifyDBClusterSnapshotAttribute(input, call) {
      const record = own('rds:ModifyDBClusterSnapshotAttribute', input.DBClusterSnapshotIdentifier, call);
      if (input.AttributeName !== 'restore')
        throw invalidValue(`Invalid attribute name: ${input.AttributeName ?? ''}. Only restore exists.`);
      const add = input.ValuesToAdd ?? [];
      requireShareable(record, add);
      const removed = new Set(input.ValuesToRemove ?? []);
      const sharedWith = [...new Set([...record.sharedWith, ...add])].filter(
        (account) => !removed.has(account),
      );
      const most = quota(store, record, 'SnapshotShares');
      if (sharedWith.length > most)
        throw fault(
          RDS.SharedSnapshotQuotaExceededFault,
          `A snapshot can be shared with ${most} accounts at most.`,
        );
      const changed = { ...record, sharedWith };
      await store.clusterSnapshots.put(keyOf(record, record.id), changed);
      return { DBClusterSnapshotAttributesResult: attributesOf(changed) };
    },
  };

  function newId(value: string | undefined, parameter: string): string {
    return identifier(required(value, parameter), parameter, LONGEST_ID);
  }

  function own(action: string, ref: string | undefined, call: Call): ClusterSnapshotRecord {
    const name = required(ref, 'DBClusterSnapshotIdentifier');
    const parsed = parseRdsArn(name);
    const record = store.clusterSnapshot(call, parsed?.id ?? name.toLowerCase());
    if (!record || (parsed && clusterSnapshotArn(record) !== name))
      throw fault(RDS.DBClusterSnapshotNotFoundFault, `DBClusterSnapshot not found: ${name}`);
    platform.authorize(call, action, clusterSnapshotArn(record), tagContext([], record.tags));
    return record;
  }

  function requireNewName(call: Call, id: string): void {
    if (!store.clusterSnapshot(call, id)) return;
    throw fault(
      RDS.DBClusterSnapshotAlreadyExistsFault,
      `Cannot create the cluster snapshot because one with the identifier ${id} already exists.`,
    );
  }

  function requireShareable(record: ClusterSnapshotRecord, add: readonly string[]): void {
    if (record.type !== 'manual')
      throw fault(
        RDS.InvalidDBClusterSnapshotStateFault,
        `Only manual snapshots can be shared: copy ${record.id} first.`,
      );
    requireAvailable(record);
    if (add.includes('all') && record.encrypted)
      throw invalidCombination('An encrypted snapshot cannot be made public.');
    if (add.includes('all')) throw invalidValue('Public snapshots are not offered here.');
    const unknown = add.find((account) => !/^\d{12}$/.test(account));
    if (unknown !== undefined) throw invalidValue(`Invalid account id: ${unknown}`);
    const key = record.kmsKeyArn === undefined ? undefined : platform.keys.describe(record.kmsKeyArn, record);
    if (add.length > 0 && key?.manager === 'AWS')
      throw invalidCombination(
        'A snapshot encrypted with the default key aws/rds cannot be shared: copy it with a customer key first.',
      );
  }
}

/** By name in the caller's own partition, or by ARN, also of another account that shares it. @throws DBClusterSnapshotNotFoundFault */
export function findClusterSnapshot(
  { store }: ClusterContext,
  call: Place,
  ref: string,
): ClusterSnapshotRecord {
  const parsed = parseRdsArn(ref);
  const found = parsed
    ? store.clusterSnapshot(parsed, parsed.id)
    : store.clusterSnapshot(call, ref.toLowerCase());
  const visible = found && (found.accountId === call.accountId || found.sharedWith.includes(call.accountId));
  if (visible !== true || (parsed && parsed.kind !== 'cluster-snapshot'))
    throw fault(RDS.DBClusterSnapshotNotFoundFault, `DBClusterSnapshot not found: ${ref}`);
  return found;
}

/** Without a type: what is the caller's own, automated and manual. */
function isListed(
  record: ClusterSnapshotRecord,
  call: Place,
  type: string | undefined,
  includeShared: boolean,
): boolean {
  if (record.region !== call.region) return false;
  const own = record.accountId === call.accountId;
  const shared = !own && record.sharedWith.includes(call.accountId);
  if (type === 'shared') return shared;
  if (!own) return shared && includeShared && type === undefined;
  return type === undefined ? record.type !== 'awsbackup' : record.type === type;
}

function requireAvailable(record: ClusterSnapshotRecord): void {
  if (record.status === 'available') return;
  throw fault(
    RDS.InvalidDBClusterSnapshotStateFault,
    `DBClusterSnapshot ${record.id} is not available; it is ${record.status}.`,
  );
}

function attributesOf(record: ClusterSnapshotRecord): RDS.DBClusterSnapshotAttributesResult {
  return {
    DBClusterSnapshotIdentifier: record.id,
    DBClusterSnapshotAttributes: [{ AttributeName: 'restore', AttributeValues: [...record.sharedWith] }],
  };
}
