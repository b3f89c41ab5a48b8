import type { BackupContext } from './context.ts';
import type { PointRecord } from './records.ts';

/**
 * Deletes what is past its date, by simulated time. Legal holds keep a point; so do jobs that read it. As in AWS, a point whose
 * creating role is gone cannot be deleted: it turns EXPIRED and stays.
 */
export async function expirePoints(context: BackupContext): Promise<void> {
  const { store } = context;
  const now = store.now();
  const over = [...store.points.values()].filter((point) => {
    const until = store.deleteAt(point);
    if (until === undefined || until > now || point.status === 'CREATING' || point.status === 'DELETING')
      return false;
    return store.holdsOn(point).length === 0 && !store.inUse(point.arn);
  });
  await Promise.all(
    over.map((point) =>
      roleIsGone(context, point) ? markExpired(context, point) : deletePoint(context, point),
    ),
  );
}

export async function deletePoint({ store, kinds }: BackupContext, point: PointRecord): Promise<void> {
  await store.points.remove(point.arn);
  await kinds.must(point.resourceArn).discard(point);
}

/** Copies are the destination's own; the role that made the original belongs to the source account. */
export function roleIsGone({ platform }: BackupContext, point: PointRecord): boolean {
  if (point.sourceVaultArn !== undefined) return false;
  return platform.roles.callAs(point.iamRoleArn, point.region, 'backup', 'DeleteRecoveryPoint') === undefined;
}

export async function markExpired({ store }: BackupContext, point: PointRecord): Promise<void> {
  if (point.status === 'EXPIRED') return;
  const statusMessage = `AWS Backup cannot delete the recovery point: the role ${point.iamRoleArn} no longer exists.`;
  await store.patchPoint(point.arn, { status: 'EXPIRED', statusMessage });
}

/** Cancelled holds keep their record only as long as was asked. */
export async function dropOldHolds({ store }: BackupContext): Promise<void> {
  const now = store.now();
  for (const [key, hold] of [...store.holds.entries()])
    if (hold.retainRecordUntil !== undefined && hold.retainRecordUntil <= now) await store.holds.remove(key);
}
