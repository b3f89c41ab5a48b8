import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { describeSnapshot } from './describe.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { idFrom } from './instance-handlers.ts';
import { requireRoomForManualSnapshot } from './limits.ts';
import { identifier, keyOf, rdsArn } from './names.ts';
import { applyFilters, byKey, page } from './paging.ts';
import type { SnapshotRecord } from './records.ts';
import { findSnapshot, isSharedWith } from './restore.ts';
import { ownSnapshot } from './snapshot-sharing-handlers.ts';
import { arnOf } from './snapshots.ts';
import type { RdsStore } from './store.ts';
import { tagContext, tagsFrom } from './tags.ts';

const TYPES = ['automated', 'manual', 'awsbackup', 'shared', 'public'];

/** Snapshots of instances: taken, described and deleted. */
export function snapshotHandlers(context: RdsContext): Handlers<typeof RDS> {
  const { platform, store, snapshots } = context;

  return {
    async CreateDBSnapshot(input, call) {
      refuseMembers('rds', 'CreateDBSnapshot', input, ['TagSpecifications']);
      const instanceId = idFrom(required(input.DBInstanceIdentifier, 'DBInstanceIdentifier'));
      const id = snapshotId(
        required(input.DBSnapshotIdentifier, 'DBSnapshotIdentifier'),
        'DBSnapshotIdentifier',
      );
      const given = tagsFrom(input.Tags);
      const instance = store.instance(call, instanceId);
      const action = 'rds:CreateDBSnapshot';
      platform.authorize(call, action, rdsArn(call, 'db', instanceId), tagContext(given, instance?.tags));
      platform.authorize(call, action, rdsArn(call, 'snapshot', id), tagContext(given));
      if (!instance) throw fault(RDS.DBInstanceNotFoundFault, `DBInstance ${instanceId} not found.`);
      if (instance.member)
        throw invalidValue(
          'The specified instance is a member of a cluster and a snapshot cannot be created directly. Please use the CreateDBClusterSnapshot API instead.',
        );
      requireNewSnapshotName(store, call, id);
      requireRoomForManualSnapshot(store, call);
      if (instance.status !== 'available' && instance.status !== 'storage-optimization')
        throw fault(
          RDS.InvalidDBInstanceStateFault,
          `Cannot create a snapshot because the database instance ${instanceId} is not currently in the available state.`,
        );
      const tags = given.length === 0 && instance.copyTagsToSnapshot ? instance.tags : given; // explicit tags suppress copying
      const record = await snapshots.take(instance, { id, type: 'manual', tags });
      return { DBSnapshot: describeSnapshot(record) };
    },

    async DescribeDBSnapshots(input, call) {
      const { DBSnapshotIdentifier: ref, SnapshotType: type } = input;
      if (type !== undefined && !TYPES.includes(type)) throw invalidValue(`Invalid snapshot type: ${type}.`);
      if (type === 'shared' && input.IncludeShared === true && input.DBInstanceIdentifier !== undefined)
        throw invalidCombination('DBInstanceIdentifier cannot be used with shared snapshots.');
      const wanted = ref === undefined ? '*' : idFrom(ref);
      platform.authorize(call, 'rds:DescribeDBSnapshots', rdsArn(call, 'snapshot', wanted));
      if (ref !== undefined) {
        const found = findSnapshot(context, call, ref);
        const fits = type === undefined ? found.type !== 'automated' : type === found.type;
        if (!fits && type !== 'shared' && type !== 'public')
          throw fault(RDS.DBSnapshotNotFoundFault, `DBSnapshot not found: ${ref}`);
        return { DBSnapshots: [describeSnapshot(found)] };
      }
      const instanceId =
        input.DBInstanceIdentifier === undefined ? undefined : idFrom(input.DBInstanceIdentifier);
      const visible = [...store.snapshots.values()].filter(
        (record) =>
          record.region === call.region &&
          record.replica !== true &&
          isListed(record, call, input) &&
          (instanceId === undefined || record.instance.id === instanceId) &&
          (input.DbiResourceId === undefined || record.instance.dbiResourceId === input.DbiResourceId),
      );
      const matching = applyFilters(visible, input.Filters, {
        'db-instance-id': ({ instance, instanceArn }) => [instance.id, instanceArn],
        'db-snapshot-id': (record) => [record.id, arnOf(record)],
        'dbi-resource-id': ({ instance }) => [instance.dbiResourceId],
        'snapshot-type': (record) => [record.type],
        engine: () => ['postgres'],
      }).sort(byKey(arnOf));
      const { items, Marker } = page(matching, arnOf, input);
      return { DBSnapshots: items.map(describeSnapshot), Marker };
    },

    async DeleteDBSnapshot(input, call) {
      const record = ownSnapshot(store, required(input.DBSnapshotIdentifier, 'DBSnapshotIdentifier'), call);
      platform.authorize(call, 'rds:DeleteDBSnapshot', arnOf(record), tagContext([], record.tags));
      if (record.type === 'automated')
        throw fault(RDS.InvalidDBSnapshotStateFault, 'Only manual snapshots may be deleted.');
      if (record.type === 'awsbackup')
        throw fault(
          RDS.InvalidDBSnapshotStateFault,
          `The snapshot ${record.id} is managed by AWS Backup and cannot be deleted here; delete its recovery point.`,
        );
      if (!['available', 'copying', 'failed'].includes(record.status))
        throw fault(
          RDS.InvalidDBSnapshotStateFault,
          `DBSnapshot ${record.id} is not available; it is ${record.status}.`,
        );
      const key = keyOf(record, record.id);
      await store.patchSnapshot(key, { status: 'deleting' });
      snapshots.remove(key);
      return { DBSnapshot: { ...describeSnapshot(record), Status: 'deleted' } };
    },
  };
}

/** Which snapshots a list shows: one's own by type, others' only when they are asked for. */
function isListed(record: SnapshotRecord, call: Call, input: RDS.DescribeDBSnapshotsCommandInput): boolean {
  const { SnapshotType: type, IncludeShared: shared = false, IncludePublic: everyones = false } = input;
  const own = record.accountId === call.accountId;
  if (type === 'public') return record.sharedWith.includes('all');
  if (type === 'shared') return !own && isSharedWith(record, call.accountId);
  if (own) return type === undefined ? record.type !== 'awsbackup' : record.type === type;
  return (
    (shared && record.sharedWith.includes(call.accountId)) || (everyones && record.sharedWith.includes('all'))
  );
}

export function snapshotId(value: string, parameter: string): string {
  return identifier(value, parameter, 255);
}

export function requireNewSnapshotName(store: RdsStore, call: Call, id: string): void {
  if (!store.snapshot(call, id)) return;
  throw fault(
    RDS.DBSnapshotAlreadyExistsFault,
    `Cannot create the snapshot because a snapshot with the identifier ${id} already exists.`,
  );
}
