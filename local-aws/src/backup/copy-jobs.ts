import { KeyNotUsable } from '../platform.ts';
import { keyOf as rdsKey, rdsArn } from '../rds/names.ts';
import type { Call } from '../wire/handlers.ts';
import type { BackupContext } from './context.ts';
import { TYPICAL } from './durations.ts';
import { JobFailure } from './faults.ts';
import { JobRunner } from './job-runner.ts';
import { requireRetention } from './locks.ts';
import { keyOf, parseVaultArn, vaultArn } from './names.ts';
import type { CopyJobRecord, PointRecord, VaultRecord } from './records.ts';

const UNFINISHED = new Set(['CREATED', 'RUNNING']);
const KEY_USES = ['kms:DescribeKey', 'kms:CreateGrant'];

/** Copy jobs. They belong to the source account; the copy belongs to the destination, under its vault's key. */
export class CopyJobs {
  readonly #context: BackupContext;
  readonly #runner: JobRunner<CopyJobRecord>;

  constructor(context: BackupContext) {
    this.#context = context;
    const { platform, store } = context;
    this.#runner = new JobRunner(platform, store.copyJobs, (statusMessage) => ({
      ...{ state: 'FAILED', statusMessage, completedAt: store.now() },
    }));
  }

  start(job: CopyJobRecord): void {
    const key = keyOf(job, job.id);
    this.#runner.run(key, `${job.accountId}/${job.region}/${job.resourceArn}`, (signal) =>
      this.#drive(key, signal),
    );
  }

  resume(): void {
    for (const job of this.#context.store.copyJobs.values()) if (UNFINISHED.has(job.state)) this.start(job);
  }

  async #drive(key: string, signal: AbortSignal): Promise<void> {
    const { store, platform, rds } = this.#context;
    const job = store.copyJobs.get(key);
    if (!job) return;
    if (job.state === 'CREATED')
      await platform.pace.take('backup.copyQueue', { typicalSeconds: TYPICAL.copyQueue, signal });
    const point = store.points.get(job.sourcePointArn);
    const source = point && rds.store.snapshots.get(point.snapshotKey);
    if (point?.status !== 'COMPLETED' || !source)
      throw new JobFailure(`Recovery point ${job.sourcePointArn} is no longer available.`);
    const vault = this.#destination(job);
    const id = copySnapshotId(job);
    const snapshotKey = rdsKey(vault, id);
    if (!rds.store.snapshots.has(snapshotKey)) {
      this.#requireAllowed(job, point, vault);
      const copy = this.#pointOf(job, point, vault);
      const tags = Object.entries(copy.tags).map(([Key, Value]) => ({ Key, Value }));
      await Promise.all([
        rds.snapshots.copy(source, { place: vault, id, type: 'awsbackup', tags, kmsKeyArn: vault.keyArn }),
        store.points.put(copy.arn, copy),
        this.#runner.patch(key, { state: 'RUNNING', destinationPointArn: copy.arn }),
      ]);
    }
    await this.#finish(key, job, point, vault, signal);
  }

  async #finish(
    key: string,
    job: CopyJobRecord,
    point: PointRecord,
    vault: VaultRecord,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, rds } = this.#context;
    const snapshotKey = rdsKey(vault, copySnapshotId(job));
    const snapshot = await rds.snapshots.settled(snapshotKey, signal);
    const arn = rdsArn(vault, 'snapshot', copySnapshotId(job));
    if (snapshot?.status !== 'available') {
      await store.points.remove(arn);
      if (snapshot) await rds.snapshots.removeNow(snapshotKey);
      throw new JobFailure(snapshot?.failure ?? 'The copy was interrupted by an internal failure.');
    }
    const { bytes } = snapshot;
    const existing = store.points.get(arn) ?? this.#pointOf(job, point, vault); // a crash may have kept the bytes only
    await store.points.put(arn, { ...existing, status: 'COMPLETED', completedAt: store.now(), bytes });
    await this.#runner.patch(key, {
      ...{ state: 'COMPLETED', completedAt: store.now(), percent: 100, bytes, destinationPointArn: arn },
    });
  }

  #destination(job: CopyJobRecord): VaultRecord {
    const parsed = parseVaultArn(job.destinationVaultArn);
    const vault = parsed && this.#context.store.vault(parsed, parsed.name);
    if (vault) return vault;
    throw new JobFailure(
      `Access Denied trying to call AWS Backup service: backup vault ${job.destinationVaultArn} does not exist or may not be used.`,
    );
  }

  #requireAllowed(job: CopyJobRecord, point: PointRecord, vault: VaultRecord): void {
    const crossAccount = vault.accountId !== job.accountId;
    const crossRegion = vault.region !== job.region;
    if (crossAccount && crossRegion && !this.#context.oneStepCopies)
      throw new JobFailure(
        'Copying an RDS recovery point to another account and another region in one step is not supported: copy it in two.',
      );
    requireRetention(vault, job.lifecycle);
    this.#requireFuture(job, point);
    this.#requireRights(job, point, vault);
    if (crossAccount && vault.name.toLowerCase() === 'default')
      throw new JobFailure('The default backup vault cannot be the destination of a cross-account copy.');
    this.#requireKeys(point, vault, crossAccount);
  }

  /** A copy counts its retention from the original's creation; one that is already over makes no sense (AWS's reaction is unverified). */
  #requireFuture(job: CopyJobRecord, point: PointRecord): void {
    const days = job.lifecycle?.deleteAfterDays;
    if (days === undefined || days < 0) return;
    const { store } = this.#context;
    const until = store.deleteAt({ ...point, lifecycle: job.lifecycle }) ?? '';
    if (until <= store.now())
      throw new JobFailure(
        `The lifecycle (delete after ${days} days) has already passed for a recovery point of ${point.createdAt}: a copy keeps its source's creation date.`,
      );
  }

  #requireRights(job: CopyJobRecord, point: PointRecord, vault: VaultRecord): void {
    const { platform } = this.#context;
    const call = platform.roles.callAs(job.iamRoleArn, job.region, 'backup', 'StartCopyJob');
    if (!call) throw new JobFailure(`IAM Role ${job.iamRoleArn} no longer exists.`);
    try {
      platform.authorize(call, 'rds:CopyDBSnapshot', point.arn);
      platform.authorize(
        call,
        'backup:CopyIntoBackupVault',
        vaultArn(vault),
        {},
        {
          resourcePolicy: vault.policy,
          ownerAccountId: vault.accountId,
        },
      );
    } catch (cause) {
      throw new JobFailure(
        `Access Denied trying to call AWS Backup service: ${cause instanceof Error ? cause.message : String(cause)}`,
      );
    }
  }

  /** Both keys must work, and across accounts both must be customer keys, the source's shared with the destination. */
  #requireKeys(point: PointRecord, vault: VaultRecord, crossAccount: boolean): void {
    const { keys } = this.#context.platform;
    try {
      const used = [vault.keyArn, ...(point.keyArn === undefined ? [] : [point.keyArn])];
      for (const keyArn of used) {
        const key = keys.requireUsable(keyArn, serviceCall(vault), KEY_USES);
        if (crossAccount && key.manager === 'AWS')
          throw new JobFailure(
            `The key ${keyArn} is managed by AWS and cannot be used across accounts: use a customer key.`,
          );
      }
    } catch (cause) {
      if (!(cause instanceof KeyNotUsable)) throw cause;
      throw new JobFailure(
        `The KMS key ${cause.keyRef} cannot be used from account ${vault.accountId}: ${cause.message}`,
      );
    }
  }

  #pointOf(job: CopyJobRecord, point: PointRecord, vault: VaultRecord): PointRecord {
    const { store } = this.#context;
    const id = copySnapshotId(job);
    return {
      ...{
        accountId: vault.accountId,
        region: vault.region,
        vaultName: vault.name,
        status: 'CREATING',
        bytes: 0,
      },
      arn: rdsArn(vault, 'snapshot', id),
      resourceArn: point.resourceArn,
      createdAt: point.createdAt,
      startedAt: store.now(),
      snapshotKey: rdsKey(vault, id),
      lifecycle: job.lifecycle,
      keyArn: vault.keyArn,
      iamRoleArn: job.iamRoleArn,
      sourceVaultArn: vaultArn({ ...job, name: job.sourceVaultName }),
      tags: point.tags,
      sourceTags: point.sourceTags,
    };
  }
}

/** The destination's service-linked role, which may use whatever its account may use. */
function serviceCall({ accountId, region }: VaultRecord): Call {
  return {
    ...{ accountId, region, principalArn: `arn:aws:iam::${accountId}:user/administrator` },
    ...{ requestId: 'service', sourceIp: '127.0.0.1', service: 'backup', operation: 'StartCopyJob' },
  };
}

function copySnapshotId(job: { id: string }): string {
  return `awsbackup:copyjob-${job.id.toLowerCase()}`;
}
