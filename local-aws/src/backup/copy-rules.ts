import { KeyNotUsable } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';
import type { BackupContext } from './context.ts';
import { JobFailure } from './faults.ts';
import { asJobFailure } from './kinds/jobs.ts';
import type { ResourceKind } from './kinds/kind.ts';
import { requireRetention } from './locks.ts';
import { vaultArn } from './names.ts';
import type { CopyJobRecord, LifecycleRecord, PointRecord, VaultRecord } from './records.ts';
import { crossAccountEnabled } from './settings.ts';

const KEY_USES = ['kms:DescribeKey', 'kms:CreateGrant'];

interface Copy {
  readonly job: CopyJobRecord;
  readonly point: PointRecord;
  readonly vault: VaultRecord;
  readonly kind: ResourceKind;
}

/**
 * What a copy job must fulfil, in the order in which AWS refuses it: the organization's trust, one step too many, the
 * destination's lock, its policy, the default vault, the keys.
 * @throws JobFailure
 */
export function requireCopyAllowed(context: BackupContext, { job, point, vault, kind }: Copy): void {
  const crossAccount = vault.accountId !== job.accountId;
  const crossRegion = vault.region !== job.region;
  if (crossAccount && !crossAccountEnabled(context.store))
    throw new JobFailure(
      'Copy job failed. Both source and destination account must be a member of the same organization, and cross-account backup must be enabled in it.',
    );
  if (crossAccount && crossRegion && !kind.copiesInOneStep && !context.behaviour.settings.oneStepCopies)
    throw new JobFailure(
      `Copying an ${kind.type} recovery point to another account and another region in one step is not supported: copy it in two.`,
    );
  if (vault.type !== undefined && !kind.airGapped)
    throw new JobFailure(
      `Recovery points of ${kind.type} cannot be copied into the logically air-gapped vault ${vault.name}.`,
    );
  requireRetention(vault, job.lifecycle);
  requireFuture(context, point, job.lifecycle);
  requireRights(context, { job, point, vault, kind });
  if (crossAccount && vault.name.toLowerCase() === 'default')
    throw new JobFailure('The default backup vault cannot be the destination of a cross-account copy.');
  requireKeys(context, point, vault, crossAccount);
}

/** A copy counts its retention from the original's creation; one that is already over makes no sense (AWS's reaction is unverified). */
function requireFuture(
  { store }: BackupContext,
  point: PointRecord,
  lifecycle: LifecycleRecord | undefined,
): void {
  const until = store.deleteAt({ ...point, lifecycle });
  if (until === undefined || until > store.now()) return;
  throw new JobFailure(
    `The lifecycle (delete after ${lifecycle?.deleteAfterDays ?? 0} days) has already passed for a recovery point of ${point.createdAt}: a copy keeps its source's creation date.`,
  );
}

function requireRights({ platform }: BackupContext, { job, point, vault, kind }: Copy): void {
  const call = platform.roles.callAs(job.iamRoleArn, job.region, 'backup', 'StartCopyJob');
  if (!call) throw new JobFailure(`IAM Role ${job.iamRoleArn} no longer exists.`);
  kind.requireCopy(point, call);
  const { policy: resourcePolicy, accountId: ownerAccountId } = vault;
  asJobFailure('Access Denied trying to call AWS Backup service: ', () =>
    platform.authorize(
      call,
      'backup:CopyIntoBackupVault',
      vaultArn(vault),
      {},
      { resourcePolicy, ownerAccountId },
    ),
  );
}

/** Both keys must work, and across accounts both must be customer keys, the source's shared with the destination. */
function requireKeys(
  { platform: { keys } }: BackupContext,
  point: PointRecord,
  vault: VaultRecord,
  crossAccount: boolean,
): void {
  try {
    for (const keyArn of [vault.keyArn, ...(point.keyArn === undefined ? [] : [point.keyArn])]) {
      const key = keys.requireUsable(keyArn, serviceCall(vault), KEY_USES);
      if (crossAccount && key.manager === 'AWS')
        throw new JobFailure(
          `The key ${keyArn} is managed by AWS and cannot be used across accounts: use a customer key.`,
        );
    }
  } catch (cause) {
    if (!(cause instanceof KeyNotUsable)) throw cause;
    throw new JobFailure(
      `The KMS key ${cause.keyRef} cannot be used from account ${vault.accountId}: ${cause.message}`,
    );
  }
}

/** The destination's service-linked role, which may use whatever its account may use. */
function serviceCall({ accountId, region }: VaultRecord): Call {
  return {
    ...{ accountId, region, principalArn: `arn:aws:iam::${accountId}:user/administrator` },
    ...{ requestId: 'service', sourceIp: '127.0.0.1', service: 'backup', operation: 'StartCopyJob' },
  };
}
