import * as S3 from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { Laboratory, policy, PRODUCTION, VAULT } from './support/local-aws.ts';
import { presign } from './support/presign.ts';

let lab: Laboratory;
let s3: S3.S3Client;
const Bucket = 'objects-under-test';
const LocationConstraint = 'eu-central-1';

beforeAll(async () => {
  lab = await Laboratory.start();
  s3 = lab.s3();
  await s3.send(new S3.CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint } }));
  await s3.send(
    new S3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
});
afterAll(() => lab.close());

const put = (
  Key: string,
  Body: string | Uint8Array | Readable,
  more: Partial<S3.PutObjectCommandInput> = {},
) => s3.send(new S3.PutObjectCommand({ Bucket, Key, Body, ...more }));
const text = async (Key: string, more: Partial<S3.GetObjectCommandInput> = {}) =>
  (
    await s3.send(new S3.GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED', ...more }))
  ).Body!.transformToString();

test.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
  'a %s checksum is verified, kept and given back, for buffers and streams',
  async (ChecksumAlgorithm) => {
    const body = randomBytes(100_000);
    const buffered = await put(`buffer-${ChecksumAlgorithm}`, body, { ChecksumAlgorithm });
    const streamed = await put(
      `stream-${ChecksumAlgorithm}`,
      Readable.from([body.subarray(0, 70_000), body.subarray(70_000)]),
      { ChecksumAlgorithm, ContentLength: body.length },
    );
    const member = `Checksum${ChecksumAlgorithm}` as const;
    expect(streamed[member]).toBe(buffered[member]);
    const read = await s3.send(
      new S3.GetObjectCommand({ Bucket, Key: `stream-${ChecksumAlgorithm}`, ChecksumMode: 'ENABLED' }),
    );
    expect(read[member]).toBe(buffered[member]);
    expect(Buffer.compare(await read.Body!.transformToByteArray(), body)).toBe(0);
    if (ChecksumAlgorithm === 'SHA256')
      expect(read.ChecksumSHA256).toBe(createHash('sha256').update(body).digest('base64'));
  },
);

test('a body that is not the one of its checksum is refused, and leaves nothing', async () => {
  await expect(
    put('wrong', 'body', { ChecksumSHA256: Buffer.alloc(32).toString('base64') }),
  ).rejects.toMatchObject({ name: 'BadDigest' });
  await expect(
    put('wrong', 'body', { ContentMD5: Buffer.alloc(16).toString('base64') }),
  ).rejects.toMatchObject({ name: 'BadDigest' });
  await expect(text('wrong')).rejects.toThrow(S3.NoSuchKey);
});

test('if-none-match: * writes once, also when many try at the same moment', async () => {
  const attempts = await Promise.allSettled(
    Array.from({ length: 12 }, (_, n) => put('once', `writer ${n}`, { IfNoneMatch: '*' })),
  );
  expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const attempt of attempts)
    if (attempt.status === 'rejected')
      expect(attempt.reason).toMatchObject({
        name: 'PreconditionFailed',
        $metadata: { httpStatusCode: 412 },
      });
  const { Versions } = await s3.send(new S3.ListObjectVersionsCommand({ Bucket, Prefix: 'once' }));
  expect(Versions).toHaveLength(1);
});

test('a delete marker counts as absent for if-none-match', async () => {
  await put('again', '1');
  await s3.send(new S3.DeleteObjectCommand({ Bucket, Key: 'again' }));
  await put('again', '2', { IfNoneMatch: '*' });
  expect(await text('again')).toBe('2');
});

test('if-match replaces only what it knows', async () => {
  const { ETag } = await put('cas', '1');
  await put('cas', '2', { IfMatch: ETag });
  await expect(put('cas', '3', { IfMatch: ETag })).rejects.toMatchObject({ name: 'PreconditionFailed' });
  await expect(put('cas-absent', '3', { IfMatch: ETag })).rejects.toMatchObject({ name: 'NoSuchKey' });
});

test('each version stays readable by its id; the newest is current', async () => {
  const first = await put('v', 'one');
  await put('v', 'two');
  expect(await text('v')).toBe('two');
  expect(await text('v', { VersionId: first.VersionId })).toBe('one');
  await expect(text('v', { VersionId: 'x'.repeat(32) })).rejects.toMatchObject({ name: 'NoSuchVersion' });
  await expect(text('v', { VersionId: 'nonsense' })).rejects.toMatchObject({ name: 'InvalidArgument' });
});

