import type { BackupPlan, BackupSelection } from '@aws-sdk/client-backup';
import type { Place } from '../../platform.ts';
import type { Tags } from '../records.ts';

/** What is remembered of backup plans. The plan and the selection are as AWS gives them back. */
export interface PlanVersion {
  readonly versionId: string;
  readonly createdAt: string;
  readonly plan: BackupPlan;
}

export interface PlanRecord extends Place, PlanVersion {
  readonly id: string;
  readonly creatorRequestId?: string | undefined;
  readonly tags: Tags;
  readonly deletedAt?: string | undefined;
  readonly lastRunAt?: string | undefined;
  /** Newest first, without the current one. */
  readonly earlier: readonly PlanVersion[];
  /** By rule: the instant up to which its schedule has been followed. */
  readonly followed: Readonly<Record<string, string>>;
}

export interface SelectionRecord extends Place {
  readonly id: string;
  readonly planId: string;
  readonly createdAt: string;
  readonly creatorRequestId?: string | undefined;
  readonly selection: BackupSelection;
}
