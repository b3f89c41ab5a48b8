import type { BucketCheckId, CheckResult } from '../../domain/verdict.ts';
import { askCheck, type Check } from '../check.ts';
import type { FirstQuery, ProbeHooks, Reach, Spoilt } from '../engine.ts';
import type { Bucket } from './bucket.ts';
import { content } from './checks/content.ts';
import { metadata } from './checks/metadata.ts';
import { objects } from './checks/objects.ts';
import type { BucketCheckContext } from './copy.ts';
import { spoil, type SpoilBucket } from './spoil.ts';
import { takeManifest, type ManifestRequest, type TakenManifest } from './take-manifest.ts';

/** One kind of bucket: what {@link Engine} is for databases. Names and values of objects never leave the prober's disk. */
export interface BucketEngine {
  fingerprint(bucket: Bucket, request: ManifestRequest, hooks: ProbeHooks): Promise<TakenManifest>;
  check(id: BucketCheckId, context: BucketCheckContext, hooks: ProbeHooks): Promise<CheckResult>;
  firstQuery(bucket: Bucket, hooks: ProbeHooks): Promise<FirstQuery>;
  spoil(bucket: Bucket, request: SpoilBucket, hooks: ProbeHooks): Promise<Spoilt | null>;
  /** Whether the bucket can be listed with the credentials that `bucket` has; never throws. */
  reach(bucket: Bucket): Promise<Reach>;
}

export const BUCKET_CHECKS: Readonly<Record<BucketCheckId, Check<BucketCheckContext>>> = {
  objects,
  content,
  metadata,
};

export const s3: BucketEngine = {
  fingerprint: takeManifest,
  // What S3 refuses for good is refused version by version, and counted; the rest is worth asking again.
  check: (id, context, hooks) =>
    askCheck(BUCKET_CHECKS[id], context, hooks, (error): error is Error => error instanceof RangeError),
  firstQuery,
  spoil,
  reach,
};

async function firstQuery(bucket: Bucket, hooks: ProbeHooks): Promise<FirstQuery> {
  const startedAt = hooks.now();
  hooks.heartbeat('listing');
  await bucket.list(null);
  const at = hooks.now();
  return {
    seconds: (at.getTime() - startedAt.getTime()) / 1000,
    at: at.toISOString(),
    serverVersion: 'S3',
    inRecovery: false,
  };
}

async function reach(bucket: Bucket): Promise<Reach> {
  try {
    await bucket.list(null);
    return { reached: true, how: 'it could be listed' };
  } catch (error) {
    return { reached: false, how: error instanceof Error ? error.name : 'unknown' };
  }
}
