import type { Place } from '../platform.ts';
import { TYPICAL } from './durations.ts';
import type { Fleet } from './fleet.ts';
import { idOf, keyOf, placeOf, rdsArn } from './names.ts';
import type { InstanceFacts, InstanceRecord, SnapshotRecord } from './records.ts';
import { SnapshotLives } from './snapshot-lives.ts';
import { announced, kindOf, type NewSnapshot } from './stored-snapshot.ts';
import type { RdsStore } from './store.ts';

export interface NewInstanceSnapshot extends NewSnapshot {
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

/** Snapshots of DB instances. */
export class Snapshots extends SnapshotLives<SnapshotRecord> {
  readonly #fleet: Fleet;

  constructor(store: RdsStore, fleet: Fleet) {
    super(store, {
      ...{ table: store.snapshots, folder: 'snapshots', noun: 'snapshot', sourceType: 'db-snapshot' },
      dirOf: (record) => store.snapshotDir(record),
      arnOf,
      host: fleet.host,
      jobs: { take: 'snapshot', copy: 'copy-snapshot', remove: 'delete-snapshot' },
    });
    this.#fleet = fleet;
    fleet.finalSnapshot = (instance, id) => {
      const tags = instance.copyTagsToSnapshot ? instance.tags : [];
      return this.takeFinal(snapshotOf(instance, { id, type: 'manual', tags }));
    };
  }

  /** Begins a snapshot of a running instance, which shows `backing-up` meanwhile. */
  async take(instance: InstanceRecord, spec: NewInstanceSnapshot): Promise<SnapshotRecord> {
    const key = keyOf(instance, instance.id);
    const subject = {
      show: () => this.store.patchInstance(key, { status: 'backing-up' }),
      release: async () => {
        if (this.store.instances.get(key)?.status === 'backing-up')
          await this.store.patchInstance(key, { status: 'available' });
      },
    };
    return this.begin(snapshotOf(instance, spec), spec.quiet === true ? undefined : subject);
  }

  override async resume(): Promise<void> {
    await super.resume();
    for (const [key, record] of [...this.store.snapshots.entries()])
      if (record.status === 'upgrading') this.upgrade(key);
  }

  /** Begins what the record says: minor versions share their files, so only the name changes. */
  upgrade(key: string): void {
    const { faults, pace, tasks } = this.store.platform;
    tasks.run(`rds: upgrade ${key}`, async (signal) => {
      const step = { service: 'rds', job: 'upgrade-snapshot', ...placeOf(key), names: [idOf(key)] } as const;
      const fault = await faults.at(step, signal);
      await pace.take('rds.upgradeSnapshot', { typicalSeconds: TYPICAL.upgradeSnapshot, signal });
      const record = this.store.snapshots.get(key);
      if (record?.upgradeTo === undefined) return;
      const engineVersion = fault ? record.instance.engineVersion : record.upgradeTo;
      const instance = { ...record.instance, engineVersion };
      await this.store.patchSnapshot(key, { status: 'available', instance, upgradeTo: undefined });
    });
  }

  async copy(source: SnapshotRecord, wanted: NewCopy): Promise<SnapshotRecord> {
    const { place, kmsKeyArn, replica, createdAt, optionGroup } = wanted;
    return this.beginCopy(source, {
      ...source,
      ...this.copied(source, place, wanted),
      ...{ createdAt, replica },
      instance: { ...source.instance, ...(optionGroup !== undefined && { optionGroup }) },
      encrypted: kmsKeyArn !== undefined || source.encrypted,
      kmsKeyArn: kmsKeyArn ?? source.kmsKeyArn,
    });
  }

  protected override async takeNow(key: string, record: SnapshotRecord, signal: AbortSignal): Promise<void> {
    const server = this.#fleet.server(keyOf(record, record.instance.id));
    if (!server) throw new Error('The database server is not running.');
    const kind = kindOf(record);
    const source = { sourceType: 'db-instance', sourceId: record.instance.id } as const;
    await this.note(record, `Creating ${kind} snapshot`, 'creation'); // RDS-EVENT-0040, 0090
    if (kind === 'automated') await this.store.note(record, source, 'Backing up DB instance', 'backup'); // RDS-EVENT-0001
    const made = await this.cut(key, record, (use) => use(server), signal);
    await this.store.patchSnapshot(key, { ...made, originalCreatedAt: made.createdAt });
    await this.note(record, `${kind === 'manual' ? 'Manual' : 'Automated'} snapshot created`, 'creation'); // RDS-EVENT-0042, 0091
    if (kind === 'automated') await this.store.note(record, source, 'Finished DB Instance backup', 'backup'); // RDS-EVENT-0002
  }
}

export function arnOf(snapshot: SnapshotRecord): string {
  return rdsArn(snapshot, 'snapshot', snapshot.id);
}

function snapshotOf(instance: InstanceRecord, spec: NewSnapshot): SnapshotRecord {
  const { encrypted, kmsKeyArn } = instance;
  return {
    ...announced(instance, spec),
    ...{
      instanceArn: rdsArn(instance, 'db', instance.id),
      instance: factsOf(instance),
      encrypted,
      kmsKeyArn,
    },
  };
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
