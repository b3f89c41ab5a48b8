import * as Backup from '@aws-sdk/client-backup';
import type { Platform } from '../platform.ts';
import type { Rds } from '../rds/index.ts';
import { defineService, type Handlers, type Service } from '../wire/handlers.ts';
import { BackupJobs } from './backup-jobs.ts';
import type { BackupContext } from './context.ts';
import { CopyJobs } from './copy-jobs.ts';
import { damagePoint, readDamageOrder } from './damage.ts';
import { deletePoint, dropOldHolds, expirePoints } from './expiry.ts';
import { holdHandlers } from './hold-handlers.ts';
import { jobHandlers } from './job-handlers.ts';
import { pointHandlers } from './point-handlers.ts';
import { RestoreJobs } from './restore-jobs.ts';
import { settingsHandlers } from './settings-handlers.ts';
import { BackupStore } from './store.ts';
import { vaultHandlers } from './vault-handlers.ts';

export interface BackupOptions {
  /** See `BackupContext`. Default: refused. */
  readonly oneStepCopies?: boolean | undefined;
}

/** AWS Backup for RDS instances. Jobs that an earlier life left unfinished go on, or end as they would in AWS. */
export async function createBackup(
  platform: Platform,
  rds: Rds,
  options: BackupOptions = {},
): Promise<Service> {
  const store = new BackupStore(platform);
  const { oneStepCopies = false } = options;
  const context: BackupContext = { platform, store, rds: rds.context, oneStepCopies };
  const jobs = {
    backups: new BackupJobs(context),
    copies: new CopyJobs(context),
    restores: new RestoreJobs(context),
  };
  const handlers: Handlers<typeof Backup> = {
    ...vaultHandlers(context),
    ...jobHandlers(context, jobs),
    ...pointHandlers(context),
    ...holdHandlers(context),
    ...settingsHandlers(context),
  };
  await finishDeletions(context);
  jobs.backups.resume();
  jobs.copies.resume();
  jobs.restores.resume();
  platform.clock.onTick('backup: expiry', () => expirePoints(context));
  platform.clock.onTick('backup: old legal holds', () => dropOldHolds(context), 60_000);
  platform.admin.route('POST', '/damage', (input) => damagePoint(context, readDamageOrder(input)));
  return defineService({ name: 'backup', module: Backup, handlers });
}

/** Deletions and holds that were under way. */
async function finishDeletions(context: BackupContext): Promise<void> {
  const { store } = context;
  for (const point of [...store.points.values()])
    if (point.status === 'DELETING') await deletePoint(context, point);
  for (const [key, hold] of [...store.holds.entries()])
    if (hold.status === 'CREATING') await store.holds.put(key, { ...hold, status: 'ACTIVE' });
}
