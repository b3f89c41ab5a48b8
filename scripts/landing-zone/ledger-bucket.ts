import {
  CreateBucketCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3';
import { isNamed } from './administrators.ts';
import type { Administrators } from './administrators.ts';
import { LEDGER_BUCKET, VAULT } from './plan.ts';
import { policyDocument } from './templates.ts';
import type { Placeholders } from './templates.ts';

/** The bucket of the evidence: Object Lock from its first day (which turns versioning on for good), no public access, one policy. */
export async function ensureLedgerBucket(aws: Administrators, values: Placeholders): Promise<void> {
  const s3 = aws.s3(VAULT);
  const bucket = { Bucket: LEDGER_BUCKET };
  try {
    await s3.send(new CreateBucketCommand({ ...bucket, ObjectLockEnabledForBucket: true }));
  } catch (error) {
    if (!isNamed(error, 'BucketAlreadyOwnedByYou')) throw error;
  }
  await s3.send(
    new PutPublicAccessBlockCommand({
      ...bucket,
      PublicAccessBlockConfiguration: {
        ...{
          BlockPublicAcls: true,
          IgnorePublicAcls: true,
          BlockPublicPolicy: true,
          RestrictPublicBuckets: true,
        },
      },
    }),
  );
  await s3.send(
    new PutBucketPolicyCommand({ ...bucket, Policy: await policyDocument('ledger-bucket.json', values) }),
  );
  // The only objects without a lock: one that is overwritten to read the clock of S3.
  await s3.send(
    new PutBucketLifecycleConfigurationCommand({
      ...bucket,
      LifecycleConfiguration: {
        Rules: [
          {
            ...{ ID: 'clock', Status: 'Enabled', Filter: { Prefix: 'clock/' } },
            NoncurrentVersionExpiration: { NoncurrentDays: 1 },
          },
        ],
      },
    }),
  );
}
