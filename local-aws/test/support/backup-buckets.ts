import { S3 } from '@aws-sdk/client-s3';
import { backupRole, type Cloud, type Corner } from './database-cloud.ts';

/** What AWS's managed policies for backup and restore of S3 allow, and more. */
const RIGHTS = ['s3:*', 'backup:*', 'kms:*'];

export function s3At({ aws }: Pick<Cloud, 'aws'>, { accountId, region }: Corner): S3 {
  const credentials = aws.accounts[accountId];
  if (!credentials) throw new Error(`There is no account ${accountId}.`);
  return new S3({ endpoint: aws.endpoint, region, maxAttempts: 1, credentials });
}

export async function bucketRole(corner: Corner, name = 'bucket-service'): Promise<string> {
  return backupRole(corner, name, RIGHTS);
}

/** A versioned bucket with one object: the cheapest resource that can be backed up. @returns its ARN */
export async function createBucket(
  cloud: Pick<Cloud, 'aws'>,
  corner: Corner,
  Bucket: string,
  tags: Record<string, string> = {},
): Promise<string> {
  const s3 = s3At(cloud, corner);
  const LocationConstraint = corner.region as 'eu-central-1';
  const elsewhere = corner.region !== 'us-east-1';
  await s3.createBucket({ Bucket, ...(elsewhere && { CreateBucketConfiguration: { LocationConstraint } }) });
  await s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: 'Enabled' } });
  const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  if (TagSet.length > 0) await s3.putBucketTagging({ Bucket, Tagging: { TagSet } });
  await s3.putObject({ Bucket, Key: 'only', Body: 'object' });
  return `arn:aws:s3:::${Bucket}`;
}
