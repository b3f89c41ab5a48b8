import type {
  BackupJob,
  BackupVaultListMember,
  CopyJob,
  LegalHold,
  Lifecycle,
  RecoveryPointByBackupVault,
  RecoveryPointSelection,
  RestoreJobsListMember,
  RestoreValidationStatus,
} from '@aws-sdk/client-backup';
import type { BackupContext } from './context.ts';
import { holdArn, resourceName, vaultArn } from './names.ts';
import type {
  BackupJobRecord,
  CopyJobRecord,
  HoldRecord,
  HoldSelection,
  LifecycleRecord,
  PointRecord,
  RestoreJobRecord,
  VaultRecord,
} from './records.ts';

export function describeVault({ store }: BackupContext, vault: VaultRecord): BackupVaultListMember {
  const { lock } = vault;
  return {
    BackupVaultName: vault.name,
    BackupVaultArn: vaultArn(vault),
    VaultType: 'BACKUP_VAULT',
    VaultState: 'AVAILABLE',
    CreationDate: new Date(vault.createdAt),
    EncryptionKeyArn: vault.keyArn,
    CreatorRequestId: vault.creatorRequestId,
    NumberOfRecoveryPoints: store.pointsIn(vault).length,
    Locked: lock !== undefined,
    MinRetentionDays: lock?.minDays,
    MaxRetentionDays: lock?.maxDays,
    LockDate: date(lock?.lockDate),
  };
}

export function describePoint({ store }: BackupContext, point: PointRecord): RecoveryPointByBackupVault {
  const vault = { accountId: point.accountId, region: point.region, name: point.vaultName };
  return {
    RecoveryPointArn: point.arn,
    BackupVaultName: point.vaultName,
    BackupVaultArn: vaultArn(vault),
    SourceBackupVaultArn: point.sourceVaultArn,
    ResourceArn: point.resourceArn,
    ResourceType: 'RDS',
    ResourceName: resourceName(point.resourceArn),
    IamRoleArn: point.iamRoleArn,
    Status: point.status,
    StatusMessage: point.statusMessage,
    CreationDate: new Date(point.createdAt),
    InitiationDate: new Date(point.startedAt),
    CompletionDate: date(point.completedAt),
    BackupSizeInBytes: point.bytes,
    Lifecycle: describeLifecycle(point.lifecycle),
    CalculatedLifecycle: { DeleteAt: date(store.deleteAt(point)) },
    EncryptionKeyArn: point.keyArn,
    IsEncrypted: point.keyArn !== undefined,
    LastRestoreTime: date(point.lastRestoreAt),
    IsParent: false,
    VaultType: 'BACKUP_VAULT',
  };
}

export function describeLifecycle(lifecycle: LifecycleRecord | undefined): Lifecycle | undefined {
  return lifecycle && { DeleteAfterDays: lifecycle.deleteAfterDays };
}

export function describeBackupJob({ store, rds }: BackupContext, job: BackupJobRecord): BackupJob {
  const vault = store.vault(job, job.vaultName);
  const point = job.pointArn === undefined ? undefined : store.points.get(job.pointArn);
  const live = point && rds.store.snapshots.get(point.snapshotKey)?.percent;
  return {
    AccountId: job.accountId,
    BackupJobId: job.id,
    BackupVaultName: job.vaultName,
    BackupVaultArn: vaultArn({ ...job, name: job.vaultName }),
    VaultType: 'BACKUP_VAULT',
    VaultLockState: vault?.lock === undefined ? 'UNLOCKED' : 'LOCKED',
    RecoveryPointArn: job.pointArn,
    RecoveryPointLifecycle: describeLifecycle(job.lifecycle),
    EncryptionKeyArn: point?.keyArn,
    IsEncrypted: point?.keyArn !== undefined,
    ResourceArn: job.resourceArn,
    ResourceName: resourceName(job.resourceArn),
    ResourceType: 'RDS',
    CreationDate: new Date(job.createdAt),
    InitiationDate: date(job.initiatedAt),
    CompletionDate: date(job.completedAt),
    State: job.state,
    StatusMessage: job.statusMessage,
    MessageCategory: categoryOf(job.state),
    PercentDone: percent(job.state === 'RUNNING' ? live : job.percent),
    BackupSizeInBytes: job.bytes,
    IamRoleArn: job.iamRoleArn,
    StartBy: new Date(job.startBy),
    ExpectedCompletionDate: new Date(job.completeBy),
    IsParent: false,
  };
}

export function describeCopyJob(job: CopyJobRecord): CopyJob {
  return {
    AccountId: job.accountId,
    CopyJobId: job.id,
    SourceBackupVaultArn: vaultArn({ ...job, name: job.sourceVaultName }),
    SourceRecoveryPointArn: job.sourcePointArn,
    DestinationBackupVaultArn: job.destinationVaultArn,
    DestinationRecoveryPointArn: job.destinationPointArn,
    DestinationRecoveryPointLifecycle: describeLifecycle(job.lifecycle),
    ResourceArn: job.resourceArn,
    ResourceName: resourceName(job.resourceArn),
    ResourceType: 'RDS',
    CreationDate: new Date(job.createdAt),
    CompletionDate: date(job.completedAt),
    State: job.state,
    StatusMessage: job.statusMessage,
    MessageCategory: categoryOf(job.state),
    BackupSizeInBytes: job.bytes,
    IamRoleArn: job.iamRoleArn,
    IsParent: false,
  };
}

export function describeRestoreJob({ store }: BackupContext, job: RestoreJobRecord): RestoreJobsListMember {
  const point = store.points.get(job.pointArn);
  return {
    AccountId: job.accountId,
    RestoreJobId: job.id,
    RecoveryPointArn: job.pointArn,
    SourceResourceArn: point?.resourceArn,
    BackupVaultArn: point && vaultArn({ ...point, name: point.vaultName }),
    RecoveryPointCreationDate: date(point?.createdAt),
    CreationDate: new Date(job.createdAt),
    CompletionDate: date(job.completedAt),
    Status: job.state,
    StatusMessage: job.statusMessage,
    PercentDone: percent(job.percent),
    BackupSizeInBytes: job.bytes,
    IamRoleArn: job.iamRoleArn,
    CreatedResourceArn: job.createdResourceArn,
    ResourceType: 'RDS',
    ValidationStatus: job.validation?.status as RestoreValidationStatus | undefined,
    ValidationStatusMessage: job.validation?.message,
    IsParent: false,
  };
}

export function describeHold(hold: HoldRecord): LegalHold {
  return {
    LegalHoldId: hold.id,
    LegalHoldArn: holdArn(hold),
    Title: hold.title,
    Description: hold.description,
    Status: hold.status,
    CreationDate: new Date(hold.createdAt),
    CancellationDate: date(hold.cancelledAt),
  };
}

export function describeSelection(selection: HoldSelection): RecoveryPointSelection {
  const { vaultNames, resourceIdentifiers, from, to } = selection;
  return {
    ...(vaultNames && { VaultNames: [...vaultNames] }),
    ...(resourceIdentifiers && { ResourceIdentifiers: [...resourceIdentifiers] }),
    ...(from !== undefined &&
      to !== undefined && { DateRange: { FromDate: new Date(from), ToDate: new Date(to) } }),
  };
}

export function date(at: string | undefined): Date | undefined {
  return at === undefined ? undefined : new Date(at);
}

function percent(done: number | undefined): string {
  return (done ?? 0).toFixed(1);
}

function categoryOf(state: string): string {
  if (state === 'FAILED') return 'FAILURE';
  return state === 'COMPLETED' ? 'SUCCESS' : '';
}
