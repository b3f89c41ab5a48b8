import { createReadStream } from 'node:fs';
import type { Platform } from '../../platform.ts';
import { lockForNewVersion } from '../../s3/lock.ts';
import type { Encryption } from '../../s3/records.ts';
import type { S3Store } from '../../s3/store.ts';
import type { Call } from '../../wire/handlers.ts';
import { JobFailure } from '../faults.ts';
import { inBatches } from './batches.ts';
import type { Following } from './kind.ts';
import type { Archives, ArchivedObject } from './s3-archive.ts';
import { usableKeys } from './s3-keys.ts';
import type { S3Restore } from './s3-metadata.ts';

const PARALLEL = 8;

interface Rooms {
  readonly platform: Platform;
  readonly store: S3Store;
  readonly archives: Archives;
}

interface Order {
  readonly wanted: S3Restore;
  /** Of the archive. */
  readonly key: string;
  readonly call: Call;
  readonly following: Following;
}

/**
 * Puts the archived objects into the bucket. An object that is there is never overwritten, so a restore that was interrupted goes on
 * where it stopped. @returns how many could not be restored. @throws JobFailure
 */
export async function restoreObjects(
  { platform, store, archives }: Rooms,
  { wanted, key, call, following }: Order,
): Promise<{ readonly sealed: number; readonly unreadable: number }> {
  const { objects } = await archives.header(key);
  const encryptionFor = await encryptions(platform, wanted, call);
  let [seen, shown] = [0, 0];
  const failed = { sealed: 0, unreadable: 0 };
  const missing = new Set(wanted.items);
  await inBatches(archives.objects(key), PARALLEL, restoreOne, async (results) => {
    following.signal.throwIfAborted();
    seen += results.length;
    for (const result of results) if (result !== 'done') failed[result] += 1;
    const percent = Math.floor((seen * 100) / Math.max(1, objects));
    if (percent >= shown + 25 && percent < 100) await following.progress((shown = percent));
  });
  if (missing.size > 0)
    throw new JobFailure(`The recovery point does not hold the objects ${[...missing].join(', ')}.`);
  return failed;

  async function restoreOne(object: ArchivedObject): Promise<'done' | keyof typeof failed> {
    const { key: name, checksum, content, tags } = object.version;
    missing.delete(name);
    if (wanted.items && !wanted.items.includes(name)) return 'done';
    const encryption = encryptionFor(object.version.encryption);
    if (!encryption) return 'sealed';
    const bucket = store.buckets.get(wanted.bucket);
    if (!bucket) throw new JobFailure(`The bucket ${wanted.bucket} was deleted while it was being restored.`);
    if (isThere(store.index(bucket.name).current(name))) return 'done';
    const body = createReadStream(archives.pathOf(key, object), { highWaterMark: 1024 * 1024 });
    const { algorithm } = checksum;
    const received = await store.blobs.receive(body, [algorithm]).catch((err: unknown) => {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err;
      return undefined;
    });
    if (!received) return 'unreadable';
    const lock = lockForNewVersion({}, bucket, platform.clock.now());
    const version = {
      ...{ bucket: bucket.name, key: name, size: received.size, etag: received.md5, parts: undefined },
      ...{ content, tags, encryption, ...lock, blob: received.blob },
      checksum: { algorithm, value: received.checksums[algorithm] ?? '', type: 'FULL_OBJECT' as const },
    };
    try {
      await store.commit(version, (current) => {
        if (isThere(current)) throw new Overtaken();
      });
    } catch (err) {
      if (!(err instanceof Overtaken)) throw err;
    }
    return 'done';
  }
}

/** Somebody wrote the object just before us. */
class Overtaken extends Error {}

function isThere(current: { readonly marker: boolean } | undefined): boolean {
  return current !== undefined && !current.marker;
}

/** How restored objects are encrypted; undefined where the key of the original cannot be used. @throws JobFailure */
async function encryptions(
  { keys }: Platform,
  { encryption, keyId }: S3Restore,
  call: Call,
): Promise<(original: Encryption) => Encryption | undefined> {
  const usable = usableKeys(keys, call, 'kms:GenerateDataKey');
  switch (encryption) {
    case 'SSE-S3':
      return () => ({ algorithm: 'AES256', kmsKeyArn: undefined, bucketKey: false });
    case 'SSE-KMS': {
      const wanted = keyId ?? (await keys.managed('s3', call)).arn;
      const kmsKeyArn = keys.describe(wanted, call)?.arn;
      if (kmsKeyArn === undefined || !usable(kmsKeyArn))
        throw new JobFailure(`The KMS key ${wanted} cannot be used.`);
      return () => ({ algorithm: 'aws:kms', kmsKeyArn, bucketKey: false });
    }
    case 'original':
      return (original) => (usable(original.kmsKeyArn) ? original : undefined);
  }
}
