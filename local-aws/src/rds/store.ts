import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Place, Platform, Table } from '../platform.ts';
import type { ClusterWindow } from './cluster-backups.ts';
import type { ClusterParameterGroupRecord, ClusterRecord, ClusterSnapshotRecord } from './cluster-records.ts';
import { keyOf } from './names.ts';
import type {
  AutomatedBackupRecord,
  InstanceRecord,
  OptionGroupRecord,
  ParameterGroupRecord,
  RdsEvent,
  RetainedBackup,
  SnapshotRecord,
  SubnetGroupRecord,
} from './records.ts';

/** Events are kept this long. */
export const EVENT_DAYS = 14;

/** Everything that RDS remembers, and where its bytes lie. */
export class RdsStore {
  readonly platform: Platform;
  readonly instances: Table<InstanceRecord>;
  readonly snapshots: Table<SnapshotRecord>;
  readonly subnetGroups: Table<SubnetGroupRecord>;
  readonly parameterGroups: Table<ParameterGroupRecord>;
  readonly formerlyRetained: Table<RetainedBackup>;
  /** Keyed by place and `DbiResourceId`. */
  readonly automated: Table<AutomatedBackupRecord>;
  readonly events: Table<RdsEvent>;
  readonly clusters: Table<ClusterRecord>;
  readonly clusterSnapshots: Table<ClusterSnapshotRecord>;
  readonly clusterParameterGroups: Table<ClusterParameterGroupRecord>;
  /** By name, or by `<account>/<region>/<name>`. */
  readonly quotas: Table<number>;
  /** Names of authorities, by `<account>/<region>`, where somebody chose another than AWS does. */
  readonly defaultAuthorities: Table<string>;
  readonly optionGroups: Table<OptionGroupRecord>;
  /** Until when an instance can be restored to, AWS's time; set by the automated backups, which need the store in turn. */
  latestRestorableTime: (instance: InstanceRecord) => string | undefined = () => undefined;
  /** Between which instants a cluster can be had, AWS's time; set in the same way. */
  clusterWindow: (cluster: ClusterRecord) => ClusterWindow | undefined = () => undefined;
  #burial: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.platform = platform;
    this.instances = platform.table('rds/instances');
    this.snapshots = platform.table('rds/snapshots');
    this.subnetGroups = platform.table('rds/subnet-groups');
    this.parameterGroups = platform.table('rds/parameter-groups');
    this.formerlyRetained = platform.table('rds/retained-backups');
    this.automated = platform.table('rds/automated-backups');
    this.events = platform.table('rds/events');
    this.quotas = platform.table('rds/quotas');
    this.defaultAuthorities = platform.table('rds/default-authorities');
    this.optionGroups = platform.table('rds/option-groups');
    this.clusters = platform.table('rds/clusters');
    this.clusterSnapshots = platform.table('rds/cluster-snapshots');
    this.clusterParameterGroups = platform.table('rds/cluster-parameter-groups');
  }

  instance(place: Place, id: string): InstanceRecord | undefined {
    return this.instances.get(keyOf(place, id));
  }

  snapshot(place: Place, id: string): SnapshotRecord | undefined {
    return this.snapshots.get(keyOf(place, id));
  }

  cluster(place: Place, id: string): ClusterRecord | undefined {
    return this.clusters.get(keyOf(place, id));
  }

  clusterSnapshot(place: Place, id: string): ClusterSnapshotRecord | undefined {
    return this.clusterSnapshots.get(keyOf(place, id));
  }

  /** The members of a cluster, by name. */
  members({ accountId, region, id }: Place & { id: string }): InstanceRecord[] {
    return [...this.instances.values()]
      .filter((one) => one.member?.clusterId === id && one.accountId === accountId && one.region === region)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  clusterDir(record: ClusterRecord): string {
    return join(this.#partition(record), 'clusters', record.resourceId);
  }

  clusterSnapshotDir(record: ClusterSnapshotRecord): string {
    return join(this.#partition(record), 'cluster-snapshots', record.folder);
  }

  /** Where the server of an instance lives: the writer of a cluster runs on the cluster's storage. */
  serverDir(record: InstanceRecord): string {
    const cluster = record.member && this.cluster(record, record.member.clusterId);
    return cluster?.writer === record.dbiResourceId ? this.clusterDir(cluster) : this.instanceDir(record);
  }

  /** Of the archive that belongs to an instance's automated backups. */
  archiveDir(record: AutomatedBackupRecord): string {
    return join(this.#partition(record), 'archives', record.instance.dbiResourceId);
  }

  instanceDir(record: InstanceRecord): string {
    return join(this.#partition(record), 'instances', record.dbiResourceId);
  }

  snapshotDir(record: SnapshotRecord): string {
    return join(this.#partition(record), 'snapshots', record.folder);
  }

  /** Changes a record that still exists; the change is visible at once. */
  async patchInstance(key: string, patch: Partial<InstanceRecord>): Promise<InstanceRecord | undefined> {
    const record = this.instances.get(key);
    if (!record) return undefined;
    const changed = { ...record, ...patch };
    await this.instances.put(key, changed);
    return changed;
  }

  async patchCluster(key: string, patch: Partial<ClusterRecord>): Promise<ClusterRecord | undefined> {
    const record = this.clusters.get(key);
    if (!record) return undefined;
    const changed = { ...record, ...patch };
    await this.clusters.put(key, changed);
    return changed;
  }

  async patchClusterSnapshot(
    key: string,
    patch: Partial<ClusterSnapshotRecord>,
  ): Promise<ClusterSnapshotRecord | undefined> {
    const record = this.clusterSnapshots.get(key);
    if (!record) return undefined;
    const changed = { ...record, ...patch };
    await this.clusterSnapshots.put(key, changed);
    return changed;
  }

  async patchAutomated(
    key: string,
    patch: Partial<AutomatedBackupRecord>,
  ): Promise<AutomatedBackupRecord | undefined> {
    const record = this.automated.get(key);
    if (!record) return undefined;
    const changed = { ...record, ...patch };
    await this.automated.put(key, changed);
    return changed;
  }

  async patchSnapshot(key: string, patch: Partial<SnapshotRecord>): Promise<SnapshotRecord | undefined> {
    const record = this.snapshots.get(key);
    if (!record) return undefined;
    const changed = { ...record, ...patch };
    await this.snapshots.put(key, changed);
    return changed;
  }

  async note(
    place: Place,
    source: Pick<RdsEvent, 'sourceType' | 'sourceId'>,
    message: string,
    category: string,
  ): Promise<void> {
    const at = this.platform.clock.now().toISOString();
    const { accountId, region } = place;
    await this.events.put(`${at}/${randomUUID()}`, {
      accountId,
      region,
      at,
      ...source,
      message,
      categories: [category],
    });
  }

  async dropOldEvents(): Promise<void> {
    const oldest = new Date(this.platform.clock.now().getTime() - EVENT_DAYS * 86_400_000).toISOString();
    for (const [key, event] of [...this.events.entries()])
      if (event.at < oldest) await this.events.remove(key);
  }

  /** Gone at once for everybody; the disk space follows in the background, since removing a thousand files takes a second. */
  async discard(folder: string): Promise<void> {
    const trash = join(this.platform.stateDir, 'trash');
    await mkdir(trash, { recursive: true });
    const grave = join(trash, randomUUID());
    try {
      await rename(folder, grave);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw cause;
    }
    this.#bury([grave]);
  }

  /** Folders of instances, clusters or snapshots, in any account and region, that no record knows. */
  async strays(
    kind:
      | 'instances'
      | 'snapshots'
      | 'clusters'
      | 'cluster-snapshots'
      | 'archives'
      | 'exports'
      | 'cluster-archives',
    known: readonly string[],
  ): Promise<string[]> {
    const accounts = join(this.platform.stateDir, 'accounts');
    const found: string[] = [];
    for (const account of await namesIn(accounts))
      for (const region of await namesIn(join(accounts, account))) {
        const folder = join(accounts, account, region, 'rds', kind);
        found.push(...(await namesIn(folder)).map((name) => join(folder, name)));
      }
    return found.filter((dir) => !known.includes(dir));
  }

  /** What an earlier life had thrown away but not yet removed. */
  emptyTrash(): void {
    const trash = join(this.platform.stateDir, 'trash');
    const graves = existsSync(trash) ? readdirSync(trash).map((name) => join(trash, name)) : [];
    this.#bury(graves);
  }

  /** One after the other: side by side they would keep the disk from everybody else. */
  #bury(graves: readonly string[]): void {
    const before = this.#burial.catch(() => undefined); // whose failure was reported as its own task's
    this.platform.tasks.run('empty the trash', (closing) => {
      this.#burial = before.then(async () => {
        for (const grave of graves) {
          if (closing.aborted) return; // the next start goes on
          await rm(grave, { recursive: true, force: true });
        }
      });
      return this.#burial;
    });
  }

  #partition({ accountId, region }: Place): string {
    return join(this.platform.stateDir, 'accounts', accountId, region, 'rds');
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return existsSync(folder) ? readdir(folder) : [];
}
