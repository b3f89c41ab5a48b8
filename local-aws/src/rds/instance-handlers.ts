import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { describeInstance } from './describe.ts';
import { usableKey } from './encryption.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { requireRoomForManualSnapshot } from './limits.ts';
import { identifier, keyOf, parseRdsArn, rdsArn } from './names.ts';
import { applyFilters, byKey, page } from './paging.ts';
import type { InstanceRecord } from './records.ts';
import { restoreFromSnapshot } from './restore.ts';
import { generatedPassword } from './scram.ts';
import { WITHOUT_FINAL_SNAPSHOT } from './statuses.ts';
import { tagContext } from './tags.ts';

export function instanceHandlers(context: RdsContext): Handlers<typeof RDS> {
  const { platform, store, fleet } = context;

  return {
    async RestoreDBInstanceFromDBSnapshot(input, call) {
      return { DBInstance: await restoreFromSnapshot(context, input, call) };
    },

    async DescribeDBInstances(input, call) {
      const wanted =
        input.DBInstanceIdentifier === undefined ? undefined : idFrom(input.DBInstanceIdentifier);
      platform.authorize(call, 'rds:DescribeDBInstances', rdsArn(call, 'db', wanted ?? '*'));
      if (wanted !== undefined) return { DBInstances: [describeInstance(store, find(call, wanted))] };
      const here = [...store.instances.values()].filter(
        ({ accountId, region }) => accountId === call.accountId && region === call.region,
      );
      const matching = applyFilters(here, input.Filters, {
        'db-instance-id': (record) => [record.id, rdsArn(record, 'db', record.id)],
        'dbi-resource-id': ({ dbiResourceId }) => [dbiResourceId],
        engine: ({ member }) => [member ? 'aurora-postgresql' : 'postgres'],
        'db-cluster-id': (record) =>
          record.member ? [record.member.clusterId, rdsArn(record, 'cluster', record.member.clusterId)] : [],
        domain: () => [],
      }).sort(byKey(({ id }) => id));
      const { items, Marker } = page(matching, ({ id }) => id, input);
      return { DBInstances: items.map((record) => describeInstance(store, record)), Marker };
    },

    async DeleteDBInstance(input, call) {
      const record = find(call, idFrom(required(input.DBInstanceIdentifier, 'DBInstanceIdentifier')));
      authorizeOn('rds:DeleteDBInstance', record, call);
      const skip = input.SkipFinalSnapshot ?? false;
      const finalId = input.FinalDBSnapshotIdentifier;
      if (record.deletionProtection)
        throw invalidCombination(
          'Cannot delete protected DB Instance, please disable deletion protection and try again.',
        );
      if (skip && finalId !== undefined)
        throw invalidCombination(
          'FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is true.',
        );
      if (!skip && finalId === undefined)
        throw invalidCombination(
          'FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.',
        );
      if (record.status === 'deleting')
        throw fault(RDS.InvalidDBInstanceStateFault, `Instance ${record.id} is already being deleted.`);
      if (finalId !== undefined) requireFinalSnapshot(record, finalId, call);
      const keepBackups = input.DeleteAutomatedBackups === false;
      const work = { kind: 'delete', finalSnapshotId: finalId?.toLowerCase(), keepBackups } as const;
      const deleting = await store.patchInstance(keyOf(record, record.id), { status: 'deleting', work });
      fleet.delete(deleting ?? record, work);
      return { DBInstance: describeInstance(store, deleting ?? record) };
    },

    async RebootDBInstance(input, call) {
      if (input.ForceFailover === true) {
        const { id, multiAz } = find(
          call,
          idFrom(required(input.DBInstanceIdentifier, 'DBInstanceIdentifier')),
        );
        if (!multiAz)
          throw invalidCombination(
            `The DB instance ${id} is not Multi-AZ: it cannot be rebooted with failover.`,
          );
      }
      const record = await change(
        input.DBInstanceIdentifier,
        'rds:RebootDBInstance',
        call,
        ['available', 'storage-optimization', 'incompatible-parameters'],
        'rebooting',
      );
      fleet.reboot(keyOf(record, record.id));
      return { DBInstance: describeInstance(store, record) };
    },

    async StopDBInstance(input, call) {
      refuseMembers('rds', 'StopDBInstance', input, [
        'DBSnapshotIdentifier',
        'DetachFromDBCapacityReservation',
      ]);
      const record = await change(
        input.DBInstanceIdentifier,
        'rds:StopDBInstance',
        call,
        ['available'],
        'stopping',
      );
      fleet.stop(keyOf(record, record.id));
      return { DBInstance: describeInstance(store, record) };
    },

    async StartDBInstance(input, call) {
      const { kmsKeyArn } = find(call, idFrom(required(input.DBInstanceIdentifier, 'DBInstanceIdentifier')));
      if (kmsKeyArn !== undefined) usableKey(platform, call, kmsKeyArn);
      const from = ['stopped', 'inaccessible-encryption-credentials-recoverable'];
      const record = await change(input.DBInstanceIdentifier, 'rds:StartDBInstance', call, from, 'starting');
      fleet.start(keyOf(record, record.id));
      return { DBInstance: describeInstance(store, record) };
    },
  };

  function find(call: Call, id: string): InstanceRecord {
    const record = store.instance(call, id);
    if (!record) throw fault(RDS.DBInstanceNotFoundFault, `DBInstance ${id} not found.`);
    return record;
  }

  function authorizeOn(action: string, record: InstanceRecord, call: Call): void {
    platform.authorize(call, action, rdsArn(record, 'db', record.id), tagContext([], record.tags));
  }

  /** Checks and sets the status with no await between them. */
  async function change(
    id: string | undefined,
    action: string,
    call: Call,
    from: readonly string[],
    to: string,
  ): Promise<InstanceRecord> {
    const record = find(call, idFrom(required(id, 'DBInstanceIdentifier')));
    authorizeOn(action, record, call);
    if (!from.includes(record.status))
      throw fault(
        RDS.InvalidDBInstanceStateFault,
        `Instance ${record.id} is not in ${from.join(' or ')} state. Its state is ${record.status}.`,
      );
    const changed = { ...record, status: to };
    await store.instances.put(keyOf(record, record.id), changed);
    return changed;
  }

  function requireFinalSnapshot(record: InstanceRecord, finalId: string, call: Call): void {
    const id = identifier(finalId, 'FinalDBSnapshotIdentifier', 255);
    if (WITHOUT_FINAL_SNAPSHOT.has(record.status) || !fleet.server(keyOf(record, record.id)))
      throw fault(
        RDS.InvalidDBInstanceStateFault,
        `Cannot take a final snapshot of instance ${record.id} in state ${record.status}: set SkipFinalSnapshot.`,
      );
    if (store.snapshot(call, id))
      throw fault(
        RDS.DBSnapshotAlreadyExistsFault,
        `Cannot create the snapshot because a snapshot with the identifier ${id} already exists.`,
      );
    requireRoomForManualSnapshot(store, call);
  }
}

