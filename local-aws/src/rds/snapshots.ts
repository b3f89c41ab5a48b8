import { randomUUID } from 'node:crypto';
import { copySnapshot, type Manifest, takeSnapshot } from '../pg/index.ts';
import type { Place } from '../platform.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { TYPICAL } from './durations.ts';
import { noteDamage } from './damage-note.ts';
import type { JOBS } from '../faults/points.ts';
import type { Fleet } from './fleet.ts';
import { idOf, keyOf, placeOf, rdsArn } from './names.ts';
import type { InstanceFacts, InstanceRecord, SnapshotRecord, Tag } from './records.ts';
import type { RdsStore } from './store.ts';

const WATCH_MS = 10;

export interface NewSnapshot {
  readonly id: string;
  readonly type: SnapshotRecord['type'];
  readonly tags: readonly Tag[];
  /** The instance does not show that it is being backed up. */
  readonly quiet?: boolean;
}

export interface NewCopy extends NewSnapshot {
  readonly place: Place;
  readonly kmsKeyArn: string | undefined;
  /** A base of replicated automated backups, which keeps the time of its origin. */
  readonly replica?: boolean;
  readonly createdAt?: string | undefined;
  readonly optionGroup?: string | undefined;
}

/** The lives of DB snapshots: taken, copied and removed in the background, each state written down first. */
export class Snapshots {
  readonly #store: RdsStore;
  readonly #fleet: Fleet;
  readonly #current = new Map<string, AbortController>();

  constructor(store: RdsStore, fleet: Fleet) {
    this.#store = store;
    this.#fleet = fleet;
    fleet.finalSnapshot = (instance, id) => this.#takeFinal(instance, id);
  }

