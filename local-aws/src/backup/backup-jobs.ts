import { setTimeout as sleep } from 'node:timers/promises';
import { keyOf as rdsKey, parseRdsArn, rdsArn } from '../rds/names.ts';
import type { InstanceRecord, SnapshotRecord } from '../rds/records.ts';
import { tagContext } from '../rds/tags.ts';
import type { BackupContext } from './context.ts';
import { TYPICAL } from './durations.ts';
import { JobFailure } from './faults.ts';
import { JobRunner } from './job-runner.ts';
import { requireRetention } from './locks.ts';
import { keyOf } from './names.ts';
import type { BackupJobRecord, PointRecord, VaultRecord } from './records.ts';
import { requireOutsideWindows } from './windows.ts';

const READY = new Set(['available', 'storage-optimization']);
const UNFINISHED = new Set(['CREATED', 'PENDING', 'RUNNING']);
/** Even when AWS's waits are scaled to nothing. */
const SHORTEST_RETRY_MS = 50;

/** Backup jobs: CREATED, RUNNING, then COMPLETED or one of the sad ends. */
export class BackupJobs {
  readonly #context: BackupContext;
  readonly #runner: JobRunner<BackupJobRecord>;

  constructor(context: BackupContext) {
    this.#context = context;
    const { platform, store } = context;
    this.#runner = new JobRunner(platform, store.backupJobs, (statusMessage) => ({
      ...{ state: 'FAILED', statusMessage, completedAt: store.now() },
    }));
  }

  start(job: BackupJobRecord): void {
    const key = keyOf(job, job.id);
    this.#runner.run(key, job.resourceArn, (signal) => this.#drive(key, signal));
  }

  resume(): void {
    for (const job of this.#context.store.backupJobs.values()) if (UNFINISHED.has(job.state)) this.start(job);
  }

  /** Stops a job that is not over; what it made so far goes away. */
  async stop(job: BackupJobRecord): Promise<void> {
    const key = keyOf(job, job.id);
    const { store, rds } = this.#context;
    await this.#runner.patch(key, { state: 'ABORTING' });
    this.#runner.stop(key);
    if (job.pointArn !== undefined) {
      await store.points.remove(job.pointArn);
      rds.snapshots.remove(rdsKey(job, snapshotId(job)));
    }
    const statusMessage = 'The backup job was stopped by a user.';
    await this.#runner.patch(key, { state: 'ABORTED', statusMessage, completedAt: store.now() });
  }

  async #drive(key: string, signal: AbortSignal): Promise<void> {
    const { store, platform, rds } = this.#context;
    const job = store.backupJobs.get(key);
    if (!job) return;
    if (job.state === 'RUNNING') return this.#finish(key, job, signal); // taken up after a crash
    await platform.pace.take('backup.queue', { typicalSeconds: TYPICAL.backupQueue, signal });
    const instance = await this.#whenReady(key, job, signal);
    if (!instance) return;
    const vault = store.vault(job, job.vaultName);
    if (!vault) throw new JobFailure(`Backup vault ${job.vaultName} no longer exists.`);
    requireRetention(vault, job.lifecycle);
    requireOutsideWindows(instance, platform.clock.now());
    this.#requireRights(job, instance);
    const point = this.#pointOf(job, vault, instance);
    const id = snapshotId(job);
    const tags = Object.entries(point.tags).map(([Key, Value]) => ({ Key, Value }));
    // Nothing may come between the look at the instance's status and the begin of the snapshot.
    const taken = rds.snapshots.take(instance, { id, type: 'awsbackup', tags });
    await Promise.all([
      taken,
      store.points.put(point.arn, point),
      this.#runner.patch(key, {
        state: 'RUNNING',
        initiatedAt: store.now(),
        pointArn: point.arn,
        statusMessage: undefined,
      }),
    ]);
    await this.#finish(key, job, signal);
  }

  /** Waits like AWS: a job that cannot start yet is tried again until its start window ends. */
  async #whenReady(
    key: string,
    job: BackupJobRecord,
    signal: AbortSignal,
  ): Promise<InstanceRecord | undefined> {
    const { store, platform } = this.#context;
    for (;;) {
      const instance = this.#instance(job.resourceArn);
      if (!instance) throw new JobFailure(`The resource ${job.resourceArn} does not exist.`);
      if (READY.has(instance.status)) return instance;
      const statusMessage = `DB instance ${instance.id} is ${instance.status}; the job waits for it to become available.`;
      if (store.now() >= job.startBy) {
        const message = `Backup job did not start before its start window ended: ${statusMessage}`;
        await this.#runner.patch(key, { state: 'EXPIRED', statusMessage: message, completedAt: store.now() });
        return undefined;
      }
      await this.#runner.patch(key, { statusMessage });
      await Promise.all([
        platform.pace.take('backup.retry', { typicalSeconds: TYPICAL.retry, signal }),
        sleep(SHORTEST_RETRY_MS, undefined, { signal }),
      ]);
    }
  }

  async #finish(key: string, job: BackupJobRecord, signal: AbortSignal): Promise<void> {
    const { store, rds } = this.#context;
    const snapshotKey = rdsKey(job, snapshotId(job));
    const snapshot = await rds.snapshots.settled(snapshotKey, signal);
    const arn = rdsArn(job, 'snapshot', snapshotId(job));
    if (snapshot?.status !== 'available') {
      await store.points.remove(arn);
      if (snapshot) await rds.snapshots.removeNow(snapshotKey);
      throw new JobFailure(snapshot?.failure ?? 'The snapshot was interrupted by an internal failure.');
    }
    await this.#complete(arn, snapshot);
    await this.#runner.patch(key, {
      ...{ state: 'COMPLETED', completedAt: store.now(), percent: 100, bytes: snapshot.bytes },
    });
  }

  async #complete(arn: string, snapshot: SnapshotRecord): Promise<void> {
    const { store } = this.#context;
    await store.patchPoint(arn, { status: 'COMPLETED', completedAt: store.now(), bytes: snapshot.bytes });
  }

  #pointOf(job: BackupJobRecord, vault: VaultRecord, instance: InstanceRecord): PointRecord {
    const { store } = this.#context;
    const sourceTags = Object.fromEntries(instance.tags.map(({ Key, Value }) => [Key, Value]));
    const { accountId, region } = job;
    return {
      ...{
        accountId,
        region,
        vaultName: vault.name,
        resourceArn: job.resourceArn,
        status: 'CREATING',
        bytes: 0,
      },
      arn: rdsArn(job, 'snapshot', snapshotId(job)),
      createdAt: store.now(),
      startedAt: store.now(),
      snapshotKey: rdsKey(job, snapshotId(job)),
      lifecycle: job.lifecycle,
      keyArn: instance.kmsKeyArn, // in the first vault RDS data keeps the database's key
      iamRoleArn: job.iamRoleArn,
      tags: { ...sourceTags, ...job.tags },
      sourceTags,
    };
  }

  #requireRights(job: BackupJobRecord, instance: InstanceRecord): void {
    const { platform } = this.#context;
    const call = platform.roles.callAs(job.iamRoleArn, job.region, 'backup', 'StartBackupJob');
    if (!call) throw new JobFailure(`IAM Role ${job.iamRoleArn} no longer exists.`);
    try {
      platform.authorize(
        call,
        'rds:CreateDBSnapshot',
        rdsArn(instance, 'db', instance.id),
        tagContext([], instance.tags),
      );
      platform.authorize(call, 'rds:CreateDBSnapshot', rdsArn(job, 'snapshot', snapshotId(job)));
    } catch (cause) {
      throw new JobFailure(`Access denied: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }

  #instance(arn: string): InstanceRecord | undefined {
    const parsed = parseRdsArn(arn);
    return parsed?.kind === 'db' ? this.#context.rds.store.instance(parsed, parsed.id) : undefined;
  }
}

/** The form that AWS gives to snapshots of AWS Backup. */
export function snapshotId(job: { id: string }): string {
  return `awsbackup:job-${job.id.toLowerCase()}`;
}
