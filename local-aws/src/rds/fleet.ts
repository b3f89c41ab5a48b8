import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { JobFault, type JOBS } from '../faults/points.ts';
import {
  type PostgresHost,
  PostgresServer,
  restoreSnapshot,
  restoreToPointInTime,
  StartFailure,
} from '../pg/index.ts';
import { checkSnapshot } from '../pg/snapshot.ts';
import { noteDamage } from './damage-note.ts';
import { defined } from './defined.ts';
import { TYPICAL } from './durations.ts';
import { InstanceServers } from './instance-servers.ts';
import { makeMaster, setMasterPassword } from './master.ts';
import { idOf, keyOf, placeOf } from './names.ts';
import { settingsOf } from './parameters.ts';
import type { InstanceRecord, InstanceWork, PendingChanges } from './records.ts';
import { DOWN } from './statuses.ts';
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

/** The lives of DB instances: each is a PostgreSQL server, and each change of state is written down before it is begun. */
export class Fleet {
  readonly #store: RdsStore;
  readonly servers: InstanceServers;
  /** What is being done to an instance now. */
  readonly #current = new Map<string, { abort: AbortController; done: Promise<void> }>();
  /** Set by the snapshots' side, which needs the fleet in turn. */
  finalSnapshot: FinalSnapshot = () => Promise.reject(new Error('no snapshots are wired to the fleet'));
  /** Set by the automated backups, which need the fleet in turn. */
  backups: BackupHooks | undefined;

  constructor(store: RdsStore, host: PostgresHost) {
    this.#store = store;
    this.servers = new InstanceServers(store, host);
  }

  get host(): PostgresHost {
    return this.servers.host;
  }

  /** The running server of an instance. */
  server(key: string): PostgresServer | undefined {
    return this.servers.running(key);
  }