  /** After a crash: a snapshot that was being taken has failed, as in AWS; a copy is begun again, since its source is still there. */
  async resume(): Promise<void> {
    await this.#discardStrays();
    for (const [key, record] of [...this.#store.snapshots.entries()]) {
      if (record.status === 'creating' && record.type === 'automated') await this.removeNow(key);
      else if (record.status === 'creating')
        await this.#fail(key, record, 'The snapshot was interrupted by an internal failure.');
      if (record.status === 'copying') {
        const source = [...this.#store.snapshots.values()].find((other) => arnOf(other) === record.sourceArn);
        if (source) this.#copy(key, record, source);
        else await this.#fail(key, record, 'The source of the copy no longer exists.');
      }
      if (record.status === 'deleting') this.remove(key);
    }
  }

  /** Begins a snapshot of a running instance, which shows `backing-up` meanwhile. */
  async take(
    instance: InstanceRecord,
    { id, type, tags, quiet = false }: NewSnapshot,
  ): Promise<SnapshotRecord> {
    const { accountId, region } = instance;
    const record: SnapshotRecord = {
      ...{ accountId, region, id, type, tags, sharedWith: [] },
      ...{ status: 'creating', percent: 0, bytes: 0, folder: randomUUID() },
      instanceArn: rdsArn(instance, 'db', instance.id),
      instance: factsOf(instance),
      encrypted: instance.encrypted,
      kmsKeyArn: instance.kmsKeyArn,
    };
    const key = keyOf(record, id);
    const instanceKey = keyOf(instance, instance.id);
    const stored = Promise.all([
      this.#store.snapshots.put(key, record),
      quiet ? undefined : this.#store.patchInstance(instanceKey, { status: 'backing-up' }),
    ]);
    await stored;
    const releaseInstance = async (): Promise<void> => {
      if (!quiet && this.#store.instances.get(instanceKey)?.status === 'backing-up')
        await this.#store.patchInstance(instanceKey, { status: 'available' });
    };
    this.#run(key, 'snapshot', (signal) => this.#takeNow(key, record, instanceKey, signal), releaseInstance);
    return record;
  }

  /** Begins a copy; the bytes are really copied, into the destination's folder. */
  async copy(source: SnapshotRecord, wanted: NewCopy): Promise<SnapshotRecord> {
    const { place, id, type, tags, kmsKeyArn, replica, createdAt, optionGroup } = wanted;
    const record: SnapshotRecord = {
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
      ...{ status: 'copying', percent: 0, folder: randomUUID(), createdAt, replica },
      sourceArn: arnOf(source),
      instance: { ...source.instance, ...(optionGroup !== undefined && { optionGroup }) },
      encrypted: kmsKeyArn !== undefined || source.encrypted,
      kmsKeyArn: kmsKeyArn ?? source.kmsKeyArn,
    };
    const key = keyOf(place, id);
    await this.#store.snapshots.put(key, record);
    this.#copy(key, record, source);
    return record;
  }

  /** Begins the removal, of a copy under way too. */
  remove(key: string): void {
    this.#current.get(key)?.abort(new Error('the snapshot is being deleted'));
    const record = this.#store.snapshots.get(key);
    if (!record) return;
    this.#run(key, 'delete-snapshot', async (signal) => {
      await this.#store.patchSnapshot(key, { status: 'deleting' });
      await this.#store.platform.pace.take('rds.deleteSnapshot', {
        typicalSeconds: TYPICAL.deleteSnapshot,
        signal,
      });
      await this.removeNow(key);
      await this.#note(record, 'Deleted manual snapshot', 'deletion'); // RDS-EVENT-0041
    });
  }

  /** Removes record and bytes at once, as an expiry does. */
  async removeNow(key: string): Promise<void> {
    const record = this.#store.snapshots.get(key);
    if (!record) return;
    await this.#store.snapshots.remove(key);
    await this.#store.discard(this.#store.snapshotDir(record));
  }

  /** Ends what is being done to a snapshot, and removes it at once. */
  async drop(key: string): Promise<void> {
    this.#current.get(key)?.abort(new Error('the snapshot is being deleted'));
    await this.removeNow(key);
  }

  /** Waits until a snapshot is neither being taken nor copied; undefined when it is gone. */
  async settled(key: string, signal: AbortSignal): Promise<SnapshotRecord | undefined> {
    for (;;) {
      const record = this.#store.snapshots.get(key);
      if (record?.status !== 'creating' && record?.status !== 'copying') return record;
      await sleep(WATCH_MS, undefined, { signal });
    }
  }

  async #takeNow(
    key: string,
    record: SnapshotRecord,
    instanceKey: string,
    signal: AbortSignal,
  ): Promise<void> {
    const server = this.#fleet.server(instanceKey);
    if (!server) throw new Error('The database server is not running.');
    await this.#note(record, `Creating ${kindOf(record)} snapshot`, 'creation'); // RDS-EVENT-0040, 0090
    const source = { sourceType: 'db-instance', sourceId: record.instance.id } as const;
    if (record.type === 'automated')
      await this.#store.note(record, source, 'Backing up DB instance', 'backup'); // RDS-EVENT-0001
    const progress = this.#progress(key);
    const [manifest] = await Promise.all([
      takeSnapshot(server, this.#store.snapshotDir(record), { signal, onProgress: progress }),
      this.#store.platform.pace.take('rds.snapshot', { typicalSeconds: TYPICAL.snapshot, signal }),
    ]);
    const cutAt = this.#simulated(manifest);
    await this.#store.patchSnapshot(key, {
      ...{ status: 'available', percent: 100, bytes: manifest.bytes },
      ...{ createdAt: cutAt, originalCreatedAt: cutAt, databaseTime: cutAt },
    });
    await this.#note(
      record,
      kindOf(record) === 'automated' ? 'Automated snapshot created' : 'Manual snapshot created',
      'creation',
    ); // RDS-EVENT-0042, 0091
    if (record.type === 'automated')
      await this.#store.note(record, source, 'Finished DB Instance backup', 'backup'); // RDS-EVENT-0002
  }

  async #takeFinal(instance: InstanceRecord, id: string): Promise<void> {
    const key = keyOf(instance, id);
    if (this.#store.snapshots.get(key)?.status === 'available') return; // taken before a crash
    const record = this.#store.snapshots.get(key) ?? (await this.#announceFinal(instance, id));
    try {
      await this.#takeNow(key, record, keyOf(instance, instance.id), new AbortController().signal);
    } catch (err) {
      await this.#fail(key, record, messageOf(err));
      throw err;
    }
  }

  async #announceFinal(instance: InstanceRecord, id: string): Promise<SnapshotRecord> {
    const { accountId, region } = instance;
    const record: SnapshotRecord = {
      ...{ accountId, region, id, type: 'manual', sharedWith: [], status: 'creating', percent: 0, bytes: 0 },
      folder: randomUUID(),
      tags: instance.copyTagsToSnapshot ? instance.tags : [],
      instanceArn: rdsArn(instance, 'db', instance.id),
      instance: factsOf(instance),
      encrypted: instance.encrypted,
      kmsKeyArn: instance.kmsKeyArn,
    };
    await this.#store.snapshots.put(keyOf(record, id), record);
    return record;
  }

  #copy(key: string, record: SnapshotRecord, source: SnapshotRecord): void {
    const crossRegion = source.region !== record.region;
    const typicalSeconds = crossRegion ? TYPICAL.copyCrossRegion : TYPICAL.copySameRegion;
    this.#run(key, 'copy-snapshot', async (signal) => {
      const to = this.#store.snapshotDir(record);
      await this.#store.discard(to); // half a copy from before a crash
      const [{ manifest, differences }] = await Promise.all([
        copySnapshot(this.#store.snapshotDir(source), to, this.#fleet.host.account, {
          signal,
          onProgress: this.#progress(key),
        }),
        this.#store.platform.pace.take('rds.copySnapshot', { typicalSeconds, signal }),
      ]);
      noteDamage(this.#store.platform, source, `copied ${source.id}`, differences);
      const createdAt =
        record.replica === true ? record.createdAt : this.#store.platform.clock.now().toISOString();
      await this.#store.patchSnapshot(key, {
        status: 'available',
        percent: 100,
        bytes: manifest.bytes,
        createdAt,
      });
      await this.#note(record, 'Finished copy of snapshot', 'notification'); // RDS-EVENT-0060
    });
  }

  #progress(key: string): (done: number) => void {
    const { faults } = this.#store.platform;
    let shown = 0;
    let half = false;
    return (done) => {
      if (!half && done >= 0.5) {
        half = true;
        faults.crash('snapshot.half', key);
        const full = faults.diskFull('snapshot', key);
        if (full) throw full;
      }
      const percent = Math.min(99, Math.floor(done * 100));
      if (percent < shown + 25) return;
      shown = percent;
      this.#store.platform.tasks.run('rds: progress', async () => {
        const record = this.#store.snapshots.get(key);
        if (record && (record.status === 'creating' || record.status === 'copying'))
          await this.#store.patchSnapshot(key, { percent });
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
        const record = this.#store.snapshots.get(key);
        if (record) await this.#fail(key, record, messageOf(err));
      } finally {
        if (this.#current.get(key) === mine) this.#current.delete(key);
        await last();
      }
    });
  }

  async #fail(key: string, record: SnapshotRecord, failure: string): Promise<void> {
    this.#store.platform.log.error({ snapshot: key, failure }, 'snapshot failed');
    await this.#store.patchSnapshot(key, { status: 'failed', failure });
    await this.#store.discard(this.#store.snapshotDir(record));
    await this.#note(record, `The snapshot failed: ${failure}`, 'failure');
  }

  /** Bytes without a record, left by a crash. */
  async #discardStrays(): Promise<void> {
    const known = [...this.#store.snapshots.values()].map((record) => this.#store.snapshotDir(record));
    for (const dir of await this.#store.strays('snapshots', known)) await this.#store.discard(dir);
  }

  /** The server runs on the real clock, bodies on the simulated one. */
  #simulated({ databaseTime }: Manifest): string {
    return this.#store.platform.clock.fromReal(new Date(databaseTime)).toISOString();
  }

  #note(record: SnapshotRecord, message: string, category: string): Promise<void> {
    return this.#store.note(record, { sourceType: 'db-snapshot', sourceId: record.id }, message, category);
  }
}

