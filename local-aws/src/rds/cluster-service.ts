import type * as RDS from '@aws-sdk/client-rds';
import type { Handlers } from '../wire/handlers.ts';
import { ClusterBackups } from './cluster-backups.ts';
import type { ClusterContext } from './cluster-context.ts';
import { Clusters } from './cluster-fleet.ts';
import { clusterGroupHandlers } from './cluster-group-handlers.ts';
import { clusterHandlers } from './cluster-handlers.ts';
import { memberHandlers } from './cluster-member-handlers.ts';
import { clusterModifyHandler } from './cluster-modify-handler.ts';
import { clusterRestoreHandlers } from './cluster-restore.ts';
import { clusterSnapshotHandlers } from './cluster-snapshot-handlers.ts';
import { ClusterSnapshots } from './cluster-snapshots.ts';
import type { RdsContext } from './context.ts';

/** Adds what clusters need to what instances have. */
export function withClusters(context: RdsContext): ClusterContext {
  const clusters = new Clusters(context.store, context.fleet.host);
  const clusterSnapshots = new ClusterSnapshots(context.store, clusters);
  const clusterBackups = new ClusterBackups(context.store, clusters, clusterSnapshots);
  return { ...context, clusters, clusterSnapshots, clusterBackups };
}

/** @param plain the handlers of instances; some do otherwise with members of clusters. */
export function allClusterHandlers(
  context: ClusterContext,
  plain: Handlers<typeof RDS>,
): Handlers<typeof RDS> {
  return {
    ...memberHandlers(context, plain),
    ...clusterHandlers(context),
    ...clusterModifyHandler(context),
    ...clusterSnapshotHandlers(context),
    ...clusterRestoreHandlers(context),
    ...clusterGroupHandlers(context),
  };
}

/** Brings clusters back after a start, and keeps an eye on their keys and backups. */
export async function resumeClusters(context: ClusterContext): Promise<void> {
  const { platform, clusters, clusterSnapshots, clusterBackups } = context;
  await clusterSnapshots.resume();
  await clusterBackups.resume();
  await clusters.resume();
  platform.clock.onTick('rds: lost keys of clusters', () => clusters.shutWithoutKey());
  platform.clock.onTick('rds: dead servers of clusters', () => clusters.restartDead());
  platform.clock.onTick('rds: automated backups of clusters', () => clusterBackups.tick());
}

export async function closeClusters({ clusters, clusterBackups }: ClusterContext): Promise<void> {
  await clusterBackups.close();
  await clusters.close();
}
