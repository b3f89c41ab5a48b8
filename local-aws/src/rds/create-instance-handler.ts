import type * as RDS from '@aws-sdk/client-rds';
import { refuseOthers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { dailyWindow, weeklyWindow } from './backup-schedule.ts';
import { chosenAuthority } from './certificate-handlers.ts';
import type { RdsContext } from './context.ts';
import { describeInstance } from './describe.ts';
import type { EngineVersions } from './engine-versions.ts';
import { keyForNewData } from './encryption.ts';
import { invalidCombination, invalidValue, required } from './faults.ts';
import { passwordFrom, requireUsername, retentionDays } from './instance-handlers.ts';
import { requireRoomForInstance } from './limits.ts';
import { identifier, keyOf, rdsArn } from './names.ts';
import {
  INERT,
  newResourceId,
  optionGroupFor,
  parameterGroupFor,
  requireFreeName,
  requireInert,
} from './new-instance.ts';
import { place } from './placement.ts';
import type { InstanceRecord } from './records.ts';
import { scramVerifier } from './scram.ts';
import { tagContext, tagsFrom } from './tags.ts';

const KNOWN = [
  ...['DBInstanceIdentifier', 'DBInstanceClass', 'Engine', 'EngineVersion', 'DBName', 'AllocatedStorage'],
  ...['MasterUsername', 'MasterUserPassword', 'ManageMasterUserPassword', 'MasterUserSecretKmsKeyId'],
  ...[
    'VpcSecurityGroupIds',
    'DBSubnetGroupName',
    'AvailabilityZone',
    'MultiAZ',
    'Port',
    'PubliclyAccessible',
  ],
  ...['BackupRetentionPeriod', 'PreferredBackupWindow', 'PreferredMaintenanceWindow', 'CopyTagsToSnapshot'],
  ...['DBParameterGroupName', 'OptionGroupName', 'StorageType', 'StorageEncrypted', 'KmsKeyId', 'Tags'],
  ...['AutoMinorVersionUpgrade', 'DeletionProtection', 'CACertificateIdentifier', 'EngineLifecycleSupport'],
  ...INERT,
];

/** CreateDBInstance. Partly: PostgreSQL of one version; no IAM authentication at login, no provisioned IOPS, no autoscaling storage. */
export function createInstanceHandler(context: RdsContext): Handlers<typeof RDS> {
  const { platform, store, fleet, versions } = context;

  return {
    async CreateDBInstance(input, call) {
      refuseOthers('rds', 'CreateDBInstance', input, KNOWN);
      requireInert('CreateDBInstance', input);
      const id = identifier(
        required(input.DBInstanceIdentifier, 'DBInstanceIdentifier'),
        'DBInstanceIdentifier',
      );
      const tags = tagsFrom(input.Tags);
      platform.authorize(call, 'rds:CreateDBInstance', rdsArn(call, 'db', id), {
        ...tagContext(tags),
        'rds:PubliclyAccessible': String(input.PubliclyAccessible ?? false),
        'rds:StorageEncrypted': String(input.StorageEncrypted ?? false),
        ...(input.DBInstanceClass !== undefined && { 'rds:DatabaseClass': input.DBInstanceClass }),
      });
      const engineVersion = engineVersionFor(input.Engine, input.EngineVersion, versions);
      requireFreeName(store, call, id);
      const instanceClass = required(input.DBInstanceClass, 'DBInstanceClass');
      const allocatedStorage = input.AllocatedStorage ?? 20;
      if (allocatedStorage < 20 || allocatedStorage > 65_536)
        throw invalidValue(
          `Invalid storage size for engine name postgres and storage type: ${allocatedStorage}`,
        );
      requireRoomForInstance(store, call, allocatedStorage);
      const masterUsername = required(input.MasterUsername, 'MasterUsername');
      requireUsername(masterUsername);
      const managed = input.ManageMasterUserPassword ?? false;
      const password = passwordFrom(input.MasterUserPassword, managed);
      const encrypted = input.StorageEncrypted ?? false;
      if (!encrypted && input.KmsKeyId !== undefined)
        throw invalidCombination('KmsKeyId can be given only with StorageEncrypted.');
      const kmsKeyArn = encrypted ? await keyForNewData(platform, call, input.KmsKeyId) : undefined;
      const parameterGroup = parameterGroupFor(context, call, input.DBParameterGroupName, engineVersion);
      const optionGroup = optionGroupFor(context, call, input.OptionGroupName, engineVersion);
      const caIdentifier = chosenAuthority(store, call, input.CACertificateIdentifier);
      const multiAz = input.MultiAZ ?? false;
      const [backup, maintenance] = [input.PreferredBackupWindow, input.PreferredMaintenanceWindow];
      const windows = {
        backupWindow: backup === undefined ? '03:00-03:30' : dailyWindow(backup),
        maintenanceWindow: maintenance === undefined ? 'sun:06:00-sun:06:30' : weeklyWindow(maintenance),
        chosenWindows: { backup: backup !== undefined, maintenance: maintenance !== undefined },
      };
      const placed = await place(context, call, {
        subnetGroup: input.DBSubnetGroupName,
        securityGroupIds: input.VpcSecurityGroupIds,
        availabilityZone: input.AvailabilityZone,
        multiAz,
        port: input.Port,
      });
      const masterVerifier = await scramVerifier(password);
      const dbiResourceId = newResourceId();
      requireFreeName(store, call, id); // nothing is awaited from here to the record, except for the secret
      const masterSecret = managed
        ? await putSecret(call, dbiResourceId, masterUsername, password, input.MasterUserSecretKmsKeyId)
        : undefined;
      requireFreeName(store, call, id);
      const record: InstanceRecord = {
        ...placed,
        ...windows,
        ...{ accountId: call.accountId, region: call.region, id, dbiResourceId, status: 'creating' },
        ...{ engineVersion, masterUsername, dbName: input.DBName, allocatedStorage, encrypted, kmsKeyArn },
        ...{ instanceClass, parameterGroup, optionGroup, multiAz, tags, masterSecret, pending: {} },
        storageType: input.StorageType ?? 'gp2',
        publiclyAccessible: input.PubliclyAccessible ?? false,
        autoMinorVersionUpgrade: input.AutoMinorVersionUpgrade ?? true,
        deletionProtection: input.DeletionProtection ?? false,
        copyTagsToSnapshot: input.CopyTagsToSnapshot ?? false,
        iamAuthentication: false,
        backupRetentionPeriod: retentionDays(input.BackupRetentionPeriod ?? 1),
        caIdentifier,
        engineLifecycleSupport: input.EngineLifecycleSupport ?? 'open-source-rds-extended-support',
        work: { kind: 'create', masterVerifier },
      };
      await store.instances.put(keyOf(call, id), record);
      fleet.create(record, masterVerifier);
      return { DBInstance: describeInstance(store, record) };
    },
  };

  async function putSecret(
    call: Call,
    resourceId: string,
    username: string,
    password: string,
    kmsKey: string | undefined,
  ): Promise<InstanceRecord['masterSecret']> {
    const name = `rds!${resourceId}`;
    const value = { username, password };
    const arn = await platform.secrets.putManaged(call.accountId, call.region, name, value, kmsKey);
    return { arn, kmsKeyArn: kmsKey ?? (await platform.keys.managed('secretsmanager', call)).arn };
  }
}

function engineVersionFor(
  engine: string | undefined,
  asked: string | undefined,
  versions: EngineVersions,
): string {
  if (engine !== 'postgres')
    throw invalidValue(`Invalid DB engine: ${engine ?? ''}. Here there is only postgres.`);
  return versions.chosen(asked);
}
