import { lastWeeklyStart } from './backup-schedule.ts';
import type { Fleet } from './fleet.ts';
import { idOf, placeOf } from './names.ts';
import type { InstanceRecord, PendingChanges } from './records.ts';
import { KEY_GONE, KEY_LOST } from './statuses.ts';
import type { RdsStore } from './store.ts';

const SEVEN_DAYS_MS = 7 * 86_400_000;
/** Stalling makes no sense here. */
const AT_MOST_MS = 50;

/** What happens to instances without anybody asking: lost keys, maintenance windows, the end of a stop, and what fault rules want. */
export class Caretaker {
  readonly #store: RdsStore;
  readonly #fleet: Fleet;

  constructor(store: RdsStore, fleet: Fleet) {
    this.#store = store;
    this.#fleet = fleet;
  }

  async tick(): Promise<void> {
    for (const [key, record] of [...this.#store.instances.entries()]) {
      if (record.member) continue;
      await this.#mindKey(key, record);
      await this.#mindFaults(key);
      this.#endStop(key);
      await this.#maintain(key);
    }
  }

  /** A database whose key is disabled or about to be deleted is shut down; started again, it needs the key to be back. */
  async #mindKey(key: string, record: InstanceRecord): Promise<void> {
    if (record.status === 'available' && !this.#hasKey(record))
      await this.#fleet.halt(key, KEY_LOST, 'The instance cannot use its KMS key any more');
    else if (record.status === KEY_LOST && this.#age(record) > SEVEN_DAYS_MS && !this.#hasKey(record)) {
      const failure = 'The KMS key was not usable for seven days: only backups under another key can help';
      await this.#store.patchInstance(key, { status: KEY_GONE, failure });
    }
  }

  /** Rules for the job `run-instance` fail a running instance; its outcome is the status, `storage-full` unless they say otherwise. */
  async #mindFaults(key: string): Promise<void> {
    const record = this.#store.instances.get(key);
    if (record?.status !== 'available') return;
    const step = { service: 'rds', job: 'run-instance', ...placeOf(key), names: [idOf(key)] } as const;
    const signal = AbortSignal.timeout(AT_MOST_MS);
    const fault = await this.#store.platform.faults.at(step, signal).catch(() => undefined);
    if (fault) await this.#fleet.halt(key, fault.outcome ?? 'storage-full', fault.message);
  }

  /** RDS starts a stopped instance again after seven days. */
  #endStop(key: string): void {
    const record = this.#store.instances.get(key);
    if (record?.status !== 'stopped' || record.stoppedAt === undefined || this.#age(record) < SEVEN_DAYS_MS)
      return;
    this.#store.platform.tasks.run(`rds: end of the stop of ${key}`, async () => {
      await this.#store.patchInstance(key, { status: 'starting' });
      this.#fleet.start(key);
    });
  }

  /** Applies what waits for the maintenance window, once one has begun since it was asked for. */
  async #maintain(key: string): Promise<void> {
    const record = this.#store.instances.get(key);
    if (record?.status !== 'available' || record.pendingSince === undefined || record.applying) return;
    const now = this.#store.platform.clock.now();
    if (lastWeeklyStart(record.maintenanceWindow, now).toISOString() < record.pendingSince) return;
    const waiting = Object.entries(record.pending).filter(([name]) => name !== 'masterVerifier'); // which never waits
    const changes: PendingChanges = Object.fromEntries(waiting);
    if (Object.keys(changes).length === 0) return;
    await this.#store.patchInstance(key, { applying: changes, pendingSince: undefined });
    this.#fleet.modify(key, changes);
  }

  #hasKey(record: InstanceRecord): boolean {
    const { kmsKeyArn } = record;
    if (kmsKeyArn === undefined) return true;
    return this.#store.platform.keys.describe(kmsKeyArn, record)?.state === 'Enabled';
  }

  #age({ stoppedAt }: InstanceRecord): number {
    if (stoppedAt === undefined) return 0;
    return this.#store.platform.clock.now().getTime() - Date.parse(stoppedAt);
  }
}
