import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PostgresHost, PostgresServer, restoreSnapshot, restoreToPointInTime } from '../pg/index.ts';
import { endOrphan } from '../pg/orphans.ts';
import { checkSnapshot } from '../pg/snapshot.ts';
import { defined } from './defined.ts';
import { TYPICAL } from './durations.ts';
import { JobFault, type JOBS } from '../faults/points.ts';
import { noteDamage } from './damage-note.ts';
import { admits } from './loopback.ts';
import { makeMaster, setMasterPassword } from './master.ts';
import { idOf, keyOf, placeOf } from './names.ts';
import type { InstanceRecord, InstanceWork, PendingChanges } from './records.ts';
import type { RdsStore } from './store.ts';

const WATCH_MS = 10;

/** Takes the final snapshot of an instance that is being deleted. */
export type FinalSnapshot = (instance: InstanceRecord, snapshotId: string) => Promise<void>;

/** What automated backups want to know of the lives of instances. */
export interface BackupHooks {
  /** The backup that a new instance with a retention period begins with, while it shows `backing-up`. */
  first(instance: InstanceRecord, signal: AbortSignal): Promise<void>;
  /** The server is about to end: what it wrote so far must be shipped. */
  closing(key: string): Promise<void>;
  deleted(instance: InstanceRecord, keep: boolean): Promise<void>;
}

type Work<K extends InstanceWork['kind']> = Extract<InstanceWork, { kind: K }>;

/** Statuses in which no server runs. */
const KEY_LOST = 'inaccessible-encryption-credentials-recoverable';
const DOWN = new Set([
  ...[
    'stopped',
    'failed',
    'restore-error',
    'incompatible-restore',
    'incompatible-parameters',
    'incompatible-network',
  ],
  ...[
    'incompatible-option-group',
    'insufficient-capacity',
    'storage-full',
    'inaccessible-encryption-credentials',
  ],
  KEY_LOST,
]);

/** The lives of DB instances: each is a PostgreSQL server, and each change of state is written down before it is begun. */
export class Fleet {
  readonly #store: RdsStore;
  readonly #host: PostgresHost;
  readonly #servers = new Map<string, PostgresServer>();
  /** What is being done to an instance now. */
  readonly #current = new Map<string, { abort: AbortController; done: Promise<void> }>();
  /** Set by the snapshots' side, which needs the fleet in turn. */
  finalSnapshot: FinalSnapshot = () => Promise.reject(new Error('no snapshots are wired to the fleet'));

  /** Set by the automated backups, which need the fleet in turn. */
  backups: BackupHooks | undefined;

  constructor(store: RdsStore, host: PostgresHost) {
    this.#store = store;
    this.#host = host;
    store.platform.networks.onSecurityGroupChanged((id) => this.#readmit(id));
  }

  get host(): PostgresHost {
    return this.#host;
  }

  /** The running server of an instance. */
  server(key: string): PostgresServer | undefined {
    const server = this.#servers.get(key);
    return server?.running === true ? server : undefined;
  }

  /** Brings everything back after a start: servers that were up come up on their port, unfinished work is taken up again. */
  async resume(): Promise<void> {
    await this.#endStrays();
    await Promise.all(
      [...this.#store.instances.entries()].map(async ([key, record]) => {
        if (record.member) return; // its cluster brings it back
        if (record.work) {
          this.#takeUp(key, record);
          return;
        }
        if (DOWN.has(record.status)) return;
        if (record.status === 'stopping') {
          await this.#store.patchInstance(key, { status: 'stopped' });
          return;
        }
        await this.#revive(key, record);
      }),
    );
  }

  /** Stops all servers; records keep their status, so that `resume` brings them back. */
  async close(): Promise<void> {
    for (const { abort } of this.#current.values()) abort.abort(new Error('local AWS is stopping'));
    await Promise.all([...this.#servers.values()].map((server) => server.stop()));
  }

  create(record: InstanceRecord, masterVerifier: string): void {
    const key = keyOf(record, record.id);
    this.#run(key, 'create-instance', async (signal) => {
      const pace = this.#pace('rds.createInstance', TYPICAL.createInstance, signal);
      await this.#store.discard(this.#store.instanceDir(record));
      const server = await PostgresServer.create(
        this.#host,
        this.#store.instanceDir(record),
        this.#reach(record),
      );
      await this.#begin(key, server, signal);
      await makeMaster(server, record, masterVerifier);
      const port = server.port;
      await pace;
      await this.#opened(key, port, signal);
      await this.#note(record, 'DB instance created', 'creation'); // RDS-EVENT-0005
    });
  }

  restore(record: InstanceRecord, snapshotKey: string): void {
    const key = keyOf(record, record.id);
    this.#run(key, 'restore-instance', async (signal) => {
      const pace = this.#pace('rds.restoreInstance', TYPICAL.restoreInstance, signal);
      const snapshot = this.#store.snapshots.get(snapshotKey);
      if (!snapshot) throw new Error(`Its snapshot is gone (${snapshotKey}).`);
      const from = this.#store.snapshotDir(snapshot);
      const dir = this.#store.instanceDir(record);
      await this.#store.discard(dir);
      const server = await restoreSnapshot(this.#host, from, dir, this.#reach(record), { signal });
      await this.#begin(key, server, signal);
      this.#tellOfDamage(record, from);
      await pace;
      await this.#opened(key, server.port, signal);
      await this.#note(record, 'Restored from snapshot', 'restoration'); // RDS-EVENT-0043
    });
  }

