import { randomUUID } from 'node:crypto';
import type { BackupContext } from '../backup/context.ts';
import type { S3Store } from '../s3/store.ts';
import { type BlobDamageReport, damageBlob } from './blobs.ts';
import { type DatabaseDamageReport, damageDatabase, dropArchivedWal } from './databases.ts';
import { type DamageOrder, readDamageOrder } from './order.ts';

/**
 * POST /damage: damages bytes at rest. Nothing else changes: records, digests and answers stay those of the sound bytes. What was done,
 * and the seed that does it again, is in the answer and in the events.
 */
export function registerDamage(context: BackupContext, s3: S3Store): void {
  const { platform } = context;
  platform.admin.route('POST', '/damage', async (input) => {
    const order = readDamageOrder(input);
    const report = await damage(context, s3, order);
    platform.events.record({
      ...{ kind: 'damage', service: 'key' in report ? 's3' : 'backup', resource: resourceOf(report) },
      detail: JSON.stringify(report),
    });
    return report;
  });
}

type Report = BlobDamageReport | DatabaseDamageReport;

function damage(context: BackupContext, s3: S3Store, order: DamageOrder): Promise<Report> {
  const seed = order.seed ?? randomUUID();
  const { kind } = order;
  switch (kind) {
    case 'rot-blob':
    case 'lose-blob':
      return damageBlob(context, s3, { ...order, kind }, seed);
    case 'archived-wal':
      return dropArchivedWal(context, order, seed);
    default:
      return damageDatabase(context, { ...order, kind }, seed);
  }
}

function resourceOf(report: Report): string | undefined {
  if ('key' in report) return report.recoveryPointArn ?? `${report.bucket}/${report.key}`;
  return report.recoveryPointArn ?? report.snapshotArn ?? report.resourceArn;
}
