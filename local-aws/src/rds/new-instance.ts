import {
  DBInstanceAlreadyExistsFault,
  DBParameterGroupNotFoundFault,
  OptionGroupNotFoundFault,
  type RestoreDBInstanceFromDBSnapshotCommandInput,
} from '@aws-sdk/client-rds';
import { randomBytes } from 'node:crypto';
import type { Place } from '../platform.ts';
import { notImplemented, refuseOthers } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import { dailyWindow } from './backup-schedule.ts';
import { chosenAuthority } from './certificate-handlers.ts';
import type { RdsContext } from './context.ts';
import { majorOf, OPTION_GROUP, PARAMETER_GROUP } from './describe.ts';
import { usableKey } from './encryption.ts';
import { fault, invalidCombination, invalidValue } from './faults.ts';
import { retentionDays } from './instance-handlers.ts';
import { requireRoomForInstance } from './limits.ts';
import { keyOf } from './names.ts';
import { place } from './placement.ts';
import type { InstanceFacts, InstanceRecord, InstanceWork, Tag } from './records.ts';
import type { RdsStore } from './store.ts';

/** Members that AWS has and that change nothing here, as long as they say what holds anyway. */
export const INERT = [
  ...['LicenseModel', 'NetworkType', 'BackupTarget', 'MonitoringInterval', 'EnableIAMDatabaseAuthentication'],
];

/** @throws NotImplemented (501) */
export function requireInert(operation: string, input: object): void {
  const holds: Record<string, unknown> = {
    LicenseModel: 'postgresql-license',
    NetworkType: 'IPV4',
    BackupTarget: 'region',
    MonitoringInterval: 0,
    // The PostgreSQL that comes with this package can ask nobody else whether a password is right.
    EnableIAMDatabaseAuthentication: false,
  };
  for (const name of INERT) {
    const value = (input as Record<string, unknown>)[name];
    if (value !== undefined && value !== null && value !== holds[name])
      throw notImplemented('rds', `${operation} with ${name} ${JSON.stringify(value)}`);
  }
}

/** What both kinds of restore understand. */
const KNOWN_AT_RESTORE = [
  ...[
    'DBInstanceClass',
    'AllocatedStorage',
    'StorageType',
    'DBSubnetGroupName',
    'VpcSecurityGroupIds',
    'Port',
  ],
  ...['AvailabilityZone', 'MultiAZ', 'PubliclyAccessible', 'AutoMinorVersionUpgrade', 'DeletionProtection'],
  ...['CopyTagsToSnapshot', 'BackupRetentionPeriod', 'PreferredBackupWindow', 'CACertificateIdentifier'],
  ...['EngineLifecycleSupport', 'DBParameterGroupName', 'OptionGroupName', 'Tags', 'Engine', ...INERT],
];

/** @throws NotImplemented (501) for what a restore here does not understand */
export function requireKnownAtRestore(
  operation: string,
  input: Wishes & { Engine?: string | undefined },
  own: readonly string[],
): void {
  refuseOthers('rds', operation, input, [...KNOWN_AT_RESTORE, ...own]);
  requireInert(operation, input);
  if (input.Engine !== undefined && input.Engine !== 'postgres')
    throw invalidCombination(`A backup of postgres cannot be restored as ${input.Engine}.`);
}

/** What restores have in common. */
type Wishes = Pick<
  RestoreDBInstanceFromDBSnapshotCommandInput,
  | 'DBInstanceClass'
  | 'AllocatedStorage'
  | 'StorageType'
  | 'DBSubnetGroupName'
  | 'VpcSecurityGroupIds'
  | 'AvailabilityZone'
  | 'MultiAZ'
  | 'Port'
  | 'PubliclyAccessible'
  | 'AutoMinorVersionUpgrade'
  | 'DeletionProtection'
  | 'CopyTagsToSnapshot'
  | 'EnableIAMDatabaseAuthentication'
  | 'BackupRetentionPeriod'
  | 'PreferredBackupWindow'
  | 'CACertificateIdentifier'
  | 'EngineLifecycleSupport'
  | 'DBParameterGroupName'
  | 'OptionGroupName'
>;

interface NewInstance {
  readonly id: string;
  readonly input: Wishes;
  /** The instance as it was, and how its data are encrypted. */
  readonly from: InstanceFacts & Pick<InstanceRecord, 'encrypted' | 'kmsKeyArn'>;
  readonly tags: readonly Tag[];
  readonly work: InstanceWork;
  readonly awsBackupJob?: string | undefined;
}

