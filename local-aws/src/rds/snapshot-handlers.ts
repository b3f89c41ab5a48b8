import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { describeSnapshot } from './describe.ts';
import { usableKey } from './encryption.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { idFrom } from './instance-handlers.ts';
import { QUOTAS, requireRoomForCrossRegionCopy, requireRoomForManualSnapshot } from './limits.ts';
import { identifier, keyOf, parseRdsArn, rdsArn } from './names.ts';
import { applyFilters, byKey, page } from './paging.ts';
import type { SnapshotRecord } from './records.ts';
import { findSnapshot } from './restore.ts';
import { arnOf } from './snapshots.ts';
import { tagContext, tagsFrom } from './tags.ts';

export function snapshotHandlers(context: RdsContext): Handlers<typeof RDS> {
  const { platform, store, snapshots } = context;

  return {
    async CreateDBSnapshot(input, call) {
      const instanceId = idFrom(required(input.DBInstanceIdentifier, 'DBInstanceIdentifier'));
      const id = identifier(
        required(input.DBSnapshotIdentifier, 'DBSnapshotIdentifier'),
        'DBSnapshotIdentifier',
        255,
      );
      const given = tagsFrom(input.Tags);
      const instance = store.instance(call, instanceId);
      platform.authorize(
        call,
        'rds:CreateDBSnapshot',
        rdsArn(call, 'db', instanceId),
        tagContext(given, instance?.tags),
      );
      platform.authorize(call, 'rds:CreateDBSnapshot', rdsArn(call, 'snapshot', id), tagContext(given));
      if (!instance) throw fault(RDS.DBInstanceNotFoundFault, `DBInstance ${instanceId} not found.`);
      requireNewName(call, id);
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
      refuseMembers('rds', 'DescribeDBSnapshots', input, ['IncludePublic']);
      if (type !== undefined && !['automated', 'manual', 'awsbackup', 'shared'].includes(type))
        throw invalidValue(`Invalid snapshot type: ${type}.`);
      platform.authorize(
        call,
        'rds:DescribeDBSnapshots',
        rdsArn(call, 'snapshot', ref === undefined ? '*' : idFrom(ref)),
      );
      if (ref !== undefined) {
        const found = findSnapshot(context, call, ref);
        if (type !== undefined && type !== found.type && type !== 'shared')
          throw fault(RDS.DBSnapshotNotFoundFault, `DBSnapshot not found: ${ref}`);
        return { DBSnapshots: [describeSnapshot(found)] };
      }
      const instanceId =
        input.DBInstanceIdentifier === undefined ? undefined : idFrom(input.DBInstanceIdentifier);
      const visible = [...store.snapshots.values()].filter((record) => {
        if (record.region !== call.region) return false;
        const own = record.accountId === call.accountId;
        const shared = !own && record.sharedWith.includes(call.accountId);
        const listed =
          type === 'shared'
            ? shared
            : own
              ? record.type === (type ?? 'manual')
              : shared && input.IncludeShared === true;
        return (
          listed &&
          (instanceId === undefined || record.instance.id === instanceId) &&
          (input.DbiResourceId === undefined || record.instance.dbiResourceId === input.DbiResourceId)
        );
      });
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

    async CopyDBSnapshot(input, call) {
      refuseMembers('rds', 'CopyDBSnapshot', input, [
        ...[
          'TargetCustomAvailabilityZone',
          'SnapshotTarget',
          'CopyOptionGroup',
          'SnapshotAvailabilityZone',
          'TagSpecifications',
        ],
      ]);
      const sourceRef = required(input.SourceDBSnapshotIdentifier, 'SourceDBSnapshotIdentifier');
      const id = identifier(
        required(input.TargetDBSnapshotIdentifier, 'TargetDBSnapshotIdentifier'),
        'TargetDBSnapshotIdentifier',
        255,
      );
      const given = tagsFrom(input.Tags);
      const source = findSnapshot(context, call, sourceRef);
      platform.authorize(call, 'rds:CopyDBSnapshot', arnOf(source), tagContext(given, source.tags), {
        ownerAccountId: call.accountId, // sharing is checked by findSnapshot; the caller's own rights count here
      });
      platform.authorize(call, 'rds:CopyDBSnapshot', rdsArn(call, 'snapshot', id), tagContext(given));
      const crossRegion = source.region !== call.region;
      const crossAccount = source.accountId !== call.accountId;
      if (crossRegion && crossAccount)
        throw invalidValue(
          'A shared snapshot of another region cannot be copied in one step: copy it to this region in its own account first.',
        );
      if (source.status !== 'available')
        throw fault(
          RDS.InvalidDBSnapshotStateFault,
          `DBSnapshot ${source.id} is not available; it is ${source.status}.`,
        );
      if (source.encrypted && (crossRegion || crossAccount) && input.KmsKeyId === undefined)
        throw invalidCombination(
          `Copying an encrypted snapshot ${crossRegion ? 'across regions' : 'that is shared'} needs KmsKeyId: a key of this account and region.`,
        );
      if (source.kmsKeyArn !== undefined) usableKey(platform, call, source.kmsKeyArn);
      const key = input.KmsKeyId === undefined ? undefined : usableKey(platform, call, input.KmsKeyId);
      if (key && key.region !== call.region)
        throw fault(
          RDS.KMSKeyNotAccessibleFault,
          `The key ${key.arn} is not in ${call.region}, where the copy is made.`,
        );
      requireNewName(call, id);
      requireRoomForManualSnapshot(store, call);
      if (crossRegion) requireRoomForCrossRegionCopy(store, call);
      const tags = given.length > 0 ? given : input.CopyTags === true ? source.tags : [];
      const record = await snapshots.copy(source, {
        place: call,
        id,
        type: 'manual',
        tags,
        kmsKeyArn: key?.arn,
      });
      return { DBSnapshot: describeSnapshot(record) };
    },

    async DeleteDBSnapshot(input, call) {
      const record = own(required(input.DBSnapshotIdentifier, 'DBSnapshotIdentifier'), call);
      platform.authorize(call, 'rds:DeleteDBSnapshot', arnOf(record), tagContext([], record.tags));
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

    async DescribeDBSnapshotAttributes(input, call) {
      const record = own(required(input.DBSnapshotIdentifier, 'DBSnapshotIdentifier'), call);
      platform.authorize(
        call,
        'rds:DescribeDBSnapshotAttributes',
        arnOf(record),
        tagContext([], record.tags),
      );
      return { DBSnapshotAttributesResult: attributesOf(record) };
    },

    async ModifyDBSnapshotAttribute(input, call) {
      const record = own(required(input.DBSnapshotIdentifier, 'DBSnapshotIdentifier'), call);
      platform.authorize(call, 'rds:ModifyDBSnapshotAttribute', arnOf(record), tagContext([], record.tags));
      if (input.AttributeName !== 'restore')
        throw invalidValue(`Invalid attribute name: ${input.AttributeName ?? ''}. Only restore exists.`);
      const add = input.ValuesToAdd ?? [];
      requireShareable(record, add);
      const removed = new Set(input.ValuesToRemove ?? []);
      const sharedWith = [...new Set([...record.sharedWith, ...add])].filter(
        (account) => !removed.has(account),
      );
      if (sharedWith.length > QUOTAS.SnapshotShares)
        throw fault(
          RDS.SharedSnapshotQuotaExceededFault,
          `A snapshot can be shared with ${QUOTAS.SnapshotShares} accounts at most.`,
        );
      const changed = { ...record, sharedWith };
      await store.snapshots.put(keyOf(record, record.id), changed);
      return { DBSnapshotAttributesResult: attributesOf(changed) };
    },
  };

  function own(ref: string, call: Call): SnapshotRecord {
    const parsed = parseRdsArn(ref);
    const record = store.snapshot(call, parsed?.id ?? ref.toLowerCase());
    if (!record || (parsed && arnOf(record) !== ref))
      throw fault(RDS.DBSnapshotNotFoundFault, `DBSnapshot not found: ${ref}`);
    return record;
  }

  function requireNewName(call: Call, id: string): void {
    if (!store.snapshot(call, id)) return;
    throw fault(
      RDS.DBSnapshotAlreadyExistsFault,
      `Cannot create the snapshot because a snapshot with the identifier ${id} already exists.`,
    );
  }

  function requireShareable(record: SnapshotRecord, add: readonly string[]): void {
    if (record.type !== 'manual')
      throw fault(
        RDS.InvalidDBSnapshotStateFault,
        `Only manual snapshots can be shared: copy ${record.id} first.`,
      );
    if (record.status !== 'available')
      throw fault(
        RDS.InvalidDBSnapshotStateFault,
        `DBSnapshot ${record.id} is not available; it is ${record.status}.`,
      );
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

function attributesOf(record: SnapshotRecord): RDS.DBSnapshotAttributesResult {
  return {
    DBSnapshotIdentifier: record.id,
    DBSnapshotAttributes: [{ AttributeName: 'restore', AttributeValues: [...record.sharedWith] }],
  };
}
