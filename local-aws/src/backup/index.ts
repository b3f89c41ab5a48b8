import type * as Backup from '@aws-sdk/client-backup';
import { registerDamage } from '../damage/index.ts';
import type { Platform } from '../platform.ts';
import type { Rds } from '../rds/index.ts';
import type { S3Service } from '../s3/service.ts';
import { defineService, type Handlers, type Service } from '../wire/handlers.ts';
import { backupJobHandlers } from './backup-job-handlers.ts';
import { BackupJobs } from './backup-jobs.ts';
import { Behaviour } from './behaviour.ts';
import type { BackupContext } from './context.ts';
import { copyJobHandlers } from './copy-job-handlers.ts';
import { CopyJobs } from './copy-jobs.ts';
import { withDefaultVault } from './default-vault.ts';
import { deletePoint, dropOldHolds, expirePoints } from './expiry.ts';
import { holdHandlers } from './hold-handlers.ts';
import type { JobHook } from './job-points.ts';
import { auroraKind } from './kinds/aurora.ts';
import { Kinds } from './kinds/kinds.ts';
import { rdsKind } from './kinds/rds.ts';
import { s3Kind } from './kinds/s3.ts';
import { parseVaultArn } from './names.ts';
import { notificationHandlers } from './notification-handlers.ts';
import { Notifier, type Publish } from './notifications.ts';
import { planHandlers } from './plans/plan-handlers.ts';
import { PlanRuns } from './plans/plan-runs.ts';
import { selectionHandlers } from './plans/selection-handlers.ts';
import { pointHandlers } from './point-handlers.ts';
import { protectedHandlers } from './protected-handlers.ts';
import { restoreJobHandlers } from './restore-job-handlers.ts';
import { RestoreJobs } from './restore-jobs.ts';
import { settingsHandlers } from './settings-handlers.ts';
import { BackupStore } from './store.ts';
import { summaryHandlers } from './summary-handlers.ts';
import { vaultHandlers } from './vault-handlers.ts';
import { vaultLockHandlers } from './vault-lock-handlers.ts';

/** What AWS Backup works through, as in AWS. */
export interface BackupNeeds {
  readonly rds: Rds;
  readonly s3: S3Service;
  /** SNS, for vault notifications; without it they are only recorded. */
  readonly publish?: Publish | undefined;
  /** Injects faults at the named points of `job-points.ts`. */
  readonly hook?: JobHook | undefined;
}

/** AWS Backup. Jobs that an earlier life left unfinished go on, or end as they would in AWS. */
export async function createBackup(
  platform: Platform,
  { rds, s3, publish, hook = () => Promise.resolve(undefined) }: BackupNeeds,
): Promise<Service> {
  const store = new BackupStore(platform);
  const context: BackupContext = {
    ...{ platform, store, hook, rds: rds.context },
    kinds: new Kinds([rdsKind(rds.context), auroraKind(rds.context), s3Kind(platform, s3)]),
    behaviour: new Behaviour(platform),
    notifier: new Notifier(platform, store, publish),
  };
  const backups = new BackupJobs(context);
  const copies = new CopyJobs(context);
  const restores = new RestoreJobs(context);
  const runs = new PlanRuns(context, backups, copies);
  const handlers: Handlers<typeof Backup> = {
    ...vaultHandlers(context),
    ...vaultLockHandlers(context),
    ...notificationHandlers(context),
    ...backupJobHandlers(context, backups),
    ...copyJobHandlers(context, copies),
    ...restoreJobHandlers(context, restores),
    ...summaryHandlers(context),
    ...pointHandlers(context),
    ...protectedHandlers(context),
    ...holdHandlers(context),
    ...planHandlers(context),
    ...selectionHandlers(context),
    ...settingsHandlers(context),
  };
  await finishDeletions(context);
  await discardStrays(context);
  backups.resume();
  copies.resume();
  restores.resume();
  await runs.resume();
  platform.clock.onTick('backup: job windows', () => backups.expire());
  platform.clock.onTick('backup: plans', () => runs.sweep());
  platform.clock.onTick('backup: expiry', () => expirePoints(context));
  platform.clock.onTick('backup: old legal holds', () => dropOldHolds(context), 60_000);
  registerDamage(context, s3.store);
  return defineService({
    name: 'backup',
    load: () => import('@aws-sdk/client-backup'),
    handlers: withDefaultVault(context, handlers),
  });
}

/** Deletions and holds that were under way. */
async function finishDeletions(context: BackupContext): Promise<void> {
  const { store } = context;
  for (const point of [...store.points.values()])
    if (point.status === 'DELETING') await deletePoint(context, point);
  for (const [key, hold] of [...store.holds.entries()]) {
    if (hold.status === 'CREATING') await store.holds.put(key, { ...hold, status: 'ACTIVE' });
    if (hold.status === 'CANCELING') await store.holds.put(key, { ...hold, status: 'CANCELED' });
  }
}

/** Bytes that no point and no job under way refers to, left by a crash. */
async function discardStrays({ store, kinds }: BackupContext): Promise<void> {
  const known = new Set([...store.points.values()].map(({ snapshotKey }) => snapshotKey));
  for (const job of store.backupJobs.values())
    if (job.completedAt === undefined)
      known.add(kinds.must(job.resourceArn).address(job, job, 'job').snapshotKey);
  for (const job of store.copyJobs.values()) {
    const vault = parseVaultArn(job.destinationVaultArn);
    if (job.completedAt === undefined && vault)
      known.add(kinds.must(job.resourceArn).address(vault, job, 'copyjob').snapshotKey);
  }
  for (const kind of kinds.all)
    for (const snapshotKey of await kind.kept())
      if (!known.has(snapshotKey)) await kind.discard({ snapshotKey });
}
