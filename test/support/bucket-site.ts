import {
  BucketAlreadyOwnedByYou,
  CreateBucketCommand,
  ListBucketsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { AccountName, Policy } from '../../domain/policy/schema.ts';
import { parsePolicy } from '../../domain/policy/parse.ts';
import { administratorClients } from '../../scripts/landing-zone/administrators.ts';
import { DRILL, PRODUCTION } from '../../scripts/landing-zone/plan.ts';
import { PLANTED } from './planted.ts';
import type { WholeSite } from './whole-site.ts';
import { stringify } from 'yaml';

const BUCKET = 'papers-of-people';
/** Objects in the bucket. */
export const OBJECTS = 30;

/** A bucket in the production account of a site, with personal data in keys, metadata, tags and bodies; and a policy that protects it alone. */
export async function bucketPolicy({ zone, environment, administrators }: WholeSite): Promise<Policy> {
  const aws = administratorClients(environment['AWS_ENDPOINT_URL'] ?? '', administrators);
  try {
    const s3 = aws.s3(PRODUCTION);
    await s3
      .send(
        new CreateBucketCommand({
          Bucket: BUCKET,
          CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' },
        }),
      )
      .catch((error: unknown) => {
        if (!(error instanceof BucketAlreadyOwnedByYou)) throw error;
      });
    await s3.send(
      new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration: { Status: 'Enabled' } }),
    );
    for (let n = 0; n < OBJECTS; n += 1)
      await s3.send(
        new PutObjectCommand({
          ...{ Bucket: BUCKET, Key: `people/${PLANTED.email}/${n}`, Body: `${PLANTED.card} ${n}` },
          ...{ Metadata: { author: PLANTED.name }, Tagging: `mail=${encodeURIComponent(PLANTED.email)}` },
        }),
      );
  } finally {
    aws.destroy();
  }
  const resources = [{ name: 'papers', kind: 's3-bucket', arn: `arn:aws:s3:::${BUCKET}` }];
  const parsed = parsePolicy(stringify({ ...zone.policy, resources }), 'bucket.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.policy;
}

/** As its administrator sees them. */
export async function bucketsOf(
  { environment, administrators }: WholeSite,
  account: Extract<AccountName, 'drill'>,
): Promise<string[]> {
  const aws = administratorClients(environment['AWS_ENDPOINT_URL'] ?? '', administrators);
  try {
    const { Buckets = [] } = await aws.s3({ ...DRILL, account }).send(new ListBucketsCommand({}));
    return Buckets.map(({ Name = '' }) => Name);
  } finally {
    aws.destroy();
  }
}
