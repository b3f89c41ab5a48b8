import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JOBS } from '../faults/points.ts';
import { copySnapshot, type Manifest, takeSnapshot } from '../pg/index.ts';
import type { Place } from '../platform.ts';
import type { Clusters } from './cluster-fleet.ts';
import { clusterFacts, type ClusterRecord, type ClusterSnapshotRecord } from './cluster-records.ts';
import { noteDamage } from './damage-note.ts';
import { TYPICAL } from './durations.ts';
import { idOf, keyOf, placeOf, rdsArn } from './names.ts';
import type { Tag } from './records.ts';
import type { RdsStore } from './store.ts';

const WATCH_MS = 10;

export interface NewClusterSnapshot {
  readonly id: string;
  readonly type: ClusterSnapshotRecord['type'];
  readonly tags: readonly Tag[];
}

export interface NewClusterCopy extends NewClusterSnapshot {
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
export class ClusterSnapshots {
  readonly #store: RdsStore;
  readonly #clusters: Clusters;
  readonly #current = new Map<string, AbortController>();

  constructor(store: RdsStore, clusters: Clusters) {
    this.#store = store;
    this.#clusters = clusters;
    clusters.finalSnapshot = (cluster, id) => this.#takeFinal(cluster, id);
  }

  /** After a crash: a snapshot that was being taken has failed, as in AWS; a copy is begun again, since its source is still there. */
  async resume(): Promise<void> {
    const known = [...this.#store.clusterSnapshots.values()].map((one) =>
      this.#store.clusterSnapshotDir(one),
    );
    for (const dir of await this.#store.strays('cluster-snapshots', known)) await this.#store.discard(dir);
    for (const [key, record] of [...this.#store.clusterSnapshots.entries()]) {
      if (record.status === 'creating')
        await this.#fail(key, record, 'The snapshot was interrupted by an internal failure.');
      if (record.status === 'copying') {
        const all = [...this.#store.clusterSnapshots.values()];
        const source = all.find((other) => clusterSnapshotArn(other) === record.sourceArn);
        if (source) this.#copy(key, record, source);
        else await this.#fail(key, record, 'The source of the copy no longer exists.');
      }
      if (record.status === 'deleting') this.remove(key);
    }
    for (const [key, cluster] of this.#store.clusters.entries())
      if (cluster.status === 'backing-up') await this.#store.patchCluster(key, { status: 'available' });
  }

  /** Begins a snapshot of a cluster, which shows `backing-up` meanwhile; not for an automated one. */
  async take(cluster: ClusterRecord, spec: NewClusterSnapshot): Promise<ClusterSnapshotRecord> {
    const record = announced(cluster, spec);
    const key = keyOf(record, record.id);
    const clusterKey = keyOf(cluster, cluster.id);
    const shown = record.type !== 'automated';
    await Promise.all([
      this.#store.clusterSnapshots.put(key, record),
      ...(shown ? [this.#store.patchCluster(clusterKey, { status: 'backing-up' })] : []),
    ]);
    const releaseCluster = async (): Promise<void> => {
      if (shown && this.#store.clusters.get(clusterKey)?.status === 'backing-up')
        await this.#store.patchCluster(clusterKey, { status: 'available' });
    };
    this.#run(
      key,
      'cluster-snapshot',
      (signal) => this.#takeNow(key, record, clusterKey, signal),
      releaseCluster,
    );
    return record;
  }

  /** Begins a copy; the bytes are really copied, into the destination's folder. */
  async copy(source: ClusterSnapshotRecord, spec: NewClusterCopy): Promise<ClusterSnapshotRecord> {
    const { place, id, type, tags, kmsKeyArn = source.kmsKeyArn } = spec;
    const record: ClusterSnapshotRecord = {
      ...source,
      ...{
        accountId: place.accountId,
        region: place.region,
        id,
        type,
        tags,
        sharedWith: [],
        failure: undefined,
      },
      ...{ status: 'copying', percent: 0, folder: randomUUID(), createdAt: undefined, kmsKeyArn },
      sourceArn: clusterSnapshotArn(source),
    };
    const key = keyOf(place, id);
    await this.#store.clusterSnapshots.put(key, record);
    this.#copy(key, record, source);
    return record;
  }

  /** Begins the removal, of a copy under way too. */
  remove(key: string): void {
    this.#current.get(key)?.abort(new Error('the snapshot is being deleted'));
    const record = this.#store.clusterSnapshots.get(key);
    if (!record) return;
    this.#run(key, 'delete-cluster-snapshot', async (signal) => {
      await this.#store.patchClusterSnapshot(key, { status: 'deleting' });
      const typicalSeconds = TYPICAL.deleteSnapshot;
      await this.#store.platform.pace.take('rds.deleteSnapshot', { typicalSeconds, signal });
      await this.removeNow(key);
      await this.#note(record, 'Deleted manual cluster snapshot', 'deletion');
    });
  }

  /** Removes record and bytes at once, as an expiry does. */
  async removeNow(key: string): Promise<void> {
    const record = this.#store.clusterSnapshots.get(key);
    if (!record) return;
    await this.#store.clusterSnapshots.remove(key);
    await this.#store.discard(this.#store.clusterSnapshotDir(record));
  }

  /** Waits until a snapshot is neither being taken nor copied; undefined when it is gone. */
  async settled(key: string, signal: AbortSignal): Promise<ClusterSnapshotRecord | undefined> {
    for (;;) {
      const record = this.#store.clusterSnapshots.get(key);
      if (record?.status !== 'creating' && record?.status !== 'copying') return record;
      await sleep(WATCH_MS, undefined, { signal });
    }
  }

  async #takeNow(
    key: string,
    record: ClusterSnapshotRecord,
    clusterKey: string,
    signal: AbortSignal,
  ): Promise<void> {
    const kind = record.type === 'automated' ? 'automated' : 'manual';
    await this.#note(record, `Creating ${kind} cluster snapshot`, 'backup'); // RDS-EVENT-0074, 0168
    const dir = this.#store.clusterSnapshotDir(record);
    const progress = { signal, onProgress: this.#progress(key) };
    const [manifest] = await Promise.all([
      this.#clusters.servers.withStorage(clusterKey, (server) => takeSnapshot(server, dir, progress)),
      this.#store.platform.pace.take('rds.snapshot', { typicalSeconds: TYPICAL.snapshot, signal }),
    ]);
    const cutAt = this.#simulated(manifest);
    await this.#store.patchClusterSnapshot(key, {
      ...{ status: 'available', percent: 100, bytes: manifest.bytes, createdAt: cutAt, databaseTime: cutAt },
    });
    await this.#note(
      record,
      `${kind === 'manual' ? 'Manual' : 'Automated'} cluster snapshot created`,
      'backup',
    ); // 0075, 0169
  }

  async #takeFinal(cluster: ClusterRecord, id: string): Promise<void> {
    const key = keyOf(cluster, id);
    const known = this.#store.clusterSnapshots.get(key);
    if (known?.status === 'available') return; // taken before a crash
    const tags = cluster.copyTagsToSnapshot ? cluster.tags : [];
    const record = announced(cluster, { id, type: 'manual', tags });
    await this.#store.clusterSnapshots.put(key, record);
    try {
      await this.#takeNow(key, record, keyOf(cluster, cluster.id), new AbortController().signal);
    } catch (err) {
      await this.#fail(key, record, messageOf(err));
      throw err;
    }
  }

