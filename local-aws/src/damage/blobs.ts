import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupContext } from '../backup/context.ts';
import { Archives, type ArchivedObject } from '../backup/kinds/s3-archive.ts';
import { Seeded } from '../pg/seeded.ts';
import { AdminRefusal } from '../platform.ts';
import type { S3Store } from '../s3/store.ts';
import type { BlobDamage, DamageOrder } from './order.ts';
import { findPoint } from './points.ts';

/** Which stored object was damaged, and where in it. */
export interface BlobDamageReport {
  readonly kind: BlobDamage;
  readonly seed: string;
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
  /** When it was the object of a recovery point, not that of the bucket. */
  readonly recoveryPointArn?: string;
  /** For `rot-blob`: the byte, and the bits of it that were flipped. */
  readonly offset?: number;
  readonly bits?: number;
}

interface Victim {
  readonly path: string;
  readonly size: number;
  readonly report: Pick<BlobDamageReport, 'bucket' | 'key' | 'versionId' | 'recoveryPointArn'>;
}

/** Rots or loses the bytes of one object; what is known of it stays as it was. @throws AdminRefusal */
export async function damageBlob(
  context: BackupContext,
  s3: S3Store,
  order: DamageOrder & { readonly kind: BlobDamage },
  seed: string,
): Promise<BlobDamageReport> {
  const seeded = new Seeded(seed);
  const { path, size, report } =
    order.bucket === undefined ? await objectOfPoint(context, order, seeded) : objectOfBucket(s3, order);
  const { kind } = order;
  if (kind === 'lose-blob') {
    await rm(path).catch((cause: unknown) => {
      throw new AdminRefusal(`The bytes of ${report.key} cannot be lost: ${String(cause)}`, 409);
    });
    return { kind, seed, ...report };
  }
  if (size === 0) throw new AdminRefusal(`Object ${report.key} is empty: there is no byte to rot.`, 409);
  const [offset, bits] = [seeded.below(size), 1 << seeded.below(8)];
  await flipBits(path, offset, bits);
  return { kind, seed, ...report, offset, bits };
}

function objectOfBucket(s3: S3Store, { bucket = '', key, versionId }: DamageOrder): Victim {
  if (key === undefined) throw new AdminRefusal('Say which object: key, and versionId if not the current.');
  if (!s3.buckets.has(bucket)) throw new AdminRefusal(`There is no bucket ${bucket}.`, 404);
  const version = versionId === undefined ? s3.index(bucket).current(key) : s3.find(bucket, key, versionId);
  if (!version || version.marker)
    throw new AdminRefusal(`Bucket ${bucket} holds no such version of ${key}.`, 404);
  const report = { bucket, key, versionId: version.versionId };
  return { path: s3.blobs.pathOf(version.blob), size: version.size, report };
}

async function objectOfPoint(context: BackupContext, order: DamageOrder, seeded: Seeded): Promise<Victim> {
  const { platform, kinds } = context;
  const point = findPoint(context, order);
  if (kinds.typeOf(point.resourceArn) !== 'S3')
    throw new AdminRefusal(`${point.arn} is no recovery point of a bucket.`, 409);
  const archives = new Archives(join(platform.stateDir, 'backup', 's3'));
  const objects: ArchivedObject[] = [];
  for await (const object of archives.objects(point.snapshotKey))
    if (order.key === undefined || object.version.key === order.key) objects.push(object);
  const object = seeded.pick(objects);
  if (!object)
    throw new AdminRefusal(`${point.arn} holds no object${order.key ? ` ${order.key}` : ''}.`, 404);
  const { bucket, key, versionId, size } = object.version;
  const report = { bucket, key, versionId, recoveryPointArn: point.arn };
  return { path: archives.pathOf(point.snapshotKey, object), size, report };
}

async function flipBits(path: string, offset: number, bits: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, offset);
    byte.writeUInt8(byte.readUInt8(0) ^ bits);
    await handle.write(byte, 0, 1, offset);
  } finally {
    await handle.close();
  }
}
