import type { Readable } from 'node:stream';
import type { S3 } from '@aws-sdk/client-s3';
import type { Random } from '../random.ts';

/** Keys of every awkward kind: spaces, signs that URLs and XML mind, other scripts, the longest that S3 allows. */
const AWKWARD = [
  'with space',
  'plus+and%25',
  'ämter/größe',
  '名前/一',
  'a&b<c>"d"',
  'tail/',
  'x'.repeat(1_000),
  '.',
];
const WORDS = ['red', 'green', 'blue', 'gold', 'salt', 'iron'];

export const body = (random: Random, most = 3_000): string =>
  Array.from({ length: 1 + random.below(most / 6) }, () => random.pick(WORDS)).join(' ');

/** A bucket with a past: metadata, tags, locks, checksums of every kind, uploads in parts, older versions and delete markers. */
export async function fillBucket(s3: S3, Bucket: string, random: Random, objects = 24): Promise<string[]> {
  const keys = [
    ...AWKWARD,
    ...Array.from({ length: objects }, (_, n) => `${random.pick(WORDS)}/${String(n).padStart(4, '0')}`),
  ];
  const algorithms = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
  for (const [n, Key] of keys.entries()) {
    if (n % 7 === 3) await uploadInParts(s3, Bucket, Key, body(random));
    else
      await s3.putObject({
        ...{
          Bucket,
          Key,
          Body: Buffer.from(n % 17 === 5 ? '' : body(random)),
          ChecksumAlgorithm: algorithms[n % algorithms.length],
        },
        ...(n % 3 === 0
          ? { Metadata: { author: random.pick(WORDS), number: String(n) }, ContentType: 'text/plain' }
          : {}),
        ...(n % 4 === 0 ? { Tagging: `class=${random.pick(WORDS)}&number=${n}` } : {}),
        ...(n % 6 === 0 ? locked() : {}),
      });
  }
  for (const Key of keys.filter((_, n) => n % 5 === 1))
    await s3.putObject({ Bucket, Key, Body: Buffer.from(body(random)) });
  for (const Key of keys.filter((_, n) => n % 11 === 2)) await s3.deleteObject({ Bucket, Key });
  return keys;
}

const locked = () => ({
  ObjectLockMode: 'GOVERNANCE' as const,
  ObjectLockRetainUntilDate: new Date(Date.now() + 30 * 86_400_000),
});

/** One part is enough for a checksum that is none of the whole body. */
async function uploadInParts(s3: S3, Bucket: string, Key: string, text: string): Promise<void> {
  const ChecksumAlgorithm = 'SHA256' as const;
  const { UploadId } = await s3.createMultipartUpload({ Bucket, Key, ChecksumAlgorithm });
  const part = { Bucket, Key, UploadId, PartNumber: 1, ChecksumAlgorithm };
  const { ETag, ChecksumSHA256 } = await s3.uploadPart({ ...part, Body: Buffer.from(text) });
  await s3.completeMultipartUpload({
    ...{ Bucket, Key, UploadId },
    MultipartUpload: { Parts: [{ PartNumber: 1, ETag, ChecksumSHA256 }] },
  });
}

/** Work of an application: new and overwritten objects, deleted ones, other tags. `signal` ends it early. @returns the keys it touched. */
export async function writeSome(
  s3: S3,
  Bucket: string,
  keys: readonly string[],
  random: Random,
  { times = 20, signal }: { times?: number; signal?: AbortSignal } = {},
): Promise<string[]> {
  const touched: string[] = [];
  for (let n = 0; n < times && signal?.aborted !== true; n += 1) {
    const dice = random.below(10);
    const Key = dice === 4 || dice === 5 ? `new/${random.below(1_000_000)}` : random.pick(keys);
    touched.push(Key);
    if (dice < 4)
      await s3.putObject({ Bucket, Key, Body: Buffer.from(body(random)), Metadata: { turn: String(n) } });
    else if (dice < 6) await s3.putObject({ Bucket, Key, Body: Buffer.from(body(random)) });
    else if (dice < 8) await s3.deleteObject({ Bucket, Key });
    else await retag(s3, Bucket, Key, String(n));
  }
  return touched;
}

async function retag(s3: S3, Bucket: string, Key: string, Value: string): Promise<void> {
  try {
    await s3.putObjectTagging({ Bucket, Key, Tagging: { TagSet: [{ Key: 'turn', Value }] } });
  } catch (error) {
    const gone = error instanceof Error && ['NoSuchKey', 'MethodNotAllowed'].includes(error.name);
    if (!gone) throw error;
  }
}

export async function read(s3: S3, Bucket: string, Key: string, VersionId?: string): Promise<Buffer> {
  const { Body } = await s3.getObject({ Bucket, Key, ...(VersionId === undefined ? {} : { VersionId }) });
  const chunks: Uint8Array[] = [];
  for await (const chunk of Body as Readable) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
