import * as RDS from '@aws-sdk/client-rds';
import { refuseOthers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { dailyWindow, weeklyWindow } from './backup-schedule.ts';
import { knownAuthority } from './certificate-handlers.ts';
import type { RdsContext } from './context.ts';
import { defined } from './defined.ts';
import { describeInstance, majorOf } from './describe.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { idFrom, passwordFrom, retentionDays } from './instance-handlers.ts';
import { requireRoomForStorage } from './limits.ts';
import { keyOf, rdsArn } from './names.ts';
import { INERT, optionGroupFor, parameterGroupFor, requireInert } from './new-instance.ts';
import { securityGroups } from './placement.ts';
import type { InstanceRecord, PendingChanges } from './records.ts';
import { scramVerifier } from './scram.ts';
import { tagContext } from './tags.ts';

const KNOWN = [
  ...[
    'DBInstanceIdentifier',
    'ApplyImmediately',
    'DBInstanceClass',
    'AllocatedStorage',
    'MultiAZ',
    'StorageType',
  ],
  ...[
    'MasterUserPassword',
    'ManageMasterUserPassword',
    'RotateMasterUserPassword',
    'MasterUserSecretKmsKeyId',
  ],
  ...[
    'VpcSecurityGroupIds',
    'DBParameterGroupName',
    'OptionGroupName',
    'PubliclyAccessible',
    'CopyTagsToSnapshot',
  ],
  ...['BackupRetentionPeriod', 'PreferredBackupWindow', 'PreferredMaintenanceWindow', 'DeletionProtection'],
  ...[
    'AutoMinorVersionUpgrade',
    'AllowMajorVersionUpgrade',
    'CACertificateIdentifier',
    'CertificateRotationRestart',
  ],
  ...['EngineLifecycleSupport', 'EngineVersion', ...INERT],
];

type Input = RDS.ModifyDBInstanceCommandInput;

/** ModifyDBInstance. Partly: no renaming, no other engine version, no other subnet group or port, no provisioned IOPS. */
export function modifyHandler(context: RdsContext): Handlers<typeof RDS> {
  const { platform, store, fleet } = context;
  return {
    async ModifyDBInstance(input, call) {
      refuseOthers('rds', 'ModifyDBInstance', input, KNOWN);
      requireInert('ModifyDBInstance', input);
      const id = idFrom(required(input.DBInstanceIdentifier, 'DBInstanceIdentifier'));
      const before = store.instance(call, id);
      if (!before) throw fault(RDS.DBInstanceNotFoundFault, `DBInstance ${id} not found.`);
      platform.authorize(call, 'rds:ModifyDBInstance', rdsArn(before, 'db', id), tagContext([], before.tags));
      requireSameVersion(input.EngineVersion, before);
      requireModifiable(before, input);
      const settings = await settingsFrom(input, before, call);
      const password = newPassword(input, before);
      const masterVerifier = password === undefined ? undefined : await scramVerifier(password);
      const masterSecret = await secretFor(input, before, password, call);
      const current = store.instance(call, id);
      if (!current) throw fault(RDS.DBInstanceNotFoundFault, `DBInstance ${id} not found.`);
      requireModifiable(current, input);
      const { later, atOnce } = changesFrom(input, current, call);
      const immediately = input.ApplyImmediately === true || current.status === 'storage-full';
      const now: PendingChanges = {
        ...(masterVerifier !== undefined && { masterVerifier }), // at once, whatever ApplyImmediately says
        ...(immediately && { ...current.pending, ...later }),
      };
      const key = keyOf(call, id);
      const pending = { ...current.pending, ...later, ...now };
      const waits = Object.keys(later).length > 0 && !immediately;
      const changed: InstanceRecord = {
        ...{ ...current, ...settings, ...atOnce, ...masterSecret, pending },
        pendingSince: waits ? platform.clock.now().toISOString() : current.pendingSince,
        ...(Object.keys(now).length > 0 && { applying: { ...current.applying, ...now } }),
      };
      await store.instances.put(key, changed);
      await fleet.servers.readmit(key);
      if (Object.keys(now).length > 0) fleet.modify(key, now);
      return { DBInstance: describeInstance(store, changed) };
    },
  };

  /** What waits for the maintenance window unless it is to be applied immediately, and what never waits. */
  function changesFrom(
    input: Input,
    current: InstanceRecord,
    call: Call,
  ): { later: PendingChanges; atOnce: Partial<InstanceRecord> } {
    const allocatedStorage = grown(input.AllocatedStorage, current);
    if (allocatedStorage !== undefined)
      requireRoomForStorage(store, call, allocatedStorage - current.allocatedStorage);
    const { BackupRetentionPeriod: days, CACertificateIdentifier: ca } = input;
    const retention = days === undefined ? undefined : retentionDays(days);
    const switches = retention !== undefined && (retention === 0) !== (current.backupRetentionPeriod === 0);
    return {
      later: defined({
        instanceClass: input.DBInstanceClass === current.instanceClass ? undefined : input.DBInstanceClass,
        allocatedStorage,
        multiAz: input.MultiAZ === current.multiAz ? undefined : input.MultiAZ,
        caIdentifier: ca === undefined || ca === current.caIdentifier ? undefined : knownAuthority(ca),
        backupRetentionPeriod: switches ? retention : undefined,
      }),
      atOnce: retention === undefined || switches ? {} : { backupRetentionPeriod: retention },
    };
  }

  async function settingsFrom(
    input: Input,
    before: InstanceRecord,
    call: Call,
  ): Promise<Partial<InstanceRecord>> {
    const [groups, backup, maintenance] = [
      ...([
        input.VpcSecurityGroupIds,
        input.PreferredBackupWindow,
        input.PreferredMaintenanceWindow,
      ] as const),
    ];
    const parameterGroup =
      input.DBParameterGroupName === undefined
        ? undefined
        : parameterGroupFor(context, call, input.DBParameterGroupName, before.engineVersion);
    const regrouped = parameterGroup !== undefined && parameterGroup !== before.parameterGroup;
    return {
      ...defined({
        deletionProtection: input.DeletionProtection,
        copyTagsToSnapshot: input.CopyTagsToSnapshot,
        autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade,
        publiclyAccessible: input.PubliclyAccessible,
        storageType: input.StorageType,
        engineLifecycleSupport: input.EngineLifecycleSupport,
        backupWindow: backup === undefined ? undefined : dailyWindow(backup),
        maintenanceWindow: maintenance === undefined ? undefined : weeklyWindow(maintenance),
      }),
      ...(groups && { securityGroupIds: await securityGroups(context, call, before.vpcId, groups) }),
      ...(regrouped && { parameterGroup, parameterStatus: 'pending-reboot' as const }),
      ...(input.OptionGroupName !== undefined && {
        optionGroup: optionGroupFor(context, call, input.OptionGroupName, before.engineVersion),
      }),
      chosenWindows: {
        backup: before.chosenWindows.backup || backup !== undefined,
        maintenance: before.chosenWindows.maintenance || maintenance !== undefined,
      },
    };
  }

  /** What the master's password is to become, if it is to change. */
  function newPassword(input: Input, before: InstanceRecord): string | undefined {
    const { MasterUserPassword, ManageMasterUserPassword, RotateMasterUserPassword } = input;
    if (before.masterSecret && ManageMasterUserPassword !== false && MasterUserPassword !== undefined)
      throw invalidCombination(
        'You cannot specify MasterUserPassword while the password is managed in Secrets Manager.',
      );
    if (RotateMasterUserPassword === true && !before.masterSecret)
      throw invalidCombination('You can rotate only a password that is managed in Secrets Manager.');
    if (before.masterSecret && ManageMasterUserPassword === false)
      return passwordFrom(MasterUserPassword, false);
    if (ManageMasterUserPassword === true && !before.masterSecret)
      return passwordFrom(MasterUserPassword, true);
    if (RotateMasterUserPassword === true) return passwordFrom(undefined, true);
    return MasterUserPassword === undefined ? undefined : passwordFrom(MasterUserPassword, false);
  }

  async function secretFor(
    input: Input,
    before: InstanceRecord,
    password: string | undefined,
    call: Call,
  ): Promise<Pick<InstanceRecord, 'masterSecret'>> {
    if (input.ManageMasterUserPassword === false && before.masterSecret) {
      await platform.secrets.delete(before.masterSecret.arn);
      return { masterSecret: undefined };
    }
    const managed = input.ManageMasterUserPassword === true || before.masterSecret !== undefined;
    if (!managed || password === undefined) return {};
    const value = { username: before.masterUsername, password };
    const key = input.MasterUserSecretKmsKeyId;
    const name = `rds!${before.dbiResourceId}`;
    const arn = await platform.secrets.putManaged(call.accountId, call.region, name, value, key);
    return {
      masterSecret: { arn, kmsKeyArn: key ?? (await platform.keys.managed('secretsmanager', call)).arn },
    };
  }
}

/** More storage is what helps a full instance, another parameter group one whose parameters do not fit. */
function requireModifiable(instance: InstanceRecord, input: Input): void {
  const { status, id } = instance;
  if (status === 'available' || status === 'storage-optimization') return;
  if (status === 'storage-full' && input.AllocatedStorage !== undefined) return;
  if (status === 'incompatible-parameters' && input.DBParameterGroupName !== undefined) return;
  throw fault(
    RDS.InvalidDBInstanceStateFault,
    `Database instance is not in available state. Instance ${id} is ${status}.`,
  );
}

function requireSameVersion(asked: string | undefined, { engineVersion }: InstanceRecord): void {
  if (asked === undefined || asked === engineVersion || asked === majorOf(engineVersion)) return;
  throw invalidCombination(`Cannot upgrade postgres from ${engineVersion} to ${asked}.`);
}

function grown(asked: number | undefined, before: InstanceRecord): number | undefined {
  if (asked === undefined || asked === before.allocatedStorage) return undefined;
  if (asked >= before.allocatedStorage * 1.1) return asked;
  throw invalidValue(
    `AllocatedStorage can only grow, by at least 10 %: it is ${before.allocatedStorage} GiB.`,
  );
}
