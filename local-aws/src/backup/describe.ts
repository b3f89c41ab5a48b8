import type {
  BackupVaultListMember,
  LegalHold,
  Lifecycle,
  RecoveryPointByBackupVault,
  RecoveryPointCreator,
  RecoveryPointSelection,
} from '@aws-sdk/client-backup';
import type { Place } from '../platform.ts';
import type { BackupContext } from './context.ts';
import { holdArn, planArn, resourceName, vaultArn } from './names.ts';
import type {
  HoldRecord,
  HoldSelection,
  LifecycleRecord,
  PlanRef,
  PointRecord,
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

export function describeCreator(place: Place, plan: PlanRef | undefined): RecoveryPointCreator | undefined {
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