test('deleting puts a marker on top, and removing the marker brings the object back', async () => {
  await put('marked', 'still here');
  const gone = await s3.send(new S3.DeleteObjectCommand({ Bucket, Key: 'marked' }));
  expect(gone.DeleteMarker).toBe(true);
  await expect(text('marked')).rejects.toMatchObject({
    name: 'NoSuchKey',
    $response: { headers: { 'x-amz-delete-marker': 'true' } },
  });
  await expect(text('marked', { VersionId: gone.VersionId })).rejects.toMatchObject({
    name: 'MethodNotAllowed',
    $metadata: { httpStatusCode: 405 },
  });
  await s3.send(new S3.DeleteObjectCommand({ Bucket, Key: 'marked', VersionId: gone.VersionId }));
  expect(await text('marked')).toBe('still here');
});

test('ranges and conditional reads', async () => {
  const { ETag } = await put('alphabet', 'abcdefghij');
  const part = await s3.send(new S3.GetObjectCommand({ Bucket, Key: 'alphabet', Range: 'bytes=2-4' }));
  expect(part).toMatchObject({
    ContentRange: 'bytes 2-4/10',
    ContentLength: 3,
    $metadata: { httpStatusCode: 206 },
  });
  expect(await part.Body!.transformToString()).toBe('cde');
  const end = await s3.send(new S3.GetObjectCommand({ Bucket, Key: 'alphabet', Range: 'bytes=-3' }));
  expect(await end.Body!.transformToString()).toBe('hij');
  await expect(text('alphabet', { Range: 'bytes=20-30' })).rejects.toMatchObject({ name: 'InvalidRange' });
  await expect(text('alphabet', { IfNoneMatch: ETag })).rejects.toMatchObject({
    $metadata: { httpStatusCode: 304 },
  });
  await expect(text('alphabet', { IfMatch: '"other"' })).rejects.toMatchObject({
    name: 'PreconditionFailed',
  });
});

test('metadata, headers and tags come back as they were sent; an empty object is an object', async () => {
  await put('dressed', '', {
    Metadata: { origin: 'test' },
    ContentType: 'application/json',
    CacheControl: 'no-store',
    Tagging: 'a=b&c=d',
  });
  const head = await s3.send(new S3.HeadObjectCommand({ Bucket, Key: 'dressed' }));
  expect(head).toMatchObject({
    ContentLength: 0,
    ContentType: 'application/json',
    CacheControl: 'no-store',
    Metadata: { origin: 'test' },
  });
  const { TagSet } = await s3.send(new S3.GetObjectTaggingCommand({ Bucket, Key: 'dressed' }));
  expect(TagSet).toEqual([
    { Key: 'a', Value: 'b' },
    { Key: 'c', Value: 'd' },
  ]);
});

test.each(['plain', 'with space', 'a/b/c', 'ü+日本&=?#%', '..dots..', "quote's (paren)!*"])(
  'the key «%s» is kept exactly',
  async (Key) => {
    await put(Key, Key);
    expect(await text(Key)).toBe(Key);
    const { Contents } = await s3.send(new S3.ListObjectsV2Command({ Bucket, Prefix: Key }));
    expect(Contents?.map((each) => each.Key)).toContain(Key);
  },
);

test('a copy carries content and metadata along', async () => {
  const { VersionId } = await put('original ü', 'text', {
    Metadata: { m: '1' },
    ChecksumAlgorithm: 'SHA256',
  });
  await put('original ü', 'later');
  const CopySource = `${Bucket}/${encodeURIComponent('original ü')}?versionId=${VersionId!}`;
  await s3.send(new S3.CopyObjectCommand({ Bucket, Key: 'copied', CopySource }));
  expect(await text('copied')).toBe('text');
  expect((await s3.send(new S3.HeadObjectCommand({ Bucket, Key: 'copied' }))).Metadata).toEqual({ m: '1' });
});

test('an upload that breaks off leaves no object', async () => {
  const url = await presign(lab, `/${Bucket}/broken`, 'PUT', new Date(), 60);
  await new Promise<void>((resolve) => {
    const upload = request(url, { method: 'PUT', headers: { 'content-length': 10_000 } });
    upload.on('error', () => resolve());
    upload.write(Buffer.alloc(1000), () => upload.destroy());
    upload.on('close', resolve);
  });
  await expect(text('broken')).rejects.toThrow(S3.NoSuchKey);
});

