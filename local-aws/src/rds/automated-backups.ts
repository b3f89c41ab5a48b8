import { type ArchiveState, pruneArchive, readManifest, WalArchiver, WalLost } from '../pg/index.ts';
import type { Place } from '../platform.ts';
import { lastDailyStart } from './backup-schedule.ts';
import { TYPICAL } from './durations.ts';
import type { BackupHooks, Fleet } from './fleet.ts';
import { keyOf } from './names.ts';
import type { AutomatedBackupRecord, InstanceRecord, SnapshotRecord } from './records.ts';
import { Replication } from './replication.ts';
import type { Snapshots } from './snapshots.ts';
import type { RdsStore } from './store.ts';

const DAY_MS = 86_400_000;
/** However fast time is told to run, a server is not asked for its WAL more often. */
const SHORTEST_SHIPPING_MS = 1000;
/** How old the written-down end of an idle archive may become. */
const NOTE_EVERY_MS = 10_000;
const RETRY_MS = 30_000;

/** AWS's times between which a database can be had; `undefined` until the first automated snapshot is there. */
export interface RestoreWindow {
  readonly earliest: string;
  readonly latest: string;
}

/**
 * Automated backups of instances with a retention period: archived WAL, and a snapshot a day to replay it over.
 * Servers know only the real clock, so archives keep real instants; everything told outside is AWS's time.
 */
export class AutomatedBackups implements BackupHooks {
  readonly #store: RdsStore;
  readonly #fleet: Fleet;
  readonly #snapshots: Snapshots;
  readonly replication: Replication;
  readonly #archivers = new Map<string, { server: object; archiver: WalArchiver }>();
  /** The newest end of each archive; what is written down may be some seconds older. */
  readonly #through = new Map<string, string>();
  readonly #due = new Map<string, number>();
  #offsetMs = 0;

  constructor(store: RdsStore, fleet: Fleet, snapshots: Snapshots) {
    this.#store = store;
    this.#fleet = fleet;
    this.#snapshots = snapshots;
    this.replication = new Replication(store, fleet, snapshots, this);
    fleet.backups = this;
    store.latestRestorableTime = (instance) => {
      const record = instance.backupRetentionPeriod > 0 ? this.of(instance) : undefined;
      return record && this.window(record)?.latest;
    };
  }

