import { join } from 'node:path';
import {
  type PostgresHost,
  PostgresServer,
  type Replay,
  restoreSnapshot,
  restoreToPointInTime,
  takeSnapshot,
} from '../pg/index.ts';
import { endOrphan } from '../pg/orphans.ts';
import { dropSlot, REPLICATION_SETTINGS, seedStandby } from '../pg/standby.ts';
import { ReaderEntrance } from './cluster-entrance.ts';
import type { ClusterRecord } from './cluster-records.ts';
import { admits } from './loopback.ts';
import { makeMaster } from './master.ts';
import { keyOf } from './names.ts';
import type { InstanceRecord } from './records.ts';
import type { RdsStore } from './store.ts';

/** Statuses of a cluster in which no server runs. */
const CLUSTER_DOWN = new Set([
  ...['stopping', 'stopped', 'deleting', 'failed', 'migration-failed', 'cloning-failed'],
  'inaccessible-encryption-credentials-recoverable',
]);
const MEMBER_DOWN = new Set([
  'deleting',
  'stopped',
  'failed',
  'inaccessible-encryption-credentials-recoverable',
]);

/**
 * The processes of clusters. The storage of a cluster is one PostgreSQL data folder, on which the writer runs, at the cluster
 * endpoint and at its own. Each reader is a hot standby of it, so it really refuses writes. `settle` makes the processes what the
 * records say, whatever they were before.
 */
export class ClusterServers {
  readonly #store: RdsStore;
  readonly #host: PostgresHost;
  readonly #writers = new Map<string, { server: PostgresServer; resourceId: string }>();
  readonly #readers = new Map<string, PostgresServer>();
  readonly #entrances = new Map<string, ReaderEntrance>();
  readonly #turns = new Map<string, Promise<void>>();
  /** Work on a running writer that must not be cut off: it is not stopped before. */
  readonly #uses = new Map<string, Set<Promise<unknown>>>();
  #closed = false;

  constructor(store: RdsStore, host: PostgresHost) {
    this.#store = store;
    this.#host = host;
  }

  get host(): PostgresHost {
    return this.#host;
  }

  /** The running server of a cluster's writer. */
  writer(clusterKey: string): PostgresServer | undefined {
    const server = this.#writers.get(clusterKey)?.server;
    return server?.running === true ? server : undefined;
  }

  /** The running server of a member. */
  ofMember(record: InstanceRecord): PostgresServer | undefined {
    if (!record.member) return undefined;
    const writer = this.#writers.get(keyOf(record, record.member.clusterId));
    const server =
      writer?.resourceId === record.dbiResourceId
        ? writer.server
        : this.#readers.get(keyOf(record, record.id));
    return server?.running === true ? server : undefined;
  }

