import * as Backup from '@aws-sdk/client-backup';
import { rdsArn } from '../rds/names.ts';
import { refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import { pointFor, vaultFor } from './access.ts';
import type { BackupContext } from './context.ts';
import { describeLifecycle, describePoint } from './describe.ts';
import { TYPICAL } from './durations.ts';
import { deletePoint, markExpired, roleIsGone } from './expiry.ts';
import { fault, required } from './faults.ts';
import { lifecycleFrom } from './inputs.ts';
import { requireNoHold, requireUnlocked } from './locks.ts';
import { samePlace, vaultArn } from './names.ts';
import { page, within } from './paging.ts';
import { metadataOf } from './restore-metadata.ts';
import { refuseOtherAccount } from './vault-handlers.ts';

/** Recovery points: reading, listing, deleting, changing how long they are kept. */
export function pointHandlers(context: BackupContext): Handlers<typeof Backup> {
  const { platform, store, rds } = context;
  return {
    async DescribeRecoveryPoint(input, call) {
      refuseOtherAccount('DescribeRecoveryPoint', input.BackupVaultAccountId, call);
      const names = { vaultName: input.BackupVaultName, arn: input.RecoveryPointArn };
      const { point } = pointFor(context, call, 'backup:DescribeRecoveryPoint', names);
      return { ...describePoint(context, point), StorageClass: 'WARM' };
    },

    async GetRecoveryPointRestoreMetadata(input, call) {
      refuseOtherAccount('GetRecoveryPointRestoreMetadata', input.BackupVaultAccountId, call);
      const names = { vaultName: input.BackupVaultName, arn: input.RecoveryPointArn };
      const { vault, point } = pointFor(context, call, 'backup:GetRecoveryPointRestoreMetadata', names);
      const snapshot = rds.store.snapshots.get(point.snapshotKey);
      if (!snapshot)
        throw fault(Backup.ResourceNotFoundException, `The snapshot of ${point.arn} does not exist.`);
      return {
        BackupVaultArn: vaultArn(vault),
        RecoveryPointArn: point.arn,
        ResourceType: 'RDS',
        RestoreMetadata: metadataOf(snapshot),
      };
    },

    async ListRecoveryPointsByBackupVault(input, call) {
      refuseOtherAccount('ListRecoveryPointsByBackupVault', input.BackupVaultAccountId, call);
      refuseMembers('backup', 'ListRecoveryPointsByBackupVault', input, [
        'ByBackupPlanId',
        'ByParentRecoveryPointArn',
      ]);
      const vault = vaultFor(context, call, 'backup:ListRecoveryPointsByBackupVault', input.BackupVaultName);
      const matching = store
        .pointsIn(vault)
        .filter(
          (point) =>
            (input.ByResourceArn === undefined || point.resourceArn === input.ByResourceArn) &&
            (input.ByResourceType === undefined || input.ByResourceType === 'RDS') &&
            within(point.createdAt, input.ByCreatedAfter, input.ByCreatedBefore),
        );
      const { items, NextToken } = page(matching, ({ createdAt, arn }) => `${createdAt}/${arn}`, input);
      return { RecoveryPoints: items.map((point) => describePoint(context, point)), NextToken };
    },

    async ListRecoveryPointsByResource(input, call) {
      const resourceArn = required(input.ResourceArn, 'ResourceArn');
      platform.authorize(call, 'backup:ListRecoveryPointsByResource', '*');
      const own = [...store.points.values()].filter(
        (point) => samePlace(point, call) && point.resourceArn === resourceArn,
      );
      const managed: Backup.RecoveryPointByResource[] = own.map((point) => {
        const { BackupSizeInBytes, ...described } = describePoint(context, point);
        const { RecoveryPointArn, CreationDate, Status, StatusMessage, EncryptionKeyArn, BackupVaultName } =
          described;
        return {
          ...{ RecoveryPointArn, CreationDate, Status, StatusMessage, EncryptionKeyArn, BackupVaultName },
          ...{ BackupSizeBytes: BackupSizeInBytes, IsParent: false, ResourceName: described.ResourceName },
        };
      });
      const others = input.ManagedByAWSBackupOnly === true ? [] : snapshotsNotOurs(resourceArn, call);
      const all = [...managed, ...others];
      const { items, NextToken } = page(
        all,
        ({ CreationDate, RecoveryPointArn }) =>
          `${CreationDate?.toISOString() ?? ''}/${RecoveryPointArn ?? ''}`,
        input,
      );
      return { RecoveryPoints: items, NextToken };
    },

    async DeleteRecoveryPoint(input, call) {
      const names = { vaultName: input.BackupVaultName, arn: input.RecoveryPointArn };
      const { point } = pointFor(context, call, 'backup:DeleteRecoveryPoint', names);
      requireUnlocked(store, point, 'deleted');
      requireNoHold(store, point, 'deleted');
      if (point.status === 'CREATING' || point.status === 'DELETING' || store.inUse(point.arn))
        throw fault(
          Backup.InvalidResourceStateException,
          `Recovery point ${point.arn} is ${point.status}, or a job is using it; it cannot be deleted now.`,
        );
      if (roleIsGone(context, point)) {
        await markExpired(context, point); // AWS answers 200 and deletes nothing
        return {};
      }
      await store.patchPoint(point.arn, { status: 'DELETING' });
      beginDeletion(point.arn);
      return {};
    },

    async UpdateRecoveryPointLifecycle(input, call) {
      const names = { vaultName: input.BackupVaultName, arn: input.RecoveryPointArn };
      const { vault, point } = pointFor(context, call, 'backup:UpdateRecoveryPointLifecycle', names);
      requireUnlocked(store, point, 'changed');
      const lifecycle = lifecycleFrom('UpdateRecoveryPointLifecycle', input.Lifecycle);
      const changed = (await store.patchPoint(point.arn, { lifecycle })) ?? point;
      const { CalculatedLifecycle } = describePoint(context, changed);
      return {
        BackupVaultArn: vaultArn(vault),
        RecoveryPointArn: point.arn,
        Lifecycle: describeLifecycle(lifecycle),
        CalculatedLifecycle,
      };
    },
  };

  function beginDeletion(arn: string): void {
    platform.tasks.run(`backup: delete ${arn}`, async (signal) => {
      await platform.pace.take('backup.deletePoint', { typicalSeconds: TYPICAL.deletePoint, signal });
      const point = store.points.get(arn);
      if (point) await deletePoint(context, point);
    });
  }

  /** AWS lists snapshots that others made, too. */
  function snapshotsNotOurs(
    resourceArn: string,
    call: { accountId: string; region: string },
  ): Backup.RecoveryPointByResource[] {
    return [...rds.store.snapshots.values()]
      .filter(
        (record) =>
          samePlace(record, call) &&
          record.type === 'manual' &&
          record.instanceArn === resourceArn &&
          record.status === 'available',
      )
      .map((record) => ({
        RecoveryPointArn: rdsArn(record, 'snapshot', record.id),
        CreationDate: new Date(record.createdAt ?? 0),
        Status: 'AVAILABLE' as const,
        EncryptionKeyArn: record.kmsKeyArn,
        BackupSizeBytes: record.bytes,
        IsParent: false,
      }));
  }
}
