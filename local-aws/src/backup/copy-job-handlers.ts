import * as Backup from '@aws-sdk/client-backup';
import { together } from '../journal/table.ts';
import type { Handlers } from '../wire/handlers.ts';
import { pointFor, requirePassable } from './access.ts';
import type { BackupContext } from './context.ts';
import type { CopyJobs } from './copy-jobs.ts';
import { describeCopyJob } from './describe-jobs.ts';
import { fault, required } from './faults.ts';
import { lifecycleFrom } from './inputs.ts';
import { findJob, matches, matchingJobs, newJob, sortKey } from './job-lists.ts';
import { keyOf, parseVaultArn, vaultArn } from './names.ts';
import { page } from './paging.ts';
import type { CopyJobRecord } from './records.ts';
import { ticketFor } from './tokens.ts';

/** Starting and following copy jobs. The same idempotency token gets the same job. */
export function copyJobHandlers(context: BackupContext, jobs: CopyJobs): Handlers<typeof Backup> {
  const { platform, store } = context;
  return {
    async StartCopyJob(input, call) {
      const sourceName = required(input.SourceBackupVaultName, 'SourceBackupVaultName');
      const destination = required(input.DestinationBackupVaultArn, 'DestinationBackupVaultArn');
      const arn = required(input.RecoveryPointArn, 'RecoveryPointArn');
      const iamRoleArn = requirePassable(context, call, input.IamRoleArn);
      const ticket = ticketFor(store, call, 'StartCopyJob', input);
      const earlier = ticket.known === undefined ? undefined : store.copyJobs.get(keyOf(call, ticket.known));
      if (earlier) return started(earlier);
      const targets = { 'backup:CopyTargets': [destination] };
      const names = { vaultName: sourceName, arn };
      const { vault, point } = pointFor(context, call, 'backup:StartCopyJob', names, targets);
      pointFor(context, call, 'backup:CopyFromBackupVault', names, targets);
      if (!parseVaultArn(destination))
        throw fault(Backup.InvalidParameterValueException, `${destination} is no ARN of a backup vault.`);
      if (destination === vaultArn(vault))
        throw fault(
          Backup.InvalidParameterValueException,
          'The destination of a copy must be another backup vault.',
        );
      if (point.status !== 'COMPLETED')
        throw fault(
          Backup.InvalidRequestException,
          `Recovery point ${arn} is ${point.status} and cannot be copied.`,
        );
      const job: CopyJobRecord = {
        ...newJob(call, store.now(), iamRoleArn),
        ...{ state: 'CREATED', sourceVaultName: sourceName, sourcePointArn: arn },
        destinationVaultArn: destination,
        resourceArn: point.resourceArn,
        lifecycle: lifecycleFrom('StartCopyJob', input.Lifecycle),
      };
      await together(store.copyJobs.putting(keyOf(call, job.id), job), ...ticket.keeping(job.id));
      jobs.start(job);
      return started(job);
    },

    async DescribeCopyJob(input, call) {
      platform.authorize(call, 'backup:DescribeCopyJob', '*');
      const id = required(input.CopyJobId, 'CopyJobId');
      return { CopyJob: describeCopyJob(context, findJob(store.copyJobs, call, id, 'Copy job')) };
    },

    async ListCopyJobs(input, call) {
      platform.authorize(call, 'backup:ListCopyJobs', '*');
      const matching = matchingJobs(context, store.copyJobs.values(), input, call).filter(
        (job) =>
          matches(input.ByState, job.state) &&
          matches(input.ByResourceArn, job.resourceArn) &&
          matches(input.ByDestinationVaultArn, job.destinationVaultArn) &&
          matches(input.BySourceRecoveryPointArn, job.sourcePointArn),
      );
      const { items, NextToken } = page(matching, sortKey, input);
      return { CopyJobs: items.map((job) => describeCopyJob(context, job)), NextToken };
    },
  };
}

function started(job: CopyJobRecord): Backup.StartCopyJobOutput {
  return { CopyJobId: job.id, CreationDate: new Date(job.createdAt), IsParent: false };
}
