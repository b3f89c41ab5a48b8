import { CreateBucketCommand, PutBucketPolicyCommand, PutPublicAccessBlockCommand } from '@aws-sdk/client-s3';
import { isNamed } from './administrators.ts';
import type { Administrators } from './administrators.ts';
import { LEDGER_BUCKET, VAULT } from './plan.ts';
import { policyDocument } from './templates.ts';
import type { Placeholders } from './templates.ts';

/**
 * The bucket of the evidence: Object Lock from its first day (which turns versioning on for good), no public access, one policy.
 * A lifecycle rule that removes old versions below `clock/` is left to AWS proper (infra/iam/README.md): it only saves storage.
 */
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
}
