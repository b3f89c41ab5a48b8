import {
  DescribeRestoreJobCommand,
  GetRecoveryPointRestoreMetadataCommand,
  ListRestoreJobsCommand,
  StartRestoreJobCommand,
} from '@aws-sdk/client-backup';
import type { Policy, ResourceKind } from '../domain/policy/schema.ts';
import { TAG, token } from '../domain/names.ts';
import { transitVault } from '../domain/route.ts';
import type { Instant } from '../domain/units.ts';
import { inAccount, type AwsClients } from './aws/clients.ts';
import { refuse } from './aws/errors.ts';
import { allPages } from './aws/pages.ts';
import { pollUntil, type Polling } from './aws/poll.ts';
import { failure } from './failures.ts';
import { refuseElsewhere } from './residency.ts';
import type { Drivers } from './kinds/index.ts';
import type { BootFacts, Endpoint } from './kinds/driver.ts';

/** One restored copy in the drill account: what is addressed by every step of a drill. */
export interface Copy {
  readonly policy: Policy;
  readonly kind: ResourceKind;
  readonly name: string;
}

export interface StartRestore extends Copy {
  readonly pointArn: string;
  /** Id of the workflow: part of the idempotency token. */
  readonly drill: string;
}

export interface WaitForRestore extends Copy {
  readonly jobId: string;
  readonly drill: string;
  readonly resource: string;
  readonly expiresAt: Instant;
}

