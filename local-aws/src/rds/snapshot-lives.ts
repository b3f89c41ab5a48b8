import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { copySnapshot, takeSnapshot } from '../pg/index.ts';
import type { Place } from '../platform.ts';
import { noteDamage } from './damage-note.ts';
import { TYPICAL } from './durations.ts';
import { idOf, keyOf, placeOf } from './names.ts';
import type { RdsStore } from './store.ts';
import type {
  Job,
  NewSnapshot,
  SnapshotKind,
  StoredSnapshot,
  Subject,
  WithServer,
} from './stored-snapshot.ts';

const WATCH_MS = 10;

/** The lives of snapshots: taken, copied and removed in the background, each state written down first. */
export abstract class SnapshotLives<R extends StoredSnapshot> {
  protected readonly store: RdsStore;
  readonly #kind: SnapshotKind<R>;
  readonly #current = new Map<string, AbortController>();

  constructor(store: RdsStore, kind: SnapshotKind<R>) {
    this.store = store;
    this.#kind = kind;
  }

  /**
   * After a crash: a snapshot that was being taken has failed, as in AWS, and an automated one was never there; a copy is begun
   * again, since its source is still there.
   */
  async resume(): Promise<void> {
    const { table, folder, dirOf, arnOf } = this.#kind;
    const known = [...table.values()].map(dirOf);
    for (const dir of await this.store.strays(folder, known)) await this.store.discard(dir);
    for (const [key, record] of [...table.entries()]) {
      if (record.status === 'creating' && record.type === 'automated') await this.removeNow(key);
      else if (record.status === 'creating')
        await this.fail(key, record, 'The snapshot was interrupted by an internal failure.');
      if (record.status === 'copying') {
        const source = [...table.values()].find((other) => arnOf(other) === record.sourceArn);
        if (source) this.#copy(key, record, source);
        else await this.fail(key, record, 'The source of the copy no longer exists.');
      }
      if (record.status === 'deleting') this.remove(key);
    }
  }

