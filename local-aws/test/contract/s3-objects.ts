import { expect } from '@jest/globals';
import { createHash } from 'node:crypto';
import { contractTest, type Safety } from '../support/contract.ts';
import { makeBucket, VERSIONED } from './buckets.ts';

const REQUESTS: Safety = { safeOnRealAws: true, cost: 'some S3 requests, less than $0.001' };
const status = (httpStatusCode: number) => ({ $metadata: { httpStatusCode } });

/** Versions, conditions, checksums, ranges, listings, copies. */
export function s3Objects(): void {
  contractTest(
    'S3 keeps every version, newest first; a deletion hides them and can be taken back',
    REQUESTS,
    async (aws) => {
      const Bucket = await makeBucket(aws, 'versions', VERSIONED);
      const Key = 'a key/with ü + signs';
      const first = await aws.s3.putObject({ Bucket, Key, Body: 'first' });
      const second = await aws.s3.putObject({ Bucket, Key, Body: 'second' });
      expect(first.VersionId).not.toBe(second.VersionId);
      const { Versions } = await aws.s3.listObjectVersions({ Bucket });
      expect(Versions?.map(({ VersionId, IsLatest }) => [VersionId, IsLatest])).toEqual([
        [second.VersionId, true],
        [first.VersionId, false],
      ]);
      const marker = await aws.s3.deleteObject({ Bucket, Key });
      expect(marker).toMatchObject({ DeleteMarker: true });
      await expect(aws.s3.getObject({ Bucket, Key })).rejects.toMatchObject({
        ...{ name: 'NoSuchKey', Code: 'NoSuchKey', Key, ...status(404) },
      });
      const old = await aws.s3.getObject({ Bucket, Key, VersionId: first.VersionId });
      expect(await old.Body?.transformToString()).toBe('first');
      await expect(aws.s3.getObject({ Bucket, Key, VersionId: marker.VersionId })).rejects.toMatchObject({
        ...{ name: 'MethodNotAllowed', ...status(405) },
      });
      await aws.s3.deleteObject({ Bucket, Key, VersionId: marker.VersionId });
      const back = await aws.s3.getObject({ Bucket, Key });
      expect(await back.Body?.transformToString()).toBe('second');
    },
  );

  contractTest(
    'S3 writes under a condition only where it holds, and of several first writers one wins',
    REQUESTS,
    async (aws) => {
      const Bucket = await makeBucket(aws, 'conditions');
      const { ETag } = await aws.s3.putObject({ Bucket, Key: 'one', Body: 'one', IfNoneMatch: '*' });
      const refused = { name: 'PreconditionFailed', ...status(412) };
      await expect(
        aws.s3.putObject({ Bucket, Key: 'one', Body: 'two', IfNoneMatch: '*' }),
      ).rejects.toMatchObject(refused);
      await expect(
        aws.s3.putObject({ Bucket, Key: 'one', Body: 'two', IfMatch: '"00000000000000000000000000000000"' }),
      ).rejects.toMatchObject(refused);
      await aws.s3.putObject({ Bucket, Key: 'one', Body: 'two', IfMatch: ETag });
      await expect(aws.s3.getObject({ Bucket, Key: 'one', IfMatch: ETag })).rejects.toMatchObject(refused);
      const { ETag: now } = await aws.s3.headObject({ Bucket, Key: 'one' });
      await expect(aws.s3.getObject({ Bucket, Key: 'one', IfNoneMatch: now })).rejects.toMatchObject(
        status(304),
      );
      const writes = await Promise.allSettled(
        Array.from({ length: 5 }, (_, n) =>
          aws.s3.putObject({ Bucket, Key: 'race', Body: `writer ${n}`, IfNoneMatch: '*' }),
        ),
      );
      expect(writes.filter(({ status: how }) => how === 'fulfilled')).toHaveLength(1);
      for (const write of writes)
        if (write.status === 'rejected')
          expect(['PreconditionFailed', 'ConditionalRequestConflict']).toContain(
            (write.reason as Error).name,
          );
    },
  );

  contractTest(
    'S3 computes, keeps and compares the checksum that the client chose',
    REQUESTS,
    async (aws) => {
      const Bucket = await makeBucket(aws, 'checksums');
      const Body = '123456789'; // the text that check values of CRCs are of
      const sha = (name: string) => createHash(name).update(Body).digest('base64');
      const expected = {
        ...{ CRC32: 'y/Q5Jg==', CRC32C: '4waSgw==', CRC64NVME: 'rosUhgp5mIg=' },
        ...{ SHA1: sha('sha1'), SHA256: sha('sha256') },
      };
      for (const [algorithm, value] of Object.entries(expected)) {
        const known = { [`Checksum${algorithm}`]: value };
        const ChecksumAlgorithm = algorithm as keyof typeof expected;
        const put = await aws.s3.putObject({ Bucket, Key: algorithm, Body, ChecksumAlgorithm });
        expect(put).toMatchObject({ ...known, ChecksumType: 'FULL_OBJECT' });
        expect(put.ETag).toBe(`"${createHash('md5').update(Body).digest('hex')}"`);
        const head = await aws.s3.headObject({ Bucket, Key: algorithm, ChecksumMode: 'ENABLED' });
        expect(head).toMatchObject(known);
      }
      const other = createHash('sha256').update('something else').digest('base64');
      await expect(
        aws.s3.putObject({ Bucket, Key: 'wrong', Body, ChecksumSHA256: other }),
      ).rejects.toMatchObject({ name: 'BadDigest', ...status(400) });
      await expect(aws.s3.headObject({ Bucket, Key: 'wrong' })).rejects.toMatchObject(status(404));
    },
  );

  contractTest('S3 gives ranges, and refuses those that lie outside', REQUESTS, async (aws) => {
    const Bucket = await makeBucket(aws, 'ranges');
    await aws.s3.putObject({ Bucket, Key: 'digits', Body: '0123456789' });
    const range = async (Range: string) => {
      const { Body, ContentRange } = await aws.s3.getObject({ Bucket, Key: 'digits', Range });
      return [await Body?.transformToString(), ContentRange];
    };
    expect(await range('bytes=2-4')).toEqual(['234', 'bytes 2-4/10']);
    expect(await range('bytes=-3')).toEqual(['789', 'bytes 7-9/10']);
    expect(await range('bytes=8-99')).toEqual(['89', 'bytes 8-9/10']);
    await expect(range('bytes=10-')).rejects.toMatchObject({ name: 'InvalidRange', ...status(416) });
  });

  contractTest('S3 lists keys by their UTF-8 bytes, by pages, and folders as one', REQUESTS, async (aws) => {
    const Bucket = await makeBucket(aws, 'listing');
    for (const Key of ['b', 'é', 'a/2', 'a/1', 'Z', 'c/1'])
      await aws.s3.putObject({ Bucket, Key, Body: 'x' });
    const seen: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await aws.s3.listObjectsV2({ Bucket, MaxKeys: 4, Delimiter: '/', ContinuationToken });
      expect(page.KeyCount).toBe((page.Contents?.length ?? 0) + (page.CommonPrefixes?.length ?? 0));
      expect(page.KeyCount).toBeLessThanOrEqual(4);
      expect(page.IsTruncated).toBe(page.NextContinuationToken !== undefined);
      seen.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
      seen.push(...(page.CommonPrefixes ?? []).map(({ Prefix = '' }) => Prefix));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    expect([...seen].sort()).toEqual(['Z', 'a/', 'b', 'c/', 'é'].sort());
    const all = await aws.s3.listObjectsV2({ Bucket, StartAfter: 'Z' });
    expect(all.Contents?.map(({ Key }) => Key)).toEqual(['a/1', 'a/2', 'b', 'c/1', 'é']);
  });

  contractTest(
    'S3 copies content with its metadata unless told otherwise, and refuses to copy onto itself for nothing',
    REQUESTS,
    async (aws) => {
      const Bucket = await makeBucket(aws, 'copies');
      const Metadata = { origin: 'contract' };
      const { ETag } = await aws.s3.putObject({
        ...{ Bucket, Key: 'from', Body: 'text', Metadata, ContentType: 'text/plain', Tagging: 'team=orders' },
      });
      const CopySource = `${Bucket}/from`;
      const { CopyObjectResult } = await aws.s3.copyObject({ Bucket, Key: 'to', CopySource });
      expect(CopyObjectResult?.ETag).toBe(ETag);
      expect(await aws.s3.headObject({ Bucket, Key: 'to' })).toMatchObject({
        ...{ Metadata, ContentType: 'text/plain', ContentLength: 4, ETag },
      });
      expect((await aws.s3.getObjectTagging({ Bucket, Key: 'to' })).TagSet).toEqual([
        { Key: 'team', Value: 'orders' },
      ]);
      const dressed = { Metadata: { origin: 'new' }, MetadataDirective: 'REPLACE' } as const;
      await aws.s3.copyObject({ Bucket, Key: 'dressed', CopySource, ...dressed });
      expect((await aws.s3.headObject({ Bucket, Key: 'dressed' })).Metadata).toEqual({ origin: 'new' });
      await expect(aws.s3.copyObject({ Bucket, Key: 'from', CopySource })).rejects.toMatchObject({
        ...{ name: 'InvalidRequest', ...status(400) },
      });
    },
  );

  contractTest('S3 says which bucket is not there, and which is not empty', REQUESTS, async (aws) => {
    const Bucket = aws.name('never-made');
    await expect(aws.s3.listObjectsV2({ Bucket })).rejects.toMatchObject({
      ...{ name: 'NoSuchBucket', BucketName: Bucket, ...status(404) },
    });
    const full = await makeBucket(aws, 'full');
    await aws.s3.putObject({ Bucket: full, Key: 'one', Body: 'x' });
    await expect(aws.s3.deleteBucket({ Bucket: full })).rejects.toMatchObject({
      ...{ name: 'BucketNotEmpty', BucketName: full, ...status(409) },
    });
  });
}