/** Checks what a restore asks for, places the new instance and writes its record, `creating`. Defaults are AWS's. */
export async function makeInstance(
  context: RdsContext,
  call: Call,
  { id, input, from, tags, work, awsBackupJob }: NewInstance,
): Promise<InstanceRecord> {
  const { platform, store } = context;
  if (from.kmsKeyArn !== undefined) usableKey(platform, call, from.kmsKeyArn);
  const allocatedStorage = input.AllocatedStorage ?? from.allocatedStorage;
  if (allocatedStorage < from.allocatedStorage)
    throw invalidValue(
      `AllocatedStorage must not be below the ${from.allocatedStorage} GiB of what is restored.`,
    );
  requireRoomForInstance(store, call, allocatedStorage);
  const parameterGroup = parameterGroupFor(context, call, input.DBParameterGroupName, from.engineVersion);
  const optionGroup = optionGroupFor(
    context,
    call,
    input.OptionGroupName ?? from.optionGroup,
    from.engineVersion,
  );
  const multiAz = input.MultiAZ ?? false;
  const placed = await place(context, call, {
    subnetGroup: input.DBSubnetGroupName,
    securityGroupIds: input.VpcSecurityGroupIds,
    availabilityZone: input.AvailabilityZone,
    multiAz,
    port: input.Port,
  });
  const caIdentifier = chosenAuthority(store, call, input.CACertificateIdentifier);
  requireFreeName(store, call, id);
  const { accountId, region } = call;
  const record: InstanceRecord = {
    ...placed,
    ...{ accountId, region, id, status: 'creating', dbiResourceId: newResourceId() },
    ...{ engineVersion: from.engineVersion, masterUsername: from.masterUsername, dbName: from.dbName },
    instanceClass: input.DBInstanceClass ?? from.instanceClass,
    allocatedStorage,
    storageType: input.StorageType ?? from.storageType,
    encrypted: from.encrypted,
    kmsKeyArn: from.kmsKeyArn,
    parameterGroup,
    optionGroup,
    multiAz,
    publiclyAccessible: input.PubliclyAccessible ?? false,
    autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade ?? from.autoMinorVersionUpgrade,
    deletionProtection: input.DeletionProtection ?? false,
    copyTagsToSnapshot: input.CopyTagsToSnapshot ?? false,
    iamAuthentication: from.iamAuthentication,
    backupRetentionPeriod: retentionDays(input.BackupRetentionPeriod ?? from.backupRetentionPeriod),
    backupWindow:
      input.PreferredBackupWindow === undefined
        ? from.backupWindow
        : dailyWindow(input.PreferredBackupWindow),
    maintenanceWindow: 'sun:06:00-sun:06:30',
    chosenWindows: { backup: input.PreferredBackupWindow !== undefined, maintenance: false },
    caIdentifier,
    engineLifecycleSupport: input.EngineLifecycleSupport ?? 'open-source-rds-extended-support',
    tags,
    pending: {},
    awsBackupJob,
    work,
  };
  await store.instances.put(keyOf(call, id), record);
  return record;
}

export function requireFreeName(store: RdsStore, where: Place, id: string): void {
  if (store.instance(where, id)) throw fault(DBInstanceAlreadyExistsFault, 'DB instance already exists');
}

export function parameterGroupFor(
  { store }: RdsContext,
  where: Place,
  name: string | undefined,
  engineVersion: string,
): string {
  const fallback = PARAMETER_GROUP(majorOf(engineVersion));
  if (name === undefined || name === fallback) return fallback;
  const group = store.parameterGroups.get(keyOf(where, name.toLowerCase()));
  if (!group) throw fault(DBParameterGroupNotFoundFault, `DBParameterGroup not found: ${name}`);
  if (group.family !== `postgres${majorOf(engineVersion)}`)
    throw invalidCombination(
      `The parameter group ${group.name} with DBParameterGroupFamily ${group.family} cannot be used for this instance. Please use a parameter group with DBParameterGroupFamily postgres${majorOf(engineVersion)}`,
    );
  return group.name;
}

/** The option group asked for; undefined stands for the default one. */
export function optionGroupFor(
  { store }: RdsContext,
  where: Place,
  name: string | undefined,
  engineVersion: string,
): string | undefined {
  if (name === undefined || name === OPTION_GROUP(majorOf(engineVersion))) return undefined;
  if (store.optionGroups.has(keyOf(where, name.toLowerCase()))) return name.toLowerCase();
  throw fault(OptionGroupNotFoundFault, `Specified OptionGroupName: ${name} not found.`);
}

/** 26 characters, as AWS makes them. */
export function newResourceId(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return `db-${[...randomBytes(26)].map((byte) => alphabet[byte % 32]).join('')}`;
}
