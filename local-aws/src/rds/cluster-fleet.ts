import { setTimeout as sleep } from 'node:timers/promises';
import { JobFault, type JOBS } from '../faults/points.ts';
import { type ArchiveState, checkSnapshot, type PostgresHost } from '../pg/index.ts';
import type { ClusterRecord } from './cluster-records.ts';
import { ClusterServers } from './cluster-servers.ts';
import { noteDamage } from './damage-note.ts';
import { TYPICAL } from './durations.ts';
import { setMasterPassword } from './master.ts';
import { idOf, keyOf, placeOf } from './names.ts';
import type { InstanceRecord } from './records.ts';
import type { RdsStore } from './store.ts';

const WATCH_MS = 10;
const KEY_LOST = 'inaccessible-encryption-credentials-recoverable';

/** Takes the final snapshot of a cluster that is being deleted. */
export type FinalClusterSnapshot = (cluster: ClusterRecord, snapshotId: string) => Promise<void>;

/** The lives of Aurora clusters and their members; each change of state is written down before it is begun. */
export class Clusters {
  readonly #store: RdsStore;
  readonly servers: ClusterServers;
  /** What is being done to a cluster or member now. */
  readonly #current = new Map<string, { abort: AbortController; done: Promise<void> }>();
  /** Set by the snapshots' side, which needs the clusters in turn. */
  finalSnapshot: FinalClusterSnapshot = () =>
    Promise.reject(new Error('no snapshots are wired to the clusters'));

  /** Set by the side of automated backups: where the archived WAL of a cluster lies. */
  archiveOf: (key: string) => { dir: string; state: ArchiveState } | undefined = () => undefined;

