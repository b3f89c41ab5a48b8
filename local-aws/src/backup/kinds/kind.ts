import type { RecoveryPointByResource } from '@aws-sdk/client-backup';
import type { Place } from '../../platform.ts';
import type { Call } from '../../wire/handlers.ts';
import type { BackupJobRecord, PointRecord, ResourceType, RestoreJobRecord, Tags } from '../records.ts';

/** A resource that can be backed up, as jobs see it. */
export interface Resource extends Place {
  readonly arn: string;
  readonly tags: Tags;
  /** Why it cannot be backed up just now: a job waits until that has passed. */
  readonly busy: string | undefined;
  /** The key that its points keep in their first vault; undefined where they take the vault's, or have none. */
  readonly keyArn: string | undefined;
}

/** Where a new point lies: its ARN, and the key of what holds its bytes. */
export interface Address {
  readonly arn: string;
  readonly snapshotKey: string;
}

export type Outcome =
  | { readonly ok: true; readonly bytes: number; readonly issue?: Issue | undefined }
  | { readonly ok: false; readonly failure: string };

/** What went wrong with single parts of a job that is complete all the same. */
export interface Issue {
  readonly event: 'S3_BACKUP_OBJECT_FAILED' | 'S3_RESTORE_OBJECT_FAILED';
  readonly message: string;
}

/** Restores that are under way tell how far they are, and end when the signal says so. */
export interface Following {
  readonly progress: (percent: number) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * One type of resource: how it is backed up, copied, restored, deleted and described. Jobs, vaults and lists know nothing else of
 * it. Everything that begins here goes on in the background and is found again, or is judged to have failed, after a restart.
 */
export interface ResourceKind {
  readonly type: ResourceType;
  /** Points of fully managed types have ARNs of AWS Backup and lie under their vault's key from the start. */
  readonly fullyManaged: boolean;
  /** Whether one copy job may cross accounts and regions at once. */
  readonly copiesInOneStep: boolean;
  /** Whether points may lie in a logically air-gapped vault. */
  readonly airGapped: boolean;
  /** Whether an ARN is that of such a resource, there or not. */
  owns(arn: string): boolean;
  find(arn: string): Resource | undefined;
  /** Resources of a place, for selections by tag and pattern. */
  all(place: Place): Resource[];

  /** The same for the same job, so that a job finds its own work after a crash. */
  address(where: Place, job: { readonly id: string }, made: 'job' | 'copyjob'): Address;
  /** What the role must be allowed to, and what else forbids a backup now. @throws JobFailure */
  requireBackup(job: BackupJobRecord, resource: Resource, call: Call, now: Date): void;
  /** Begins; nothing may come between the look at `busy` and this. Resolves when the beginning is on disk. */
  backUp(job: BackupJobRecord, point: PointRecord): Promise<void>;
  /** @throws JobFailure when the role may not read the point's bytes. */
  requireCopy(point: PointRecord, call: Call): void;
  /** Begins, unless it has begun already. */
  copy(source: PointRecord, copy: PointRecord): Promise<void>;
  /** Waits for the end of a backup or copy. */
  settled(point: Pick<PointRecord, 'snapshotKey'>, signal: AbortSignal): Promise<Outcome>;
  /** Of a backup or copy under way, 0 to 100. */
  percent(point: PointRecord): number | undefined;
  /** Whether the point's bytes are complete. */
  holds(point: PointRecord): boolean;
  /** Keys of all bytes that AWS Backup keeps of this type, also of those that a crash left without a point. */
  kept(): Promise<string[]>;
  /** Ends what is under way and removes the bytes. */
  discard(point: Pick<PointRecord, 'snapshotKey'>): Promise<void>;

  /** What GetRecoveryPointRestoreMetadata gives; all values are text. */
  metadata(point: PointRecord): Promise<Record<string, string>>;
  /** The ARN of what this job began to restore before a crash. */
  begun(job: RestoreJobRecord): string | undefined;
  /** Begins the restore. @returns the ARN of what is being made. @throws JobFailure */
  restore(job: RestoreJobRecord, point: PointRecord, call: Call): Promise<string>;
  /** Waits for the end of the restore. @throws JobFailure */
  restored(job: RestoreJobRecord, point: PointRecord, following: Following): Promise<Issue | undefined>;
  /** Backups of the resource that others than AWS Backup made. */
  others(resourceArn: string, where: Place): RecoveryPointByResource[];
}
