import * as Backup from '@aws-sdk/client-backup';
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
import type { PointRecord } from './records.ts';
import { refuseOtherAccount } from './vault-handlers.ts';

/** RDS lists no shorter pages. */
const SHORTEST_RDS_PAGE = 20;

/** Recovery points: reading, listing, deleting, changing how long they are kept. */
export function pointHandlers(context: BackupContext): Handlers<typeof Backup> {
  const { platform, store, kinds } = context;
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
      const kind = kinds.must(point.resourceArn);
      if (!kind.holds(point))
        throw fault(
          Backup.InvalidRequestException,
          `Recovery point ${point.arn} is ${point.status}; its restore metadata are not there.`,
        );
      return {
        BackupVaultArn: vaultArn(vault),
        RecoveryPointArn: point.arn,
        ResourceType: kind.type,
        RestoreMetadata: await kind.metadata(point),
      };
    },

    async ListRecoveryPointsByBackupVault(input, call) {
      refuseOtherAccount('ListRecoveryPointsByBackupVault', input.BackupVaultAccountId, call);
      const vault = vaultFor(context, call, 'backup:ListRecoveryPointsByBackupVault', input.BackupVaultName);
      const matching = store.pointsIn(vault).filter(
        (point) =>
          (input.ByResourceArn === undefined || point.resourceArn === input.ByResourceArn) &&
          (input.ByResourceType === undefined || input.ByResourceType === kinds.typeOf(point.resourceArn)) &&
          (input.ByBackupPlanId === undefined || input.ByBackupPlanId === point.createdBy?.planId) &&
          input.ByParentRecoveryPointArn === undefined && // no point here has a parent
          within(point.createdAt, input.ByCreatedAfter, input.ByCreatedBefore),
      );
      const { items, NextToken } = page(
        matching,
        ({ createdAt, arn }) => `${createdAt}/${arn}`,
        input,
        context.behaviour.settings.emptyFirstPages,
      );
      return { RecoveryPoints: items.map((point) => describePoint(context, point)), NextToken };
    },

    async ListRecoveryPointsByResource(input, call) {
      const resourceArn = required(input.ResourceArn, 'ResourceArn');
      platform.authorize(call, 'backup:ListRecoveryPointsByResource', '*');
      const kind = kinds.of(resourceArn);
      if (kind?.type === 'RDS' && input.MaxResults !== undefined && input.MaxResults < SHORTEST_RDS_PAGE)
        throw fault(
          Backup.InvalidParameterValueException,
          `MaxResults must be ${SHORTEST_RDS_PAGE} or more for RDS; it is ${input.MaxResults}.`,
        );
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
      const others = input.ManagedByAWSBackupOnly === true ? [] : (kind?.others(resourceArn, call) ?? []);
      const all = [...managed, ...others];
      const { items, NextToken } = page(
        all,
        ({ CreationDate, RecoveryPointArn }) =>
          `${CreationDate?.toISOString() ?? ''}/${RecoveryPointArn ?? ''}`,
        input,
        context.behaviour.settings.emptyFirstPages,
      );
      return { RecoveryPoints: items, NextToken };
    },

    async DeleteRecoveryPoint(input, call) {
      const names = { vaultName: input.BackupVaultName, arn: input.RecoveryPointArn };
      const { point } = pointFor(context, call, 'backup:DeleteRecoveryPoint', names);
      requireUnlocked(context, point, 'deleted');
      requireNoHold(context, point, 'deleted');
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
      beginDeletion(point);
      return {};
    },

    async UpdateRecoveryPointLifecycle(input, call) {
      const names = { vaultName: input.BackupVaultName, arn: input.RecoveryPointArn };
      const { vault, point } = pointFor(context, call, 'backup:UpdateRecoveryPointLifecycle', names);
      requireUnlocked(context, point, 'changed');
      if (point.status !== 'COMPLETED' && point.status !== 'PARTIAL')
        throw fault(
          Backup.InvalidRequestException,
          `Recovery point ${point.arn} is ${point.status}; its lifecycle cannot be changed.`,
        );
      const lifecycle = lifecycleFrom('UpdateRecoveryPointLifecycle', input.Lifecycle);
      const changed = (await store.patchPoint(point.arn, { lifecycle })) ?? point;
      context.notifier.notify(vault, {
        ...{ event: 'RECOVERY_POINT_MODIFIED', eventType: 'RECOVERY_POINT', state: point.status },
        ...{ id: point.arn, at: store.now() },
        message: `The lifecycle of a recovery point was changed. Recovery point ARN: ${point.arn}`,
      });
      const { CalculatedLifecycle } = describePoint(context, changed);
      return {
        BackupVaultArn: vaultArn(vault),
        RecoveryPointArn: point.arn,
        Lifecycle: describeLifecycle(lifecycle),
        CalculatedLifecycle,
      };
    },
  };

  function beginDeletion(point: PointRecord): void {
    const { arn, accountId, region, resourceArn: resource, vaultName: vault } = point;
    platform.tasks.run(`backup: delete ${arn}`, async (signal) => {
      await platform.pace.take('backup.deletePoint', { typicalSeconds: TYPICAL.deletePoint, signal });
      const facts = { accountId, region, id: arn, resource, vault };
      const fault = await context.hook('backup.point.delete', facts, signal);
      const current = store.points.get(arn);
      if (!current) return;
      if (fault) await store.patchPoint(arn, { status: 'EXPIRED', statusMessage: fault.message });
      else await deletePoint(context, current);
    });
  }
}
