import type {
  BackupJob,
  BackupVaultListMember,
  CopyJob,
  LegalHold,
  Lifecycle,
  RecoveryPointByBackupVault,
  RecoveryPointCreator,
  RecoveryPointSelection,
  RestoreJobsListMember,
  RestoreValidationStatus,
} from '@aws-sdk/client-backup';
import type { Place } from '../platform.ts';
import type { BackupContext } from './context.ts';
import { messageCategory } from './job-lists.ts';
import { holdArn, parseVaultArn, planArn, resourceName, vaultArn } from './names.ts';
import type {
  BackupJobRecord,
  CopyJobRecord,
  HoldRecord,
  HoldSelection,
  LifecycleRecord,
  PlanRef,
  PointRecord,
  RestoreJobRecord,
  VaultRecord,
} from './records.ts';

export function describeVault({ store }: BackupContext, vault: VaultRecord): BackupVaultListMember {
  const { lock } = vault;
  return {
    BackupVaultName: vault.name,
    BackupVaultArn: vaultArn(vault),
    VaultType: vault.type ?? 'BACKUP_VAULT',
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

export function describePoint(
  { store, kinds }: BackupContext,
  point: PointRecord,
): RecoveryPointByBackupVault {
  const vault = { accountId: point.accountId, region: point.region, name: point.vaultName };
  return {
    RecoveryPointArn: point.arn,
    BackupVaultName: point.vaultName,
    BackupVaultArn: vaultArn(vault),
    SourceBackupVaultArn: point.sourceVaultArn,
    ResourceArn: point.resourceArn,
    ResourceType: kinds.typeOf(point.resourceArn),
    CreatedBy: describeCreator(point, point.createdBy),
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
    VaultType: store.vault(point, point.vaultName)?.type ?? 'BACKUP_VAULT',
  };
}

export function describeLifecycle(lifecycle: LifecycleRecord | undefined): Lifecycle | undefined {
  if (!lifecycle) return undefined;
  const { deleteAfterDays, moveToColdAfterDays, optInToArchive } = lifecycle;
  return {
    DeleteAfterDays: deleteAfterDays,
    MoveToColdStorageAfterDays: moveToColdAfterDays,
    OptInToArchiveForSupportedResources: optInToArchive,
  };
}

function describeCreator(place: Place, plan: PlanRef | undefined): RecoveryPointCreator | undefined {
  if (!plan) return undefined;
  return {
    BackupPlanId: plan.planId,
    BackupPlanArn: planArn(place, plan.planId),
    BackupPlanName: plan.planName,
    BackupPlanVersion: plan.planVersion,
    BackupRuleId: plan.ruleId,
    BackupRuleName: plan.ruleName,
  };
}

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

function lockState(vault: VaultRecord | undefined): string {
  return vault?.lock === undefined ? 'UNLOCKED' : 'LOCKED';
}
