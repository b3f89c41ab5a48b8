import { join } from 'node:path';
import { type ArchiveState, pruneArchive, readManifest, WalArchiver, WalLost } from '../pg/index.ts';
import type { Place, Table } from '../platform.ts';
import { lastDailyStart } from './backup-schedule.ts';
import type { Clusters } from './cluster-fleet.ts';
import type { ClusterRecord, ClusterSnapshotRecord } from './cluster-records.ts';
import type { ClusterSnapshots } from './cluster-snapshots.ts';
import { TYPICAL } from './durations.ts';
import { keyOf } from './names.ts';
import type { RdsStore } from './store.ts';

const DAY_MS = 86_400_000;
/** However fast time is told to run, a server is not asked for its WAL more often. */
const SHORTEST_SHIPPING_MS = 1000;
/** How old the written-down end of an idle archive may become. */
const NOTE_EVERY_MS = 10_000;
const RETRY_MS = 30_000;

/** What point-in-time restore needs of one cluster: archived WAL, beside the automated snapshots. */
export interface ClusterBackupRecord extends Place {
  readonly resourceId: string;
  /** When this archive was begun: automated snapshots from before it lead nowhere. */
  readonly begunAt: string;
  readonly archive?: ArchiveState | undefined;
}

/** AWS's times between which a cluster can be had; `undefined` until the first automated snapshot is there. */
export interface ClusterWindow {
  readonly earliest: string;
  readonly latest: string;
}

/**
 * Automated backups of clusters, which always have some: the writer's WAL is archived while a member runs, and a snapshot a day is
 * taken to replay it over. Archives keep real instants, as servers know no others; everything told outside is AWS's time.
 */
export class ClusterBackups {
  readonly #store: RdsStore;
  readonly #clusters: Clusters;
  readonly #snapshots: ClusterSnapshots;
  readonly #records: Table<ClusterBackupRecord>;
  readonly #archivers = new Map<string, { server: object; archiver: WalArchiver }>();
  /** The newest end of each archive; what is written down may be some seconds older. */
  readonly #through = new Map<string, string>();
  readonly #due = new Map<string, number>();
  #offsetMs = 0;