  /** Begins the removal, of a copy under way too. */
  remove(key: string): void {
    const { table, jobs, noun } = this.#kind;
    this.#current.get(key)?.abort(new Error('the snapshot is being deleted'));
    const record = table.get(key);
    if (!record) return;
    this.#run(key, jobs.remove, async (signal) => {
      await this.patch(key, { status: 'deleting' });
      await this.#pace('rds.deleteSnapshot', TYPICAL.deleteSnapshot, signal);
      await this.removeNow(key);
      await this.note(record, `Deleted manual ${noun}`, 'deletion'); // RDS-EVENT-0041
    });
  }

  /** Removes record and bytes at once, as an expiry does. */
  async removeNow(key: string): Promise<void> {
    const record = this.#kind.table.get(key);
    if (!record) return;
    await this.#kind.table.remove(key);
    await this.store.discard(this.#kind.dirOf(record));
  }

  /** Ends what is being done to a snapshot, and removes it at once. */
  async drop(key: string): Promise<void> {
    this.#current.get(key)?.abort(new Error('the snapshot is being deleted'));
    await this.removeNow(key);
  }

  /** Waits until a snapshot is neither being taken nor copied; undefined when it is gone. */
  async settled(key: string, signal: AbortSignal): Promise<R | undefined> {
    for (;;) {
      const record = this.#kind.table.get(key);
      if (record?.status !== 'creating' && record?.status !== 'copying') return record;
      await sleep(WATCH_MS, undefined, { signal });
    }
  }

  /** Cuts the data and makes the snapshot available, with the events of its kind. */
  protected abstract takeNow(key: string, record: R, signal: AbortSignal): Promise<void>;

  /** Begins a snapshot; nothing lies between the look at the subject's status and the begin. */
  protected async begin(record: R, subject: Subject | undefined): Promise<R> {
    const key = keyOf(record, record.id);
    await Promise.all([this.#kind.table.put(key, record), subject?.show()]);
    this.#run(
      key,
      this.#kind.jobs.take,
      (signal) => this.takeNow(key, record, signal),
      async () => {
        await subject?.release();
      },
    );
    return record;
  }

  /** The snapshot that a deletion waits for. */
  protected async takeFinal(record: R): Promise<void> {
    const key = keyOf(record, record.id);
    if (this.#kind.table.get(key)?.status === 'available') return; // taken before a crash
    await this.#kind.table.put(key, record);
    try {
      await this.takeNow(key, record, new AbortController().signal);
    } catch (err) {
      await this.fail(key, record, messageOf(err));
      throw err;
    }
  }

  /** Takes the bytes. @returns what the record says of them when they are whole */
  protected async cut(key: string, record: R, withServer: WithServer, signal: AbortSignal) {
    const progress = { signal, onProgress: this.#progress(key) };
    const [manifest] = await Promise.all([
      withServer((server) => takeSnapshot(server, this.#kind.dirOf(record), progress)),
      this.#pace('rds.snapshot', TYPICAL.snapshot, signal),
    ]);
    // The server runs on the real clock, bodies on the simulated one.
    const cutAt = this.store.platform.clock.fromReal(new Date(manifest.databaseTime)).toISOString();
    const { bytes } = manifest;
    return { status: 'available', percent: 100, bytes, createdAt: cutAt, databaseTime: cutAt } as const;
  }

  /** Begins a copy; the bytes are really copied, into the destination's folder. */
  protected async beginCopy(source: R, record: R): Promise<R> {
    const key = keyOf(record, record.id);
    await this.#kind.table.put(key, record);
    this.#copy(key, record, source);
    return record;
  }

  /** What every copy has that its source had not. */
  protected copied(
    source: R,
    place: Place,
    { id, type, tags }: NewSnapshot,
  ): Omit<StoredSnapshot, 'bytes' | 'databaseTime'> {
    return {
      ...{ accountId: place.accountId, region: place.region, id, type, tags },
      ...{ sharedWith: [], failure: undefined, status: 'copying', percent: 0, createdAt: undefined },
      ...{ folder: randomUUID(), sourceArn: this.#kind.arnOf(source) },
    };
  }

  #copy(key: string, record: R, source: R): void {
    const { dirOf, host, jobs, noun } = this.#kind;
    const crossRegion = source.region !== record.region;
    const typicalSeconds = crossRegion ? TYPICAL.copyCrossRegion : TYPICAL.copySameRegion;
    this.#run(key, jobs.copy, async (signal) => {
      const to = dirOf(record);
      await this.store.discard(to); // half a copy from before a crash
      const progress = { signal, onProgress: this.#progress(key) };
      const [{ manifest, differences }] = await Promise.all([
        copySnapshot(dirOf(source), to, host.account, progress),
        this.#pace('rds.copySnapshot', typicalSeconds, signal),
      ]);
      noteDamage(this.store.platform, source, `copied ${source.id}`, differences);
      await this.patch(key, {
        ...{ status: 'available', percent: 100, bytes: manifest.bytes },
        // A replica came with the time of its origin.
        createdAt: record.createdAt ?? this.store.platform.clock.now().toISOString(),
      });
      await this.note(record, `Finished copy of ${noun}`, 'notification'); // RDS-EVENT-0060
    });
  }

  #progress(key: string): (done: number) => void {
    const { faults } = this.store.platform;
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
      this.store.platform.tasks.run('rds: progress', async () => {
        const status = this.#kind.table.get(key)?.status;
        if (status === 'creating' || status === 'copying') await this.patch(key, { percent });
      });
    };
  }

  /** @param last is done whatever became of the work, also when it never began. */
  #run(
    key: string,
    job: Job,
    work: (signal: AbortSignal) => Promise<void>,
    last: () => Promise<void> = () => Promise.resolve(),
  ): void {
    const mine = new AbortController();
    this.#current.set(key, mine);
    const { faults, tasks } = this.store.platform;
    tasks.run(`rds: ${job} ${key}`, async (closing) => {
      const signal = AbortSignal.any([closing, mine.signal]);
      try {
        const step = { service: 'rds', job, ...placeOf(key), names: [idOf(key)] } as const;
        await faults.job(step, signal, () => work(signal));
      } catch (err) {
        if (signal.aborted) return; // deleted meanwhile, or judged at the next start
        const record = this.#kind.table.get(key);
        if (record) await this.fail(key, record, messageOf(err));
      } finally {
        if (this.#current.get(key) === mine) this.#current.delete(key);
        await last();
      }
    });
  }

  protected async fail(key: string, record: R, failure: string): Promise<void> {
    this.store.platform.log.error({ snapshot: key, failure }, `${this.#kind.noun} failed`);
    await this.patch(key, { status: 'failed', failure });
    await this.store.discard(this.#kind.dirOf(record));
    await this.note(record, `The snapshot failed: ${failure}`, 'failure');
  }

  protected async patch(key: string, changes: Partial<StoredSnapshot>): Promise<void> {
    const record = this.#kind.table.get(key);
    if (record) await this.#kind.table.put(key, { ...record, ...changes });
  }

  protected note(record: R, message: string, category: string): Promise<void> {
    const { sourceType } = this.#kind;
    return this.store.note(record, { sourceType, sourceId: record.id }, message, category);
  }

  #pace(name: string, typicalSeconds: number, signal: AbortSignal): Promise<void> {
    return this.store.platform.pace.take(name, { typicalSeconds, signal });
  }
}

function messageOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}
