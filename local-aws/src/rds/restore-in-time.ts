import {
  DBInstanceAutomatedBackupNotFoundFault,
  DBInstanceNotFoundFault,
  type DBInstance,
  InvalidDBInstanceStateFault,
  PointInTimeRestoreNotEnabledFault,
  type RestoreDBInstanceToPointInTimeCommandInput,
} from '@aws-sdk/client-rds';
import type { Call } from '../wire/handlers.ts';
import { backupKey } from './automated-backups.ts';
import type { RdsContext } from './context.ts';
import { describeInstance } from './describe.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { idFrom } from './instance-handlers.ts';
import { identifier, keyOf, parseRdsArn, rdsArn } from './names.ts';
import { makeInstance, requireFreeName, requireKnownAtRestore } from './new-instance.ts';
import type { AutomatedBackupRecord } from './records.ts';
import { tagContext, tagsFrom } from './tags.ts';

const OWN = [
  ...['TargetDBInstanceIdentifier', 'SourceDBInstanceIdentifier', 'SourceDbiResourceId'],
  ...['SourceDBInstanceAutomatedBackupsArn', 'RestoreTime', 'UseLatestRestorableTime'],
];

type Input = RestoreDBInstanceToPointInTimeCommandInput;

/** RestoreDBInstanceToPointInTime: a new instance, still `creating`, from a base and the WAL after it. */
export async function restoreToTime(context: RdsContext, input: Input, call: Call): Promise<DBInstance> {
  requireKnownAtRestore('RestoreDBInstanceToPointInTime', input, OWN);
  const { platform, store, fleet } = context;
  const id = identifier(
    required(input.TargetDBInstanceIdentifier, 'TargetDBInstanceIdentifier'),
    'TargetDBInstanceIdentifier',
  );
  requireOneSource(input);
  const latest = input.UseLatestRestorableTime ?? false;
  if (latest && input.RestoreTime !== undefined)
    throw invalidCombination('RestoreTime cannot be specified together with UseLatestRestorableTime.');
  if (!latest && input.RestoreTime === undefined)
    throw invalidCombination('Either RestoreTime or UseLatestRestorableTime must be specified.');
  const source = findSource(context, input, call);
  const tags = input.Tags ? tagsFrom(input.Tags) : source.instance.tags;
  const asked = {
    ...tagContext(tags, source.instance.tags),
    'rds:PubliclyAccessible': String(input.PubliclyAccessible ?? false),
    ...(input.DBInstanceClass !== undefined && { 'rds:DatabaseClass': input.DBInstanceClass }),
  };
  const action = 'rds:RestoreDBInstanceToPointInTime';
  platform.authorize(call, action, rdsArn(call, 'db', id), asked);
  const byArn = input.SourceDBInstanceAutomatedBackupsArn;
  platform.authorize(call, action, byArn ?? rdsArn(call, 'db', source.instance.id), asked);
  requireFreeName(store, call, id);
  const { snapshotKey, until } = startingPoint(context, source, latest ? undefined : input.RestoreTime);
  const work = { kind: 'replay', backupKey: backupKey(source.instance, source), snapshotKey, until } as const;
  const kmsKeyArn = source.sourceRegion === undefined ? source.instance.kmsKeyArn : source.kmsKeyArn;
  const from = { ...source.instance, kmsKeyArn };
  const record = await makeInstance(context, call, { id, input, from, tags, work });
  fleet.replay(record, work);
  return describeInstance(store, record);
}

function requireOneSource(input: Input): void {
  const given = [
    input.SourceDBInstanceIdentifier,
    input.SourceDbiResourceId,
    input.SourceDBInstanceAutomatedBackupsArn,
  ].filter((one) => one !== undefined);
  if (given.length !== 1)
    throw invalidCombination(
      'Specify one of SourceDBInstanceIdentifier, SourceDbiResourceId and SourceDBInstanceAutomatedBackupsArn.',
    );
}

function findSource({ store, backups }: RdsContext, input: Input, call: Call): AutomatedBackupRecord {
  const { SourceDbiResourceId: resourceId, SourceDBInstanceAutomatedBackupsArn: arn } = input;
  if (input.SourceDBInstanceIdentifier !== undefined) {
    const instance = store.instance(call, idFrom(input.SourceDBInstanceIdentifier));
    if (!instance)
      throw fault(DBInstanceNotFoundFault, `DBInstance ${input.SourceDBInstanceIdentifier} not found.`);
    const own = backups.of(instance);
    if (own && instance.backupRetentionPeriod > 0) return own;
    throw notEnabled(instance.id);
  }
  const found = [...store.automated.values()].find(
    (record) =>
      record.accountId === call.accountId &&
      record.region === call.region &&
      (arn === undefined
        ? record.instance.dbiResourceId === resourceId && record.sourceRegion === undefined
        : rdsArn(record, 'auto-backup', record.id) === arn),
  );
  if (found) return found;
  const wanted = arn ?? resourceId ?? '';
  if (arn !== undefined && !parseRdsArn(arn)) throw invalidValue(`Invalid automated backup ARN: ${arn}`);
  const idle = [...store.instances.values()].find(
    (one) =>
      one.dbiResourceId === resourceId && one.accountId === call.accountId && one.region === call.region,
  );
  if (idle) throw notEnabled(idle.id);
  throw fault(DBInstanceAutomatedBackupNotFoundFault, `DB instance automated backup not found: ${wanted}`);
}

function notEnabled(id: string): unknown {
  return fault(
    PointInTimeRestoreNotEnabledFault,
    `Point-in-time restore is not enabled for DB instance ${id}: its backup retention period is 0.`,
  );
}

/** The base to begin with, and until when to replay. */
function startingPoint(
  { backups, platform }: RdsContext,
  source: AutomatedBackupRecord,
  time: Date | undefined,
): { snapshotKey: string; until: string | undefined } {
  const window = backups.window(source);
  const bases = backups.bases(source);
  if (!window)
    throw fault(
      InvalidDBInstanceStateFault,
      `DB instance ${source.instance.id} cannot be restored to a point in time yet: its first automated backup is not finished.`,
    );
  const until = time?.toISOString();
  if (until !== undefined && until > window.latest)
    throw invalidValue(
      `The specified restore time ${until} is later than the latest restorable time ${window.latest} of ${source.instance.id}.`,
    );
  const base = bases.findLast(({ createdAt = '' }) => until === undefined || createdAt <= until);
  if (until !== undefined && (!base || until < window.earliest))
    throw invalidValue(
      `The specified restore time ${until} is earlier than the earliest restorable time ${window.earliest} of ${source.instance.id}; now is ${platform.clock.now().toISOString()}.`,
    );
  const chosen = base ?? bases[0];
  if (!chosen) throw new Error('A restore window without a base cannot be.');
  return { snapshotKey: keyOf(chosen, chosen.id), until };
}