/** A name, or the ARN that holds it. */
export function idFrom(ref: string): string {
  return (parseRdsArn(ref)?.id ?? ref).toLowerCase();
}

export function passwordFrom(given: string | undefined, managed: boolean): string {
  if (managed && given !== undefined)
    throw invalidCombination('You cannot specify MasterUserPassword together with ManageMasterUserPassword.');
  if (managed) return generatedPassword();
  const password = required(given, 'MasterUserPassword');
  if (password.length < 8 || password.length > 128 || /[^\x21-\x7e]|[/"@]/.test(password))
    throw invalidValue(
      "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used, 8 to 128 of them.",
    );
  return password;
}

export function retentionDays(days: number): number {
  if (Number.isInteger(days) && days >= 0 && days <= 35) return days;
  throw invalidValue(`Invalid backup retention period: ${days}. It must be between 0 and 35.`);
}

export function requireUsername(name: string): void {
  if (!/^[a-z][a-z0-9_]{0,62}$/i.test(name))
    throw invalidValue(
      `MasterUsername ${name} must be 1 to 63 letters, digits or underscores, and begin with a letter.`,
    );
  if (/^(pg_|rds)/i.test(name) || /^(admin|master|postgresql)$/i.test(name))
    throw invalidValue(`MasterUsername ${name} cannot be used as it is a reserved word used by the engine`);
}
