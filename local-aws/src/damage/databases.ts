import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupContext } from '../backup/context.ts';
import type { PointRecord } from '../backup/records.ts';
import { type DamageReport, damageSnapshot, replaceFolder } from '../pg/damage.ts';
import { copySnapshot, readManifest } from '../pg/index.ts';
import { Seeded } from '../pg/seeded.ts';
import { lsnOf, segmentName, segmentStart } from '../pg/wal-segments.ts';
import { AdminRefusal } from '../platform.ts';
import { keyOf, parseRdsArn, rdsArn } from '../rds/names.ts';
import type { DamageOrder, DatabaseDamage } from './order.ts';
import { findPoint } from './points.ts';

export interface DatabaseDamageReport extends DamageReport {
  /** What was damaged. */
  readonly recoveryPointArn?: string;
  readonly snapshotArn?: string;
  readonly resourceArn?: string;
  /** For `stale`: whose bytes lie there now, and of when they are. */
  readonly staleFrom?: { readonly recoveryPointArn: string; readonly createdAt: string };
}

/** Damages a stored database. @throws AdminRefusal when there is none such, or nothing in it to damage in this way. */
export async function damageDatabase(
  context: BackupContext,
  order: DamageOrder & { readonly kind: DatabaseDamage },
  seed: string,
): Promise<DatabaseDamageReport> {
  const { kind, snapshotArn, count } = order;
  if (snapshotArn !== undefined && kind === 'stale')
    throw new AdminRefusal('stale is done to recovery points: give recoveryPointArn or vaultArn.');
  const point = snapshotArn === undefined ? findPoint(context, order) : undefined;
  const arn = point?.arn ?? snapshotArn ?? '';
  const dir = point ? dirOfPoint(context, point) : dirOfSnapshot(context, arn);
  const whose = point ? { recoveryPointArn: arn } : { snapshotArn: arn };
  if (kind === 'stale' && point) return { ...(await makeStale(context, point, dir, seed)), ...whose };
  if (kind === 'stale') throw new AdminRefusal('stale needs a recovery point.');
  const work = join(context.platform.stateDir, 'damage');
  const report = await damageSnapshot(context.rds.fleet.host, dir, work, { kind, seed, count }).catch(
    (cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new AdminRefusal(`Could not damage ${arn}: ${why}`, 409);
    },
  );
  return { ...report, ...whose };
}

/**
 * Removes one segment of the WAL that is archived for an instance: one of those behind its newest automated snapshot, so that no restore
 * to the latest time can do without it. @throws AdminRefusal
 */
export async function dropArchivedWal(
  { rds }: BackupContext,
  { kind, resourceArn }: DamageOrder,
  seed: string,
): Promise<DatabaseDamageReport> {
  if (resourceArn === undefined)
    throw new AdminRefusal(`${kind} needs resourceArn: the instance whose archive is to lose WAL.`);
  const record = [...rds.store.automated.values()].find(
    ({ accountId, region, instance }) =>
      rdsArn({ accountId, region }, 'db', instance.id) === resourceArn && instance.region === region,
  );
  if (!record) throw new AdminRefusal(`${resourceArn} has no automated backups.`, 404);
  const base = rds.backups.bases(record).at(-1);
  if (!base || !record.archive)
    throw new AdminRefusal(`${resourceArn} has no automated snapshot yet, so nothing needs its WAL.`, 409);
  const { timeline, segmentBytes } = record.archive;
  const { stopLsn } = await readManifest(rds.store.snapshotDir(base));
  const first = segmentName(timeline, segmentStart(lsnOf(stopLsn), segmentBytes), segmentBytes);
  const dir = rds.store.archiveDir(record);
  const needed = (await readdir(dir)).filter((name) => /^[0-9A-F]{24}$/.test(name) && name >= first);
  const segment = new Seeded(seed).pick(needed.sort());
  if (segment === undefined) throw new AdminRefusal(`The archive of ${resourceArn} holds no WAL yet.`, 409);
  await rm(join(dir, segment));
  return { kind, seed, resourceArn, files: [segment] };
}

/** Puts the bytes of an older point of the same resource in its place. */
async function makeStale(
  context: BackupContext,
  point: PointRecord,
  dir: string,
  seed: string,
): Promise<DatabaseDamageReport> {
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
    await copySnapshot(dirOfPoint(context, older), work, rds.fleet.host.account);
    await replaceFolder(join(work, 'data'), join(dir, 'data'), join(work, 'sound'));
  } finally {
    await rds.store.discard(work);
  }
  return { kind: 'stale', seed, staleFrom: { recoveryPointArn: older.arn, createdAt: older.createdAt } };
}

/** @throws AdminRefusal for points that are no snapshots of PostgreSQL. */
function dirOfPoint({ rds, kinds }: BackupContext, point: PointRecord): string {
  const type = kinds.typeOf(point.resourceArn);
  const { store } = rds;
  const snapshot = store.snapshots.get(point.snapshotKey);
  if (type === 'RDS' && snapshot) return store.snapshotDir(snapshot);
  const cluster = store.clusterSnapshots.get(point.snapshotKey);
  if (type === 'Aurora' && cluster) return store.clusterSnapshotDir(cluster);
  if (type === 'RDS' || type === 'Aurora') throw new AdminRefusal(`The bytes of ${point.arn} are gone.`, 409);
  const message = `${point.arn} is of type ${type ?? 'unknown'}: this damage is made in databases only.`;
  throw new AdminRefusal(message, 409);
}

/** @throws AdminRefusal */
function dirOfSnapshot({ rds: { store } }: BackupContext, arn: string): string {
  const parsed = parseRdsArn(arn);
  const key = parsed && keyOf(parsed, parsed.id);
  if (key !== undefined && parsed?.kind === 'snapshot') {
    const snapshot = store.snapshots.get(key);
    if (snapshot?.status === 'available') return store.snapshotDir(snapshot);
  }
  if (key !== undefined && parsed?.kind === 'cluster-snapshot') {
    const snapshot = store.clusterSnapshots.get(key);
    if (snapshot?.status === 'available') return store.clusterSnapshotDir(snapshot);
  }
  throw new AdminRefusal(`There is no available snapshot ${arn}.`, 404);
}
