/** What AWS typically takes, in seconds; the platform's pace scales it. Contract §1.6. */
export const TYPICAL = {
  /** `CREATED` before `RUNNING`. */
  backupQueue: 90,
  /** `PENDING` before `RUNNING`. */
  backupPending: 15,
  copyQueue: 60,
  restoreQueue: 60,
  /** A job that cannot start yet is tried again this often, until its start window ends. */
  retry: 600,
  deletePoint: 60,
  /** A bucket's backup, copy or restore, however small. */
  bucket: 300,
  legalHold: 30,
} as const;