  /** Archives without a record are left by a crash; records of an earlier version knew no archives. */
  async resume(): Promise<void> {
    const known = [...this.#store.automated.values()].map((record) => this.#store.archiveDir(record));
    for (const dir of await this.#store.strays('archives', known)) await this.#store.discard(dir);
    for (const [key, { instance, until }] of [...this.#store.formerlyRetained.entries()]) {
      const record = { ...this.#newRecord(instance), status: 'retained', until } as const;
      await this.#store.automated.put(backupKey(instance), record);
      await this.#store.formerlyRetained.remove(key);
    }
  }

  /** The archive and automated snapshots that belong to an instance, dead or alive, by its place and resource id. */
  of(instance: InstanceRecord): AutomatedBackupRecord | undefined {
    return this.#store.automated.get(backupKey(instance));
  }

  window(record: AutomatedBackupRecord): RestoreWindow | undefined {
    const [oldest] = this.bases(record);
    const { archive } = record;
    if (oldest?.createdAt === undefined || !archive) return undefined;
    const { clock } = this.#store.platform;
    const cutoff = new Date(clock.now().getTime() - record.retentionPeriod * DAY_MS).toISOString();
    const through = this.#through.get(backupKey(record.instance, record)) ?? archive.through;
    const shipped = clock.fromReal(new Date(through)).toISOString();
    const latest = shipped > oldest.createdAt ? shipped : oldest.createdAt;
    const earliest = oldest.createdAt > cutoff ? oldest.createdAt : cutoff;
    return { earliest: earliest < latest ? earliest : latest, latest };
  }

  /** Usable automated snapshots, oldest first. */
  bases(record: AutomatedBackupRecord): SnapshotRecord[] {
    return [...this.#store.snapshots.values()]
      .filter(
        (one) =>
          one.type === 'automated' &&
          one.status === 'available' &&
          one.accountId === record.accountId &&
          one.region === record.region &&
          one.instance.dbiResourceId === record.instance.dbiResourceId &&
          (one.createdAt ?? '') >= (record.begunAt ?? ''),
      )
      .sort((a, b) => ((a.createdAt ?? '') < (b.createdAt ?? '') ? -1 : 1));
  }

  /** One look at everything: ships WAL, takes snapshots that are due, removes what is past its time. */
  async tick(): Promise<void> {
    const { offsetMs } = this.#store.platform.clock;
    const jumped = offsetMs !== this.#offsetMs;
    this.#offsetMs = offsetMs;
    const rounds = [...this.#store.instances.entries()].map(([key, instance]) =>
      this.#care(key, instance, jumped),
    );
    await Promise.all(rounds);
    await this.replication.tick();
    for (const [key, record] of [...this.#store.automated.entries()]) await this.#expire(key, record);
  }

  async first(instance: InstanceRecord, signal: AbortSignal): Promise<void> {
    const key = keyOf(instance, instance.id);
    await this.#ship(key, instance);
    const snapshot = await this.#take(instance, true); // the fleet shows it
    await this.#snapshots.settled(keyOf(snapshot, snapshot.id), signal);
    await this.#activate(instance);
  }

  async closing(key: string): Promise<void> {
    const instance = this.#store.instances.get(key);
    const archiver = instance && this.#archivers.get(backupKey(instance))?.archiver;
    if (!archiver) return;
    await this.#ship(key, instance).catch((err: unknown) => this.#complain(key, err));
    await archiver.pause();
  }

  async deleted(instance: InstanceRecord, keep: boolean): Promise<void> {
    const key = backupKey(instance);
    const record = this.#store.automated.get(key);
    this.#archivers.delete(key);
    if (!record) return;
    if (!keep) return this.remove(key);
    const until = new Date(this.#now().getTime() + record.retentionPeriod * DAY_MS).toISOString();
    await this.#store.patchAutomated(key, { ...{ instance, until }, status: 'retained' });
  }

  /** Removes archive and automated snapshots, at once. */
  async remove(key: string): Promise<void> {
    const record = this.#store.automated.get(key);
    if (!record) return;
    const held = this.#archivers.get(key);
    this.#archivers.delete(key);
    this.#through.delete(key);
    await held?.archiver.end().catch((err: unknown) => this.#complain(key, err));
    await this.#store.automated.remove(key);
    for (const [snapshotKey, one] of [...this.#store.snapshots.entries()])
      if (one.type === 'automated' && isOf(one, record)) await this.#snapshots.drop(snapshotKey);
    await this.#store.discard(this.#store.archiveDir(record));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#archivers.values()].map(({ archiver }) => archiver.pause()));
  }

  async #care(key: string, instance: InstanceRecord, jumped: boolean): Promise<void> {
    if (instance.member || instance.createdAt === undefined || instance.status === 'deleting') return;
    if (instance.backupRetentionPeriod === 0) {
      if (this.of(instance)) await this.remove(backupKey(instance));
      return;
    }
    if (!this.#fleet.server(key)) return;
    try {
      if (jumped || Date.now() >= (this.#due.get(key) ?? 0)) await this.#ship(key, instance);
      await this.#activate(instance);
      await this.#daily(key);
      await this.#prune(backupKey(instance));
    } catch (err) {
      if (this.#fleet.server(key)) this.#complain(key, err);
    }
  }

  async #ship(key: string, instance: InstanceRecord): Promise<void> {
    const server = this.#fleet.server(key);
    if (!server) return;
    const { scale } = this.#store.platform.pace;
    this.#due.set(key, Date.now() + Math.max(SHORTEST_SHIPPING_MS, TYPICAL.shipLogs * scale * 1000) - 100);
    const archiveKey = backupKey(instance);
    const record = this.#store.automated.get(archiveKey) ?? this.#newRecord(instance);
    if (!this.#store.automated.has(archiveKey)) await this.#store.automated.put(archiveKey, record);
    const { backupRetentionPeriod: retentionPeriod, kmsKeyArn } = instance;
    if (record.retentionPeriod !== retentionPeriod)
      await this.#store.patchAutomated(archiveKey, { retentionPeriod, kmsKeyArn });
    let held = this.#archivers.get(archiveKey);
    if (held?.server !== server) {
      const before = held;
      held = { server, archiver: new WalArchiver(server, this.#store.archiveDir(record), record.archive) };
      this.#archivers.set(archiveKey, held);
      await before?.archiver.pause();
    }
    try {
      const { through } = await held.archiver.ship((state) => this.#keep(archiveKey, state));
      this.#through.set(archiveKey, through);
    } catch (err) {
      if (!(err instanceof WalLost)) throw err;
      this.#complain(key, err); // what was archived leads nowhere any more: begin again
      await this.remove(archiveKey);
    }
  }

  async #keep(key: string, state: ArchiveState): Promise<void> {
    const noted = this.#store.automated.get(key)?.archive;
    const age = Date.parse(state.through) - Date.parse(noted?.through ?? '');
    if (noted?.to === state.to && age < NOTE_EVERY_MS) return;
    await this.#store.patchAutomated(key, { archive: state });
  }

  async #activate(instance: InstanceRecord): Promise<void> {
    const record = this.of(instance);
    if (record?.status === 'creating' && this.bases(record).length > 0)
      await this.#store.patchAutomated(backupKey(instance), { status: 'active' });
  }

  /** Takes the automated snapshot that is due, if one is. Only in a window that somebody chose does the instance show it. */
  async #daily(key: string): Promise<void> {
    const instance = this.#store.instances.get(key);
    const record = instance && this.of(instance);
    if (!record || (instance.status !== 'available' && instance.status !== 'storage-optimization')) return;
    const snapshots = [...this.#store.snapshots.values()].filter(
      (one) => one.type === 'automated' && isOf(one, record),
    );
    if (snapshots.some(({ status }) => status === 'creating')) return;
    const newest = this.bases(record).at(-1)?.createdAt;
    const due = lastDailyStart(instance.backupWindow, this.#now()).toISOString();
    if (newest !== undefined && newest >= due) return;
    const retry = this.#due.get(`${key}/snapshot`) ?? 0;
    if (Date.now() < retry) return;
    this.#due.set(`${key}/snapshot`, Date.now() + RETRY_MS);
    const snapshot = await this.#take(instance, newest !== undefined && !instance.chosenWindows.backup);
    this.#store.platform.tasks.run(`rds: daily snapshot ${snapshot.id}`, async (signal) => {
      const taken = await this.#snapshots.settled(keyOf(snapshot, snapshot.id), signal);
      if (taken?.status === 'available') this.#due.delete(`${key}/snapshot`);
    });
  }

  #take(instance: InstanceRecord, quiet: boolean): Promise<SnapshotRecord> {
    const tags = instance.copyTagsToSnapshot ? instance.tags : [];
    return this.#snapshots.take(instance, { id: this.#freeName(instance), type: 'automated', tags, quiet });
  }

  /** `rds:<db>-YYYY-MM-DD-HH-MM`, a minute later when somebody turned backups off and on again. */
  #freeName(instance: InstanceRecord): string {
    for (let at = this.#now(); ; at = new Date(at.getTime() + 60_000)) {
      const id = `rds:${instance.id}-${at.toISOString().slice(0, 16).replace(/[T:]/g, '-')}`;
      if (!this.#store.snapshots.has(keyOf(instance, id))) return id;
    }
  }

  /** The newest snapshot from before the retention period stays: only with it can the whole period be had. */
  async #prune(key: string): Promise<void> {
    const record = this.#store.automated.get(key);
    if (!record?.archive || this.#isBeingReplayed(key)) return;
    const cutoff = new Date(this.#now().getTime() - record.retentionPeriod * DAY_MS).toISOString();
    const all = [...this.#store.snapshots.entries()].filter(
      ([, one]) =>
        one.type === 'automated' && isOf(one, record) && ['available', 'failed'].includes(one.status),
    );
    const base = this.bases(record).findLast(({ createdAt = '' }) => createdAt <= cutoff);
    const old = all.filter(
      ([, one]) => one.status === 'failed' || (base && (one.createdAt ?? '') < (base.createdAt ?? '')),
    );
    for (const [snapshotKey] of old) await this.#snapshots.removeNow(snapshotKey);
    const [oldest] = this.bases(record);
    if (!oldest || old.length === 0) return;
    const { startLsn } = await readManifest(this.#store.snapshotDir(oldest));
    const archive = await pruneArchive(this.#store.archiveDir(record), record.archive, startLsn);
    const current = this.#store.automated.get(key)?.archive;
    if (current) await this.#store.patchAutomated(key, { archive: { ...current, from: archive.from } });
  }

  #isBeingReplayed(key: string): boolean {
    return [...this.#store.instances.values()].some(
      ({ work }) => work?.kind === 'replay' && work.backupKey === key,
    );
  }

  async #expire(key: string, record: AutomatedBackupRecord): Promise<void> {
    if (record.sourceRegion !== undefined && record.status === 'replicating') await this.#prune(key);
    if (record.until === undefined || record.until > this.#now().toISOString()) return;
    if (!this.#isBeingReplayed(key)) await this.remove(key);
  }

  #newRecord(instance: InstanceRecord): AutomatedBackupRecord {
    const { accountId, region, backupRetentionPeriod: retentionPeriod, kmsKeyArn } = instance;
    const begunAt = this.#now().toISOString();
    const id = automatedBackupId(instance.dbiResourceId);
    return {
      ...{ accountId, region, id, instance, retentionPeriod, kmsKeyArn, begunAt },
      status: 'creating',
    };
  }

  #complain(key: string, err: unknown): void {
    this.#store.platform.log.warn({ err, instance: key }, 'automated backups could not be taken further');
  }

  #now(): Date {
    return this.#store.platform.clock.now();
  }
}

/** How automated backups are keyed; a replica lies in another place than its instance. */
export function backupKey(instance: InstanceRecord, place: Place = instance): string {
  return keyOf(place, instance.dbiResourceId);
}

export function automatedBackupId(dbiResourceId: string): string {
  return dbiResourceId.replace(/^db-/, 'ab-').toLowerCase();
}

export function isOf(snapshot: SnapshotRecord, record: AutomatedBackupRecord): boolean {
  return (
    snapshot.accountId === record.accountId &&
    snapshot.region === record.region &&
    snapshot.instance.dbiResourceId === record.instance.dbiResourceId
  );
}
