import type { Authorizer } from '../auth/authorize.ts';
import type { Clock, ConditionContext, KeyAccess } from '../platform.ts';
import { awsError } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import { accessDenied, noSuchBucket, noSuchKey } from './errors.ts';
import type { BucketRecord, DeleteMarker, ObjectVersion } from './records.ts';
import type { S3Store } from './store.ts';

export interface S3Parts {
  readonly store: S3Store;
  readonly clock: Clock;
  readonly keys: KeyAccess;
  readonly authorizer: Authorizer;
}

export interface BucketInput {
  readonly Bucket?: string | undefined;
  readonly ExpectedBucketOwner?: string | undefined;
}

/** Finds buckets and asks whether the caller may: bucket policy, the caller's own policies, owner and region. */
export class S3Access {
  private readonly parts: S3Parts;

  constructor(parts: S3Parts) {
    this.parts = parts;
  }

  /** @param key present for actions on objects. */
  bucket(
    call: Call,
    input: BucketInput,
    action: string,
    key?: string,
    context: ConditionContext = {},
  ): BucketRecord {
    const bucket = this.locate(call, input);
    this.authorize(call, bucket, action, key, context);
    return bucket;
  }

  authorize(
    call: Call,
    bucket: BucketRecord,
    action: string,
    key?: string,
    context: ConditionContext = {},
  ): void {
    this.parts.authorizer.authorize(call, action, arnOf(bucket.name, key), context, policyOf(bucket));
  }

  may(call: Call, bucket: BucketRecord, action: string, key?: string): boolean {
    return this.parts.authorizer.decide(call, action, arnOf(bucket.name, key), {}, policyOf(bucket)).allowed;
  }

  /** Callers who may not list do not learn which keys exist. */
  missing(call: Call, bucket: BucketRecord, key: string, marker?: DeleteMarker): Error {
    return this.may(call, bucket, 's3:ListBucket') ? noSuchKey(key, marker) : accessDenied();
  }

  /** The lock as the caller may see it: without the right to read it, an object looks unlocked. */
  visibleLock(call: Call, bucket: BucketRecord, version: ObjectVersion) {
    const retention = this.may(call, bucket, 's3:GetObjectRetention', version.key)
      ? version.retention
      : undefined;
    const legalHold = this.may(call, bucket, 's3:GetObjectLegalHold', version.key)
      ? version.legalHold
      : undefined;
    return {
      ObjectLockMode: retention?.mode,
      ObjectLockRetainUntilDate: retention && new Date(retention.until),
      ObjectLockLegalHoldStatus: legalHold,
    };
  }

  /** Without asking for any right. */
  locate(call: Call, { Bucket = '', ExpectedBucketOwner }: BucketInput): BucketRecord {
    const bucket = this.parts.store.buckets.get(Bucket);
    if (!bucket) throw noSuchBucket(Bucket);
    if (ExpectedBucketOwner !== undefined && ExpectedBucketOwner !== bucket.accountId) throw accessDenied();
    if (bucket.region !== call.region) {
      throw awsError({
        code: 'PermanentRedirect',
        status: 301,
        message: `The bucket ${Bucket} is in ${bucket.region}; the request was signed for ${call.region}. Use a client of the bucket's region.`,
        headers: { 'x-amz-bucket-region': bucket.region },
        details: { Bucket },
        service: 's3',
      });
    }
    return bucket;
  }
}

export function arnOf(bucket: string, key?: string): string {
  return key === undefined ? `arn:aws:s3:::${bucket}` : `arn:aws:s3:::${bucket}/${key}`;
}

function policyOf(bucket: BucketRecord): { resourcePolicy?: string; ownerAccountId: string } {
  return {
    ownerAccountId: bucket.accountId,
    ...(bucket.policy === undefined ? {} : { resourcePolicy: bucket.policy }),
  };
}
