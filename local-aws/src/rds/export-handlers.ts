import * as RDS from '@aws-sdk/client-rds';
import type { Platform } from '../platform.ts';
import { awsError } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { ClusterContext } from './cluster-context.ts';
import { findCluster } from './cluster-handlers.ts';
import { findClusterSnapshot } from './cluster-snapshot-handlers.ts';
import { usableKey } from './encryption.ts';
import { EXPORT_SERVICE, type ExportStorage, folderOf } from './export-bucket.ts';
import type { ExportRecord } from './export-records.ts';
import type { Exports } from './export-tasks.ts';
import { fault, invalidValue, required } from './faults.ts';
import { keyOf, parseRdsArn } from './names.ts';
import { applyFilters, byKey, page } from './paging.ts';
import { quota } from './quotas.ts';
import { findSnapshot } from './restore.ts';

const LONGEST_ID = 60;
/** AWS: about 200 KB of names. */
const LONGEST_LIST = 200_000;

export function exportHandlers(context: ClusterContext, exports: Exports): Handlers<typeof RDS> {
  const { platform, store } = context;
  return {
    async StartExportTask(input, call) {
      platform.authorize(call, 'rds:StartExportTask', '*');
      const id = taskId(required(input.ExportTaskIdentifier, 'ExportTaskIdentifier'));
      const sourceArn = required(input.SourceArn, 'SourceArn');
      const bucketName = required(input.S3BucketName, 'S3BucketName');
      const roleArn = required(input.IamRoleArn, 'IamRoleArn');
      const keyRef = required(input.KmsKeyId, 'KmsKeyId');
      const exportOnly = selection(input.ExportOnly ?? []);
      const prefix = (input.S3Prefix ?? '').replace(/^\/+|\/+$/g, '');
      if (exports.tasks.has(keyOf(call, id)))
        throw fault(RDS.ExportTaskAlreadyExistsFault, `The export task ${id} already exists.`);
      const source = sourceOf(context, sourceArn, call);
      const kmsKeyArn = exportKey(platform, call, keyRef);
      requireRole(platform, call, roleArn);
      requireBucket(platform, exports.storage, { id, prefix, bucketName, roleArn }, call);
      const running = exports.running(call);
      if (running.some((task) => task.sourceArn === sourceArn))
        throw fault(
          RDS.InvalidExportSourceStateFault,
          `An export task of ${sourceArn} is in progress; a second one has to wait.`,
        );
      const most = quota(store, call, 'ExportTasks');
      if (running.length >= most)
        throw awsError({
          code: 'ExportTaskLimitReachedFault',
          message: `You have reached the maximum number of ${most} concurrent export tasks.`,
          ...{ status: 400, service: 'rds' },
        });
      const { accountId, region } = call;
      const task: ExportRecord = {
        ...{ accountId, region, id, sourceArn, exportOnly, bucket: bucketName, prefix, roleArn, kmsKeyArn },
        ...source,
        ...{ askedAt: platform.clock.now().toISOString(), status: 'STARTING', percent: 0, extractedBytes: 0 },
      };
      await exports.start(task);
      return describe(task);
    },

    async DescribeExportTasks(input, call) {
      platform.authorize(call, 'rds:DescribeExportTasks', '*');
      const { ExportTaskIdentifier: id, SourceArn, SourceType } = input;
      const here = [...exports.tasks.values()].filter(
        (task) =>
          task.accountId === call.accountId &&
          task.region === call.region &&
          (id === undefined || task.id === id.toLowerCase()) &&
          (SourceArn === undefined || task.sourceArn === SourceArn) &&
          (SourceType === undefined || task.sourceType === SourceType),
      );
      const upper = (input.Filters ?? []).find(
        ({ Name, Values = [] }) => Name === 'status' && Values.some((value) => value !== value.toLowerCase()),
      );
      if (upper) throw invalidValue('The values of the filter status must be lower case.');
      const matching = applyFilters(here, input.Filters, {
        'export-task-identifier': (task) => [task.id],
        's3-bucket': ({ bucket }) => [bucket],
        'source-arn': (task) => [task.sourceArn],
        status: ({ status }) => [status],
      }).sort(byKey((task) => task.id));
      const { items, Marker } = page(matching, (task) => task.id, input);
      return { ExportTasks: items.map(describe), Marker };
    },

    async CancelExportTask(input, call) {
      platform.authorize(call, 'rds:CancelExportTask', '*');
      const id = required(input.ExportTaskIdentifier, 'ExportTaskIdentifier').toLowerCase();
      const task = exports.tasks.get(keyOf(call, id));
      if (!task) throw fault(RDS.ExportTaskNotFoundFault, `The export task ${id} does not exist.`);
      if (task.status !== 'STARTING' && task.status !== 'IN_PROGRESS')
        throw fault(
          RDS.InvalidExportTaskStateFault,
          `The export task ${id} is ${task.status} and cannot be canceled.`,
        );
      return describe(await exports.cancel(task));
    },
  };
}

function describe(task: ExportRecord): RDS.ExportTask {
  const date = (at: string | undefined) => (at === undefined ? undefined : new Date(at));
  return {
    ExportTaskIdentifier: task.id,
    SourceArn: task.sourceArn,
    SourceType: task.sourceType,
    ...(task.exportOnly.length > 0 && { ExportOnly: [...task.exportOnly] }),
    SnapshotTime: date(task.snapshotTime),
    TaskStartTime: date(task.startedAt),
    TaskEndTime: date(task.endedAt),
    S3Bucket: task.bucket,
    S3Prefix: task.prefix,
    IamRoleArn: task.roleArn,
    KmsKeyId: task.kmsKeyArn,
    Status: task.status,
    PercentProgress: task.percent,
    TotalExtractedDataInGB: Math.floor(task.extractedBytes / 1e9),
    FailureCause: task.failure,
    WarningMessage: task.warning,
  };
}

