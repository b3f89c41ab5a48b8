import { setTimeout as sleep } from 'node:timers/promises';
import type { BackupContext } from './context.ts';
import { TYPICAL } from './durations.ts';
import { JobFailure } from './faults.ts';
import type { JobFacts } from './job-points.ts';
import { JobRunner } from './job-runner.ts';
import type { Outcome, Resource, ResourceKind } from './kinds/kind.ts';
import { requireRetention } from './locks.ts';
import { keyOf } from './names.ts';
import { tellBackup } from './happenings.ts';
import type { BackupJobRecord, PointRecord, VaultRecord } from './records.ts';

const NOT_STARTED = new Set(['CREATED', 'PENDING']);
/** Even when AWS's waits are scaled to nothing. */
const SHORTEST_RETRY_MS = 50;

/** Backup jobs: CREATED, PENDING, RUNNING, then COMPLETED or one of the sad ends. */
export class BackupJobs {
  readonly #context: BackupContext;
  readonly #runner: JobRunner<BackupJobRecord>;
  /** Called when a job is complete: its plan's copies begin. */
  onCompleted: (job: BackupJobRecord) => Promise<void> = () => Promise.resolve();

  constructor(context: BackupContext) {
    this.#context = context;
    const { platform, store, hook } = context;
    this.#runner = new JobRunner(platform, store.backupJobs, {
      hook,
      failed: (statusMessage) => ({ state: 'FAILED', statusMessage, completedAt: store.now() }),
      onFailed: (job) => tellBackup(context, job),
    });
  }

  start(job: BackupJobRecord): void {
    const key = keyOf(job, job.id);
    this.#runner.run(key, job.resourceArn, (signal) => this.#drive(key, signal));
  }

  resume(): void {
    for (const job of this.#context.store.backupJobs.values())
      if (NOT_STARTED.has(job.state) || job.state === 'RUNNING') this.start(job);
  }

  /** Stops a job that is not over; what it made so far goes away. */
  async stop(job: BackupJobRecord): Promise<void> {
    const key = keyOf(job, job.id);
    await this.#runner.patch(key, { state: 'ABORTING' });
    await this.#giveUp(key, { state: 'ABORTED', statusMessage: 'The backup job was stopped by a user.' });
  }

  /** Ends jobs whose start window or completion window is over. */
  async expire(): Promise<void> {
    const { store } = this.#context;
    const now = store.now();
    for (const job of [...store.backupJobs.values()]) {
      if (NOT_STARTED.has(job.state) && job.startBy <= now)
        await this.#giveUp(keyOf(job, job.id), { state: 'EXPIRED', statusMessage: notStarted(job) });
      else if (job.state === 'RUNNING' && job.completeBy <= now)
        await this.#giveUp(keyOf(job, job.id), {
          state: 'EXPIRED',
          statusMessage: 'Backup job expired before completion.',
        });
    }
  }

  async #giveUp(key: string, end: Pick<BackupJobRecord, 'state' | 'statusMessage'>): Promise<void> {
    const { store, kinds } = this.#context;
    this.#runner.stop(key);
    const job = await this.#runner.patch(key, { ...end, completedAt: store.now() });
    if (!job) return;
    if (job.pointArn !== undefined) {
      const point = store.points.get(job.pointArn);
      await store.points.remove(job.pointArn);
      if (point) await kinds.must(job.resourceArn).discard(point);
    }
    tellBackup(this.#context, job);
  }

  async #drive(key: string, signal: AbortSignal): Promise<void> {
    const { store, platform, kinds } = this.#context;
    const job = store.backupJobs.get(key);
    if (!job) return;
    const kind = kinds.must(job.resourceArn);
    if (job.state === 'RUNNING') return this.#finish(key, kind, signal); // taken up after a crash
    await platform.pace.take('backup.queue', { typicalSeconds: TYPICAL.backupQueue, signal });
    await this.#runner.at('backup.job.created', factsOf(job), signal);
    await this.#whenReady(key, kind, signal);
    await this.#runner.patch(key, { state: 'PENDING', statusMessage: undefined });
    await platform.pace.take('backup.pending', { typicalSeconds: TYPICAL.backupPending, signal });
    await this.#runner.at('backup.job.start', factsOf(job), signal);
    const resource = await this.#whenReady(key, kind, signal);
    const vault = store.vault(job, job.vaultName);
    if (!vault) throw new JobFailure(`Backup vault ${job.vaultName} no longer exists.`);
    requireRetention(vault, job.lifecycle);
    const call = platform.roles.callAs(job.iamRoleArn, job.region, 'backup', 'StartBackupJob');
    if (!call) throw new JobFailure(`IAM Role ${job.iamRoleArn} no longer exists.`);
    kind.requireBackup(job, resource, call, platform.clock.now());
    const point = this.#pointOf(job, vault, kind, resource);
    // Nothing may come between the look at the resource's state and the begin of the backup.
    const begun = kind.backUp(job, point);
    const initiatedAt = store.now();
    const [, , running] = await Promise.all([
      begun,
      store.points.put(point.arn, point),
      this.#runner.patch(key, { state: 'RUNNING', initiatedAt, pointArn: point.arn }),
    ]);
    if (running) tellBackup(this.#context, running);
    await this.#finish(key, kind, signal);
  }

  /** Waits like AWS: a job that cannot start yet is tried again until its start window ends, see `expire`. */
  async #whenReady(key: string, kind: ResourceKind, signal: AbortSignal): Promise<Resource> {
    const { store, platform } = this.#context;
    for (;;) {
      const job = store.backupJobs.get(key);
      const resource = job && kind.find(job.resourceArn);
      if (!job || !resource) throw new JobFailure(`The resource ${job?.resourceArn ?? ''} does not exist.`);
      if (resource.busy === undefined) return resource;
      await this.#runner.patch(key, { statusMessage: resource.busy });
      await Promise.all([
        platform.pace.take('backup.retry', { typicalSeconds: TYPICAL.retry, signal }),
        sleep(SHORTEST_RETRY_MS, undefined, { signal }),
      ]);
    }
  }

  async #finish(key: string, kind: ResourceKind, signal: AbortSignal): Promise<void> {
    const { store } = this.#context;
    const job = store.backupJobs.get(key);
    if (!job) return;
    const address = kind.address(job, job, 'job');
    try {
      await this.#runner.at('backup.job.running', factsOf(job), signal);
      const outcome = await kind.settled(address, signal);
      if (!outcome.ok) throw new JobFailure(outcome.failure);
      const partial = await this.#runner.at('backup.job.finish', factsOf(job), signal);
      await this.#complete(key, address.arn, outcome, partial);
    } catch (cause) {
      if (signal.aborted) throw cause;
      await store.points.remove(address.arn);
      await kind.discard(address);
      throw cause;
    }
  }

  async #complete(
    key: string,
    arn: string,
    { bytes, issue }: Extract<Outcome, { ok: true }>,
    partial: string | undefined,
  ): Promise<void> {
    const { store } = this.#context;
    const completedAt = store.now();
    const state = partial === undefined ? 'COMPLETED' : 'PARTIAL';
    const statusMessage = partial ?? issue?.message;
    await store.patchPoint(arn, { status: state, completedAt, bytes, statusMessage });
    const job = await this.#runner.patch(key, { state, statusMessage, completedAt, percent: 100, bytes });
    if (!job) return;
    tellBackup(this.#context, job, issue);
    if (state === 'COMPLETED') await this.onCompleted(job);
  }

  #pointOf(job: BackupJobRecord, vault: VaultRecord, kind: ResourceKind, resource: Resource): PointRecord {
    const { store } = this.#context;
    const { accountId, region, resourceArn } = job;
    return {
      ...kind.address(job, job, 'job'),
      ...{ accountId, region, vaultName: vault.name, resourceArn, status: 'CREATING', bytes: 0 },
      createdAt: store.now(),
      startedAt: store.now(),
      lifecycle: job.lifecycle,
      keyArn: kind.fullyManaged ? vault.keyArn : resource.keyArn, // in the first vault RDS data keeps the database's key
      iamRoleArn: job.iamRoleArn,
      tags: { ...resource.tags, ...job.tags },
      sourceTags: resource.tags,
      createdBy: job.createdBy,
    };
  }
}

function notStarted({ statusMessage }: BackupJobRecord): string {
  const said = 'Backup job could not start before its start window ended.';
  return statusMessage === undefined ? said : `${said} ${statusMessage}`;
}

function factsOf({ accountId, region, id, resourceArn, vaultName }: BackupJobRecord): JobFacts {
  return { accountId, region, id, resource: resourceArn, vault: vaultName };
}
