import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type DamageReport, damageSnapshot, replaceFolder, SNAPSHOT_DAMAGES } from '../pg/damage.ts';
import { copySnapshot } from '../pg/index.ts';
import { AdminRefusal } from '../platform.ts';
import type { BackupContext } from './context.ts';
import { parseVaultArn } from './names.ts';
import type { PointRecord } from './records.ts';

export const DAMAGES = [...SNAPSHOT_DAMAGES, 'stale'] as const;
export type Damage = (typeof DAMAGES)[number];

export interface PointDamage {
  readonly kind: Damage;
  readonly seed?: string | undefined;
  /** One point, or else the newest complete one of a vault (and of a resource, when one is named). */
  readonly recoveryPointArn?: string | undefined;
  readonly vaultArn?: string | undefined;
  readonly resourceArn?: string | undefined;
  readonly count?: number | undefined;
}

export interface PointDamageReport extends DamageReport {
  readonly recoveryPointArn: string;
  /** For `stale`: whose bytes lie there now, and of when they are. */
  readonly staleFrom?: { readonly recoveryPointArn: string; readonly createdAt: string };
}

/**
 * Damages the stored bytes of a recovery point. Nothing else changes: AWS goes on to say COMPLETED.
 * @throws AdminRefusal when there is no such point, or nothing in it to damage in this way.
 */
export async function damagePoint(context: BackupContext, order: PointDamage): Promise<PointDamageReport> {
  const { platform, rds } = context;
  const point = findPoint(context, order);
  const seed = order.seed ?? randomUUID();
  const dir = snapshotDirOf(context, point);
  const work = join(platform.stateDir, 'damage');
  const { kind } = order;
  const report =
    kind === 'stale'
      ? await makeStale(context, point, dir, seed)
      : await damageSnapshot(rds.fleet.host, dir, work, { kind, seed, count: order.count }).catch(
          (cause: unknown) => {
            throw new AdminRefusal(
              `Could not damage ${point.arn}: ${cause instanceof Error ? cause.message : String(cause)}`,
              409,
            );
          },
        );
  const complete = { ...report, recoveryPointArn: point.arn };
  const { accountId, region } = point;
  platform.events.record({
    kind: 'damage',
    service: 'backup',
    accountId,
    region,
    resource: point.arn,
    detail: JSON.stringify(report),
  });
  return complete;
}

/** Puts the bytes of an older point of the same resource in its place. */
async function makeStale(
  context: BackupContext,
  point: PointRecord,
  dir: string,
  seed: string,
): Promise<DamageReport & Pick<PointDamageReport, 'staleFrom'>> {
  const { store, rds } = context;
  const older = [...store.points.values()]
    .filter(
      ({ arn, resourceArn, createdAt, status }) =>
        arn !== point.arn &&
        resourceArn === point.resourceArn &&
        createdAt < point.createdAt &&
        status === 'COMPLETED',
    )
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt))
    .at(0);
  if (!older)
    throw new AdminRefusal(
      `There is no older recovery point of ${point.resourceArn} to put in place of ${point.arn}: take another backup first.`,
      409,
    );
  const work = join(context.platform.stateDir, 'damage', randomUUID());
  try {
    await copySnapshot(snapshotDirOf(context, older), work, rds.fleet.host.account);
    await replaceFolder(join(work, 'data'), join(dir, 'data'), join(work, 'sound'));
  } finally {
    await rds.store.discard(work);
  }
  return { kind: 'stale', seed, staleFrom: { recoveryPointArn: older.arn, createdAt: older.createdAt } };
}

function findPoint(
  { store }: BackupContext,
  { recoveryPointArn, vaultArn, resourceArn }: PointDamage,
): PointRecord {
  if (recoveryPointArn !== undefined) {
    const point = store.points.get(recoveryPointArn);
    if (point?.status === 'COMPLETED') return point;
    throw new AdminRefusal(`There is no complete recovery point ${recoveryPointArn}.`, 404);
  }
  const named = vaultArn === undefined ? undefined : parseVaultArn(vaultArn);
  if (!named)
    throw new AdminRefusal('Say which: recoveryPointArn, or vaultArn for the newest point of a vault.');
  const vault = store.vault(named, named.name);
  if (!vault) throw new AdminRefusal(`There is no vault ${vaultArn ?? ''}.`, 404);
  const [newest] = store
    .pointsIn(vault)
    .filter(
      (point) =>
        point.status === 'COMPLETED' && (resourceArn === undefined || point.resourceArn === resourceArn),
    )
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  if (newest) return newest;
  throw new AdminRefusal(
    `Vault ${vault.name} holds no complete recovery point${resourceArn ? ` of ${resourceArn}` : ''}.`,
    404,
  );
}

/** @throws AdminRefusal for points that are no snapshots of PostgreSQL. */
function snapshotDirOf({ rds, kinds }: BackupContext, point: PointRecord): string {
  const type = kinds.typeOf(point.resourceArn);
  const { store } = rds;
  const snapshot = store.snapshots.get(point.snapshotKey);
  if (type === 'RDS' && snapshot) return store.snapshotDir(snapshot);
  const cluster = store.clusterSnapshots.get(point.snapshotKey);
  if (type === 'Aurora' && cluster) return store.clusterSnapshotDir(cluster);
  if (type === 'RDS' || type === 'Aurora') throw new AdminRefusal(`The bytes of ${point.arn} are gone.`, 409);
  const message = `${point.arn} is of type ${type ?? 'unknown'}: these damages are made in databases only.`;
  throw new AdminRefusal(message, 409);
}

/** POST /damage. @throws AdminRefusal naming what is allowed. */
export function readDamageOrder(input: Readonly<Record<string, unknown>>): PointDamage {
  const text = (name: string) => {
    const value = input[name];
    if (value === undefined || typeof value === 'string') return value;
    if (typeof value === 'number' && name === 'seed') return String(value);
    throw new AdminRefusal(`${name} must be text.`);
  };
  const kind = DAMAGES.find((known) => known === input['kind']);
  if (!kind) throw new AdminRefusal(`kind must be one of ${DAMAGES.join(', ')}.`);
  const count = input['count'];
  if (count !== undefined && !(typeof count === 'number' && Number.isInteger(count) && count > 0))
    throw new AdminRefusal('count must be a whole number above 0.');
  return {
    ...{ kind, count, seed: text('seed'), recoveryPointArn: text('recoveryPointArn') },
    ...{ vaultArn: text('vaultArn'), resourceArn: text('resourceArn') },
  };
}
