import type { RdsContext } from '../rds/context.ts';
import type { Platform } from '../platform.ts';
import type { BackupStore } from './store.ts';

/** What handlers and jobs work with. */
export interface BackupContext {
  readonly platform: Platform;
  readonly store: BackupStore;
  /** AWS Backup does its work through RDS. */
  readonly rds: RdsContext;
  /**
   * Whether one copy job may cross accounts and regions at once. AWS's older documents refuse it for RDS, the current ones
   * allow it; refused here unless asked for, so that nobody relies on it unprobed.
   */
  readonly oneStepCopies: boolean;
}
