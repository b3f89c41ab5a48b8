import * as S3 from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { Laboratory } from './support/local-aws.ts';

let lab: Laboratory;
let s3: S3.S3Client;
const Bucket = 'lists-under-test';
const KEYS = ['a/1', 'a/2', 'a/b/3', 'b', 'c/1', 'd', 'e e', 'ü'];

beforeAll(async () => {
  lab = await Laboratory.start();
  s3 = lab.s3(undefined, 'us-east-1');
  await s3.send(new S3.CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  for (const Key of [...KEYS].reverse()) await s3.send(new S3.PutObjectCommand({ Bucket, Key, Body: Key }));
  await s3.send(new S3.PutObjectCommand({ Bucket, Key: 'b', Body: 'newer' }));
  await s3.send(new S3.DeleteObjectCommand({ Bucket, Key: 'd' }));
});
afterAll(() => lab.close());

test.each([1, 2, 3, 7, 1000])(
  'pages of %d together hold every current key once, in order',
  async (MaxKeys) => {
    const keys: string[] = [];
    for await (const page of S3.paginateListObjectsV2({ client: s3, pageSize: MaxKeys }, { Bucket })) {
      expect(page.Contents?.length ?? 0).toBeLessThanOrEqual(MaxKeys);
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key!));
    }
    expect(keys).toEqual(KEYS.filter((key) => key !== 'd'));
  },
);

test.each([1, 2, 1000])('with a delimiter, in pages of %d, folders appear once', async (MaxKeys) => {
  const seen: string[] = [];
  for await (const page of S3.paginateListObjectsV2(
    { client: s3, pageSize: MaxKeys },
    { Bucket, Delimiter: '/' },
  )) {
    seen.push(
      ...(page.Contents ?? []).map(({ Key }) => Key!),
      ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix!),
    );
  }
  expect(seen.sort()).toEqual(['a/', 'b', 'c/', 'e e', 'ü']);
});

test.each([1, 2, 3, 1000])(
  'version pages of %d hold every version and marker once, newest first per key',
  async (MaxKeys) => {
    const seen: string[] = [];
    let next: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
    for (;;) {
      const page: S3.ListObjectVersionsCommandOutput = await s3.send(
        new S3.ListObjectVersionsCommand({ Bucket, MaxKeys, ...next }),
      );
      const all = [
        ...(page.Versions ?? []).map((each) => ({ ...each, marker: '' })),
        ...(page.DeleteMarkers ?? []).map((each) => ({ ...each, marker: ' marker' })),
      ];
      seen.push(
        ...all.map(
          ({ Key, VersionId, IsLatest, marker }) =>
            `${Key!} ${VersionId!}${IsLatest ? ' latest' : ''}${marker}`,
        ),
      );
      if (!page.IsTruncated) break;
      next = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(KEYS.length + 2);
    expect(seen.filter((line) => line.endsWith('latest') || line.endsWith('latest marker'))).toHaveLength(
      KEYS.length,
    );
    const ofB = seen.filter((line) => line.startsWith('b '));
    expect(ofB[0]).toMatch(/latest$/);
  },
);

test('the older listing and url encoding work, too', async () => {
  const page = await s3.send(new S3.ListObjectsCommand({ Bucket, MaxKeys: 3, Marker: 'a/2' }));
  expect(page.Contents?.map(({ Key }) => Key)).toEqual(['a/b/3', 'b', 'c/1']);
  expect(page.IsTruncated).toBe(true);
  const encoded = await s3.send(new S3.ListObjectsV2Command({ Bucket, Prefix: 'e', EncodingType: 'url' }));
  expect(encoded.Contents?.[0]?.Key).toBe('e+e');
});

test('an upload in parts becomes one object, under lock, with a composite checksum', async () => {
  const target = { Bucket, Key: 'parts/big' };
  const ObjectLockRetainUntilDate = new Date(Date.now() + 86_400_000);
  const { UploadId } = await s3.send(
    new S3.CreateMultipartUploadCommand({
      ...target,
      ChecksumAlgorithm: 'SHA256',
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate,
    }),
  );
  const bodies = [randomBytes(5 * 1024 * 1024), randomBytes(1000)];
  const Parts: S3.CompletedPart[] = [];
  for (const [index, Body] of bodies.entries()) {
    const { ETag, ChecksumSHA256 } = await s3.send(
      new S3.UploadPartCommand({
        ...target,
        UploadId,
        PartNumber: index + 1,
        Body,
        ChecksumAlgorithm: 'SHA256',
      }),
    );
    Parts.push({ PartNumber: index + 1, ETag, ChecksumSHA256 });
  }
  const unlisted = Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
  await expect(
    s3.send(
      new S3.CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts: unlisted } }),
    ),
  ).rejects.toMatchObject({ name: 'InvalidRequest' });
  const reversed = [...Parts].reverse();
  await expect(
    s3.send(
      new S3.CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts: reversed } }),
    ),
  ).rejects.toMatchObject({ name: 'InvalidPartOrder' });
  const done = await s3.send(
    new S3.CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }),
  );
  expect(done.ChecksumSHA256).toMatch(/-2$/);
  expect(done.ETag).toMatch(/-2"$/);
  const read = await s3.send(new S3.GetObjectCommand(target));
  expect(Buffer.compare(await read.Body!.transformToByteArray(), Buffer.concat(bodies))).toBe(0);
  await expect(s3.send(new S3.DeleteObjectCommand({ ...target, VersionId: done.VersionId }))).rejects.toThrow(
    S3.AccessDenied,
  );
  await expect(s3.send(new S3.ListPartsCommand({ ...target, UploadId }))).rejects.toThrow(S3.NoSuchUpload);
});

test('parts that are too small are refused, and an aborted upload is gone', async () => {
  const target = { Bucket, Key: 'parts/small' };
  const { UploadId } = await s3.send(new S3.CreateMultipartUploadCommand(target));
  const Parts: S3.CompletedPart[] = [];
  for (const PartNumber of [1, 2]) {
    const { ETag } = await s3.send(
      new S3.UploadPartCommand({ ...target, UploadId, PartNumber, Body: 'tiny' }),
    );
    Parts.push({ PartNumber, ETag });
  }
  await expect(
    s3.send(new S3.CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } })),
  ).rejects.toMatchObject({ name: 'EntityTooSmall' });
  await s3.send(new S3.AbortMultipartUploadCommand({ ...target, UploadId }));
  await expect(
    s3.send(new S3.UploadPartCommand({ ...target, UploadId, PartNumber: 1, Body: 'x' })),
  ).rejects.toThrow(S3.NoSuchUpload);
  await expect(s3.send(new S3.HeadObjectCommand(target))).rejects.toThrow(S3.NotFound);
});
