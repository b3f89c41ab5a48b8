import type { BackupJobState, CopyJobState, RestoreJobStatus } from '@aws-sdk/client-backup';
import type { Place } from '../platform.ts';

/** As `ResourceType` says it. */
export type ResourceType = 'RDS' | 'Aurora' | 'S3';

/** What AWS Backup remembers. JSON: instants are RFC 3339 text. */
export type Tags = Readonly<Record<string, string>>;

export interface VaultLock {
  readonly minDays?: number | undefined;
  readonly maxDays?: number | undefined;
  /** Compliance mode: from here on nobody can change the lock. Absent in governance mode. */
  readonly lockDate?: string | undefined;
}

export interface VaultRecord extends Place {
  readonly name: string;
  readonly keyArn: string;
  readonly createdAt: string;
  readonly creatorRequestId?: string | undefined;
  readonly tags: Tags;
  /** JSON text as given. */
  readonly policy?: string | undefined;
  readonly lock?: VaultLock | undefined;
  readonly notifications?: VaultNotifications | undefined;
  /** Absent: an ordinary one. */
  readonly type?: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT' | undefined;
}

export interface VaultNotifications {
  readonly topicArn: string;
  readonly events: readonly string[];
}

/** The rule of a plan that made a job or point. */
export interface PlanRef {
  readonly planId: string;
  readonly planName: string;
  readonly planVersion: string;
  readonly ruleId: string;
  readonly ruleName: string;
}

/** Days after creation; -1 or absent means never. */
export interface LifecycleRecord {
  readonly deleteAfterDays?: number | undefined;
  /** Given back as it came; no type of resource here has a cold tier, and AWS ignores it for those. */
  readonly moveToColdAfterDays?: number | undefined;
  readonly optInToArchive?: boolean | undefined;
}

export interface PointRecord extends Place {
  readonly arn: string;
  readonly vaultName: string;
  readonly resourceArn: string;
  readonly status: 'CREATING' | 'COMPLETED' | 'PARTIAL' | 'DELETING' | 'EXPIRED';
  readonly statusMessage?: string | undefined;
  /** Of the first point of this data: a copy keeps it, and retention counts from it. */
  readonly createdAt: string;
  readonly startedAt: string;
  readonly completedAt?: string | undefined;
  /** Key of what holds the bytes, as the resource's type understands it: for RDS a snapshot. */
  readonly snapshotKey: string;
  readonly bytes: number;
  readonly lifecycle?: LifecycleRecord | undefined;
  readonly keyArn?: string | undefined;
  readonly iamRoleArn: string;
  readonly sourceVaultArn?: string | undefined;
  readonly tags: Tags;
  /** Those of the resource when it was backed up. */
  readonly sourceTags: Tags;
  readonly lastRestoreAt?: string | undefined;
  readonly createdBy?: PlanRef | undefined;
}

interface JobRecord extends Place {
  readonly id: string;
  readonly createdAt: string;
  readonly completedAt?: string | undefined;
  readonly statusMessage?: string | undefined;
  readonly iamRoleArn: string;
  readonly bytes?: number | undefined;
  readonly percent: number;
  readonly createdBy?: PlanRef | undefined;
}

export interface BackupJobRecord extends JobRecord {
  readonly state: BackupJobState;
  readonly vaultName: string;
  readonly resourceArn: string;
  readonly pointArn?: string | undefined;
  readonly startBy: string;
  readonly completeBy: string;
  readonly initiatedAt?: string | undefined;
  readonly lifecycle?: LifecycleRecord | undefined;
  readonly tags: Tags;
  /** What the plan wants to be copied when the job is complete. */
  readonly copies?: readonly PlannedCopy[] | undefined;
}

export interface PlannedCopy {
  readonly destinationVaultArn: string;
  readonly lifecycle?: LifecycleRecord | undefined;
}

export interface CopyJobRecord extends JobRecord {
  readonly state: CopyJobState;
  readonly sourceVaultName: string;
  readonly sourcePointArn: string;
  readonly destinationVaultArn: string;
  readonly destinationPointArn?: string | undefined;
  readonly resourceArn: string;
  readonly lifecycle?: LifecycleRecord | undefined;
  readonly createdByBackupJob?: string | undefined;
}

export interface RestoreJobRecord extends JobRecord {
  readonly state: RestoreJobStatus;
  readonly pointArn: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly copySourceTags: boolean;
  /** ARN of what the point is of; absent in jobs of older versions. */
  readonly resourceArn?: string | undefined;
  readonly pointCreatedAt?: string | undefined;
  readonly vaultName?: string | undefined;
  readonly createdResourceArn?: string | undefined;
  readonly validation?: { readonly status: string; readonly message?: string | undefined } | undefined;
}

export interface HoldRecord extends Place {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly status: 'CREATING' | 'ACTIVE' | 'CANCELING' | 'CANCELED';
  readonly createdAt: string;
  readonly cancelledAt?: string | undefined;
  readonly cancelDescription?: string | undefined;
  readonly retainRecordUntil?: string | undefined;
  readonly selection: HoldSelection;
  readonly tags: Tags;
}

export interface HoldSelection {
  readonly vaultNames?: readonly string[] | undefined;
  readonly resourceIdentifiers?: readonly string[] | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export interface RegionSettings extends Place {
  readonly optIn: Readonly<Record<string, boolean>>;
  readonly management: Readonly<Record<string, boolean>>;
}

export interface GlobalSettings {
  readonly values: Readonly<Record<string, string>>;
  readonly changedAt: string;
}

/** What the first call with an idempotency token got, and the digest of what it asked for. Older versions kept the id alone. */
export type TokenRecord = string | { readonly id: string; readonly digest: string };