  /** Brings everything back after a start: servers that were up come up on their port, unfinished work is taken up again. */
  async resume(): Promise<void> {
    await this.servers.endStrays();
    await Promise.all(
      [...this.#store.instances.entries()].map(async ([key, record]) => {
        if (record.member) return; // its cluster brings it back
        if (record.work) this.#takeUp(key, record);
        else if (DOWN.has(record.status) && !record.applying) return;
        else if (record.status === 'stopping') await this.#store.patchInstance(key, { status: 'stopped' });
        else await this.#revive(key, record);
      }),
    );
  }

  /** Stops all servers; records keep their status, so that `resume` brings them back. */
  async close(): Promise<void> {
    for (const { abort } of this.#current.values()) abort.abort(new Error('local AWS is stopping'));
    await this.servers.stopAll();
  }

  create(record: InstanceRecord, masterVerifier: string): void {
    const key = keyOf(record, record.id);
    this.#run(key, 'create-instance', async (signal) => {
      const pace = this.#pace('rds.createInstance', TYPICAL.createInstance, signal);
      const dir = this.#store.instanceDir(record);
      await this.#store.discard(dir);
      const server = await PostgresServer.create(this.host, dir, this.servers.reach(record));
      await this.servers.begin(key, server, signal);
      await makeMaster(server, record, masterVerifier);
      await pace;
      await this.#opened(key, server.port, signal);
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
      const server = await restoreSnapshot(this.host, from, dir, this.servers.reach(record), { signal });
      await this.servers.begin(key, server, signal);
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
        ...([this.host, this.#store.snapshotDir(snapshot), dir, this.servers.reach(record)] as const),
        {
          archive: this.#store.archiveDir(backup),
          state: backup.archive,
          until: until === undefined ? undefined : this.#store.platform.clock.toReal(new Date(until)),
        },
        { signal },
      );
      await this.servers.begin(key, server, signal);
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
      await this.servers.bury(key, record);
      if (record.masterSecret) await this.#store.platform.secrets.delete(record.masterSecret.arn);
      await this.backups?.deleted(record, keepBackups);
      await this.#store.instances.remove(key);
      await this.#note(record, 'DB instance deleted', 'deletion'); // RDS-EVENT-0003
    });
  }

  reboot(key: string): void {
    this.#run(key, 'reboot-instance', async (signal) => {
      await this.backups?.closing(key);
      await this.servers.stop(key);
      const server = await this.servers.reopened(key);
      await this.#pace('rds.rebootInstance', TYPICAL.rebootInstance, signal);
      await this.servers.begin(key, server, signal);
      await this.#settle(key, server, 'DB instance restarted', 'availability'); // RDS-EVENT-0006
    });
  }

  stop(key: string): void {
    this.#run(key, 'stop-instance', async (signal) => {
      await this.backups?.closing(key);
      await this.servers.required(key).stop();
      await this.#pace('rds.stopInstance', TYPICAL.stopInstance, signal);
      const record = await this.#store.patchInstance(key, { status: 'stopped', stoppedAt: this.#now() });
      if (record) await this.#note(record, 'DB instance stopped', 'notification'); // RDS-EVENT-0087
    });
  }

  start(key: string): void {
    this.#run(key, 'start-instance', async (signal) => {
      const server = await this.servers.reopened(key);
      await this.servers.begin(key, server, signal);
      await this.#pace('rds.startInstance', TYPICAL.startInstance, signal);
      await this.#settle(key, server, 'DB instance started', 'notification'); // RDS-EVENT-0088
    });
  }

  /** Ends the server of an instance that has got into a status in which none runs. */
  async halt(key: string, status: string, why: string): Promise<void> {
    const record = await this.#store.patchInstance(key, { status, failure: why, stoppedAt: this.#now() });
    await this.backups?.closing(key);
    await this.servers.stop(key);
    if (record) await this.#note(record, why, status === 'storage-full' ? 'low storage' : 'failure');
  }

  /**
   * Applies changes, as AWS does: `available` goes on for some seconds, then the status of the change, then `available`.
   * They are in the record's `applying` by then, so that a crash does not forget them.
   */
  modify(key: string, changes: PendingChanges): void {
    this.#run(key, 'modify-instance', async (signal) => {
      await this.#pace('rds.staleAvailable', TYPICAL.staleAvailable, signal);
      const { masterVerifier, ...settings } = changes;
      if (masterVerifier !== undefined) {
        const record = await this.#store.patchInstance(key, { status: 'resetting-master-credentials' });
        if (record)
          await setMasterPassword(this.servers.required(key), record.masterUsername, masterVerifier);
        await this.#pace('rds.resetMasterCredentials', TYPICAL.resetMasterCredentials, signal);
      }
      if (Object.keys(settings).length > 0) {
        await this.#store.patchInstance(key, { status: 'modifying' });
        await this.#pace('rds.modifyInstance', TYPICAL.modifyInstance, signal);
      }
      if (changes.caIdentifier !== undefined) await this.servers.certify(key, changes.caIdentifier);
      if (!this.server(key)) await this.servers.begin(key, await this.servers.reopened(key), signal); // storage-full
      const record = this.#store.instances.get(key);
      if (!record) return;
      const [pending, applying] = [without(record.pending, changes), without(record.applying ?? {}, changes)];
      const done = { ...defined(settings), pending, applying, failure: undefined };
      const grows = changes.allocatedStorage !== undefined;
      await this.#store.patchInstance(key, { ...done, status: grows ? 'storage-optimization' : 'available' });
      if (masterVerifier !== undefined)
        await this.#note(record, 'Reset master credentials', 'configuration change');
      if (Object.keys(settings).length > 0)
        await this.#note(record, 'Finished applying modification to DB instance', 'configuration change');
      if (!grows) return;
      await this.#pace('rds.optimizeStorage', TYPICAL.optimizeStorage, signal);
      if (this.#store.instances.get(key)?.status === 'storage-optimization')
        await this.#store.patchInstance(key, { status: 'available' });
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

  /** A server that died is started again, as RDS does; what was committed comes back by PostgreSQL's own recovery. */
  restartDead(): void {
    for (const [key, record] of this.#store.instances.entries()) {
      const server = this.servers.dead(key);
      if (record.status !== 'available' || this.#current.has(key) || !server) continue;
      this.#run(key, 'recover-instance', async (signal) => {
        await this.#note(record, 'Recovery of the DB instance has started', 'recovery'); // RDS-EVENT-0020
        await this.servers.begin(key, server, signal);
        await this.#settle(key, server, 'Recovery of the DB instance is complete', 'recovery'); // RDS-EVENT-0021
      });
    }
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
      const server = await this.servers.reopened(key);
      await server.start();
      const { masterVerifier } = record.pending;
      const applying = { ...(masterVerifier !== undefined && { masterVerifier }), ...record.applying };
      const unfinished = Object.keys(applying).length > 0;
      if (unfinished) this.modify(key, applying);
      const status = unfinished ? record.status : 'available';
      await this.#store.patchInstance(key, { status, port: server.port, parameterStatus: undefined });
      if (record.loadingHeld) this.#loadBlocks(key);
    } catch (err) {
      await this.#fail(
        key,
        record,
        err instanceof StartFailure ? await this.#whyNotStarted(record) : 'failed',
        err,
      );
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
    const restored = record?.work?.kind === 'restore' || record?.work?.kind === 'replay';
    const loadingSince = restored ? this.#store.platform.clock.real().toISOString() : undefined;
    await this.#store.patchInstance(key, { status: 'available', work: undefined, loadingSince });
    if (restored) this.#loadBlocks(key);
  }

  /** Blocks are there at once, unless a fault rule holds them back: sessions then take a second to begin. */
  #loadBlocks(key: string): void {
    const { faults, tasks, clock } = this.#store.platform;
    tasks.run(`rds: load blocks of ${key}`, async (closing) => {
      const step = { service: 'rds', job: 'load-blocks', ...placeOf(key), names: [idOf(key)] } as const;
      const loaded = faults.at(step, closing).then(() => true);
      if (!(await Promise.race([loaded, nextTurn(false)]))) {
        await this.#store.patchInstance(key, { loadingHeld: true });
        await this.servers.applySettings(key, { post_auth_delay: '1' });
      }
      await loaded;
      if (this.#store.instances.get(key)?.loadingHeld !== true) return;
      await this.servers.applySettings(key, { post_auth_delay: undefined });
      await this.#store.patchInstance(key, {
        loadingHeld: undefined,
        loadingSince: clock.real().toISOString(),
      });
    });
  }

  async #settle(key: string, server: PostgresServer, message: string, category: string): Promise<void> {
    const up = { status: 'available', port: server.port, parameterStatus: undefined } as const;
    const createdAt = this.#store.instances.get(key)?.createdAt ?? this.#now(); // none: it never came up before
    const fresh = { failure: undefined, stoppedAt: undefined, createdAt };
    const record = await this.#store.patchInstance(key, { ...up, ...fresh });
    if (record) await this.#note(record, message, category);
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
      if (!record) return;
      const wanted = err instanceof JobFault ? err.outcome : undefined;
      const status = err instanceof StartFailure ? await this.#whyNotStarted(record) : deadEnd(record);
      await this.#fail(key, record, wanted ?? status, err);
    }
  }

  /** A server that came up before its parameters were changed does not come up because of them. */
  async #whyNotStarted(record: InstanceRecord): Promise<string> {
    const changed = Object.keys(settingsOf(this.#store, record)).length > 0;
    const byParameters =
      changed &&
      (record.work === undefined || (record.work.kind === 'restore' && (await this.#startsWithout(record))));
    return byParameters ? 'incompatible-parameters' : deadEnd(record);
  }

  /** Whether the server of an instance comes up without the parameters of its group. */
  async #startsWithout(record: InstanceRecord): Promise<boolean> {
    const server = await PostgresServer.open(this.host, this.#store.instanceDir(record));
    await server.configureSettings({});
    try {
      await server.start();
      await server.stop();
      return true;
    } catch (cause) {
      if (cause instanceof StartFailure) return false;
      throw cause;
    }
  }

  async #fail(key: string, record: InstanceRecord, status: string, err: unknown): Promise<void> {
    this.#store.platform.log.error({ err, instance: key }, 'database instance failed');
    const failure = err instanceof Error ? err.message : String(err);
    if (DOWN.has(status)) await this.servers.stop(key);
    await this.#store.patchInstance(key, {
      status,
      failure,
      work: undefined,
      pending: {},
      applying: undefined,
    });
    await this.#note(record, `The instance failed: ${failure}`, 'failure');
  }

  /** The server itself never learns of bit rot in its snapshot; people who look at the events should. */
  #tellOfDamage(record: InstanceRecord, snapshotDir: string): void {
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

  #note(record: InstanceRecord, message: string, category: string): Promise<void> {
    return this.#store.note(record, { sourceType: 'db-instance', sourceId: record.id }, message, category);
  }
}

/** What becomes of an instance whose present work failed. */
function deadEnd(record: InstanceRecord): string {
  if (record.work?.kind === 'replay') return 'incompatible-restore';
  return record.work?.kind === 'restore' ? 'restore-error' : 'failed';
}

function without(all: PendingChanges, applied: PendingChanges): PendingChanges {
  const left = Object.entries(all).filter(([name, value]) => applied[name as keyof PendingChanges] !== value);
  return Object.fromEntries(left);
}
