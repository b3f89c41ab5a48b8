import type { BackupContext } from './context.ts';
import { TYPICAL } from './durations.ts';
import { JobFailure } from './faults.ts';
import { tellRestore } from './happenings.ts';
import type { JobFacts } from './job-points.ts';
import { JobRunner } from './job-runner.ts';
import type { ResourceKind } from './kinds/kind.ts';
import { keyOf } from './names.ts';
import type { PointRecord, RestoreJobRecord } from './records.ts';

const UNFINISHED = new Set(['PENDING', 'RUNNING']);

/** Restore jobs: they work in the name of the service role, and are complete when the resource is available. */
export class RestoreJobs {
  readonly #context: BackupContext;
  readonly #runner: JobRunner<RestoreJobRecord>;

  constructor(context: BackupContext) {
    this.#context = context;
    const { platform, store, hook } = context;
    this.#runner = new JobRunner(platform, store.restoreJobs, {
      hook,
      failed: (statusMessage) => ({ state: 'FAILED', statusMessage, completedAt: store.now() }),
      onFailed: (job) => tellRestore(context, job),
    });
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
    const { store, platform, kinds } = this.#context;
    const job = store.restoreJobs.get(key);
    if (!job) return;
    const point = store.points.get(job.pointArn);
    if (!point) throw new JobFailure(`Recovery point ${job.pointArn} is not available.`);
    const facts = factsOf(job, point);
    if (job.state === 'PENDING') {
      await platform.pace.take('backup.restoreQueue', { typicalSeconds: TYPICAL.restoreQueue, signal });
      await this.#runner.at('backup.restore.pending', facts, signal);
    }
    const kind = kinds.must(point.resourceArn);
    const createdResourceArn = kind.begun(job) ?? (await this.#make(key, job, kind));
    const running = await this.#runner.patch(key, { state: 'RUNNING', createdResourceArn });
    if (!running) return;
    tellRestore(this.#context, running);
    this.#mustNot(await this.#runner.at('backup.restore.running', facts, signal));
    const issue = await kind.restored(running, point, {
      signal,
      progress: async (percent) => {
        await this.#runner.patch(key, { percent });
      },
    });
    this.#mustNot(await this.#runner.at('backup.restore.finish', facts, signal));
    const completedAt = store.now();
    await store.patchPoint(job.pointArn, { lastRestoreAt: completedAt });
    const statusMessage = issue?.message;
    const done = await this.#runner.patch(key, {
      ...{ state: 'COMPLETED', completedAt, percent: 100, statusMessage },
    });
    if (done) tellRestore(this.#context, done, issue);
  }

  async #make(key: string, job: RestoreJobRecord, kind: ResourceKind): Promise<string> {
    const { store, platform } = this.#context;
    const point = store.points.get(job.pointArn);
    if ((point?.status !== 'COMPLETED' && point?.status !== 'PARTIAL') || !kind.holds(point))
      throw new JobFailure(`Recovery point ${job.pointArn} is not available.`);
    await this.#runner.patch(key, { state: 'RUNNING', bytes: point.bytes });
    const call = platform.roles.callAs(
      job.iamRoleArn,
      job.region,
      kind.type.toLowerCase(),
      'StartRestoreJob',
    );
    if (!call) throw new JobFailure(`IAM Role ${job.iamRoleArn} no longer exists.`);
    return kind.restore(job, point, call);
  }

  /** A restore job knows no PARTIAL. */
  #mustNot(partial: string | undefined): void {
    if (partial !== undefined) throw new JobFailure(partial);
  }
}

function factsOf({ accountId, region, id }: RestoreJobRecord, point: PointRecord): JobFacts {
  return { accountId, region, id, resource: point.resourceArn, vault: point.vaultName };
}
