import {
  DescribeBackupJobCommand,
  DescribeCopyJobCommand,
  StartBackupJobCommand,
  StartCopyJobCommand,
} from '@aws-sdk/client-backup';
import type { Policy } from '../domain/policy/schema.ts';
import type { Instant } from '../domain/units.ts';
import { TAG, token } from '../domain/names.ts';
import { locationOf, routeOf, vaultArn, type Vault } from '../domain/route.ts';
import { inAccount, type AwsClients } from './aws/clients.ts';
import { refuse } from './aws/errors.ts';
import { pollUntil, type Polling } from './aws/poll.ts';
import { failure } from './failures.ts';
import { refuseElsewhere } from './residency.ts';

export interface StartBackup {
  readonly policy: Policy;
  readonly resource: string;
  readonly resourceArn: string;
  readonly slot: Instant;
  /** 0 for the first try, 1 for the one repetition that a failed job gets. */
  readonly attempt: number;
}

export interface StartCopy {
  readonly policy: Policy;
  readonly from: Vault;
  readonly to: Vault;
  readonly pointArn: string;
  /** Counted from the creation of the original point, which a copy keeps (contract §3.3). */
  readonly deleteAfterDays: number;
  /** Part of the idempotency token: who copies, for which slot. */
  readonly purpose: string;
}

/** Jobs of AWS Backup: starting and waiting are different activities, so that a lost worker never starts anything twice. */
export function createBackupJobActivities({ clients, polling }: { clients: AwsClients; polling: Polling }) {
  const backupAt = (policy: Policy, { account, region }: Pick<Vault, 'account' | 'region'>) =>
    clients.backup(inAccount(policy, account, region));

  return {
    /** @returns the id of the job; the same one however often it runs. */
    async startBackup({ policy, resource, resourceArn, slot, attempt }: StartBackup): Promise<string> {
      const [vault] = routeOf(policy);
      const doing = `start the backup of ${resource}`;
      refuseElsewhere(policy, doing, vault);
      try {
        const { BackupJobId } = await backupAt(policy, vault).send(
          new StartBackupJobCommand({
            BackupVaultName: vault.name,
            ResourceArn: resourceArn,
            IamRoleArn: policy.backup.serviceRole,
            IdempotencyToken: token(policy.name, resource, slot, 'backup', String(attempt)),
            StartWindowMinutes: 60,
            Lifecycle: { DeleteAfterDays: vault.keepDays },
            RecoveryPointTags: { [TAG.policy]: policy.name, [TAG.resource]: resource, [TAG.slot]: slot },
          }),
        );
        return required(BackupJobId, doing);
      } catch (error) {
        return refuse(error, { doing, otherwise: 'BackupFailed', forget: clients.forget });
      }
    },

    /** Waits until the backup is complete. @returns the ARN of the recovery point. */
    async waitForBackup({ policy, jobId }: { policy: Policy; jobId: string }): Promise<string> {
      const doing = `follow backup job ${jobId}`;
      return pollUntil(polling, async () => {
        const job = await backupAt(policy, routeOf(policy)[0])
          .send(new DescribeBackupJobCommand({ BackupJobId: jobId }))
          .catch((error: unknown) =>
            refuse(error, { doing, otherwise: 'BackupFailed', forget: clients.forget }),
          );
        if (job.State === 'COMPLETED') return { done: required(job.RecoveryPointArn, doing) };
        if (isOver(job.State))
          throw failure(
            'BackupFailed',
            `Backup job ${jobId} ended ${job.State}: ${job.StatusMessage ?? 'AWS gives no reason'}.`,
            { jobId, state: job.State },
          );
        return { waiting: `${job.State ?? 'unknown'} ${job.PercentDone ?? ''}`.trim() };
      });
    },

    /** @returns the id of the copy job; the same one however often it runs. */
    async startCopy({ policy, from, to, pointArn, deleteAfterDays, purpose }: StartCopy): Promise<string> {
      const doing = `start the copy of ${pointArn} to vault ${to.name}`;
      refuseElsewhere(policy, doing, to);
      try {
        const { CopyJobId } = await backupAt(policy, from).send(
          new StartCopyJobCommand({
            RecoveryPointArn: pointArn,
            SourceBackupVaultName: from.name,
            DestinationBackupVaultArn: vaultArn(policy, to),
            IamRoleArn: required(from.serviceRole ?? undefined, doing),
            IdempotencyToken: token(policy.name, purpose, to.account, to.name),
            Lifecycle: { DeleteAfterDays: deleteAfterDays },
          }),
        );
        return required(CopyJobId, doing);
      } catch (error) {
        return refuse(error, { doing, otherwise: 'CopyFailed', forget: clients.forget });
      }
    },

    /** Waits until the copy is complete. @returns the ARN of the copied recovery point. */
    async waitForCopy({
      policy,
      from,
      to,
      copyJobId,
    }: {
      policy: Policy;
      from: Vault;
      to: Vault;
      copyJobId: string;
    }): Promise<string> {
      const { accountId, region, vault } = locationOf(policy, to);
      const doing = `follow copy job ${copyJobId} to ${vault} in ${accountId}, ${region}`;
      return pollUntil(polling, async () => {
        const { CopyJob: job } = await backupAt(policy, from)
          .send(new DescribeCopyJobCommand({ CopyJobId: copyJobId }))
          .catch((error: unknown) =>
            refuse(error, { doing, otherwise: 'CopyFailed', forget: clients.forget }),
          );
        if (job?.State === 'COMPLETED') return { done: required(job.DestinationRecoveryPointArn, doing) };
        if (isOver(job?.State))
          throw failure(
            'CopyFailed',
            `Copy job ${copyJobId} to ${vault} (${accountId}, ${region}) ended ${job?.State ?? ''}: ${job?.StatusMessage ?? 'AWS gives no reason'}.`,
            { copyJobId },
          );
        return { waiting: job?.State ?? 'unknown' };
      });
    },
  };
}

/** Terminal states without a usable result. PARTIAL counts: a partial point is never a kept copy. */
function isOver(state: string | undefined): boolean {
  return ['FAILED', 'ABORTED', 'EXPIRED', 'PARTIAL'].includes(state ?? '');
}

/** An answer without its one important field is a broken answer, to be asked for again. */
function required(value: string | undefined, doing: string): string {
  if (value === undefined || value === '') throw new Error(`AWS answered without what is needed to ${doing}`);
  return value;
}