/** Restoring into the drill account, up to a copy that a prober can log in to. */
export function createRestoreActivities({
  clients,
  drivers,
  polling,
}: {
  clients: AwsClients;
  drivers: Drivers;
  polling: Polling;
}) {
  const backup = (policy: Policy) => clients.backup(inAccount(policy, 'drill', policy.drill.region));
  const refusing = (doing: string) => (error: unknown) =>
    refuse(error, { doing, otherwise: 'RestoreFailed', forget: clients.forget });

  return {
    /** @returns the id of the restore job; the same one however often it runs. */
    async startRestore({ policy, kind, name, pointArn, drill }: StartRestore): Promise<string> {
      const doing = `start the restore of ${pointArn} as ${name}`;
      const driver = drivers[kind];
      refuseElsewhere(policy, doing, policy.drill);
      const recorded = await backup(policy)
        .send(
          new GetRecoveryPointRestoreMetadataCommand({
            BackupVaultName: transitVault(policy).name,
            RecoveryPointArn: pointArn,
          }),
        )
        .catch(refusing(`read the restore metadata of ${pointArn}`));
      const { RestoreJobId } = await backup(policy)
        .send(
          new StartRestoreJobCommand({
            RecoveryPointArn: pointArn,
            ResourceType: driver.backupResourceType,
            IamRoleArn: policy.drill.restoreRole,
            Metadata: driver.restoreMetadata(policy, recorded.RestoreMetadata ?? {}, name),
            IdempotencyToken: token(policy.name, drill, 'restore'),
          }),
        )
        .catch(refusing(doing));
      if (RestoreJobId === undefined) throw new Error(`AWS answered without a job id when asked to ${doing}`);
      return RestoreJobId;
    },

    /**
     * Waits until the job is over, and tags what it made as soon as that exists: from then on the sweeper knows whose it is and
     * until when it may live. @returns the ARN of the restored resource.
     */
    async waitForRestore(request: WaitForRestore): Promise<string> {
      const { policy, kind, name, jobId, drill, resource, expiresAt } = request;
      let tagged = false;
      const claim = async (): Promise<void> => {
        if (tagged) return;
        const tags = {
          [TAG.policy]: policy.name,
          [TAG.resource]: resource,
          [TAG.drill]: drill,
          [TAG.expiresAt]: expiresAt,
        };
        await drivers[kind].tagRestored(policy, name, tags).catch(refusing(`tag ${name}`));
        tagged = true;
      };
      return pollUntil(polling, async () => {
        const job = await backup(policy)
          .send(new DescribeRestoreJobCommand({ RestoreJobId: jobId }))
          .catch(refusing(`follow restore job ${jobId}`));
        const created = job.CreatedResourceArn ?? '';
        if (created !== '' && created !== drivers[kind].restoredArn(policy, name))
          throw failure(
            'ForeignResource',
            `Restore job ${jobId} made ${created}, not ${name}; nothing was changed there.`,
            { jobId, created },
          );
        if (created !== '') await claim();
        if (job.Status === 'COMPLETED') return { done: drivers[kind].restoredArn(policy, name) };
        if (job.Status === 'FAILED' || job.Status === 'ABORTED')
          throw failure(
            'RestoreFailed',
            `Restore job ${jobId} ended ${job.Status}: ${job.StatusMessage ?? 'AWS gives no reason'}.`,
            { jobId },
          );
        return { waiting: `${job.Status ?? 'unknown'} ${job.PercentDone ?? ''}`.trim() };
      });
    },

    /** Waits until the API says that the copy is usable. @throws RestoreFailed when it reached a state that it never leaves. */
    async waitUntilAvailable({ policy, kind, name }: Copy): Promise<Endpoint> {
      return pollUntil(polling, async () => {
        const seen = await drivers[kind].restoredState(policy, name).catch(refusing(`look at ${name}`));
        if (seen.state === 'ready' && seen.endpoint !== undefined) return { done: seen.endpoint };
        if (seen.state === 'dead')
          throw failure('RestoreFailed', `${name} is ${seen.status}, and will not become available.`, {
            name,
            status: seen.status,
          });
        return { waiting: seen.status };
      });
    },

    async resetAccess({ policy, kind, name }: Copy): Promise<void> {
      await drivers[kind].resetAccess(policy, name).catch(refusing(`renew the credentials of ${name}`));
    },

    /** Waits until the new credentials are in force. @returns the ARN of their secret; null where the prober's role needs none. */
    async waitForAccess({ policy, kind, name }: Copy): Promise<string | null> {
      return pollUntil(polling, async () => {
        const access = await drivers[kind]
          .accessReady(policy, name)
          .catch(refusing(`look for the new credentials of ${name}`));
        return access === null ? { waiting: 'credentials are being renewed' } : { done: access.secretArn };
      });
    },

    async readSettings({ policy, kind, name }: Copy) {
      return drivers[kind].settings(policy, name).catch(refusing(`read the settings of ${name}`));
    },

    async readBootFacts({ policy, kind, name }: Copy): Promise<BootFacts> {
      return drivers[kind].bootFacts(policy, name).catch(refusing(`read the log of ${name}`));
    },

    /** Sets a new expiry on a copy that is handed over, so that the sweeper leaves it alone until then. */
    async extendExpiry({
      policy,
      kind,
      name,
      expiresAt,
    }: Copy & { readonly expiresAt: Instant }): Promise<void> {
      await drivers[kind]
        .tagRestored(policy, name, { [TAG.expiresAt]: expiresAt })
        .catch(refusing(`tag ${name}`));
    },
  };
}

/**
 * Whether AWS Backup made this resource from a point of our transit vault: the proof of ownership for a copy whose tags were lost
 * with a killed worker. Reads all restore jobs.
 */
export async function restoredByUs(clients: AwsClients, policy: Policy, arn: string): Promise<boolean> {
  const backup = clients.backup(inAccount(policy, 'drill', policy.drill.region));
  const jobs = await allPages(async (NextToken) => {
    const answer = await backup.send(
      new ListRestoreJobsCommand(NextToken === undefined ? {} : { NextToken }),
    );
    return { items: answer.RestoreJobs, next: answer.NextToken };
  });
  return jobs.some(
    ({ CreatedResourceArn, IamRoleArn }) =>
      CreatedResourceArn === arn && IamRoleArn === policy.drill.restoreRole,
  );
}
