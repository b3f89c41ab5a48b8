import { keyOf as rdsKey, rdsArn } from '../rds/names.ts';
import type { InstanceRecord } from '../rds/records.ts';
import { restoreFromSnapshot } from '../rds/restore.ts';
import { tagContext } from '../rds/tags.ts';
import type { BackupContext } from './context.ts';
import { TYPICAL } from './durations.ts';
import { JobFailure } from './faults.ts';
import { JobRunner } from './job-runner.ts';
import { keyOf } from './names.ts';
import type { RestoreJobRecord } from './records.ts';
import { restoreInput } from './restore-metadata.ts';

const UNFINISHED = new Set(['PENDING', 'RUNNING']);

/** Restore jobs: they call RDS in the name of the service role, and are complete when the instance is available. */
export class RestoreJobs {
  readonly #context: BackupContext;
  readonly #runner: JobRunner<RestoreJobRecord>;

  constructor(context: BackupContext) {
    this.#context = context;
    const { platform, store } = context;
    this.#runner = new JobRunner(platform, store.restoreJobs, (statusMessage) => ({
      ...{ state: 'FAILED', statusMessage, completedAt: store.now() },
    }));
  }

  start(job: RestoreJobRecord): void {
    const key = keyOf(job, job.id);
    this.#runner.run(key, job.id, (signal) => this.#drive(key, signal));
  }

  resume(): void {
    for (const job of this.#context.store.restoreJobs.values())
      if (UNFINISHED.has(job.state)) this.start(job);
  }

  async #drive(key: string, signal: AbortSignal): Promise<void> {
    const { store, platform, rds } = this.#context;
    const job = store.restoreJobs.get(key);
    if (!job) return;
    if (job.state === 'PENDING')
      await platform.pace.take('backup.restoreQueue', { typicalSeconds: TYPICAL.restoreQueue, signal });
    const instance = this.#made(job) ?? (await this.#make(key, job));
    const createdResourceArn = rdsArn(instance, 'db', instance.id);
    await this.#runner.patch(key, { state: 'RUNNING', createdResourceArn });
    const settled = await rds.fleet.settled(rdsKey(instance, instance.id), signal);
    if (!settled || settled.status === 'deleting')
      throw new JobFailure(`The instance ${instance.id} was deleted while it was being restored.`);
    if (settled.createdAt === undefined)
      throw new JobFailure(
        `The restore of ${instance.id} failed: the instance is ${settled.status}. ${settled.failure ?? ''}`,
      );
    await store.patchPoint(job.pointArn, { lastRestoreAt: store.now() });
    await this.#runner.patch(key, { state: 'COMPLETED', completedAt: store.now(), percent: 100 });
  }

  /** The instance that this job made before a crash. */
  #made(job: RestoreJobRecord): InstanceRecord | undefined {
    return [...this.#context.rds.store.instances.values()].find(
      ({ awsBackupJob }) => awsBackupJob === job.id,
    );
  }

  async #make(key: string, job: RestoreJobRecord): Promise<InstanceRecord> {
    const { store, rds, platform } = this.#context;
    const point = store.points.get(job.pointArn);
    const snapshot = point && rds.store.snapshots.get(point.snapshotKey);
    if (point?.status !== 'COMPLETED' || !snapshot)
      throw new JobFailure(`Recovery point ${job.pointArn} is not available.`);
    await this.#runner.patch(key, { state: 'RUNNING', bytes: point.bytes });
    const input = restoreInput(job.metadata, snapshot);
    const tags = job.copySourceTags ? point.sourceTags : {};
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    const call = platform.roles.callAs(job.iamRoleArn, job.region, 'rds', 'RestoreDBInstanceFromDBSnapshot');
    if (!call) throw new JobFailure(`IAM Role ${job.iamRoleArn} no longer exists.`);
    try {
      if (job.copySourceTags && Tags.length > 0)
        platform.authorize(
          call,
          'rds:AddTagsToResource',
          rdsArn(job, 'db', input.DBInstanceIdentifier ?? ''),
          tagContext(Tags),
        );
      await restoreFromSnapshot(rds, { ...input, Tags }, call, job.id);
    } catch (cause) {
      throw new JobFailure(cause instanceof Error ? cause.message : String(cause));
    }
    const made = this.#made(job);
    if (!made) throw new JobFailure('The instance was deleted while it was being restored.');
    return made;
  }
}
