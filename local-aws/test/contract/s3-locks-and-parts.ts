import { expect } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { contractTest, type Safety } from '../support/contract.ts';
import { makeBucket, VERSIONED } from './buckets.ts';

const UPLOAD: Safety = { safeOnRealAws: true, cost: 'some 10 MB of S3 for a minute, less than $0.001' };
const DAY_MS = 86_400_000;
const denied = { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } };
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();

/** Object Lock, and uploads in parts. */
export function s3LocksAndParts(): void {
  contractTest(
    'Object Lock in GOVERNANCE holds a version against everybody who does not ask for the bypass',
    UPLOAD,
    async (aws) => {
      const Bucket = await makeBucket(aws, 'governance', VERSIONED);
      const until = new Date(Date.now() + DAY_MS);
      const { VersionId } = await aws.s3.putObject({
        ...{ Bucket, Key: 'held', Body: 'held', ChecksumAlgorithm: 'SHA256' },
        ...{ ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: until },
      });
      const version = { Bucket, Key: 'held', VersionId };
      await expect(aws.s3.deleteObject(version)).rejects.toMatchObject(denied);
      const sooner = new Date(until.getTime() - DAY_MS / 2);
      const shorter = { ...version, Retention: { Mode: 'GOVERNANCE', RetainUntilDate: sooner } } as const;
      await expect(aws.s3.putObjectRetention(shorter)).rejects.toMatchObject(denied);
      const { Retention } = await aws.s3.getObjectRetention(version);
      expect(Retention?.Mode).toBe('GOVERNANCE');
      expect(Math.abs(Retention!.RetainUntilDate!.getTime() - until.getTime())).toBeLessThan(1000);
      await aws.s3.putObjectRetention({ ...shorter, BypassGovernanceRetention: true });
      await aws.s3.deleteObject({ ...version, BypassGovernanceRetention: true });
      await expect(aws.s3.headObject(version)).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
    },
  );

  contractTest('a legal hold keeps a version until it is taken off', UPLOAD, async (aws) => {
    const Bucket = await makeBucket(aws, 'hold', VERSIONED);
    const { VersionId } = await aws.s3.putObject({ Bucket, Key: 'held', Body: 'held' });
    const version = { Bucket, Key: 'held', VersionId };
    aws.undo(`legal hold in ${Bucket}`, () =>
      aws.s3.putObjectLegalHold({ ...version, LegalHold: { Status: 'OFF' } }).catch((err: unknown) => {
        if (!['NoSuchVersion', 'NoSuchKey'].includes((err as Error).name)) throw err;
      }),
    );
    await aws.s3.putObjectLegalHold({ ...version, LegalHold: { Status: 'ON' } });
    await expect(aws.s3.deleteObject({ ...version, BypassGovernanceRetention: true })).rejects.toMatchObject(
      denied,
    );
    expect((await aws.s3.getObjectLegalHold(version)).LegalHold).toEqual({ Status: 'ON' });
    await aws.s3.putObjectLegalHold({ ...version, LegalHold: { Status: 'OFF' } });
    await aws.s3.deleteObject(version);
  });

  contractTest(
    'Object Lock in COMPLIANCE yields to nobody',
    { safeOnRealAws: false, why: 'nobody could delete its bucket for a day' },
    async (aws) => {
      const Bucket = aws.name('compliance');
      await aws.s3.createBucket({
        ...{ Bucket, ...VERSIONED },
        CreateBucketConfiguration: { LocationConstraint: aws.region as 'eu-central-1' },
      });
      const { VersionId } = await aws.s3.putObject({
        ...{ Bucket, Key: 'worm', Body: 'worm', ObjectLockMode: 'COMPLIANCE' },
        ObjectLockRetainUntilDate: new Date(Date.now() + DAY_MS),
      });
      const version = { Bucket, Key: 'worm', VersionId, BypassGovernanceRetention: true };
      await expect(aws.s3.deleteObject(version)).rejects.toMatchObject(denied);
      await expect(
        aws.s3.putObjectRetention({
          ...version,
          Retention: { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + 2 * DAY_MS) },
        }),
      ).rejects.toMatchObject(denied);
    },
  );

  contractTest(
    'an upload in parts is one object whose tag and checksum come from the parts',
    UPLOAD,
    async (aws) => {
      const Bucket = await makeBucket(aws, 'parts');
      const target = { Bucket, Key: 'whole' };
      const bodies = [randomBytes(5 * 1024 * 1024), randomBytes(1000)];
      const { UploadId } = await aws.s3.createMultipartUpload({ ...target, ChecksumAlgorithm: 'SHA256' });
      const Parts: { PartNumber: number; ETag?: string; ChecksumSHA256?: string }[] = [];
      for (const [index, Body] of bodies.entries()) {
        const part = {
          ...target,
          UploadId,
          PartNumber: index + 1,
          Body,
          ChecksumAlgorithm: 'SHA256',
        } as const;
        const { ETag = '', ChecksumSHA256 = '' } = await aws.s3.uploadPart(part);
        expect(ETag).toBe(`"${md5(Body).toString('hex')}"`);
        Parts.push({ PartNumber: index + 1, ETag, ChecksumSHA256 });
      }
      const listed = await aws.s3.listParts({ ...target, UploadId });
      expect(listed.Parts?.map(({ Size }) => Size)).toEqual(bodies.map(({ length }) => length));
      const done = await aws.s3.completeMultipartUpload({ ...target, UploadId, MultipartUpload: { Parts } });
      expect(done.ETag).toBe(`"${md5(Buffer.concat(bodies.map(md5))).toString('hex')}-2"`);
      const digests = Parts.map(({ ChecksumSHA256 = '' }) => Buffer.from(ChecksumSHA256, 'base64'));
      const composite = createHash('sha256').update(Buffer.concat(digests)).digest('base64');
      expect(done).toMatchObject({ ChecksumSHA256: `${composite}-2`, ChecksumType: 'COMPOSITE' });
      const second = await aws.s3.getObject({ ...target, PartNumber: 2 });
      expect(second).toMatchObject({ ContentLength: 1000, PartsCount: 2 });
      const whole = await (await aws.s3.getObject(target)).Body?.transformToByteArray();
      expect(Buffer.concat(bodies).equals(whole ?? Buffer.alloc(0))).toBe(true);
    },
  );

  contractTest(
    'parts that are too small, missing or of an ended upload are refused by name',
    UPLOAD,
    async (aws) => {
      const Bucket = await makeBucket(aws, 'bad-parts');
      const target = { Bucket, Key: 'never' };
      const { UploadId } = await aws.s3.createMultipartUpload(target);
      const tags: (string | undefined)[] = [];
      for (const PartNumber of [1, 2])
        tags.push((await aws.s3.uploadPart({ ...target, UploadId, PartNumber, Body: 'small' })).ETag);
      const complete = (...Parts: { PartNumber: number; ETag: string | undefined }[]) =>
        aws.s3.completeMultipartUpload({ ...target, UploadId, MultipartUpload: { Parts } });
      const [first, second] = [
        { PartNumber: 1, ETag: tags[0] },
        { PartNumber: 2, ETag: tags[1] },
      ];
      await expect(complete(first, second)).rejects.toMatchObject({ name: 'EntityTooSmall' });
      await expect(complete(second, first)).rejects.toMatchObject({ name: 'InvalidPartOrder' });
      await expect(complete({ PartNumber: 3, ETag: tags[0] })).rejects.toMatchObject({ name: 'InvalidPart' });
      await aws.s3.abortMultipartUpload({ ...target, UploadId });
      await expect(aws.s3.listParts({ ...target, UploadId })).rejects.toMatchObject({
        ...{ name: 'NoSuchUpload', $metadata: { httpStatusCode: 404 } },
      });
    },
  );
}
