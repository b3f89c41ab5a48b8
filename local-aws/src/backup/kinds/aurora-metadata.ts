import type { RestoreDBClusterFromSnapshotCommandInput } from '@aws-sdk/client-rds';
import type { ClusterSnapshotRecord } from '../../rds/cluster-records.ts';
import { JobFailure } from '../faults.ts';
import { list, number, requireUnchanged, truth } from './metadata-values.ts';

type Input = RestoreDBClusterFromSnapshotCommandInput;

const ENGINE = 'aurora-postgresql';

/** What GetRecoveryPointRestoreMetadata gives; the port is left out: a restored cluster gets its own. */
export function auroraMetadata({ cluster, region }: ClusterSnapshotRecord): Record<string, string> {
  return {
    AvailabilityZones: JSON.stringify(zonesOf(region)),
    CopyTagsToSnapshot: String(cluster.copyTagsToSnapshot),
    ...(cluster.dbName !== undefined && { DatabaseName: cluster.dbName }),
    DBClusterIdentifier: cluster.id,
    DBClusterParameterGroupName: cluster.parameterGroup,
    DBSubnetGroupName: cluster.subnetGroup,
    DeletionProtection: String(cluster.deletionProtection),
    EnableIAMDatabaseAuthentication: String(cluster.iamAuthentication),
    Engine: ENGINE,
    EngineMode: 'provisioned',
    EngineVersion: cluster.engineVersion,
    StorageType: cluster.storageType,
    VpcSecurityGroupIds: JSON.stringify(cluster.securityGroupIds),
  };
}

const TEXT = {
  DBClusterIdentifier: 'DBClusterIdentifier',
  DBClusterParameterGroupName: 'DBClusterParameterGroupName',
  DBSubnetGroupName: 'DBSubnetGroupName',
  EngineVersion: 'EngineVersion',
  KmsKeyId: 'KmsKeyId',
  StorageType: 'StorageType',
} as const satisfies Record<string, keyof Input>;

const TRUTH = {
  CopyTagsToSnapshot: 'CopyTagsToSnapshot',
  DeletionProtection: 'DeletionProtection',
  EnableIAMDatabaseAuthentication: 'EnableIAMDatabaseAuthentication',
} as const satisfies Record<string, keyof Input>;

const NUMBERS = {
  BackupRetentionPeriod: 'BackupRetentionPeriod',
  Port: 'Port',
} as const satisfies Record<string, keyof Input>;

/** Turns metadata into the call to RDS. @throws JobFailure for a missing, unknown or malformed key: the job fails, not the call. */
export function auroraRestoreInput(
  metadata: Readonly<Record<string, string>>,
  { cluster, region }: ClusterSnapshotRecord,
  SnapshotIdentifier: string,
): Input {
  // An engine version that is left out would be the region's default: AWS Backup keeps the snapshot's.
  const input: Record<string, unknown> = { Engine: ENGINE, EngineVersion: cluster.engineVersion };
  const fixed = {
    AvailabilityZones: JSON.stringify(zonesOf(region)),
    DatabaseName: cluster.dbName ?? '',
    Engine: ENGINE,
    EngineMode: 'provisioned',
  };
  for (const [key, value] of Object.entries(metadata)) {
    if (key in TEXT) input[key] = value;
    else if (key in TRUTH) input[key] = truth(key, value);
    else if (key in NUMBERS) input[key] = number(key, value);
    else if (key === 'VpcSecurityGroupIds') input[key] = list(key, value);
    else requireUnchanged(key, value, fixed);
  }
  if (metadata['DBClusterIdentifier'] === undefined)
    throw new JobFailure('Restore metadata lacks the required key DBClusterIdentifier.');
  return { ...input, SnapshotIdentifier } as unknown as Input;
}

/** Aurora keeps its storage in three zones, whatever was asked for. */
function zonesOf(region: string): string[] {
  return ['a', 'b', 'c'].map((zone) => `${region}${zone}`);
}
