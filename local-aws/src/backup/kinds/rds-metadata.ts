import type { RestoreDBInstanceFromDBSnapshotCommandInput } from '@aws-sdk/client-rds';
import { majorOf, OPTION_GROUP } from '../../rds/describe.ts';
import type { SnapshotRecord } from '../../rds/records.ts';
import { JobFailure } from '../faults.ts';
import { list, number, requireUnchanged, truth } from './metadata-values.ts';

type Input = RestoreDBInstanceFromDBSnapshotCommandInput;

/** What GetRecoveryPointRestoreMetadata gives: all values are strings, lists are JSON. The port is left out: a copy gets its own. */
export function metadataOf({ instance }: SnapshotRecord): Record<string, string> {
  return {
    AllocatedStorage: String(instance.allocatedStorage),
    AutoMinorVersionUpgrade: String(instance.autoMinorVersionUpgrade),
    AvailabilityZone: instance.availabilityZone,
    CopyTagsToSnapshot: String(instance.copyTagsToSnapshot),
    DBInstanceClass: instance.instanceClass,
    DBInstanceIdentifier: instance.id,
    DBParameterGroupName: instance.parameterGroup,
    DBSubnetGroupName: instance.subnetGroup,
    DeletionProtection: String(instance.deletionProtection),
    EnableIAMDatabaseAuthentication: String(instance.iamAuthentication),
    Engine: 'postgres',
    LicenseModel: 'postgresql-license',
    MultiAZ: String(instance.multiAz),
    OptionGroupName: OPTION_GROUP(majorOf(instance.engineVersion)),
    PubliclyAccessible: String(instance.publiclyAccessible),
    StorageType: instance.storageType,
    VpcSecurityGroupIds: JSON.stringify(instance.securityGroupIds),
  };
}

const TEXT = {
  AvailabilityZone: 'AvailabilityZone',
  DBInstanceClass: 'DBInstanceClass',
  DBParameterGroupName: 'DBParameterGroupName',
  DBSubnetGroupName: 'DBSubnetGroupName',
  StorageType: 'StorageType',
} as const satisfies Record<string, keyof Input>;

const TRUTH = {
  AutoMinorVersionUpgrade: 'AutoMinorVersionUpgrade',
  CopyTagsToSnapshot: 'CopyTagsToSnapshot',
  DeletionProtection: 'DeletionProtection',
  EnableIAMDatabaseAuthentication: 'EnableIAMDatabaseAuthentication',
  MultiAZ: 'MultiAZ',
  PubliclyAccessible: 'PubliclyAccessible',
} as const satisfies Record<string, keyof Input>;

const NUMBERS = {
  AllocatedStorage: 'AllocatedStorage',
  BackupRetentionPeriod: 'BackupRetentionPeriod',
  Port: 'Port',
} as const satisfies Record<string, keyof Input>;

/** Turns metadata into the call to RDS. @throws JobFailure for a missing, unknown or malformed key: the job fails, not the call. */
export function restoreInput(metadata: Readonly<Record<string, string>>, snapshot: SnapshotRecord): Input {
  const input: Record<string, unknown> = { DBSnapshotIdentifier: snapshot.id };
  const fixed = {
    Engine: 'postgres',
    LicenseModel: 'postgresql-license',
    OptionGroupName: OPTION_GROUP(majorOf(snapshot.instance.engineVersion)),
    DBName: snapshot.instance.dbName ?? '',
    EngineVersion: snapshot.instance.engineVersion,
  };
  for (const [key, value] of Object.entries(metadata)) {
    if (key in TEXT || key === 'DBInstanceIdentifier') input[key] = value;
    else if (key in TRUTH) input[key] = truth(key, value);
    else if (key in NUMBERS) input[key] = number(key, value);
    else if (key === 'VpcSecurityGroupIds') input[key] = list(key, value);
    else requireUnchanged(key, value, fixed);
  }
  if (metadata['DBInstanceIdentifier'] === undefined)
    throw new JobFailure('Restore metadata lacks the required key DBInstanceIdentifier.');
  return input as unknown as Input;
}