  #copy(key: string, record: ClusterSnapshotRecord, source: ClusterSnapshotRecord): void {
    const crossRegion = source.region !== record.region;
    const typicalSeconds = crossRegion ? TYPICAL.copyCrossRegion : TYPICAL.copySameRegion;
    this.#run(key, 'copy-cluster-snapshot', async (signal) => {
      const to = this.#store.clusterSnapshotDir(record);
      await this.#store.discard(to); // half a copy from before a crash
      const { account } = this.#clusters.servers.host;
      const [{ manifest, differences }] = await Promise.all([
        copySnapshot(this.#store.clusterSnapshotDir(source), to, account, {
          signal,
          onProgress: this.#progress(key),
        }),
        this.#store.platform.pace.take('rds.copySnapshot', { typicalSeconds, signal }),
      ]);
      noteDamage(this.#store.platform, source, `copied ${source.id}`, differences);
      const createdAt = this.#store.platform.clock.now().toISOString();
      const { bytes } = manifest;
      await this.#store.patchClusterSnapshot(key, { status: 'available', percent: 100, bytes, createdAt });
      await this.#note(record, 'Finished copy of cluster snapshot', 'notification');
    });
  }

  #progress(key: string): (done: number) => void {
    let shown = 0;
    return (done) => {
      const percent = Math.min(99, Math.floor(done * 100));
      if (percent < shown + 25) return;
      shown = percent;
      this.#store.platform.tasks.run('rds: progress', async () => {
        const status = this.#store.clusterSnapshots.get(key)?.status;
        if (status === 'creating' || status === 'copying')
          await this.#store.patchClusterSnapshot(key, { percent });
      });
    };
  }

  /** @param last is done whatever became of the work, also when it never began. */
  #run(
    key: string,
    job: (typeof JOBS.rds)[number],
    work: (signal: AbortSignal) => Promise<void>,
    last: () => Promise<void> = () => Promise.resolve(),
  ): void {
    const mine = new AbortController();
    this.#current.set(key, mine);
    const { faults, tasks } = this.#store.platform;
    tasks.run(`rds: ${job} ${key}`, async (closing) => {
      const signal = AbortSignal.any([closing, mine.signal]);
      try {
        const step = { service: 'rds', job, ...placeOf(key), names: [idOf(key)] } as const;
        await faults.job(step, signal, () => work(signal));
      } catch (err) {
        if (signal.aborted) return; // deleted meanwhile, or judged at the next start
        const record = this.#store.clusterSnapshots.get(key);
        if (record) await this.#fail(key, record, messageOf(err));
      } finally {
        if (this.#current.get(key) === mine) this.#current.delete(key);
        await last();
      }
    });
  }

  async #fail(key: string, record: ClusterSnapshotRecord, failure: string): Promise<void> {
    this.#store.platform.log.error({ snapshot: key, failure }, 'cluster snapshot failed');
    await this.#store.patchClusterSnapshot(key, { status: 'failed', failure });
    await this.#store.discard(this.#store.clusterSnapshotDir(record));
    await this.#note(record, `The snapshot failed: ${failure}`, 'failure');
  }

  /** The server runs on the real clock, bodies on the simulated one. */
  #simulated({ databaseTime }: Manifest): string {
    return new Date(Date.parse(databaseTime) + this.#store.platform.clock.offsetMs).toISOString();
  }

  #note(record: ClusterSnapshotRecord, message: string, category: string): Promise<void> {
    const source = { sourceType: 'db-cluster-snapshot', sourceId: record.id } as const;
    return this.#store.note(record, source, message, category);
  }
}

export function clusterSnapshotArn(snapshot: ClusterSnapshotRecord): string {
  return rdsArn(snapshot, 'cluster-snapshot', snapshot.id);
}

function announced(cluster: ClusterRecord, { id, type, tags }: NewClusterSnapshot): ClusterSnapshotRecord {
  const { accountId, region, encrypted, kmsKeyArn } = cluster;
  return {
    ...{ accountId, region, id, type, tags, sharedWith: [], encrypted, kmsKeyArn },
    ...{ status: 'creating', percent: 0, bytes: 0, folder: randomUUID() },
    clusterArn: rdsArn(cluster, 'cluster', cluster.id),
    cluster: clusterFacts(cluster),
  };
}

function messageOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}
