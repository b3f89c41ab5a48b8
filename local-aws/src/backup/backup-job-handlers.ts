import * as Backup from '@aws-sdk/client-backup';
import { together } from '../journal/table.ts';
import { notImplemented, refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { requirePassable, vaultFor } from './access.ts';
import type { BackupJobs } from './backup-jobs.ts';
import type { BackupContext } from './context.ts';
import { describeBackupJob } from './describe-jobs.ts';
import { fault, required } from './faults.ts';
import { lifecycleFrom, windowsFrom } from './inputs.ts';
import { findJob, matches, matchingJobs, newJob, sortKey } from './job-lists.ts';
import { keyOf, samePlace } from './names.ts';
import { page } from './paging.ts';
import type { BackupJobRecord } from './records.ts';
import { isOptedIn } from './settings.ts';
import { ticketFor } from './tokens.ts';

/** Starting, following and stopping backup jobs. The same idempotency token gets the same job. */
export function backupJobHandlers(context: BackupContext, jobs: BackupJobs): Handlers<typeof Backup> {
  const { platform, store } = context;
  return {
    async StartBackupJob(input, call) {
      refuseMembers('backup', 'StartBackupJob', input, ['LogicallyAirGappedBackupVaultArn', 'Index']);
      if (Object.keys(input.BackupOptions ?? {}).length > 0)
        throw notImplemented('backup', 'StartBackupJob with BackupOptions');
      const vault = vaultFor(context, call, 'backup:StartBackupJob', input.BackupVaultName);
      if (vault.type !== undefined)
        throw fault(
          Backup.InvalidParameterValueException,
          `Backup vault ${vault.name} is logically air-gapped: points get there by copy.`,
        );
      const resourceArn = required(input.ResourceArn, 'ResourceArn');
      const iamRoleArn = requirePassable(context, call, input.IamRoleArn);
      const ticket = ticketFor(store, call, 'StartBackupJob', input);
      const earlier =
        ticket.known === undefined ? undefined : store.backupJobs.get(keyOf(call, ticket.known));
      if (earlier) return started(earlier);
      requireResource(context, resourceArn, call);
      const job: BackupJobRecord = {
        ...newJob(call, store.now(), iamRoleArn),
        ...{ state: 'CREATED', vaultName: vault.name, resourceArn },
        ...windowsFrom(platform.clock.now(), input.StartWindowMinutes, input.CompleteWindowMinutes),
        lifecycle: lifecycleFrom('StartBackupJob', input.Lifecycle),
        tags: input.RecoveryPointTags ?? {},
      };
      await together(store.backupJobs.putting(keyOf(call, job.id), job), ...ticket.keeping(job.id));
      jobs.start(job);
      return started(job);
    },

    async DescribeBackupJob(input, call) {
      platform.authorize(call, 'backup:DescribeBackupJob', '*');
      const id = required(input.BackupJobId, 'BackupJobId');
      return describeBackupJob(context, findJob(store.backupJobs, call, id, 'Backup job'));
    },

    async ListBackupJobs(input, call) {
      platform.authorize(call, 'backup:ListBackupJobs', '*');
      const matching = matchingJobs(context, store.backupJobs.values(), input, call).filter(
        (job) =>
          matches(input.ByState, job.state) &&
          matches(input.ByResourceArn, job.resourceArn) &&
          matches(input.ByBackupVaultName, job.vaultName),
      );
      const { items, NextToken } = page(matching, sortKey, input);
      return { BackupJobs: items.map((job) => describeBackupJob(context, job)), NextToken };
    },

    async StopBackupJob(input, call) {
      platform.authorize(call, 'backup:StopBackupJob', '*');
      const id = required(input.BackupJobId, 'BackupJobId');
      const job = findJob(store.backupJobs, call, id, 'Backup job');
      if (!['CREATED', 'PENDING', 'RUNNING'].includes(job.state))
        throw fault(
          Backup.InvalidRequestException,
          `Backup job ${job.id} is ${job.state} and cannot be stopped.`,
        );
      await jobs.stop(job);
      return {};
    },
  };
}

function started(job: BackupJobRecord): Backup.StartBackupJobOutput {
  return {
    BackupJobId: job.id,
    RecoveryPointArn: job.pointArn,
    CreationDate: new Date(job.createdAt),
    IsParent: false,
  };
}

/** @throws InvalidRequestException, ResourceNotFoundException, 501 */
function requireResource(context: BackupContext, arn: string, call: Call): void {
  const kind = context.kinds.of(arn);
  if (!kind) {
    const types = context.kinds.types.join(', ');
    throw notImplemented('backup', `StartBackupJob for ${arn}: only ${types} are backed up`);
  }
  if (!isOptedIn(context.store, call, kind.type))
    throw fault(
      Backup.InvalidRequestException,
      `The resource type ${kind.type} is not opted in for AWS Backup in ${call.region}.`,
    );
  const resource = kind.find(arn);
  if (!resource || !samePlace(resource, call))
    throw fault(
      Backup.ResourceNotFoundException,
      `The resource ${arn} does not exist in ${call.region} of account ${call.accountId}.`,
    );
}