test('a bucket is global, has one owner and one region, and must be empty to go', async () => {
  const vault = lab.s3(lab.admin(VAULT));
  await expect(
    vault.send(new S3.CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint } })),
  ).rejects.toThrow(S3.BucketAlreadyExists);
  await expect(
    s3.send(new S3.CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint } })),
  ).rejects.toThrow(S3.BucketAlreadyOwnedByYou);
  await expect(
    s3.send(
      new S3.CreateBucketCommand({
        Bucket: 'elsewhere',
        CreateBucketConfiguration: { LocationConstraint: 'us-west-2' },
      }),
    ),
  ).rejects.toMatchObject({
    name: 'IllegalLocationConstraintException',
  });
  await expect(
    lab.s3(undefined, 'us-east-1').send(new S3.GetBucketVersioningCommand({ Bucket })),
  ).rejects.toMatchObject({ $metadata: { httpStatusCode: 301 } });
  await expect(s3.send(new S3.DeleteBucketCommand({ Bucket }))).rejects.toMatchObject({
    name: 'BucketNotEmpty',
  });
  await expect(s3.send(new S3.HeadBucketCommand({ Bucket: 'no-such-bucket-here' }))).rejects.toMatchObject({
    $metadata: { httpStatusCode: 404 },
  });
  await expect(
    s3.send(new S3.HeadBucketCommand({ Bucket, ExpectedBucketOwner: VAULT })),
  ).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
});

test('another account reads only what the bucket policy grants', async () => {
  const vault = lab.s3(lab.admin(VAULT));
  await put('shared/a', 'open');
  await put('private/a', 'closed');
  const read = (Key: string) => vault.send(new S3.GetObjectCommand({ Bucket, Key }));
  await expect(read('shared/a')).rejects.toThrow(S3.AccessDenied);
  const grant = {
    Effect: 'Allow',
    Principal: { AWS: `arn:aws:iam::${VAULT}:root` },
    Action: 's3:GetObject',
    Resource: `arn:aws:s3:::${Bucket}/shared/*`,
  };
  await s3.send(new S3.PutBucketPolicyCommand({ Bucket, Policy: policy(grant) }));
  expect(await (await read('shared/a')).Body!.transformToString()).toBe('open');
  await expect(read('private/a')).rejects.toThrow(S3.AccessDenied);
  const deny = {
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:DeleteObject',
    Resource: `arn:aws:s3:::${Bucket}/shared/*`,
  };
  await s3.send(new S3.PutBucketPolicyCommand({ Bucket, Policy: policy(grant, deny) }));
  await expect(s3.send(new S3.DeleteObjectCommand({ Bucket, Key: 'shared/a' }))).rejects.toThrow(
    S3.AccessDenied,
  );
  await s3.send(new S3.DeleteBucketPolicyCommand({ Bucket }));
});

test('an object under a customer key cannot be read while the key is disabled', async () => {
  const { CreateKeyCommand, DisableKeyCommand, EnableKeyCommand } = await import('@aws-sdk/client-kms');
  const key = (await lab.kms().send(new CreateKeyCommand({}))).KeyMetadata!;
  await put('sealed', 'secret', { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: key.Arn! });
  expect(await text('sealed')).toBe('secret');
  await lab.kms().send(new DisableKeyCommand({ KeyId: key.KeyId! }));
  await expect(text('sealed')).rejects.toMatchObject({ name: 'KMS.DisabledException' });
  await lab.kms().send(new EnableKeyCommand({ KeyId: key.KeyId! }));
  expect(await text('sealed')).toBe('secret');
});

test('everything is there after a restart', async () => {
  const { VersionId } = await put('kept', 'through restarts', { Metadata: { m: 'n' } });
  lab = await lab.restart();
  s3 = lab.s3();
  const read = await s3.send(new S3.GetObjectCommand({ Bucket, Key: 'kept', VersionId }));
  expect(await read.Body!.transformToString()).toBe('through restarts');
  expect(read.Metadata).toEqual({ m: 'n' });
  expect(lab.admin(PRODUCTION).accessKeyId).toMatch(/^AKIA/);
});
