import * as Backup from '@aws-sdk/client-backup';
import { randomUUID } from 'node:crypto';
import type { Place } from '../platform.ts';
import { parseRdsArn } from '../rds/names.ts';
import { notImplemented, refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { pointFor, requirePassable, tagsOf, vaultFor } from './access.ts';
import type { BackupJobs } from './backup-jobs.ts';
import type { BackupContext } from './context.ts';
import type { CopyJobs } from './copy-jobs.ts';
import { describeBackupJob, describeCopyJob, describeRestoreJob } from './describe.ts';
import { fault, required } from './faults.ts';
import { lifecycleFrom } from './inputs.ts';
import { keyOf, parseVaultArn, samePlace, vaultArn } from './names.ts';
import { page, within } from './paging.ts';
import type { BackupJobRecord, CopyJobRecord, RestoreJobRecord } from './records.ts';
import type { RestoreJobs } from './restore-jobs.ts';

export interface Jobs {
  readonly backups: BackupJobs;
  readonly copies: CopyJobs;
  readonly restores: RestoreJobs;
}

const MINUTE_MS = 60_000;
const SHORTEST_START_WINDOW = 60;
const DEFAULT_START_WINDOW = 480;
const DEFAULT_COMPLETE_WINDOW = 7 * 24 * 60;

/** Starting, following and stopping jobs. The same idempotency token gets the same job. */
export function jobHandlers(context: BackupContext, jobs: Jobs): Handlers<typeof Backup> {
  const { platform, store } = context;
  return {
    async StartBackupJob(input, call) {
      refuseMembers('backup', 'StartBackupJob', input, ['LogicallyAirGappedBackupVaultArn', 'Index']);
      if (Object.keys(input.BackupOptions ?? {}).length > 0)
        throw notImplemented('backup', 'StartBackupJob with BackupOptions');
      const vault = vaultFor(context, call, 'backup:StartBackupJob', input.BackupVaultName);
      const resourceArn = required(input.ResourceArn, 'ResourceArn');
      const iamRoleArn = requirePassable(context, call, input.IamRoleArn);
      const known = store.knownToken(call, 'StartBackupJob', input.IdempotencyToken);
      const earlier = known === undefined ? undefined : store.backupJobs.get(keyOf(call, known));
      if (earlier) return started(earlier);
      requireResource(resourceArn, call);
      const startWindow = input.StartWindowMinutes ?? DEFAULT_START_WINDOW;
      if (startWindow < SHORTEST_START_WINDOW)
        throw fault(
          Backup.InvalidParameterValueException,
          `StartWindowMinutes must be ${SHORTEST_START_WINDOW} or more; it is ${startWindow}.`,
        );
      const now = platform.clock.now();
      const completeWindow = input.CompleteWindowMinutes ?? DEFAULT_COMPLETE_WINDOW;
      const job: BackupJobRecord = {
        ...newJob(call, iamRoleArn),
        state: 'CREATED',
        vaultName: vault.name,
        resourceArn,
        startBy: new Date(now.getTime() + startWindow * MINUTE_MS).toISOString(),
        completeBy: new Date(now.getTime() + completeWindow * MINUTE_MS).toISOString(),
        lifecycle: lifecycleFrom('StartBackupJob', input.Lifecycle),
        tags: input.RecoveryPointTags ?? {},
      };
      await Promise.all([
        store.backupJobs.put(keyOf(call, job.id), job),
        store.keepToken(call, 'StartBackupJob', input.IdempotencyToken, job.id),
      ]);
      jobs.backups.start(job);
      return started(job);
    },

    async DescribeBackupJob(input, call) {
      platform.authorize(call, 'backup:DescribeBackupJob', '*');
      const id = required(input.BackupJobId, 'BackupJobId');
      return describeBackupJob(context, find(store.backupJobs, call, id, 'Backup job'));
    },

    async ListBackupJobs(input, call) {
      refuseMembers('backup', 'ListBackupJobs', input, ['ByParentJobId', 'ByMessageCategory']);
      platform.authorize(call, 'backup:ListBackupJobs', '*');
      const matching = [...store.backupJobs.values()].filter(
        (job) =>
          common(job, input, call) &&
          matches(input.ByState, job.state) &&
          matches(input.ByResourceArn, job.resourceArn) &&
          matches(input.ByBackupVaultName, job.vaultName),
      );
      const { items, NextToken } = page(matching, sortKey, input);
      return { BackupJobs: items.map((job) => describeBackupJob(context, job)), NextToken };
    },

    async StopBackupJob(input, call) {
      platform.authorize(call, 'backup:StopBackupJob', '*');
      const job = find(store.backupJobs, call, required(input.BackupJobId, 'BackupJobId'), 'Backup job');
      if (!['CREATED', 'PENDING', 'RUNNING'].includes(job.state))
        throw fault(
          Backup.InvalidRequestException,
          `Backup job ${job.id} is ${job.state} and cannot be stopped.`,
        );
      await jobs.backups.stop(job);
      return {};
    },

    async StartCopyJob(input, call) {
      const sourceName = required(input.SourceBackupVaultName, 'SourceBackupVaultName');
      const destination = required(input.DestinationBackupVaultArn, 'DestinationBackupVaultArn');
      const arn = required(input.RecoveryPointArn, 'RecoveryPointArn');
      const iamRoleArn = requirePassable(context, call, input.IamRoleArn);
      const known = store.knownToken(call, 'StartCopyJob', input.IdempotencyToken);
      const earlier = known === undefined ? undefined : store.copyJobs.get(keyOf(call, known));
      if (earlier)
        return { CopyJobId: earlier.id, CreationDate: new Date(earlier.createdAt), IsParent: false };
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
        ...newJob(call, iamRoleArn),
        ...{
          state: 'CREATED',
          sourceVaultName: sourceName,
          sourcePointArn: arn,
          destinationVaultArn: destination,
        },
        resourceArn: point.resourceArn,
        lifecycle: lifecycleFrom('StartCopyJob', input.Lifecycle),
      };
      await Promise.all([
        store.copyJobs.put(keyOf(call, job.id), job),
        store.keepToken(call, 'StartCopyJob', input.IdempotencyToken, job.id),
      ]);
      jobs.copies.start(job);
      return { CopyJobId: job.id, CreationDate: new Date(job.createdAt), IsParent: false };
    },

    async DescribeCopyJob(input, call) {
      platform.authorize(call, 'backup:DescribeCopyJob', '*');
      const id = required(input.CopyJobId, 'CopyJobId');
      return { CopyJob: describeCopyJob(find(store.copyJobs, call, id, 'Copy job')) };
    },

    async ListCopyJobs(input, call) {
      refuseMembers('backup', 'ListCopyJobs', input, ['ByParentJobId', 'ByMessageCategory']);
      platform.authorize(call, 'backup:ListCopyJobs', '*');
      const matching = [...store.copyJobs.values()].filter(
        (job) =>
          common(job, input, call) &&
          matches(input.ByState, job.state) &&
          matches(input.ByResourceArn, job.resourceArn) &&
          matches(input.ByDestinationVaultArn, job.destinationVaultArn) &&
          matches(input.BySourceRecoveryPointArn, job.sourcePointArn),
      );
      const { items, NextToken } = page(matching, sortKey, input);
      return { CopyJobs: items.map(describeCopyJob), NextToken };
    },

    async StartRestoreJob(input, call) {
      const arn = required(input.RecoveryPointArn, 'RecoveryPointArn');
      const metadata = required(input.Metadata, 'Metadata');
      const point = store.points.get(arn);
      const vault = point && store.vault(point, point.vaultName);
      platform.authorize(call, 'backup:StartRestoreJob', arn, tagsOf(point?.tags), {
        resourcePolicy: vault?.policy,
      });
      const iamRoleArn = requirePassable(context, call, input.IamRoleArn);
      const known = store.knownToken(call, 'StartRestoreJob', input.IdempotencyToken);
      if (known !== undefined) return { RestoreJobId: known };
      if (!point || !samePlace(point, call))
        throw fault(
          Backup.ResourceNotFoundException,
          `Recovery point ${arn} does not exist in ${call.region}.`,
        );
      if (input.ResourceType !== undefined && input.ResourceType !== 'RDS')
        throw fault(
          Backup.InvalidParameterValueException,
          `Recovery point ${arn} is of type RDS, not ${input.ResourceType}.`,
        );
      if (point.status !== 'COMPLETED')
        throw fault(
          Backup.InvalidRequestException,
          `Recovery point ${arn} is ${point.status} and cannot be restored.`,
        );
      const job: RestoreJobRecord = {
        ...newJob(call, iamRoleArn),
        ...{ state: 'PENDING', pointArn: arn, metadata },
        copySourceTags: input.CopySourceTagsToRestoredResource ?? false,
      };
      await Promise.all([
        store.restoreJobs.put(keyOf(call, job.id), job),
        store.keepToken(call, 'StartRestoreJob', input.IdempotencyToken, job.id),
      ]);
      jobs.restores.start(job);
      return { RestoreJobId: job.id };
    },

    async DescribeRestoreJob(input, call) {
      platform.authorize(call, 'backup:DescribeRestoreJob', '*');
      const id = required(input.RestoreJobId, 'RestoreJobId');
      return describeRestoreJob(context, find(store.restoreJobs, call, id, 'Restore job'));
    },

    async ListRestoreJobs(input, call) {
      refuseMembers('backup', 'ListRestoreJobs', input, ['ByRestoreTestingPlanArn', 'ByParentJobId']);
      platform.authorize(call, 'backup:ListRestoreJobs', '*');
      const matching = [...store.restoreJobs.values()].filter(
        (job) => common(job, input, call) && matches(input.ByStatus, job.state),
      );
      const { items, NextToken } = page(matching, sortKey, input);
      return { RestoreJobs: items.map((job) => describeRestoreJob(context, job)), NextToken };
    },

    async PutRestoreValidationResult(input, call) {
      platform.authorize(call, 'backup:PutRestoreValidationResult', '*');
      const job = find(store.restoreJobs, call, required(input.RestoreJobId, 'RestoreJobId'), 'Restore job');
      const status = required(input.ValidationStatus, 'ValidationStatus');
      if (job.state !== 'COMPLETED')
        throw fault(
          Backup.InvalidRequestException,
          `Restore job ${job.id} is ${job.state}; only a completed one can be validated.`,
        );
      const validation = { status, message: input.ValidationStatusMessage };
      await store.restoreJobs.put(keyOf(call, job.id), { ...job, validation });
      return {};
    },
  };

  function newJob(call: Call, iamRoleArn: string) {
    const { accountId, region } = call;
    return {
      accountId,
      region,
      id: randomUUID().toUpperCase(),
      createdAt: store.now(),
      iamRoleArn,
      percent: 0,
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

  function requireResource(arn: string, call: Call): void {
    const parsed = parseRdsArn(arn);
    if (parsed?.kind !== 'db')
      throw notImplemented('backup', `StartBackupJob for ${arn}: only RDS instances are backed up`);
    const optedIn = store.settings.get(keyOf(call, 'settings'))?.optIn['RDS'] ?? true;
    if (!optedIn)
      throw fault(
        Backup.InvalidRequestException,
        `The resource type RDS is not opted in for AWS Backup in ${call.region}.`,
      );
    if (!samePlace(parsed, call) || !context.rds.store.instance(parsed, parsed.id))
      throw fault(
        Backup.ResourceNotFoundException,
        `The resource ${arn} does not exist in ${call.region} of account ${call.accountId}.`,
      );
  }
}

interface JobFacts extends Place {
  readonly id: string;
  readonly createdAt: string;
  readonly completedAt?: string | undefined;
}

interface CommonFilters {
  readonly ByAccountId?: string | undefined;
  readonly ByResourceType?: string | undefined;
  readonly ByCreatedAfter?: Date | undefined;
  readonly ByCreatedBefore?: Date | undefined;
  readonly ByCompleteAfter?: Date | undefined;
  readonly ByCompleteBefore?: Date | undefined;
}

function common(job: JobFacts, input: CommonFilters, call: Call): boolean {
  return (
    samePlace(job, call) &&
    matches(input.ByAccountId, job.accountId) &&
    matches(input.ByResourceType, 'RDS') &&
    within(job.createdAt, input.ByCreatedAfter, input.ByCreatedBefore) &&
    within(job.completedAt, input.ByCompleteAfter, input.ByCompleteBefore)
  );
}

function matches(wanted: string | undefined, actual: string): boolean {
  return wanted === undefined || wanted === actual;
}

function sortKey({ createdAt, id }: JobFacts): string {
  return `${createdAt}/${id}`;
}

function find<J>(table: { get(key: string): J | undefined }, place: Place, id: string, what: string): J {
  const job = table.get(keyOf(place, id)) ?? table.get(keyOf(place, id.toUpperCase()));
  if (job) return job;
  throw fault(Backup.ResourceNotFoundException, `${what} ${id} does not exist.`);
}
