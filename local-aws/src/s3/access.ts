import type { Authorizer } from '../auth/authorize.ts';
import { parsePolicy } from '../auth/policy-document.ts';
import type { Clock, ConditionContext, KeyAccess } from '../platform.ts';
import { awsError } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import { accessDenied, noSuchBucket, noSuchKey } from './errors.ts';
import { isPublic } from './public-policy.ts';
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

  /**
   * @param key present for actions on objects.
   * @param options.anyRegion for the source of a copy, which the destination's region fetches.
   */
  bucket(
    call: Call,
    input: BucketInput,
    action: string,
    key?: string,
    context: ConditionContext = {},
    options: { readonly anyRegion?: boolean } = {},
  ): BucketRecord {
    const bucket = this.locate(call, input, options);
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
    if (isKeptOut(call, bucket)) throw accessDenied();
    this.parts.authorizer.authorize(call, action, arnOf(bucket.name, key), context, policyOf(bucket));
  }

  may(call: Call, bucket: BucketRecord, action: string, key?: string): boolean {
    const { allowed } = this.parts.authorizer.decide(
      call,
      action,
      arnOf(bucket.name, key),
      {},
      policyOf(bucket),
    );
    return allowed && !isKeptOut(call, bucket);
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
  locate(
    call: Call,
    { Bucket = '', ExpectedBucketOwner }: BucketInput,
    { anyRegion = false }: { readonly anyRegion?: boolean } = {},
  ): BucketRecord {
    const bucket = this.parts.store.buckets.get(Bucket);
    if (!bucket) throw noSuchBucket(Bucket);
    if (ExpectedBucketOwner !== undefined && ExpectedBucketOwner !== bucket.accountId) throw accessDenied();
    if (bucket.region !== call.region && !anyRegion) {
      throw awsError({
        code: 'PermanentRedirect',
        status: 301,
        message:
          'The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.',
        headers: { 'x-amz-bucket-region': bucket.region },
        details: { Bucket, Endpoint: `${Bucket}.s3.${bucket.region}.amazonaws.com` },
        service: 's3',
      });
    }
    return bucket;
  }
}

/** RestrictPublicBuckets: under a public policy only the owner's account gets in. */
function isKeptOut(call: Call, { publicAccessBlock, policy, accountId }: BucketRecord): boolean {
  if (call.accountId === accountId || policy === undefined) return false;
  return publicAccessBlock?.['RestrictPublicBuckets'] === true && isPublic(parsePolicy(policy, 'resource'));
}

export function arnOf(bucket: string, key?: string): string {
  return key === undefined ? `arn:aws:s3:::${bucket}` : `arn:aws:s3:::${bucket}/${key}`;
}

export function policyOf(bucket: BucketRecord): { resourcePolicy?: string; ownerAccountId: string } {
  return {
    ownerAccountId: bucket.accountId,
    ...(bucket.policy === undefined ? {} : { resourcePolicy: bucket.policy }),
  };
}