  /** A new instance from an automated snapshot and the WAL that was archived after it. */
  replay(record: InstanceRecord, { backupKey, snapshotKey, until }: Work<'replay'>): void {
    const key = keyOf(record, record.id);
    this.#run(key, 'restore-to-time', async (signal) => {
      const pace = this.#pace('rds.restoreInstance', TYPICAL.restoreInstance, signal);
      const backup = this.#store.automated.get(backupKey);
      const snapshot = this.#store.snapshots.get(snapshotKey);
      if (!backup?.archive || !snapshot) throw new Error(`Its automated backups are gone (${backupKey}).`);
      const dir = this.#store.instanceDir(record);
      await this.#store.discard(dir);
      const server = await restoreToPointInTime(
        ...([this.#host, this.#store.snapshotDir(snapshot), dir, this.#reach(record)] as const),
        {
          archive: this.#store.archiveDir(backup),
          state: backup.archive,
          until: until === undefined ? undefined : this.#store.platform.clock.toReal(new Date(until)),
        },
        { signal },
      );
      await this.#begin(key, server, signal);
      await pace;
      await this.#opened(key, server.port, signal);
      await this.#note(record, 'Restored to a point in time', 'restoration'); // RDS-EVENT-0019
    });
  }

  delete(
    record: InstanceRecord,
    { finalSnapshotId, keepBackups = false }: Omit<Work<'delete'>, 'kind'>,
  ): void {
    const key = keyOf(record, record.id);
    const before = this.#current.get(key);
    before?.abort.abort(new Error('the instance is being deleted'));
    this.#run(key, 'delete-instance', async (signal) => {
      await before?.done;
      if (finalSnapshotId !== undefined) await this.finalSnapshot(record, finalSnapshotId);
      await this.#pace('rds.deleteInstance', TYPICAL.deleteInstance, signal);
      await this.backups?.closing(key);
      await this.#servers.get(key)?.stop('immediate'); // nobody will need its data again
      this.#servers.delete(key);
      await endOrphan(join(this.#store.instanceDir(record), 'data'));
      await this.#store.discard(this.#store.instanceDir(record));
      if (record.masterSecret) await this.#store.platform.secrets.delete(record.masterSecret.arn);
      await this.backups?.deleted(record, keepBackups);
      await this.#store.instances.remove(key);
      await this.#note(record, 'DB instance deleted', 'deletion'); // RDS-EVENT-0003
    });
  }