  /** Makes a new, empty storage. */
  createStorage(cluster: ClusterRecord, masterVerifier: string): Promise<void> {
    return this.#inTurn(keyOf(cluster, cluster.id), async () => {
      const dir = await this.#emptied(cluster);
      const server = await PostgresServer.create(this.#host, dir, { listen: '127.0.0.1' });
      await server.start();
      try {
        await makeMaster(server, cluster, masterVerifier);
      } finally {
        await server.stop();
      }
    });
  }

  /** Copies a stored snapshot; it boots when the first member comes. */
  restoreStorage(cluster: ClusterRecord, snapshotDir: string, signal: AbortSignal): Promise<void> {
    return this.#inTurn(keyOf(cluster, cluster.id), async () => {
      const dir = await this.#emptied(cluster);
      await restoreSnapshot(this.#host, snapshotDir, dir, { listen: '127.0.0.1' }, { signal });
    });
  }

  /** Copies a base and replays archived WAL over it. */
  replayStorage(cluster: ClusterRecord, base: string, replay: Replay, signal: AbortSignal): Promise<void> {
    return this.#inTurn(keyOf(cluster, cluster.id), async () => {
      const dir = await this.#emptied(cluster);
      const config = { listen: '127.0.0.1', settings: REPLICATION_SETTINGS };
      const server = await restoreToPointInTime(this.#host, base, dir, config, replay, { signal });
      await server.stop();
    });
  }

  /** Copies the storage of another cluster as it is now. */
  async cloneStorage(cluster: ClusterRecord, sourceKey: string, signal: AbortSignal): Promise<void> {
    const dir = await this.#emptied(cluster);
    await this.withStorage(sourceKey, (server) => takeSnapshot(server, dir, { signal }));
    await PostgresServer.configure(this.#host, dir, { listen: '127.0.0.1' });
  }

  /** Runs `work` on the storage: on the writer, or, when no member runs, on a server that nobody else can reach. */
  async withStorage<T>(key: string, work: (server: PostgresServer) => Promise<T>): Promise<T> {
    const running = this.writer(key);
    if (running) return this.#using(key, work(running));
    return this.#inTurn(key, async () => {
      const begun = this.writer(key);
      if (begun) return work(begun);
      const cluster = this.#store.clusters.get(key);
      if (!cluster) throw new Error(`The cluster ${key} is gone.`);
      const server = await this.#configured(cluster, { listen: '127.0.0.1' });
      await server.start();
      try {
        return await work(server);
      } finally {
        await server.stop();
      }
    });
  }

  /** Starts, moves and ends servers until they are what the records say. Failures are kept with the member that failed. */
  settle(key: string): Promise<void> {
    return this.#inTurn(key, () => this.#settle(key));
  }

  /** Restarts the server of a member. */
  async restart(clusterKey: string, record: InstanceRecord): Promise<void> {
    await this.#inTurn(clusterKey, async () => {
      if (this.#writers.get(clusterKey)?.resourceId === record.dbiResourceId)
        await this.#stopWriter(clusterKey);
      else await this.ofMember(record)?.stop();
      await this.#settle(clusterKey);
    });
  }

  /** Writes down who may connect, after a change of the groups or of their rules. */
  async readmit(key: string): Promise<void> {
    const cluster = this.#store.clusters.get(key);
    for (const member of cluster ? this.#store.members(cluster) : [])
      await this.ofMember(member)?.admit(admits(this.#store.platform.networks, member));
  }

  /** Ends everything of a cluster, and its storage. */
  remove(cluster: ClusterRecord): Promise<void> {
    const key = keyOf(cluster, cluster.id);
    return this.#inTurn(key, async () => {
      await this.#rest(key);
      await this.#emptied(cluster);
    });
  }

  /** Whatever is left of a member that has gone. */
  async discardMember(record: InstanceRecord): Promise<void> {
    await endOrphan(join(this.#store.instanceDir(record), 'data'));
    await this.#store.discard(this.#store.instanceDir(record));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#turns.values());
    await Promise.all([...this.#entrances.values()].map((entrance) => entrance.close()));
    await Promise.all([...this.#readers.values()].map((server) => server.stop()));
    await Promise.all([...this.#writers.values()].map(({ server }) => server.stop()));
  }

  async #settle(key: string): Promise<void> {
    const cluster = this.#store.clusters.get(key);
    const up = cluster?.createdAt !== undefined && !isDown(cluster);
    const live =
      cluster && up ? this.#store.members(cluster).filter(({ status }) => !MEMBER_DOWN.has(status)) : [];
    const writer = live.find(({ dbiResourceId }) => dbiResourceId === cluster?.writer) ?? heirOf(live);
    if (!cluster || !writer) return this.#rest(key);
    if (cluster.writer !== writer.dbiResourceId)
      await this.#store.patchCluster(key, { writer: writer.dbiResourceId });
    const readers = live.filter((member) => member !== writer);
    await this.#endReaders(key, readers);
    try {
      await this.#lead(key, cluster, writer);
    } catch (err) {
      await this.#fail(writer, err);
      return this.#settle(key);
    }
    for (const reader of readers)
      await this.#follow(key, cluster, reader).catch((err: unknown) => this.#fail(reader, err));
    await this.#openEntrance(key, readers);
  }

  /** The writer listens at the cluster endpoint and at its own. */
  async #lead(key: string, cluster: ClusterRecord, member: InstanceRecord): Promise<void> {
    const now = this.#writers.get(key);
    if (now?.server.running === true && now.resourceId === member.dbiResourceId) return;
    await this.#stopWriter(key);
    const server = await this.#configured(cluster, {
      listen: cluster.address,
      alsoListen: member.address === cluster.address ? [] : [member.address],
      alsoKnownAs: [cluster.readerAddress],
      port: cluster.port,
      names: namesOf(cluster, member),
      admits: admits(this.#store.platform.networks, member),
    });
    await server.start();
    if (this.#closed) await server.stop();
    this.#writers.set(key, { server, resourceId: member.dbiResourceId });
    if (server.port !== cluster.port) await this.#store.patchCluster(key, { port: server.port });
    await this.#patchPort(member, server.port);
    await this.#dropForeignSlots(server, cluster);
  }

  async #follow(key: string, cluster: ClusterRecord, member: InstanceRecord): Promise<void> {
    const memberKey = keyOf(member, member.id);
    const primary = this.writer(key);
    if (!primary || this.#readers.get(memberKey)?.running === true) return;
    await this.discardMember(member);
    const server = await seedStandby(
      primary,
      this.#store.instanceDir(member),
      {
        listen: member.address,
        alsoKnownAs: [cluster.readerAddress],
        ...(member.port > 0 && { port: member.port }),
        names: namesOf(cluster, member),
        admits: admits(this.#store.platform.networks, member),
      },
      slotOf(member),
    );
    await server.start();
    if (this.#closed) await server.stop();
    this.#readers.set(memberKey, server);
    await this.#patchPort(member, server.port);
  }

  async #endReaders(key: string, wanted: readonly InstanceRecord[]): Promise<void> {
    const keep = new Set(wanted.map((member) => keyOf(member, member.id)));
    const cluster = this.#store.clusters.get(key);
    const known = cluster ? this.#store.members(cluster) : [];
    for (const member of known) {
      const memberKey = keyOf(member, member.id);
      const server = this.#readers.get(memberKey);
      if (!server || keep.has(memberKey)) continue;
      this.#readers.delete(memberKey);
      await server.stop('immediate'); // it only repeats what the writer has
      await this.discardMember(member);
      const primary = this.writer(key);
      if (primary) await dropSlot(primary, slotOf(member));
    }
  }

  /** Slots of readers that went while the writer was down would keep its WAL for ever. */
  async #dropForeignSlots(server: PostgresServer, cluster: ClusterRecord): Promise<void> {
    const known = new Set(this.#store.members(cluster).map(slotOf));
    const slots = await server.admin<{ slot_name: string }>(
      "SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE 'reader\\_%'",
    );
    for (const { slot_name: slot } of slots) if (!known.has(slot)) await dropSlot(server, slot);
  }

  async #openEntrance(key: string, readers: readonly InstanceRecord[]): Promise<void> {
    const cluster = this.#store.clusters.get(key);
    const server = this.writer(key);
    if (!cluster?.fenced || !server) return; // one address for all: the reader endpoint is the cluster endpoint
    const running = readers.filter((member) => this.ofMember(member));
    const targets = running.map(({ address, port }) => ({ host: address, port }));
    const writer = { host: server.address, port: server.port };
    try {
      const entrance =
        this.#entrances.get(key) ??
        (await ReaderEntrance.open({ host: cluster.readerAddress, port: server.port }));
      entrance.lead(targets.length > 0 ? targets : [writer]);
      this.#entrances.set(key, entrance);
    } catch (err) {
      this.#store.platform.log.error(
        { err, cluster: key },
        'the reader endpoint of a cluster cannot be opened',
      );
    }
  }

  async #rest(key: string): Promise<void> {
    await this.#entrances.get(key)?.close();
    this.#entrances.delete(key);
    await this.#endReaders(key, []);
    await this.#stopWriter(key);
  }

  async #stopWriter(key: string): Promise<void> {
    const writer = this.#writers.get(key);
    this.#writers.delete(key);
    await Promise.allSettled([...(this.#uses.get(key) ?? [])]);
    await writer?.server.stop();
  }

  async #using<T>(key: string, work: Promise<T>): Promise<T> {
    const uses = this.#uses.get(key) ?? new Set();
    this.#uses.set(key, uses.add(work));
    try {
      return await work;
    } finally {
      uses.delete(work);
      if (uses.size === 0 && this.#uses.get(key) === uses) this.#uses.delete(key);
    }
  }

  async #configured(
    cluster: ClusterRecord,
    config: Parameters<typeof PostgresServer.configure>[2],
  ): Promise<PostgresServer> {
    const dir = this.#store.clusterDir(cluster);
    await endOrphan(join(dir, 'data'));
    return PostgresServer.configure(this.#host, dir, { ...config, settings: REPLICATION_SETTINGS });
  }

  async #emptied(cluster: ClusterRecord): Promise<string> {
    const dir = this.#store.clusterDir(cluster);
    await endOrphan(join(dir, 'data'));
    await this.#store.discard(dir);
    return dir;
  }

  async #patchPort(member: InstanceRecord, port: number): Promise<void> {
    if (member.port !== port) await this.#store.patchInstance(keyOf(member, member.id), { port });
  }

  async #fail(member: InstanceRecord, err: unknown): Promise<void> {
    const failure = err instanceof Error ? err.message : String(err);
    this.#store.platform.log.error({ err, instance: member.id }, 'member of a cluster failed');
    await this.#store.patchInstance(keyOf(member, member.id), { status: 'failed', failure, work: undefined });
    const source = { sourceType: 'db-instance', sourceId: member.id } as const;
    await this.#store.note(member, source, `The instance failed: ${failure}`, 'failure');
  }

  /** One at a time per cluster. */
  #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(key) ?? Promise.resolve();
    const mine = before.then(() => {
      if (this.#closed) throw new Error('local AWS is stopping');
      return work();
    });
    const settled = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(key, settled);
    void settled.then(() => {
      if (this.#turns.get(key) === settled) this.#turns.delete(key);
    });
    return mine;
  }
}

export function isDown(record: ClusterRecord): boolean {
  return CLUSTER_DOWN.has(record.status);
}

/** Who writes when the writer is gone: the lowest tier, then the name. */
export function heirOf(members: readonly InstanceRecord[]): InstanceRecord | undefined {
  return [...members].sort(
    (a, b) => (a.member?.promotionTier ?? 0) - (b.member?.promotionTier ?? 0) || (a.id < b.id ? -1 : 1),
  )[0];
}

function slotOf(member: InstanceRecord): string {
  return `reader_${member.dbiResourceId.slice(3).toLowerCase()}`;
}

function namesOf(cluster: ClusterRecord, member: InstanceRecord): string[] {
  const zone = `${cluster.resourceId.slice(8, 20).toLowerCase()}.${cluster.region}.rds.amazonaws.com`;
  return [`${member.id}.${zone}`, `${cluster.id}.cluster-${zone}`, `${cluster.id}.cluster-ro-${zone}`];
}
