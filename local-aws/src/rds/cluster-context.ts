import type { ClusterBackups } from './cluster-backups.ts';
import type { Clusters } from './cluster-fleet.ts';
import type { ClusterSnapshots } from './cluster-snapshots.ts';
import type { RdsContext } from './context.ts';

/** What the handlers of clusters work with. */
export interface ClusterContext extends RdsContext {
  readonly clusters: Clusters;
  readonly clusterSnapshots: ClusterSnapshots;
  readonly clusterBackups: ClusterBackups;
}