  reboot(key: string): void {
    this.#run(key, 'reboot-instance', async (signal) => {
      const server = this.#required(key);
      await this.backups?.closing(key);
      await server.stop();
      await this.#pace('rds.rebootInstance', TYPICAL.rebootInstance, signal);
      await this.#begin(key, server, signal);
      await this.#settle(key, server, 'DB instance restarted', 'availability');
    });
  }

  stop(key: string): void {
    this.#run(key, 'stop-instance', async (signal) => {
      await this.backups?.closing(key);
      await this.#required(key).stop();
      await this.#pace('rds.stopInstance', TYPICAL.stopInstance, signal);
      const record = await this.#store.patchInstance(key, { status: 'stopped' });
      if (record) await this.#note(record, 'DB instance stopped', 'notification');
    });
  }

  start(key: string): void {
    this.#run(key, 'start-instance', async (signal) => {
      const server = this.#servers.get(key) ?? (await this.#reopen(key));
      await this.#begin(key, server, signal);
      await this.#pace('rds.startInstance', TYPICAL.startInstance, signal);
      await this.#settle(key, server, 'DB instance started', 'notification');
    });
  }

  /**
   * Applies what is pending, as AWS does: `available` goes on for some seconds, then the status of the change, then `available`.
   * @param pending the changes that this call applies; others stay pending.
   */
  modify(key: string, pending: PendingChanges): void {
    this.#run(key, 'modify-instance', async (signal) => {
      await this.#pace('rds.staleAvailable', TYPICAL.staleAvailable, signal);
      if (pending.masterVerifier !== undefined) {
        await this.#store.patchInstance(key, { status: 'resetting-master-credentials' });
        const record = this.#store.instances.get(key);
        if (record)
          await setMasterPassword(this.#required(key), record.masterUsername, pending.masterVerifier);
        await this.#pace('rds.resetMasterCredentials', TYPICAL.resetMasterCredentials, signal);
      }
      const { masterVerifier: applied, ...settings } = pending;
      if (Object.keys(settings).length > 0) {
        await this.#store.patchInstance(key, { status: 'modifying' });
        await this.#pace('rds.modifyInstance', TYPICAL.modifyInstance, signal);
      }
      const record = this.#store.instances.get(key);
      if (!record) return;
      const left = without(record.pending, pending);
      await this.#store.patchInstance(key, { ...defined(settings), status: 'available', pending: left });
      if (applied !== undefined) await this.#note(record, 'Reset master credentials', 'configuration change');
    });
  }

  /** Waits until an instance is no longer being made; undefined when it is gone. */
  async settled(key: string, signal: AbortSignal): Promise<InstanceRecord | undefined> {
    for (;;) {
      const record = this.#store.instances.get(key);
      if (record?.status !== 'creating') return record;
      await sleep(WATCH_MS, undefined, { signal });
    }
  }

  /** Writes down who may connect, after a change of the groups or of their rules. */
  async readmit(key: string): Promise<void> {
    const record = this.#store.instances.get(key);
    if (record) await this.#servers.get(key)?.admit(this.#admits(record));
  }

  /** A server that died is started again, as RDS does; what was committed comes back by PostgreSQL's own recovery. */
  restartDead(): void {
    for (const [key, record] of this.#store.instances.entries()) {
      const server = this.#servers.get(key);
      if (record.status !== 'available' || this.#current.has(key) || server?.running !== false) continue;
      this.#run(key, 'recover-instance', async (signal) => {
        await this.#note(record, 'Recovery of the DB instance has started', 'recovery'); // RDS-EVENT-0020
        await this.#begin(key, server, signal);
        await this.#settle(key, server, 'Recovery of the DB instance is complete', 'recovery'); // RDS-EVENT-0021
      });
    }
  }

  /** A database whose key is disabled or about to be deleted is shut down; started again, it needs the key to be back. */
  async shutWithoutKey(): Promise<void> {
    for (const [key, record] of [...this.#store.instances.entries()]) {
      if (record.member || record.status !== 'available' || this.#hasKey(record)) continue;
      await this.#store.patchInstance(key, { status: KEY_LOST });
      await this.#servers.get(key)?.stop();
      await this.#note(record, 'The instance cannot use its KMS key any more', 'failure');
    }
  }

  #hasKey(record: InstanceRecord): boolean {
    const { kmsKeyArn } = record;
    return (
      kmsKeyArn === undefined || this.#store.platform.keys.describe(kmsKeyArn, record)?.state === 'Enabled'
    );
  }

  /** A server that was down when this life began. */
  async #reopen(key: string): Promise<PostgresServer> {
    const record = this.#store.instances.get(key);
    if (!record) throw new Error(`Instance ${key} is gone.`);
    const server = await PostgresServer.open(this.#host, this.#store.instanceDir(record));
    await server.admit(this.#admits(record));
    return server;
  }

  #takeUp(key: string, record: InstanceRecord): void {
    const { work } = record;
    if (!work) return;
    if (work.kind === 'create') this.create(record, work.masterVerifier);
    else if (work.kind === 'restore') this.restore(record, work.snapshotKey);
    else if (work.kind === 'replay') this.replay(record, work);
    else if (work.kind === 'delete') this.delete(record, work);
    this.#store.platform.log.info({ instance: key, work: work.kind }, 'taken up again');
  }

  async #revive(key: string, record: InstanceRecord): Promise<void> {
    try {
      const server = await this.#reopen(key);
      await server.start();
      this.#servers.set(key, server);
      const { masterVerifier } = record.pending;
      if (masterVerifier !== undefined) this.modify(key, record.pending);
      await this.#store.patchInstance(key, {
        status: masterVerifier === undefined ? 'available' : record.status,
        port: server.port,
      });
    } catch (err) {
      await this.#fail(key, record, 'failed', err);
    }
  }

  /** The end of every creation and restore. */
  async #opened(key: string, port: number, signal: AbortSignal): Promise<void> {
    const createdAt = this.#now();
    const record = await this.#store.patchInstance(key, { port, createdAt });
    if (record && record.backupRetentionPeriod > 0) {
      await this.#store.patchInstance(key, { status: 'backing-up', work: undefined });
      await Promise.all([
        this.backups?.first(record, signal),
        this.#pace('rds.backingUp', TYPICAL.backingUp, signal),
      ]);
    }
    await this.#store.patchInstance(key, { status: 'available', work: undefined });
  }

  #required(key: string): PostgresServer {
    const server = this.#servers.get(key);
    if (!server) throw new Error(`Instance ${key} has no server.`);
    return server;
  }

  async #settle(key: string, server: PostgresServer, message: string, category: string): Promise<void> {
    const record = await this.#store.patchInstance(key, { status: 'available', port: server.port });
    if (record) await this.#note(record, message, category);
  }

  /** Starts a server, and stops it again when it is no longer wanted by then. */
  async #begin(key: string, server: PostgresServer, signal: AbortSignal): Promise<void> {
    await server.start();
    if (signal.aborted) await server.stop('immediate');
    signal.throwIfAborted();
    this.#servers.set(key, server);
  }

  #run(key: string, job: (typeof JOBS.rds)[number], work: (signal: AbortSignal) => Promise<void>): void {
    const abort = new AbortController();
    const { faults, tasks } = this.#store.platform;
    tasks.run(`rds: ${job} ${key}`, (closing) => {
      const signal = AbortSignal.any([closing, abort.signal]);
      const step = { service: 'rds', job, ...placeOf(key), names: [idOf(key)] } as const;
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
      const record = this.#store.instances.get(key);
      const wanted = err instanceof JobFault ? err.outcome : undefined;
      if (record) await this.#fail(key, record, wanted ?? deadEnd(record), err);
    }
  }

  async #fail(key: string, record: InstanceRecord, status: string, err: unknown): Promise<void> {
    this.#store.platform.log.error({ err, instance: key }, 'database instance failed');
    const failure = err instanceof Error ? err.message : String(err);
    await this.#store.patchInstance(key, { status, failure, work: undefined, pending: {} });
    await this.#note(record, `The instance failed: ${failure}`, 'failure');
  }

  #reach(record: InstanceRecord): { listen: string; port?: number; names: string[]; admits: string[] } {
    const name = `${record.id}.${record.dbiResourceId.slice(3, 15).toLowerCase()}.${record.region}.rds.amazonaws.com`;
    const wanted = record.port > 0 ? { port: record.port } : {};
    return { listen: record.address, ...wanted, names: [name], admits: this.#admits(record) };
  }

  #admits(record: InstanceRecord): string[] {
    return admits(this.#store.platform.networks, record);
  }

  #readmit(groupId: string): void {
    for (const [key, record] of this.#store.instances.entries()) {
      if (!record.securityGroupIds.includes(groupId)) continue;
      this.#store.platform.tasks.run(`rds: admit ${key}`, () => this.readmit(key));
    }
  }

  /** The server itself never learns of bit rot in its snapshot; people who look at the events should. */
  #tellOfDamage(record: InstanceRecord, snapshotDir: string): void {
    this.#store.platform.tasks.run(`rds: check ${snapshotDir}`, async (signal) => {
      noteDamage(
        this.#store.platform,
        record,
        `restored ${record.id}`,
        await checkSnapshot(snapshotDir, signal),
      );
    });
  }

  /** Folders without a record: left by a crash between the two, perhaps with a server running in them. */
  async #endStrays(): Promise<void> {
    const known = [...this.#store.instances.values()].map((record) => this.#store.instanceDir(record));
    for (const dir of await this.#store.strays('instances', known)) {
      await endOrphan(join(dir, 'data'));
      await this.#store.discard(dir);
    }
  }

  async #pace(name: string, typicalSeconds: number, signal: AbortSignal): Promise<void> {
    await this.#store.platform.pace.take(name, { typicalSeconds, signal });
  }

  #now(): string {
    return this.#store.platform.clock.now().toISOString();
  }

  #note(record: InstanceRecord, message: string, category: string): Promise<void> {
    return this.#store.note(record, { sourceType: 'db-instance', sourceId: record.id }, message, category);
  }
}

function deadEnd(record: InstanceRecord): string {
  if (record.work?.kind === 'replay') return 'incompatible-restore';
  return record.work?.kind === 'restore' ? 'restore-error' : 'failed';
}

function without(all: PendingChanges, applied: PendingChanges): PendingChanges {
  const left = Object.entries(all).filter(([name, value]) => applied[name as keyof PendingChanges] !== value);
  return Object.fromEntries(left);
}
