import * as RDS from '@aws-sdk/client-rds';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { keyOf, parseRdsArn } from './names.ts';
import { quota } from './quotas.ts';
import type { SnapshotRecord } from './records.ts';
import { arnOf } from './snapshots.ts';
import type { RdsStore } from './store.ts';
import { tagContext } from './tags.ts';

/** Who else may copy or restore a snapshot. */
export function snapshotSharingHandlers({ platform, store }: RdsContext): Handlers<typeof RDS> {
  return {
    async DescribeDBSnapshotAttributes(input, call) {
      const record = ownSnapshot(store, required(input.DBSnapshotIdentifier, 'DBSnapshotIdentifier'), call);
      const action = 'rds:DescribeDBSnapshotAttributes';
      platform.authorize(call, action, arnOf(record), tagContext([], record.tags));
      return { DBSnapshotAttributesResult: attributesOf(record) };
    },

    async ModifyDBSnapshotAttribute(input, call) {
      const record = ownSnapshot(store, required(input.DBSnapshotIdentifier, 'DBSnapshotIdentifier'), call);
      platform.authorize(call, 'rds:ModifyDBSnapshotAttribute', arnOf(record), tagContext([], record.tags));
      if (input.AttributeName !== 'restore')
        throw invalidValue(`Invalid attribute name: ${input.AttributeName ?? ''}. Only restore exists.`);
      const add = input.ValuesToAdd ?? [];
      requireShareable(record, add);
      const removed = new Set(input.ValuesToRemove ?? []);
      const sharedWith = [...new Set([...record.sharedWith, ...add])].filter(
        (account) => !removed.has(account),
      );
      const most = quota(store, call, 'SnapshotShares');
      if (sharedWith.filter((account) => account !== 'all').length > most)
        throw fault(
          RDS.SharedSnapshotQuotaExceededFault,
          `You have exceeded the maximum number of accounts that you can share a snapshot with: ${most}.`,
        );
      const changed = { ...record, sharedWith };
      await store.snapshots.put(keyOf(record, record.id), changed);
      return { DBSnapshotAttributesResult: attributesOf(changed) };
    },
  };

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
    const unknown = add.find((account) => account !== 'all' && !/^\d{12}$/.test(account));
    if (unknown !== undefined) throw invalidValue(`Invalid account id: ${unknown}`);
    const key = record.kmsKeyArn === undefined ? undefined : platform.keys.describe(record.kmsKeyArn, record);
    if (add.length > 0 && key?.manager === 'AWS')
      throw invalidCombination(
        'A snapshot encrypted with the default key aws/rds cannot be shared: copy it with a customer key first.',
      );
  }
}

/** By name or ARN, in the caller's own partition. @throws DBSnapshotNotFoundFault */
export function ownSnapshot(store: RdsStore, ref: string, call: Call): SnapshotRecord {
  const parsed = parseRdsArn(ref);
  const record = store.snapshot(call, parsed?.id ?? ref.toLowerCase());
  if (!record || record.replica === true || (parsed && arnOf(record) !== ref))
    throw fault(RDS.DBSnapshotNotFoundFault, `DBSnapshot not found: ${ref}`);
  return record;
}

function attributesOf(record: SnapshotRecord): RDS.DBSnapshotAttributesResult {
  return {
    DBSnapshotIdentifier: record.id,
    DBSnapshotAttributes: [{ AttributeName: 'restore', AttributeValues: [...record.sharedWith] }],
  };
}