function taskId(given: string): string {
  const id = given.toLowerCase();
  if (id.length <= LONGEST_ID && /^[a-z](-?[a-z0-9])*$/.test(id)) return id;
  throw invalidValue(
    `The parameter ExportTaskIdentifier is not a valid identifier: it must begin with a letter, hold only letters, digits and single hyphens, and have at most ${LONGEST_ID} characters.`,
  );
}

function selection(only: readonly string[]): string[] {
  const wrong = only.find((one) => !/^[^.\s]+(\.[^.\s]+){0,2}$/.test(one));
  if (wrong !== undefined)
    throw fault(
      RDS.InvalidExportOnlyFault,
      `The export is invalid: '${wrong}' is not of the form database, database.schema or database.schema.table.`,
    );
  if (only.join('').length > LONGEST_LIST)
    throw fault(RDS.InvalidExportOnlyFault, 'The export is invalid: ExportOnly is too long.');
  return [...only];
}

function sourceOf(
  context: ClusterContext,
  arn: string,
  call: Call,
): Pick<ExportRecord, 'sourceType' | 'snapshotTime'> {
  const parsed = parseRdsArn(arn);
  if (parsed?.kind === 'cluster') {
    const cluster = findCluster(
      context,
      { ...call, ...(parsed.accountId !== call.accountId && { accountId: '' }) },
      parsed.id,
    );
    requireState(arn, cluster.status, cluster.region, call);
    requireOwnKey(context, call, cluster.kmsKeyArn);
    return { sourceType: 'CLUSTER', snapshotTime: context.platform.clock.now().toISOString() };
  }
  if (parsed?.kind !== 'snapshot' && parsed?.kind !== 'cluster-snapshot')
    throw invalidValue(
      `Invalid SourceArn: ${arn}. It must be that of a snapshot, a cluster snapshot or a cluster.`,
    );
  const snapshot =
    parsed.kind === 'snapshot' ? findSnapshot(context, call, arn) : findClusterSnapshot(context, call, arn);
  requireState(arn, snapshot.status, snapshot.region, call);
  requireOwnKey(context, call, snapshot.kmsKeyArn);
  return { sourceType: 'SNAPSHOT', snapshotTime: snapshot.databaseTime ?? snapshot.createdAt };
}

function requireState(arn: string, status: string, region: string, call: Call): void {
  if (region !== call.region)
    throw fault(RDS.InvalidExportSourceStateFault, `${arn} is not in ${call.region}.`);
  if (status !== 'available')
    throw fault(
      RDS.InvalidExportSourceStateFault,
      `The export source ${arn} must be in available status; it is ${status}.`,
    );
}

/** What is encrypted can be exported only by whoever may use its key. */
function requireOwnKey({ platform }: ClusterContext, call: Call, kmsKeyArn: string | undefined): void {
  if (kmsKeyArn !== undefined) usableKey(platform, call, kmsKeyArn);
}

function exportKey(platform: Platform, call: Call, keyRef: string): string {
  const key = usableKey(platform, call, keyRef);
  if (key.region === call.region) return key.arn;
  throw fault(RDS.KMSKeyNotAccessibleFault, `The key ${key.arn} is not in ${call.region}.`);
}

function requireRole(platform: Platform, call: Call, roleArn: string): void {
  if (!platform.roles.callAs(roleArn, call.region, 's3', 'PutObject'))
    throw fault(RDS.IamRoleNotFoundFault, `The IAM role ${roleArn} does not exist.`);
  platform.authorize(call, 'iam:PassRole', roleArn, { 'iam:PassedToService': EXPORT_SERVICE });
  const passable = platform.roles.passable(call, roleArn, EXPORT_SERVICE);
  if (!passable.ok) throw fault(RDS.IamRoleMissingPermissionsFault, passable.reason);
}

/** The bucket is in this region, and the role may do there what an export does. */
function requireBucket(
  platform: Platform,
  { store }: ExportStorage,
  task: { id: string; prefix: string; bucketName: string; roleArn: string },
  call: Call,
): void {
  const bucket = store.buckets.get(task.bucketName);
  if (bucket?.region !== call.region)
    throw fault(
      RDS.InvalidS3BucketFault,
      `The S3 bucket ${task.bucketName} doesn't exist or is not in ${call.region}.`,
    );
  const options = {
    ownerAccountId: bucket.accountId,
    ...(bucket.policy !== undefined && { resourcePolicy: bucket.policy }),
  };
  const objects = `arn:aws:s3:::${bucket.name}/${folderOf(task)}export_info_${task.id}.json`;
  const needed = [
    ...['s3:PutObject', 's3:GetObject', 's3:DeleteObject'].map((action) => [action, objects] as const),
    ...['s3:ListBucket', 's3:GetBucketLocation'].map(
      (action) => [action, `arn:aws:s3:::${bucket.name}`] as const,
    ),
  ];
  for (const [action, arn] of needed) {
    const role = platform.roles.callAs(task.roleArn, call.region, 's3', action.slice(3));
    try {
      if (role) platform.authorize(role, action, arn, {}, options);
    } catch (cause) {
      throw fault(
        RDS.IamRoleMissingPermissionsFault,
        `The IAM role ${task.roleArn} isn't authorized to call ${action} on ${arn}. ${cause instanceof Error ? cause.message : ''}`,
      );
    }
  }
}
