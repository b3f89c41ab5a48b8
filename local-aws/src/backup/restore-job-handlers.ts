import * as Backup from '@aws-sdk/client-backup';
import { together } from '../journal/table.ts';
import type { Handlers } from '../wire/handlers.ts';
import { requirePassable, tagsOf } from './access.ts';
import type { BackupContext } from './context.ts';
import { describeRestoreJob } from './describe-jobs.ts';
import { fault, required } from './faults.ts';
import { findJob, matches, matchingJobs, newJob, sortKey } from './job-lists.ts';
import { keyOf, samePlace } from './names.ts';
import { page, within } from './paging.ts';
import type { RestoreJobRecord } from './records.ts';
import type { RestoreJobs } from './restore-jobs.ts';
import { ticketFor } from './tokens.ts';

/** Verdicts that stay; VALIDATING may still become one of them. */
const FINAL = new Set<string>(['SUCCESSFUL', 'FAILED', 'TIMED_OUT']);

/** Starting, following and judging restore jobs. The same idempotency token gets the same job. */
export function restoreJobHandlers(context: BackupContext, jobs: RestoreJobs): Handlers<typeof Backup> {
  const { platform, store, kinds } = context;
  return {
    async StartRestoreJob(input, call) {
      const arn = required(input.RecoveryPointArn, 'RecoveryPointArn');
      const metadata = required(input.Metadata, 'Metadata');
      const point = store.points.get(arn);
      const vault = point && store.vault(point, point.vaultName);
      platform.authorize(call, 'backup:StartRestoreJob', arn, tagsOf(point?.tags), {
        resourcePolicy: vault?.policy,
      });
      const iamRoleArn = requirePassable(context, call, input.IamRoleArn);
      const ticket = ticketFor(store, call, 'StartRestoreJob', input);
      if (ticket.known !== undefined) return { RestoreJobId: ticket.known };
      if (!point || !samePlace(point, call))
        throw fault(
          Backup.ResourceNotFoundException,
          `Recovery point ${arn} does not exist in ${call.region}.`,
        );
      const type = kinds.must(point.resourceArn).type;
      if (input.ResourceType !== undefined && input.ResourceType !== type)
        throw fault(
          Backup.InvalidParameterValueException,
          `Recovery point ${arn} is of type ${type}, not ${input.ResourceType}.`,
        );
      if (point.status !== 'COMPLETED' && point.status !== 'PARTIAL')
        throw fault(
          Backup.InvalidRequestException,
          `Recovery point ${arn} is ${point.status} and cannot be restored.`,
        );
      const job: RestoreJobRecord = {
        ...newJob(call, store.now(), iamRoleArn),
        ...{ state: 'PENDING', pointArn: arn, metadata },
        copySourceTags: input.CopySourceTagsToRestoredResource ?? false,
        ...{ resourceArn: point.resourceArn, pointCreatedAt: point.createdAt, vaultName: point.vaultName },
      };
      await together(store.restoreJobs.putting(keyOf(call, job.id), job), ...ticket.keeping(job.id));
      jobs.start(job);
      return { RestoreJobId: job.id };
    },

    async DescribeRestoreJob(input, call) {
      platform.authorize(call, 'backup:DescribeRestoreJob', '*');
      const id = required(input.RestoreJobId, 'RestoreJobId');
      return describeRestoreJob(context, findJob(store.restoreJobs, call, id, 'Restore job'));
    },

    async GetRestoreJobMetadata(input, call) {
      platform.authorize(call, 'backup:GetRestoreJobMetadata', '*');
      const id = required(input.RestoreJobId, 'RestoreJobId');
      const job = findJob(store.restoreJobs, call, id, 'Restore job');
      return { RestoreJobId: job.id, Metadata: { ...job.metadata } };
    },

    async ListRestoreJobs(input, call) {
      platform.authorize(call, 'backup:ListRestoreJobs', '*');
      const matching = matchingJobs(context, store.restoreJobs.values(), input, call).filter(
        // No job here was started by a restore testing plan.
        (job) => matches(input.ByStatus, job.state) && input.ByRestoreTestingPlanArn === undefined,
      );
      const { items, NextToken } = page(matching, sortKey, input);
      return { RestoreJobs: items.map((job) => describeRestoreJob(context, job)), NextToken };
    },

    async ListRestoreJobsByProtectedResource(input, call) {
      platform.authorize(call, 'backup:ListRestoreJobsByProtectedResource', '*');
      const arn = required(input.ResourceArn, 'ResourceArn');
      const matching = matchingJobs(context, store.restoreJobs.values(), {}, call).filter(
        (job) =>
          (job.resourceArn ?? store.points.get(job.pointArn)?.resourceArn) === arn &&
          matches(input.ByStatus, job.state) &&
          within(
            job.pointCreatedAt,
            input.ByRecoveryPointCreationDateAfter,
            input.ByRecoveryPointCreationDateBefore,
          ),
      );
      const { items, NextToken } = page(matching, sortKey, input);
      return { RestoreJobs: items.map((job) => describeRestoreJob(context, job)), NextToken };
    },

    async PutRestoreValidationResult(input, call) {
      platform.authorize(call, 'backup:PutRestoreValidationResult', '*');
      const id = required(input.RestoreJobId, 'RestoreJobId');
      const job = findJob(store.restoreJobs, call, id, 'Restore job');
      const status = required(input.ValidationStatus, 'ValidationStatus');
      if (job.state !== 'COMPLETED')
        throw fault(
          Backup.InvalidRequestException,
          `Restore job ${job.id} is ${job.state}; only a completed one can be validated.`,
        );
      const given = job.validation;
      if (given && FINAL.has(given.status) && given.status !== status)
        throw fault(
          Backup.InvalidRequestException,
          `Restore job ${job.id} was validated already: ${given.status} cannot become ${status}.`,
        );
      const validation = { status, message: input.ValidationStatusMessage };
      await store.restoreJobs.put(keyOf(call, job.id), { ...job, validation });
      return {};
    },
  };
}
