import {
  DBSnapshotNotFoundFault,
  type DBInstance,
  InvalidDBSnapshotStateFault,
  KMSKeyNotAccessibleFault,
  type RestoreDBInstanceFromDBSnapshotCommandInput,
} from '@aws-sdk/client-rds';
import type { Place } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { describeInstance } from './describe.ts';
import type { EngineVersions } from './engine-versions.ts';
import { fault, required } from './faults.ts';
import { identifier, keyOf, parseRdsArn, rdsArn } from './names.ts';
import { makeInstance, requireFreeName, requireKnownAtRestore } from './new-instance.ts';
import type { SnapshotRecord } from './records.ts';
import { tagContext, tagsFrom } from './tags.ts';

export { newResourceId } from './new-instance.ts';

/** RestoreDBInstanceFromDBSnapshot: a new instance, still `creating`, from a snapshot. AWS Backup uses it, too. */
export async function restoreFromSnapshot(
  context: RdsContext,
  input: RestoreDBInstanceFromDBSnapshotCommandInput,
  call: Call,
  awsBackupJob?: string,
): Promise<DBInstance> {
  requireKnownAtRestore('RestoreDBInstanceFromDBSnapshot', input, [
    'DBInstanceIdentifier',
    'DBSnapshotIdentifier',
  ]);
  const { platform, store, fleet, versions } = context;
  const id = identifier(required(input.DBInstanceIdentifier, 'DBInstanceIdentifier'), 'DBInstanceIdentifier');
  const snapshot = findSnapshot(context, call, required(input.DBSnapshotIdentifier, 'DBSnapshotIdentifier'));
  const tags = input.Tags ? tagsFrom(input.Tags) : snapshot.tags;
  const authorized = (arn: string) => {
    const asked = {
      ...tagContext(tags, arn.includes(':snapshot:') ? snapshot.tags : []),
      'rds:PubliclyAccessible': String(input.PubliclyAccessible ?? false),
      ...(input.DBInstanceClass !== undefined && { 'rds:DatabaseClass': input.DBInstanceClass }),
    };
    // Whether the snapshot is shared is findSnapshot's question; here the caller's own rights count.
    platform.authorize(call, 'rds:RestoreDBInstanceFromDBSnapshot', arn, asked, {
      ownerAccountId: call.accountId,
    });
  };
  authorized(rdsArn(call, 'db', id));
  authorized(rdsArn(snapshot, 'snapshot', snapshot.id));
  requireFreeName(store, call, id);
  requireRestorable(snapshot, call, versions);
  const snapshotKey = keyOf(snapshot, snapshot.id);
  const work = { kind: 'restore', snapshotKey } as const;
  const { encrypted, kmsKeyArn } = snapshot;
  const from = { ...snapshot.instance, encrypted, kmsKeyArn };
  const record = await makeInstance(context, call, { id, input, from, tags, work, awsBackupJob });
  fleet.restore(record, snapshotKey);
  return describeInstance(store, record);
}

/** By name in the caller's own partition, or by ARN, also of another account that shares it. @throws DBSnapshotNotFoundFault */
export function findSnapshot({ store }: RdsContext, call: Place, ref: string): SnapshotRecord {
  const missing = () => fault(DBSnapshotNotFoundFault, `DBSnapshot not found: ${ref}`);
  const parsed = parseRdsArn(ref);
  if (!parsed) {
    const own = store.snapshot(call, ref.toLowerCase());
    if (!own || own.replica === true) throw missing();
    return own;
  }
  const found = store.snapshot(parsed, parsed.id);
  if (parsed.kind !== 'snapshot' || !found || found.replica === true) throw missing();
  if (found.accountId !== call.accountId && !isSharedWith(found, call.accountId)) throw missing();
  return found;
}

/** `all` makes it public. */
export function isSharedWith({ sharedWith }: SnapshotRecord, accountId: string): boolean {
  return sharedWith.includes(accountId) || sharedWith.includes('all');
}

function requireRestorable(snapshot: SnapshotRecord, call: Call, versions: EngineVersions): void {
  if (snapshot.region !== call.region)
    throw fault(DBSnapshotNotFoundFault, `DBSnapshot not found in ${call.region}: copy it there first.`);
  if (snapshot.status !== 'available')
    throw fault(
      InvalidDBSnapshotStateFault,
      `DBSnapshot ${snapshot.id} must be in available status; it is ${snapshot.status}.`,
    );
  versions.requireRestorable(snapshot.instance.engineVersion);
  if (snapshot.accountId !== call.accountId && snapshot.encrypted)
    throw fault(
      KMSKeyNotAccessibleFault,
      'A shared encrypted snapshot cannot be restored directly: copy it with a key of your own account first.',
    );
}
