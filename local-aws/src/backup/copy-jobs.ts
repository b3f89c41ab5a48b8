import type { BackupContext } from './context.ts';
import { requireCopyAllowed } from './copy-rules.ts';
import { TYPICAL } from './durations.ts';
import { JobFailure } from './faults.ts';
import { tellCopy } from './happenings.ts';
import type { JobFacts } from './job-points.ts';
import { JobRunner } from './job-runner.ts';
import type { ResourceKind } from './kinds/kind.ts';
import { Slots } from './lanes.ts';
import { keyOf, parseVaultArn, vaultArn } from './names.ts';
import type { CopyJobRecord, PointRecord, VaultRecord } from './records.ts';

const UNFINISHED = new Set(['CREATED', 'RUNNING']);

/** Copy jobs. They belong to the source account; the copy belongs to the destination, under its vault's key. */
export class CopyJobs {
  readonly #context: BackupContext;
  readonly #runner: JobRunner<CopyJobRecord>;
  /** So many copies leave an account and region at the same time. */
  readonly #slots: Slots;

  constructor(context: BackupContext) {
    this.#context = context;
    const { platform, store, hook, behaviour } = context;
    this.#slots = new Slots(() => behaviour.settings.copyConcurrency);
    this.#runner = new JobRunner(platform, store.copyJobs, {
      hook,
      failed: (statusMessage) => ({ state: 'FAILED', statusMessage, completedAt: store.now() }),
      onFailed: (job) => tellCopy(context, job),
    });
  }

  start(job: CopyJobRecord): void {
    const key = keyOf(job, job.id);
    const from = `${job.accountId}/${job.region}`;
    this.#runner.run(key, `${from}/${job.resourceArn}`, (signal) =>
      this.#slots.run(from, signal, () => this.#drive(key, signal)),
    );
  }

  resume(): void {
    for (const job of this.#context.store.copyJobs.values()) if (UNFINISHED.has(job.state)) this.start(job);
  }

  async #drive(key: string, signal: AbortSignal): Promise<void> {
    const { store, platform, kinds } = this.#context;
    const job = store.copyJobs.get(key);
    if (!job) return;
    if (job.state === 'CREATED') {
      await platform.pace.take('backup.copyQueue', { typicalSeconds: TYPICAL.copyQueue, signal });
      await this.#runner.at('backup.copy.created', factsOf(job), signal);
    }
    const kind = kinds.must(job.resourceArn);
    const vault = this.#destination(job);
    const address = kind.address(vault, job, 'copyjob');
    try {
      const copy = await this.#begin(key, job, kind, vault);
      await this.#finish(key, copy, kind, signal);
    } catch (cause) {
      if (signal.aborted) throw cause;
      await store.points.remove(address.arn);
      await kind.discard(address);
      throw cause;
    }
  }

  async #begin(
    key: string,
    job: CopyJobRecord,
    kind: ResourceKind,
    vault: VaultRecord,
  ): Promise<PointRecord> {
    const { store } = this.#context;
    const { arn } = kind.address(vault, job, 'copyjob');
    const begun = store.points.get(arn);
    if (begun && kind.holds(begun)) return begun; // complete but for the job's last words, before a crash
    const point = store.points.get(job.sourcePointArn);
    if (point?.status !== 'COMPLETED' || !kind.holds(point))
      throw new JobFailure(`Recovery point ${job.sourcePointArn} is no longer available.`);
    if (!begun) requireCopyAllowed(this.#context, { job, point, vault, kind });
    const copy = begun ?? this.#pointOf(job, point, vault, kind);
    const [, , running] = await Promise.all([
      kind.copy(point, copy),
      store.points.put(copy.arn, copy),
      this.#runner.patch(key, { state: 'RUNNING', destinationPointArn: copy.arn }),
    ]);
    if (running) tellCopy(this.#context, running);
    return copy;
  }

  async #finish(key: string, copy: PointRecord, kind: ResourceKind, signal: AbortSignal): Promise<void> {
    const { store } = this.#context;
    const job = store.copyJobs.get(key);
    if (!job) return;
    await this.#runner.at('backup.copy.running', factsOf(job), signal);
    const outcome = await kind.settled(copy, signal);
    if (!outcome.ok) throw new JobFailure(outcome.failure);
    const partial = await this.#runner.at('backup.copy.finish', factsOf(job), signal);
    const { bytes } = outcome;
    const completedAt = store.now();
    const state = partial === undefined ? 'COMPLETED' : 'PARTIAL';
    await store.patchPoint(copy.arn, { status: state, statusMessage: partial, completedAt, bytes });
    const done = await this.#runner.patch(key, {
      ...{ state, statusMessage: partial, completedAt, percent: 100, bytes, destinationPointArn: copy.arn },
    });
    if (done) tellCopy(this.#context, done);
  }

  #destination(job: CopyJobRecord): VaultRecord {
    const parsed = parseVaultArn(job.destinationVaultArn);
    const vault = parsed && this.#context.store.vault(parsed, parsed.name);
    if (vault) return vault;
    throw new JobFailure(
      `Access Denied trying to call AWS Backup service: backup vault ${job.destinationVaultArn} does not exist or may not be used.`,
    );
  }

  #pointOf(job: CopyJobRecord, point: PointRecord, vault: VaultRecord, kind: ResourceKind): PointRecord {
    const { accountId, region, name: vaultName, keyArn } = vault;
    return {
      ...kind.address(vault, job, 'copyjob'),
      ...{ accountId, region, vaultName, keyArn, status: 'CREATING', bytes: 0 },
      resourceArn: point.resourceArn,
      createdAt: point.createdAt,
      startedAt: this.#context.store.now(),
      lifecycle: job.lifecycle,
      iamRoleArn: job.iamRoleArn,
      sourceVaultArn: vaultArn({ ...job, name: job.sourceVaultName }),
      tags: point.tags,
      sourceTags: point.sourceTags,
      createdBy: job.createdBy,
    };
  }
}

function factsOf({ accountId, region, id, resourceArn, sourceVaultName }: CopyJobRecord): JobFacts {
  return { accountId, region, id, resource: resourceArn, vault: sourceVaultName };
}