  constructor(store: RdsStore, clusters: Clusters, snapshots: ClusterSnapshots) {
    this.#store = store;
    this.#clusters = clusters;
    this.#snapshots = snapshots;
    this.#records = store.platform.table('rds/cluster-backups');
    store.clusterWindow = (cluster) => this.window(cluster);
    clusters.archiveOf = (key) => {
      const record = this.#records.get(key);
      return record?.archive && { dir: this.#dirOf(record), state: record.archive };
    };
  }

  async resume(): Promise<void> {
    const known = [...this.#records.values()].map((record) => this.#dirOf(record));
    for (const dir of await this.#store.strays('cluster-archives', known)) await this.#store.discard(dir);
  }

  window(cluster: ClusterRecord): ClusterWindow | undefined {
    const key = archiveKey(cluster);
    const record = this.#records.get(key);
    const [oldest] = this.bases(cluster);
    if (oldest?.createdAt === undefined || !record?.archive) return undefined;
    const { clock } = this.#store.platform;
    const cutoff = new Date(clock.now().getTime() - cluster.backupRetentionPeriod * DAY_MS).toISOString();
    const through = this.#through.get(key) ?? record.archive.through;
    const shipped = clock.fromReal(new Date(through)).toISOString();
    const latest = shipped > oldest.createdAt ? shipped : oldest.createdAt;
    const earliest = oldest.createdAt > cutoff ? oldest.createdAt : cutoff;
    return { earliest: earliest < latest ? earliest : latest, latest };
  }

  /** Usable automated snapshots, oldest first. */
  bases(cluster: ClusterRecord): ClusterSnapshotRecord[] {
    const begunAt = this.#records.get(archiveKey(cluster))?.begunAt ?? '';
    return this.#automated(cluster)
      .map(([, one]) => one)
      .filter(({ status, createdAt = '' }) => status === 'available' && createdAt >= begunAt)
      .sort((a, b) => ((a.createdAt ?? '') < (b.createdAt ?? '') ? -1 : 1));
  }

  /** One look at everything: ships WAL, takes snapshots that are due, removes what is past its time or has lost its cluster. */
  async tick(): Promise<void> {
    const { offsetMs } = this.#store.platform.clock;
    const jumped = offsetMs !== this.#offsetMs;
    this.#offsetMs = offsetMs;
    await Promise.all(
      [...this.#store.clusters.entries()].map(([key, cluster]) => this.#care(key, cluster, jumped)),
    );
    const living = new Set([...this.#store.clusters.values()].map(archiveKey));
    for (const [key, record] of [...this.#records.entries()])
      if (!living.has(key) && !this.#isBeingReplayed(key)) await this.#remove(key, record);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#archivers.values()].map(({ archiver }) => archiver.pause()));
  }

  async #care(key: string, cluster: ClusterRecord, jumped: boolean): Promise<void> {
    if (cluster.createdAt === undefined || cluster.status === 'deleting') return;
    try {
      if (this.#clusters.servers.writer(key)) {
        if (jumped || Date.now() >= (this.#due.get(key) ?? 0)) await this.#ship(key, cluster);
        await this.#daily(key, cluster);
      }
      await this.#prune(cluster);
    } catch (err) {
      if (this.#clusters.servers.writer(key)) this.#complain(key, err);
    }
  }

  async #ship(key: string, cluster: ClusterRecord): Promise<void> {
    const server = this.#clusters.servers.writer(key);
    if (!server) return;
    const { scale } = this.#store.platform.pace;
    this.#due.set(key, Date.now() + Math.max(SHORTEST_SHIPPING_MS, TYPICAL.shipLogs * scale * 1000) - 100);
    const own = archiveKey(cluster);
    const { accountId, region, resourceId } = cluster;
    const begunAt = this.#store.platform.clock.now().toISOString();
    const record = this.#records.get(own) ?? { accountId, region, resourceId, begunAt };
    if (!this.#records.has(own)) await this.#records.put(own, record);
    let held = this.#archivers.get(own);
    if (held?.server !== server) {
      const before = held;
      held = { server, archiver: new WalArchiver(server, this.#dirOf(record), record.archive) };
      this.#archivers.set(own, held);
      await before?.archiver.pause();
    }
    try {
      const { through } = await held.archiver.ship((archive) => this.#keep(own, archive));
      this.#through.set(own, through);
    } catch (err) {
      if (!(err instanceof WalLost)) throw err;
      this.#complain(key, err); // what was archived leads nowhere any more: begin again
      await this.#remove(own, record);
    }
  }

  async #keep(key: string, archive: ArchiveState): Promise<void> {
    const record = this.#records.get(key);
    if (!record) return;
    const age = Date.parse(archive.through) - Date.parse(record.archive?.through ?? '');
    if (record.archive?.to === archive.to && age < NOTE_EVERY_MS) return;
    await this.#records.put(key, { ...record, archive });
  }

  async #daily(key: string, cluster: ClusterRecord): Promise<void> {
    const current = this.#store.clusters.get(key);
    if (current?.status !== 'available' || !this.#records.has(archiveKey(cluster))) return;
    if (this.#automated(cluster).some(([, { status }]) => status === 'creating')) return;
    const newest = this.bases(cluster).at(-1)?.createdAt;
    const now = this.#store.platform.clock.now();
    if (newest !== undefined && newest >= lastDailyStart(cluster.backupWindow, now).toISOString()) return;
    if (Date.now() < (this.#due.get(`${key}/snapshot`) ?? 0)) return;
    this.#due.set(`${key}/snapshot`, Date.now() + RETRY_MS);
    const tags = cluster.copyTagsToSnapshot ? cluster.tags : [];
    const taken = await this.#snapshots.take(current, {
      id: this.#freeName(cluster),
      type: 'automated',
      tags,
    });
    this.#store.platform.tasks.run(`rds: daily snapshot ${taken.id}`, async (signal) => {
      const settled = await this.#snapshots.settled(keyOf(taken, taken.id), signal);
      if (settled?.status === 'available') this.#due.delete(`${key}/snapshot`);
    });
  }

  /** `rds:<cluster>-YYYY-MM-DD-HH-MM`, a minute later when that name is taken. */
  #freeName(cluster: ClusterRecord): string {
    for (let at = this.#store.platform.clock.now(); ; at = new Date(at.getTime() + 60_000)) {
      const id = `rds:${cluster.id}-${at.toISOString().slice(0, 16).replace(/[T:]/g, '-')}`;
      if (!this.#store.clusterSnapshot(cluster, id)) return id;
    }
  }

  /** The newest snapshot from before the retention period stays: only with it can the whole period be had. */
  async #prune(cluster: ClusterRecord): Promise<void> {
    const own = archiveKey(cluster);
    const record = this.#records.get(own);
    if (!record?.archive || this.#isBeingReplayed(own)) return;
    const cutoff = new Date(
      this.#store.platform.clock.now().getTime() - cluster.backupRetentionPeriod * DAY_MS,
    ).toISOString();
    const base = this.bases(cluster).findLast(({ createdAt = '' }) => createdAt <= cutoff);
    const old = this.#automated(cluster).filter(
      ([, { status, createdAt = '' }]) =>
        status === 'failed' || (status === 'available' && base && createdAt < (base.createdAt ?? '')),
    );
    for (const [key] of old) await this.#snapshots.removeNow(key);
    const [oldest] = this.bases(cluster);
    if (!oldest || old.length === 0) return;
    const { startLsn } = await readManifest(this.#store.clusterSnapshotDir(oldest));
    const { from } = await pruneArchive(this.#dirOf(record), record.archive, startLsn);
    const current = this.#records.get(own);
    if (current?.archive) await this.#records.put(own, { ...current, archive: { ...current.archive, from } });
  }

  /** Removes archive and automated snapshots, at once. */
  async #remove(key: string, record: ClusterBackupRecord): Promise<void> {
    const held = this.#archivers.get(key);
    this.#archivers.delete(key);
    this.#through.delete(key);
    await held?.archiver.end().catch((err: unknown) => this.#complain(key, err));
    await this.#records.remove(key);
    for (const [snapshotKey] of this.#automated(record)) await this.#snapshots.removeNow(snapshotKey);
    await this.#store.discard(this.#dirOf(record));
  }

  #isBeingReplayed(key: string): boolean {
    return [...this.#store.clusters.values()].some(
      ({ work }) => work?.kind === 'replay' && work.backupKey === key,
    );
  }

  #automated({
    accountId,
    region,
    resourceId,
  }: Place & { resourceId: string }): [string, ClusterSnapshotRecord][] {
    return [...this.#store.clusterSnapshots.entries()].filter(
      ([, one]) =>
        one.type === 'automated' &&
        one.accountId === accountId &&
        one.region === region &&
        one.cluster.resourceId === resourceId,
    );
  }

  #dirOf({ accountId, region, resourceId }: ClusterBackupRecord): string {
    const { stateDir } = this.#store.platform;
    return join(stateDir, 'accounts', accountId, region, 'rds', 'cluster-archives', resourceId);
  }

  #complain(key: string, err: unknown): void {
    this.#store.platform.log.warn({ err, cluster: key }, 'automated backups could not be taken further');
  }
}

/** How archives are keyed: by what no other cluster ever has. */
export function archiveKey(cluster: Place & { resourceId: string }): string {
  return keyOf(cluster, cluster.resourceId);
}
