import type { Place, Platform, Table } from '../platform.ts';
import { keyOf, samePlace } from './names.ts';
import type { PlanRecord, SelectionRecord } from './plans/records.ts';
import type {
  BackupJobRecord,
  CopyJobRecord,
  GlobalSettings,
  HoldRecord,
  HoldSelection,
  PointRecord,
  RegionSettings,
  RestoreJobRecord,
  TokenRecord,
  VaultRecord,
} from './records.ts';

const DAY_MS = 86_400_000;
const TABLES = [
  ...(['vaults', 'recovery-points', 'backup-jobs', 'copy-jobs', 'restore-jobs', 'legal-holds'] as const),
  ...(['region-settings', 'global-settings', 'plans', 'plan-selections', 'idempotency-tokens'] as const),
];

/** Everything that AWS Backup remembers; the bytes belong to RDS. */
export class BackupStore {
  readonly platform: Platform;
  readonly vaults: Table<VaultRecord>;
  /** By ARN. */
  readonly points: Table<PointRecord>;
  readonly backupJobs: Table<BackupJobRecord>;
  readonly copyJobs: Table<CopyJobRecord>;
  readonly restoreJobs: Table<RestoreJobRecord>;
  readonly holds: Table<HoldRecord>;
  readonly settings: Table<RegionSettings>;
  readonly globals: Table<GlobalSettings>;
  readonly plans: Table<PlanRecord>;
  readonly selections: Table<SelectionRecord>;
  /** Idempotency tokens: `<account>/<region>/<operation>/<token>`. */
  readonly tokens: Table<TokenRecord>;

  constructor(platform: Platform) {
    this.platform = platform;
    const tables = platform.tables('backup', TABLES);
    this.vaults = tables.table('vaults');
    this.points = tables.table('recovery-points');
    this.backupJobs = tables.table('backup-jobs');
    this.copyJobs = tables.table('copy-jobs');
    this.restoreJobs = tables.table('restore-jobs');
    this.holds = tables.table('legal-holds');
    this.settings = tables.table('region-settings');
    this.globals = tables.table('global-settings');
    this.plans = tables.table('plans');
    this.selections = tables.table('plan-selections');
    this.tokens = tables.table('idempotency-tokens');
  }

  now(): string {
    return this.platform.clock.now().toISOString();
  }

  vault(place: Place, name: string): VaultRecord | undefined {
    return this.vaults.get(keyOf(place, name));
  }

  pointsIn(vault: VaultRecord): PointRecord[] {
    return [...this.points.values()].filter(
      (point) => samePlace(point, vault) && point.vaultName === vault.name,
    );
  }

  async patchPoint(arn: string, patch: Partial<PointRecord>): Promise<PointRecord | undefined> {
    const point = this.points.get(arn);
    if (!point) return undefined;
    const changed = { ...point, ...patch };
    await this.points.put(arn, changed);
    return changed;
  }

  /** When AWS deletes a point by itself; undefined means never. */
  deleteAt(point: PointRecord): string | undefined {
    const days = point.lifecycle?.deleteAfterDays;
    if (days === undefined || days < 0) return undefined;
    return new Date(Date.parse(point.createdAt) + days * DAY_MS).toISOString();
  }

  holdsOn(point: PointRecord): HoldRecord[] {
    return [...this.holds.values()].filter(
      (hold) => hold.status !== 'CANCELED' && samePlace(hold, point) && covers(hold.selection, point),
    );
  }

  /** Jobs under way that need the point's bytes. */
  inUse(arn: string): boolean {
    const copying = [...this.copyJobs.values()].some(
      ({ state, sourcePointArn, destinationPointArn }) =>
        (state === 'CREATED' || state === 'RUNNING') &&
        (sourcePointArn === arn || destinationPointArn === arn),
    );
    const restoring = [...this.restoreJobs.values()].some(
      ({ state, pointArn }) => (state === 'PENDING' || state === 'RUNNING') && pointArn === arn,
    );
    return copying || restoring;
  }
}

function covers({ vaultNames, resourceIdentifiers, from, to }: HoldSelection, point: PointRecord): boolean {
  return (
    (vaultNames === undefined || vaultNames.includes(point.vaultName)) &&
    (resourceIdentifiers === undefined ||
      resourceIdentifiers.some((id) => id === point.resourceArn || id === point.arn)) &&
    (from === undefined || point.createdAt >= from) &&
    (to === undefined || point.createdAt <= to)
  );
}
