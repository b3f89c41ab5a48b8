import { copySegments, readManifest } from '../pg/index.ts';
import { type AutomatedBackups, backupKey, isOf } from './automated-backups.ts';
import type { Fleet } from './fleet.ts';
import { keyOf } from './names.ts';
import type { AutomatedBackupRecord, SnapshotRecord } from './records.ts';
import type { Snapshots } from './snapshots.ts';
import type { RdsStore } from './store.ts';

const DAY_MS = 86_400_000;

/** Follows automated backups from another region: first the newest automated snapshot, then the WAL after it, segment by segment. */
export class Replication {
  readonly #store: RdsStore;
  readonly #fleet: Fleet;
  readonly #snapshots: Snapshots;
  readonly #backups: AutomatedBackups;

  constructor(store: RdsStore, fleet: Fleet, snapshots: Snapshots, backups: AutomatedBackups) {
    this.#store = store;
    this.#fleet = fleet;
    this.#snapshots = snapshots;
    this.#backups = backups;
  }

  async tick(): Promise<void> {
    for (const [key, replica] of [...this.#store.automated.entries()]) {
      if (replica.sourceRegion === undefined || replica.status === 'retained') continue;
      try {
        await this.#follow(key, replica, replica.sourceRegion);
      } catch (err) {
        this.#store.platform.log.warn({ err, replica: key }, 'automated backups could not be replicated');
      }
    }
  }

  /** The replica is followed no more, and kept for its own retention period. */
  async retain(key: string): Promise<AutomatedBackupRecord | undefined> {
    const replica = this.#store.automated.get(key);
    if (!replica) return undefined;
    const until = new Date(this.#store.platform.clock.now().getTime() + replica.retentionPeriod * DAY_MS);
    return this.#store.patchAutomated(key, { status: 'retained', until: until.toISOString() });
  }

  async #follow(key: string, replica: AutomatedBackupRecord, region: string): Promise<void> {
    const source = this.#store.automated.get(
      backupKey(replica.instance, { accountId: replica.accountId, region }),
    );
    if (!source?.archive || source.status === 'retained') {
      if (source?.status === 'retained' || !this.#store.instances.has(instanceKey(replica, region)))
        await this.retain(key);
      return;
    }
    const newest = this.#backups.bases(source).at(-1);
    if (!newest) return;
    await this.#copyBase(replica, newest);
    const [oldest] = this.#backups.bases(replica);
    if (!oldest) return;
    const { startLsn } = await readManifest(this.#store.snapshotDir(oldest));
    const already = replica.archive?.timeline === source.archive.timeline ? replica.archive : undefined;
    const from = already?.to ?? startLsn;
    const target = this.#store.archiveDir(replica);
    await copySegments(this.#fleet.host, this.#store.archiveDir(source), target, { ...source.archive, from });
    const archive = { ...source.archive, from: already?.from ?? startLsn };
    const shown = replica.archive;
    if (replica.status === 'replicating' && shown?.to === archive.to && shown.through === archive.through)
      return;
    await this.#store.patchAutomated(key, { archive, status: 'replicating' });
  }

  async #copyBase(replica: AutomatedBackupRecord, base: SnapshotRecord): Promise<void> {
    const copies = [...this.#store.snapshots.values()].filter(
      (one) => one.replica === true && isOf(one, replica),
    );
    if (copies.some(({ id, status }) => id === base.id && status !== 'failed')) return;
    const { kmsKeyArn } = replica;
    await this.#snapshots.copy(base, {
      ...{ place: replica, id: base.id, type: 'automated', replica: true, tags: base.tags, kmsKeyArn },
      createdAt: base.createdAt,
    });
  }
}

function instanceKey({ accountId, instance }: AutomatedBackupRecord, region: string): string {
  return keyOf({ accountId, region }, instance.id);
}
