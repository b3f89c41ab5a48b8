import type { CreateBucketCommandInput } from '@aws-sdk/client-s3';
import type { Contract } from '../support/contract.ts';

/** A bucket of the test's own, emptied and deleted after it. */
export async function makeBucket(
  aws: Contract,
  word: string,
  more: Partial<CreateBucketCommandInput> = {},
): Promise<string> {
  const Bucket = aws.name(word);
  aws.undo(`bucket ${Bucket}`, () => emptyAndDelete(aws, Bucket));
  await aws.s3.createBucket({
    Bucket,
    ...(aws.region === 'us-east-1'
      ? {}
      : { CreateBucketConfiguration: { LocationConstraint: aws.region as 'eu-central-1' } }),
    ...more,
  });
  return Bucket;
}

/** Versions are kept from the start where Object Lock is on; switching them on later takes AWS a while. */
export const VERSIONED = { ObjectLockEnabledForBucket: true };

async function emptyAndDelete({ s3 }: Contract, Bucket: string): Promise<void> {
  const locked = await s3.getObjectLockConfiguration({ Bucket }).then(
    () => true,
    () => false,
  );
  const bypass = locked ? { BypassGovernanceRetention: true } : {};
  try {
    for (;;) {
      const { Versions = [], DeleteMarkers = [] } = await s3.listObjectVersions({ Bucket });
      const all = [...Versions, ...DeleteMarkers];
      if (all.length === 0) break;
      for (const { Key, VersionId } of all) await s3.deleteObject({ Bucket, Key, VersionId, ...bypass });
    }
    const { Uploads = [] } = await s3.listMultipartUploads({ Bucket });
    for (const { Key, UploadId } of Uploads) await s3.abortMultipartUpload({ Bucket, Key, UploadId });
    await s3.deleteBucket({ Bucket });
  } catch (err) {
    if ((err as Error).name !== 'NoSuchBucket') throw err;
  }
}