  constructor(store: RdsStore, host: PostgresHost) {
    this.#store = store;
    this.servers = new ClusterServers(store, host);
    store.platform.networks.onSecurityGroupChanged((id) => this.#readmit(id));
  }

  /** Brings everything back after a start: servers on their ports, unfinished work taken up again. */
  async resume(): Promise<void> {
    const known = [...this.#store.clusters.values()].map((record) => this.#store.clusterDir(record));
    for (const dir of await this.#store.strays('clusters', known)) await this.#store.discard(dir);
    await Promise.all(
      [...this.#store.clusters.entries()].map(([key, record]) => this.#bringBack(key, record)),
    );
  }

  async close(): Promise<void> {
    for (const { abort } of this.#current.values()) abort.abort(new Error('local AWS is stopping'));
    await this.servers.close();
  }

  /** Begins, or takes up again, the work that is written in the record. */
  begin(record: ClusterRecord): void {
    const { work } = record;
    switch (work?.kind) {
      case undefined:
        break;
      case 'create':
        this.#create(record, work.masterVerifier);
        break;
      case 'restore':
        this.#restore(record, this.#snapshotDir(work));
        break;
      case 'clone':
        this.#clone(record, work.key);
        break;
      case 'replay':
        this.#replay(record, work);
        break;
      case 'failover':
        this.#failover(record, work.to);
        break;
      case 'reset-master':
        this.#resetMaster(record, record.pending.masterVerifier ?? '');
        break;
      case 'stop':
        this.#stop(record);
        break;
      case 'start':
        this.#start(record);
        break;
      case 'delete':
        this.#delete(record, work.finalSnapshotId);
    }
  }

  #create(record: ClusterRecord, masterVerifier: string): void {
    const key = keyOf(record, record.id);
    this.#run(key, 'create-cluster', async (signal) => {
      const pace = this.#pace('rds.createCluster', TYPICAL.createCluster, signal);
      await this.servers.createStorage(record, masterVerifier);
      await pace;
      await this.#stored(key, 'DB cluster created', 'creation'); // RDS-EVENT-0170
    });
  }

  /** From the folder of a stored snapshot. */
  #restore(record: ClusterRecord, snapshotDir: string | undefined): void {
    const key = keyOf(record, record.id);
    this.#run(key, 'restore-cluster', async (signal) => {
      const pace = this.#pace('rds.restoreCluster', TYPICAL.restoreCluster, signal);
      if (snapshotDir === undefined) throw new Error('Its snapshot is gone.');
      await this.servers.restoreStorage(record, snapshotDir, signal);
      this.#tellOfDamage(record, snapshotDir);
      await pace;
      await this.#stored(key, 'Restored from snapshot', 'restoration');
    });
  }

  /** From the storage of another cluster, as it is now. */
  #clone(record: ClusterRecord, sourceKey: string): void {
    const key = keyOf(record, record.id);
    this.#run(key, 'restore-cluster', async (signal) => {
      const pace = this.#pace('rds.restoreCluster', TYPICAL.restoreCluster, signal);
      await this.servers.cloneStorage(record, sourceKey, signal);
      await pace;
      await this.#stored(key, 'Cloned from cluster', 'restoration');
    });
  }

  /** From an automated snapshot and the archived WAL after it. */
  #replay(record: ClusterRecord, work: Extract<ClusterRecord['work'], { kind: 'replay' }>): void {
    const key = keyOf(record, record.id);
    this.#run(key, 'restore-cluster', async (signal) => {
      const pace = this.#pace('rds.restoreCluster', TYPICAL.restoreCluster, signal);
      const archive = this.archiveOf(work.backupKey);
      const base = this.#store.clusterSnapshots.get(work.snapshotKey);
      if (!archive || !base) throw new Error(`Its automated backups are gone (${work.backupKey}).`);
      const until =
        work.until === undefined ? undefined : this.#store.platform.clock.toReal(new Date(work.until));
      const replay = { archive: archive.dir, state: archive.state, until };
      await this.servers.replayStorage(record, this.#store.clusterSnapshotDir(base), replay, signal);
      await pace;
      await this.#stored(key, 'Restored to a point in time', 'restoration');
    });
  }

  #delete(record: ClusterRecord, finalSnapshotId: string | undefined): void {
    const key = keyOf(record, record.id);
    const before = this.#current.get(key);
    before?.abort.abort(new Error('the cluster is being deleted'));
    this.#run(key, 'delete-cluster', async (signal) => {
      await before?.done;
      if (finalSnapshotId !== undefined) await this.finalSnapshot(record, finalSnapshotId);
      await this.#pace('rds.deleteCluster', TYPICAL.deleteCluster, signal);
      while (this.#store.members(record).length > 0) await sleep(WATCH_MS, undefined, { signal }); // they are deleting, too
      await this.servers.remove(record);
      if (record.masterSecret) await this.#store.platform.secrets.delete(record.masterSecret.arn);
      await this.#store.clusters.remove(key);
      await this.#note(record, 'DB cluster deleted', 'deletion'); // RDS-EVENT-0171
    });
  }

  #stop(record: ClusterRecord): void {
    const key = keyOf(record, record.id);
    this.#run(key, 'stop-cluster', async (signal) => {
      await this.#setMembers(record, 'stopping');
      await this.servers.settle(key);
      await this.#pace('rds.stopInstance', TYPICAL.stopInstance, signal);
      await this.#setMembers(record, 'stopped');
      await this.#store.patchCluster(key, { status: 'stopped', work: undefined });
      await this.#note(record, 'DB cluster stopped', 'notification');
    });
  }

  #start(record: ClusterRecord): void {
    const key = keyOf(record, record.id);
    this.#run(key, 'start-cluster', async (signal) => {
      await this.#setMembers(record, 'starting');
      await this.servers.settle(key);
      await this.#pace('rds.startInstance', TYPICAL.startInstance, signal);
      await this.#setMembers(record, 'available', 'starting');
      await this.#store.patchCluster(key, { status: 'available', work: undefined });
      await this.#note(record, 'DB cluster started', 'notification');
    });
  }

  /** @param to `DbiResourceId` of the member that is to write. */
  #failover(record: ClusterRecord, to: string): void {
    const key = keyOf(record, record.id);
    this.#run(key, 'failover-cluster', async (signal) => {
      const target = this.#store.members(record).find(({ dbiResourceId }) => dbiResourceId === to);
      await this.#note(record, `Started cross AZ failover to DB instance: ${target?.id ?? to}`, 'failover');
      await this.#pace('rds.failover', TYPICAL.failover, signal);
      if (target) await this.#store.patchCluster(key, { writer: to });
      await this.servers.settle(key);
      await this.#store.patchCluster(key, { status: 'available', work: undefined });
      await this.#note(record, `Completed failover to DB instance: ${target?.id ?? to}`, 'failover');
    });
  }

  /** `available` goes on for some seconds, then the master's password is another, then `available` again. */
  #resetMaster(cluster: ClusterRecord, masterVerifier: string): void {
    const key = keyOf(cluster, cluster.id);
    this.#run(key, 'modify-cluster', async (signal) => {
      await this.#pace('rds.staleAvailable', TYPICAL.staleAvailable, signal);
      const record = await this.#store.patchCluster(key, { status: 'resetting-master-credentials' });
      if (!record) return;
      await this.servers.withStorage(key, (server) =>
        setMasterPassword(server, record.masterUsername, masterVerifier),
      );
      await this.#pace('rds.resetMasterCredentials', TYPICAL.resetMasterCredentials, signal);
      const pending = this.#store.clusters.get(key)?.pending;
      const newer = pending?.masterVerifier !== masterVerifier;
      await this.#store.patchCluster(key, {
        ...{ status: 'available', work: undefined },
        ...(!newer && { pending: {} }),
      });
      await this.#note(record, 'Reset master credentials', 'configuration change');
    });
  }

  /** A new member: the first becomes the writer. */
  join(record: InstanceRecord): void {
    const key = keyOf(record, record.id);
    this.#run(`member ${key}`, 'create-instance', async (signal) => {
      const clusterKey = keyOf(record, record.member?.clusterId ?? '');
      const pace = this.#pace('rds.createMember', TYPICAL.createMember, signal);
      const cluster = await this.settled(clusterKey, signal);
      if (cluster?.createdAt === undefined) throw new Error('Its cluster was never made.');
      await this.servers.settle(clusterKey);
      await pace;
      if (this.#store.instances.get(key)?.status !== 'creating') return; // the start failed, or it is being deleted
      const createdAt = this.#now();
      await this.#store.patchInstance(key, { status: 'available', createdAt, work: undefined });
      await this.#noteInstance(record, 'DB instance created', 'creation'); // RDS-EVENT-0005
    });
  }

  /** Ends a member; when it wrote, another one takes over. The cluster stays, with its storage. */
  leave(record: InstanceRecord): void {
    const key = keyOf(record, record.id);
    const clusterKey = keyOf(record, record.member?.clusterId ?? '');
    const before = this.#current.get(`member ${key}`);
    before?.abort.abort(new Error('the instance is being deleted'));
    this.#run(`member ${key}`, 'delete-instance', async (signal) => {
      await before?.done;
      await this.servers.settle(clusterKey);
      await this.#pace('rds.deleteInstance', TYPICAL.deleteInstance, signal);
      await this.servers.discardMember(record);
      await this.#store.instances.remove(key);
      await this.#noteInstance(record, 'DB instance deleted', 'deletion'); // RDS-EVENT-0003
    });
  }

  rebootMember(record: InstanceRecord): void {
    const key = keyOf(record, record.id);
    this.#run(`member ${key}`, 'reboot-instance', async (signal) => {
      await this.servers.restart(keyOf(record, record.member?.clusterId ?? ''), record);
      await this.#pace('rds.rebootInstance', TYPICAL.rebootInstance, signal);
      if (this.#store.instances.get(key)?.status !== 'rebooting') return;
      await this.#store.patchInstance(key, { status: 'available' });
      await this.#noteInstance(record, 'DB instance restarted', 'availability');
    });
  }

  /** Changes of a member that need no restart here: class, tier, windows. */
  modifyMember(record: InstanceRecord, change: Partial<InstanceRecord>): void {
    const key = keyOf(record, record.id);
    this.#run(`member ${key}`, 'modify-instance', async (signal) => {
      await this.#pace('rds.staleAvailable', TYPICAL.staleAvailable, signal);
      await this.#store.patchInstance(key, { status: 'modifying' });
      await this.#pace('rds.modifyInstance', TYPICAL.modifyInstance, signal);
      await this.#store.patchInstance(key, { ...change, status: 'available', pending: {} });
    });
  }

  /** Waits until a cluster is no longer being made; undefined when it is gone. */
  async settled(key: string, signal: AbortSignal): Promise<ClusterRecord | undefined> {
    for (;;) {
      const record = this.#store.clusters.get(key);
      if (!record || !MAKING.has(record.status)) return record;
      await sleep(WATCH_MS, undefined, { signal });
    }
  }

  /** Members whose server was killed get it back, as AWS's do. */
  async restartDead(): Promise<void> {
    for (const [key, record] of [...this.#store.clusters.entries()]) {
      if (record.status !== 'available') continue;
      const up = this.#store.members(record).filter(({ status }) => status === 'available');
      if (up.some((member) => !this.servers.ofMember(member))) await this.servers.settle(key);
    }
  }

  /** A cluster whose key is disabled or about to be deleted is shut down, members and all. */
  async shutWithoutKey(): Promise<void> {
    for (const [key, record] of [...this.#store.clusters.entries()]) {
      const { kmsKeyArn } = record;
      if (kmsKeyArn === undefined || record.status !== 'available') continue;
      if (this.#store.platform.keys.describe(kmsKeyArn, record)?.state === 'Enabled') continue;
      await this.#store.patchCluster(key, { status: KEY_LOST });
      await this.#setMembers(record, KEY_LOST);
      await this.servers.settle(key);
      await this.#note(record, 'The cluster cannot use its KMS key any more', 'failure');
    }
  }

  async #bringBack(key: string, record: ClusterRecord): Promise<void> {
    if (record.work)
      this.#store.platform.log.info({ cluster: key, work: record.work.kind }, 'taken up again');
    this.begin(record);
    if (record.createdAt !== undefined) await this.servers.settle(key);
    for (const member of this.#store.members(record)) await this.#takeUpMember(member);
  }

  async #takeUpMember(member: InstanceRecord): Promise<void> {
    const { work, status } = member;
    if (work?.kind === 'join') this.join(member);
    else if (work?.kind === 'delete') this.leave(member);
    else if (status === 'rebooting' || status === 'modifying')
      await this.#store.patchInstance(keyOf(member, member.id), { status: 'available' });
  }

  #snapshotDir({ from, key }: { from: 'cluster-snapshot' | 'snapshot'; key: string }): string | undefined {
    if (from === 'snapshot') {
      const snapshot = this.#store.snapshots.get(key);
      return snapshot && this.#store.snapshotDir(snapshot);
    }
    const snapshot = this.#store.clusterSnapshots.get(key);
    return snapshot && this.#store.clusterSnapshotDir(snapshot);
  }

  /** The storage is there: members may come. */
  async #stored(key: string, message: string, category: string): Promise<void> {
    const createdAt = this.#now();
    const record = await this.#store.patchCluster(key, { status: 'available', createdAt, work: undefined });
    if (record) await this.#note(record, message, category);
  }

  async #setMembers(cluster: ClusterRecord, status: string, from?: string): Promise<void> {
    for (const member of this.#store.members(cluster)) {
      if (member.status === 'deleting' || member.status === 'failed') continue;
      if (from !== undefined && member.status !== from) continue;
      await this.#store.patchInstance(keyOf(member, member.id), { status });
    }
  }

  /** @param key of the cluster, or `member` and the key of an instance */
  #run(key: string, job: (typeof JOBS.rds)[number], work: (signal: AbortSignal) => Promise<void>): void {
    const abort = new AbortController();
    const { faults, tasks } = this.#store.platform;
    tasks.run(`rds: ${job} ${key}`, (closing) => {
      const signal = AbortSignal.any([closing, abort.signal]);
      const owner = key.replace(/^member /, '');
      const step = { service: 'rds', job, ...placeOf(owner), names: [idOf(owner)] } as const;
      const done = this.#guarded(key, signal, () => faults.job(step, signal, () => work(signal))).finally(
        () => {
          if (this.#current.get(key) === mine) this.#current.delete(key);
        },
      );
      const mine = { abort, done };
      this.#current.set(key, mine);
      return done;
    });
  }

  async #guarded(key: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (err) {
      if (signal.aborted) return; // deleted meanwhile, or taken up again at the next start
      this.#store.platform.log.error({ err, key }, 'work on a cluster failed');
      const failure = err instanceof Error ? err.message : String(err);
      const wanted = err instanceof JobFault ? err.outcome : undefined;
      if (key.startsWith('member ')) {
        const status = wanted ?? 'failed';
        await this.#store.patchInstance(key.slice(7), { status, failure, work: undefined });
      } else await this.#fail(key, failure, wanted);
    }
  }

  async #fail(key: string, failure: string, wanted?: string): Promise<void> {
    const work = this.#store.clusters.get(key)?.work?.kind;
    const dead = work === 'clone' ? 'cloning-failed' : work === 'restore' ? 'migration-failed' : 'failed';
    const status = wanted ?? dead;
    const record = await this.#store.patchCluster(key, { status, failure, work: undefined, pending: {} });
    await this.servers.settle(key);
    if (record) await this.#note(record, `The cluster failed: ${failure}`, 'failure');
  }

  #readmit(groupId: string): void {
    for (const [key, record] of this.#store.clusters.entries()) {
      if (!record.securityGroupIds.includes(groupId)) continue;
      this.#store.platform.tasks.run(`rds: admit ${key}`, () => this.servers.readmit(key));
    }
  }

  /** The server itself never learns of bit rot in its snapshot; people who look at the events should. */
  #tellOfDamage(record: ClusterRecord, snapshotDir: string): void {
    const { platform } = this.#store;
    platform.tasks.run(`rds: check ${snapshotDir}`, async (signal) => {
      noteDamage(platform, record, `restored ${record.id}`, await checkSnapshot(snapshotDir, signal));
    });
  }

  #pace(name: string, typicalSeconds: number, signal: AbortSignal): Promise<void> {
    const waited = this.#store.platform.pace.take(name, { typicalSeconds, signal });
    waited.catch(() => undefined); // when the work beside it fails first, nobody waits any more
    return waited;
  }

  #now(): string {
    return this.#store.platform.clock.now().toISOString();
  }

  #note(record: ClusterRecord, message: string, category: string): Promise<void> {
    return this.#store.note(record, { sourceType: 'db-cluster', sourceId: record.id }, message, category);
  }

  #noteInstance(record: InstanceRecord, message: string, category: string): Promise<void> {
    return this.#store.note(record, { sourceType: 'db-instance', sourceId: record.id }, message, category);
  }
}

/** Statuses of a cluster that is being made. */
const MAKING: ReadonlySet<string> = new Set(['creating', 'migrating']);
