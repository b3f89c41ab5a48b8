import type {
  DescribeBackupJobOutput,
  DescribeRestoreJobOutput,
  CopyJob,
  Lifecycle,
} from '@aws-sdk/client-backup';
import type { Corner } from './database-cloud.ts';
import { eventually } from './eventually.ts';

const OVER = ['COMPLETED', 'FAILED', 'ABORTED', 'EXPIRED', 'PARTIAL'];

export function vaultArn({ accountId, region }: Corner, name: string): string {
  return `arn:aws:backup:${region}:${accountId}:backup-vault:${name}`;
}

export interface BackupRequest {
  readonly vault: string;
  readonly resource: string;
  readonly role: string;
  readonly days?: number;
  readonly token?: string;
  readonly tags?: Record<string, string>;
}

/** Starts a backup job and waits for its end, good or bad. */
export async function backUp({ backup }: Corner, request: BackupRequest): Promise<DescribeBackupJobOutput> {
  const { vault, resource, role, days, token, tags } = request;
  const { BackupJobId } = await backup.startBackupJob({
    ...{ BackupVaultName: vault, ResourceArn: resource, IamRoleArn: role },
    ...(days !== undefined && { Lifecycle: { DeleteAfterDays: days } }),
    ...(token !== undefined && { IdempotencyToken: token }),
    ...(tags && { RecoveryPointTags: tags }),
  });
  return whenBackedUp({ backup }, BackupJobId ?? '');
}

export async function whenBackedUp(
  { backup }: Pick<Corner, 'backup'>,
  id: string,
): Promise<DescribeBackupJobOutput> {
  return eventually(`backup job ${id} is over`, async () => {
    const job = await backup.describeBackupJob({ BackupJobId: id });
    return OVER.includes(job.State ?? '') ? job : undefined;
  });
}

export interface CopyRequest {
  readonly point: string;
  readonly from: string;
  readonly to: string;
  readonly role: string;
  readonly lifecycle?: Lifecycle;
}

export async function copyPoint(
  { backup }: Corner,
  { point, from, to, role, lifecycle }: CopyRequest,
): Promise<CopyJob> {
  const { CopyJobId } = await backup.startCopyJob({
    ...{
      RecoveryPointArn: point,
      SourceBackupVaultName: from,
      DestinationBackupVaultArn: to,
      IamRoleArn: role,
    },
    ...(lifecycle && { Lifecycle: lifecycle }),
  });
  return eventually(`copy job ${CopyJobId ?? ''} is over`, async () => {
    const { CopyJob } = await backup.describeCopyJob({ CopyJobId });
    return CopyJob && OVER.includes(CopyJob.State ?? '') ? CopyJob : undefined;
  });
}

export interface RestoreRequest {
  readonly vault: string;
  readonly point: string;
  readonly role: string;
  readonly id: string;
  readonly metadata?: Record<string, string>;
  readonly copyTags?: boolean;
}

/** Restores with the recorded metadata, into the default network of the account. */
export async function restorePoint(
  { backup }: Corner,
  request: RestoreRequest,
): Promise<DescribeRestoreJobOutput> {
  const { vault, point, role, id, metadata = {}, copyTags = false } = request;
  const recorded = await backup.getRecoveryPointRestoreMetadata({
    BackupVaultName: vault,
    RecoveryPointArn: point,
  });
  const ofTheSource = ['DBSubnetGroupName', 'VpcSecurityGroupIds', 'AvailabilityZone'];
  const kept = Object.fromEntries(
    Object.entries(recorded.RestoreMetadata ?? {}).filter(([key]) => !ofTheSource.includes(key)),
  );
  const { RestoreJobId } = await backup.startRestoreJob({
    ...{ RecoveryPointArn: point, IamRoleArn: role, ResourceType: 'RDS' },
    Metadata: { ...kept, DBInstanceIdentifier: id, ...metadata },
    CopySourceTagsToRestoredResource: copyTags,
  });
  return whenRestored({ backup }, RestoreJobId ?? '');
}

export async function whenRestored(
  { backup }: Pick<Corner, 'backup'>,
  id: string,
): Promise<DescribeRestoreJobOutput> {
  return eventually(`restore job ${id} is over`, async () => {
    const job = await backup.describeRestoreJob({ RestoreJobId: id });
    return OVER.includes(job.Status ?? '') ? job : undefined;
  });
}
