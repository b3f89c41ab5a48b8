import type { Place } from '../platform.ts';
import type { Clusters } from './cluster-fleet.ts';
import { clusterFacts, type ClusterRecord, type ClusterSnapshotRecord } from './cluster-records.ts';
import { keyOf, rdsArn } from './names.ts';
import { SnapshotLives } from './snapshot-lives.ts';
import { announced, kindOf, type NewSnapshot } from './stored-snapshot.ts';
import type { RdsStore } from './store.ts';

export interface NewClusterCopy extends NewSnapshot {
  readonly place: Place;
  /** Undefined keeps the source's. */
  readonly kmsKeyArn: string | undefined;
}

/**
 * The lives of DB cluster snapshots, and what AWS Backup works through, as it does through `Snapshots` for instances:
 * `take(cluster, { id: 'awsbackup:job-…', type: 'awsbackup', tags })` and `copy(source, { place, id, type, tags, kmsKeyArn })` begin
 * and resolve with the record as soon as it is on disk; nothing lies between the look at the cluster's status and the begin.
 * `settled(key, signal)` waits for `available` or `failed` (with `failure`; undefined: gone). `remove(key)` begins a removal,
 * `removeNow(key)` ends with it. Keys are `keyOf(place, id)`, ARNs `clusterSnapshotArn(record)`. What was stored lies in
 * `store.clusterSnapshots` and `store.clusterSnapshotDir(record)` (`data/`, `manifest.json`, as for instances, so that damage works
 * on it alike). A restore is `restoreClusterFromSnapshot(context, input, call, awsBackupJob)`; it marks the new cluster's record with
 * `awsBackupJob`, and `context.clusters.settled(key, signal)` waits for it: the cluster then has no instances, as in AWS.
 */
export class ClusterSnapshots extends SnapshotLives<ClusterSnapshotRecord> {
  readonly #clusters: Clusters;

  constructor(store: RdsStore, clusters: Clusters) {
    super(store, {
      ...{ table: store.clusterSnapshots, folder: 'cluster-snapshots', noun: 'cluster snapshot' },
      dirOf: (record) => store.clusterSnapshotDir(record),
      arnOf: clusterSnapshotArn,
      host: clusters.servers.host,
      sourceType: 'db-cluster-snapshot',
      jobs: { take: 'cluster-snapshot', copy: 'copy-cluster-snapshot', remove: 'delete-cluster-snapshot' },
    });
    this.#clusters = clusters;
    clusters.finalSnapshot = (cluster, id) => {
      const tags = cluster.copyTagsToSnapshot ? cluster.tags : [];
      return this.takeFinal(snapshotOf(cluster, { id, type: 'manual', tags }));
    };
  }

  override async resume(): Promise<void> {
    await super.resume();
    for (const [key, cluster] of this.store.clusters.entries())
      if (cluster.status === 'backing-up') await this.store.patchCluster(key, { status: 'available' });
  }

  /** Begins a snapshot of a cluster, which shows `backing-up` meanwhile; not for an automated one. */
  async take(cluster: ClusterRecord, spec: NewSnapshot): Promise<ClusterSnapshotRecord> {
    const key = keyOf(cluster, cluster.id);
    const subject = {
      show: () => this.store.patchCluster(key, { status: 'backing-up' }),
      release: async () => {
        if (this.store.clusters.get(key)?.status === 'backing-up')
          await this.store.patchCluster(key, { status: 'available' });
      },
    };
    return this.begin(snapshotOf(cluster, spec), spec.type === 'automated' ? undefined : subject);
  }

  async copy(source: ClusterSnapshotRecord, wanted: NewClusterCopy): Promise<ClusterSnapshotRecord> {
    const { place, kmsKeyArn = source.kmsKeyArn } = wanted;
    return this.beginCopy(source, { ...source, ...this.copied(source, place, wanted), kmsKeyArn });
  }

  protected override async takeNow(
    key: string,
    record: ClusterSnapshotRecord,
    signal: AbortSignal,
  ): Promise<void> {
    const kind = kindOf(record);
    const clusterKey = keyOf(record, record.cluster.id);
    await this.note(record, `Creating ${kind} cluster snapshot`, 'backup'); // RDS-EVENT-0074, 0168
    const made = await this.cut(
      key,
      record,
      (use) => this.#clusters.servers.withStorage(clusterKey, use),
      signal,
    );
    await this.store.patchClusterSnapshot(key, made);
    const title = kind === 'manual' ? 'Manual' : 'Automated';
    await this.note(record, `${title} cluster snapshot created`, 'backup'); // RDS-EVENT-0075, 0169
  }
}

export function clusterSnapshotArn(snapshot: ClusterSnapshotRecord): string {
  return rdsArn(snapshot, 'cluster-snapshot', snapshot.id);
}

function snapshotOf(cluster: ClusterRecord, spec: NewSnapshot): ClusterSnapshotRecord {
  const { encrypted, kmsKeyArn } = cluster;
  return {
    ...announced(cluster, spec),
    ...{ clusterArn: rdsArn(cluster, 'cluster', cluster.id), cluster: clusterFacts(cluster) },
    ...{ encrypted, kmsKeyArn },
  };
}
