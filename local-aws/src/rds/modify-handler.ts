import * as RDS from '@aws-sdk/client-rds';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { RdsContext } from './context.ts';
import { defined } from './defined.ts';
import { describeInstance } from './describe.ts';
import { fault, invalidCombination, invalidValue, required } from './faults.ts';
import { idFrom, passwordFrom, retentionDays } from './instance-handlers.ts';
import { keyOf, rdsArn } from './names.ts';
import { securityGroups } from './placement.ts';
import type { InstanceRecord, PendingChanges } from './records.ts';
import { parameterGroupFor } from './new-instance.ts';
import { scramVerifier } from './scram.ts';
import { tagContext } from './tags.ts';

const REFUSED = [
  ...[
    'DBSubnetGroupName',
    'DBSecurityGroups',
    'EngineVersion',
    'AllowMajorVersionUpgrade',
    'Iops',
    'StorageThroughput',
  ],
  ...['NewDBInstanceIdentifier', 'StorageType', 'TdeCredentialArn', 'Domain', 'DomainFqdn', 'DisableDomain'],
  ...[
    'DBPortNumber',
    'ReplicaMode',
    'AutomationMode',
    'AwsBackupRecoveryPointArn',
    'MultiTenant',
    'DedicatedLogVolume',
  ],
  ...[
    'Engine',
    'AdditionalStorageVolumes',
    'DBCapacityReservationIdentifier',
    'TagSpecifications',
    'EnableCustomerOwnedIp',
  ],
  ...[
    'MasterUserAuthenticationType',
    'CloudwatchLogsExportConfiguration',
    'ProcessorFeatures',
    'MaxAllocatedStorage',
  ],
  ...['EnablePerformanceInsights', 'MonitoringInterval', 'OptionGroupName', 'LicenseModel', 'PromotionTier'],
];

type Input = RDS.ModifyDBInstanceCommandInput;

export function modifyHandler(context: RdsContext): Handlers<typeof RDS> {
  const { platform, store, fleet } = context;
  return {
    async ModifyDBInstance(input, call) {
      refuseMembers('rds', 'ModifyDBInstance', input, REFUSED);
      const id = idFrom(required(input.DBInstanceIdentifier, 'DBInstanceIdentifier'));
      const before = store.instance(call, id);
      if (!before) throw fault(RDS.DBInstanceNotFoundFault, `DBInstance ${id} not found.`);
      platform.authorize(call, 'rds:ModifyDBInstance', rdsArn(before, 'db', id), tagContext([], before.tags));
      const settings = await settingsFrom(input, before, call);
      const password = newPassword(input, before);
      const masterVerifier = password === undefined ? undefined : await scramVerifier(password);
      const masterSecret = await secretFor(input, before, password, call);
      const current = store.instance(call, id);
      if (!current) throw fault(RDS.DBInstanceNotFoundFault, `DBInstance ${id} not found.`);
      if (current.status !== 'available')
        throw fault(
          RDS.InvalidDBInstanceStateFault,
          `Database instance is not in available state. Instance ${id} is ${current.status}.`,
        );
      const later = defined({
        instanceClass: input.DBInstanceClass,
        allocatedStorage: grown(input.AllocatedStorage, before),
        multiAz: input.MultiAZ,
      });
      const applied: PendingChanges = {
        ...(masterVerifier !== undefined && { masterVerifier }), // at once, whatever ApplyImmediately says
        ...(input.ApplyImmediately === true && { ...current.pending, ...later }),
      };
      const key = keyOf(call, id);
      const pending = { ...current.pending, ...later, ...applied };
      const changed = { ...current, ...settings, ...masterSecret, pending };
      await store.instances.put(key, changed);
      await fleet.readmit(key);
      if (Object.keys(applied).length > 0) fleet.modify(key, applied);
      return { DBInstance: describeInstance(store, changed) };
    },
  };

  async function settingsFrom(
    input: Input,
    before: InstanceRecord,
    call: Call,
  ): Promise<Partial<InstanceRecord>> {
    const groups = input.VpcSecurityGroupIds;
    return {
      ...defined({
        deletionProtection: input.DeletionProtection,
        copyTagsToSnapshot: input.CopyTagsToSnapshot,
        autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade,
        publiclyAccessible: input.PubliclyAccessible,
        iamAuthentication: input.EnableIAMDatabaseAuthentication,
        caIdentifier: input.CACertificateIdentifier,
        engineLifecycleSupport: input.EngineLifecycleSupport,
        backupWindow: input.PreferredBackupWindow,
        maintenanceWindow: input.PreferredMaintenanceWindow,
      }),
      ...(input.BackupRetentionPeriod !== undefined && {
        backupRetentionPeriod: retentionDays(input.BackupRetentionPeriod),
      }),
      ...(groups && { securityGroupIds: await securityGroups(context, call, before.vpcId, groups) }),
      ...(input.DBParameterGroupName !== undefined && {
        parameterGroup: parameterGroupFor(context, call, input.DBParameterGroupName, before.engineVersion),
      }),
      chosenWindows: {
        backup: before.chosenWindows.backup || input.PreferredBackupWindow !== undefined,
        maintenance: before.chosenWindows.maintenance || input.PreferredMaintenanceWindow !== undefined,
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

function grown(asked: number | undefined, before: InstanceRecord): number | undefined {
  if (asked === undefined || asked === before.allocatedStorage) return undefined;
  if (asked >= before.allocatedStorage * 1.1) return asked;
  throw invalidValue(
    `AllocatedStorage can only grow, by at least 10 %: it is ${before.allocatedStorage} GiB.`,
  );
}