/** As events call it. */
function kindOf({ type }: SnapshotRecord): 'automated' | 'manual' {
  return type === 'automated' ? 'automated' : 'manual';
}

export function arnOf(snapshot: SnapshotRecord): string {
  return rdsArn(snapshot, 'snapshot', snapshot.id);
}

function messageOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}

const FACTS = [
  ...([
    'id',
    'dbiResourceId',
    'instanceClass',
    'engineVersion',
    'masterUsername',
    'dbName',
    'port',
    'createdAt',
  ] as const),
  ...([
    'allocatedStorage',
    'storageType',
    'vpcId',
    'subnetGroup',
    'availabilityZone',
    'securityGroupIds',
  ] as const),
  ...([
    'parameterGroup',
    'optionGroup',
    'multiAz',
    'publiclyAccessible',
    'autoMinorVersionUpgrade',
    'deletionProtection',
  ] as const),
  ...([
    'copyTagsToSnapshot',
    'iamAuthentication',
    'backupRetentionPeriod',
    'backupWindow',
    'caIdentifier',
  ] as const),
] satisfies readonly (keyof InstanceFacts)[];

function factsOf(instance: InstanceRecord): InstanceFacts {
  return Object.fromEntries(FACTS.map((name) => [name, instance[name]])) as unknown as InstanceFacts;
}
