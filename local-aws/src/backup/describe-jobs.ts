import type {
  BackupJob,
  CopyJob,
  RestoreJobsListMember,
  RestoreValidationStatus,
} from '@aws-sdk/client-backup';
import type { BackupContext } from './context.ts';
import { date, describeCreator, describeLifecycle } from './describe.ts';
import { messageCategory } from './job-lists.ts';
import { parseVaultArn, resourceName, vaultArn } from './names.ts';
import type { BackupJobRecord, CopyJobRecord, RestoreJobRecord, VaultRecord } from './records.ts';

export function describeBackupJob({ store, kinds }: BackupContext, job: BackupJobRecord): BackupJob {
  const vault = store.vault(job, job.vaultName);
  const point = job.pointArn === undefined ? undefined : store.points.get(job.pointArn);
  const kind = kinds.of(job.resourceArn);
  const live = point && kind?.percent(point);
  return {
    AccountId: job.accountId,
    BackupJobId: job.id,
    BackupVaultName: job.vaultName,
    BackupVaultArn: vaultArn({ ...job, name: job.vaultName }),
    VaultType: vault?.type ?? 'BACKUP_VAULT',
    VaultLockState: lockState(vault),
    RecoveryPointArn: job.pointArn,
    RecoveryPointLifecycle: describeLifecycle(job.lifecycle),
    EncryptionKeyArn: point?.keyArn,
    IsEncrypted: point?.keyArn !== undefined,
    ResourceArn: job.resourceArn,
    ResourceName: resourceName(job.resourceArn),
    ResourceType: kind?.type,
    CreatedBy: describeCreator(job, job.createdBy),
    CreationDate: new Date(job.createdAt),
    InitiationDate: date(job.initiatedAt),
    CompletionDate: date(job.completedAt),
    State: job.state,
    StatusMessage: job.statusMessage,
    MessageCategory: messageCategory(job),
    PercentDone: percent(job.state === 'RUNNING' ? live : job.percent),
    BackupSizeInBytes: job.bytes,
    BytesTransferred: job.bytes,
    IamRoleArn: job.iamRoleArn,
    StartBy: new Date(job.startBy),
    ExpectedCompletionDate: new Date(job.completeBy),
    IsParent: false,
  };
}

export function describeCopyJob({ store, kinds }: BackupContext, job: CopyJobRecord): CopyJob {
  const named = parseVaultArn(job.destinationVaultArn);
  const destination = named && store.vault(named, named.name);
  return {
    AccountId: job.accountId,
    CopyJobId: job.id,
    SourceBackupVaultArn: vaultArn({ ...job, name: job.sourceVaultName }),
    SourceRecoveryPointArn: job.sourcePointArn,
    DestinationBackupVaultArn: job.destinationVaultArn,
    DestinationVaultType: destination?.type ?? 'BACKUP_VAULT',
    DestinationVaultLockState: lockState(destination),
    DestinationEncryptionKeyArn: destination?.keyArn,
    DestinationRecoveryPointArn: job.destinationPointArn,
    DestinationRecoveryPointLifecycle: describeLifecycle(job.lifecycle),
    ResourceArn: job.resourceArn,
    ResourceName: resourceName(job.resourceArn),
    ResourceType: kinds.typeOf(job.resourceArn),
    CreatedBy: describeCreator(job, job.createdBy),
    CreatedByBackupJobId: job.createdByBackupJob,
    CreationDate: new Date(job.createdAt),
    CompletionDate: date(job.completedAt),
    State: job.state,
    StatusMessage: job.statusMessage,
    MessageCategory: messageCategory(job),
    BackupSizeInBytes: job.bytes,
    IamRoleArn: job.iamRoleArn,
    IsParent: false,
  };
}

export function describeRestoreJob(
  { store, kinds }: BackupContext,
  job: RestoreJobRecord,
): RestoreJobsListMember {
  const point = store.points.get(job.pointArn);
  const resourceArn = job.resourceArn ?? point?.resourceArn; // a job outlives its point
  const vaultName = job.vaultName ?? point?.vaultName;
  return {
    AccountId: job.accountId,
    RestoreJobId: job.id,
    RecoveryPointArn: job.pointArn,
    SourceResourceArn: resourceArn,
    BackupVaultArn: vaultName === undefined ? undefined : vaultArn({ ...job, name: vaultName }),
    RecoveryPointCreationDate: date(job.pointCreatedAt ?? point?.createdAt),
    CreationDate: new Date(job.createdAt),
    CompletionDate: date(job.completedAt),
    Status: job.state,
    StatusMessage: job.statusMessage,
    PercentDone: percent(job.percent),
    BackupSizeInBytes: job.bytes,
    IamRoleArn: job.iamRoleArn,
    CreatedResourceArn: job.createdResourceArn,
    ResourceType: resourceArn === undefined ? undefined : kinds.typeOf(resourceArn),
    ValidationStatus: job.validation?.status as RestoreValidationStatus | undefined,
    ValidationStatusMessage: job.validation?.message,
    IsParent: false,
  };
}

function percent(done: number | undefined): string {
  return (done ?? 0).toFixed(1);
}

function lockState(vault: VaultRecord | undefined): string {
  return vault?.lock === undefined ? 'UNLOCKED' : 'LOCKED';
}
