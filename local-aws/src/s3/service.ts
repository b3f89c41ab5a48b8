import type * as S3 from '@aws-sdk/client-s3';
import { join } from 'node:path';
import type { Authorizer } from '../auth/authorize.ts';
import type { Platform } from '../platform.ts';
import { defineService, type Handlers, type Service } from '../wire/handlers.ts';
import { S3Access, type S3Parts } from './access.ts';
import { createBlobStore } from './blobs.ts';
import { aclHandlers } from './acl-handlers.ts';
import { attributesHandlers } from './attributes-handlers.ts';
import { bucketHandlers } from './bucket-handlers.ts';
import { copyHandlers } from './copy-handlers.ts';
import { deleteHandlers } from './delete-handlers.ts';
import { checkDocument } from './document-check.ts';
import { encryptionHandlers } from './encryption-handlers.ts';
import { lifecycleHandlers } from './lifecycle-handlers.ts';
import { LifecycleSweep } from './lifecycle-sweep.ts';
import { listingHandlers } from './listing-handlers.ts';
import { lockHandlers } from './lock-handlers.ts';
import { partHandlers } from './part-handlers.ts';
import { policyHandlers } from './policy-handlers.ts';
import { putHandlers } from './put-handlers.ts';
import { readHandlers } from './read-handlers.ts';
import type { BucketRecord, PartRecord, UploadRecord, Version } from './records.ts';
import { replicationHandlers } from './replication-handlers.ts';
import { Replicator } from './replicator.ts';
import { S3Store } from './store.ts';
import { taggingHandlers } from './tagging-handlers.ts';
import { unsetHandlers } from './unset-handlers.ts';
import { uploadHandlers } from './upload-handlers.ts';
import { uploadListingHandlers } from './upload-listing-handlers.ts';

/** S3, and what AWS Backup needs of it. */
export interface S3Service extends Service {
  readonly store: S3Store;
  readonly operations: Handlers<typeof S3>;
}

/** S3: versions, Object Lock, conditional writes, checksums, multipart, lifecycle, replication. */
export async function s3Service(platform: Platform, authorizer: Authorizer): Promise<S3Service> {
  const stored = platform.tables('s3', ['buckets', 'versions', 'uploads', 'parts']);
  const tables = {
    buckets: stored.table<BucketRecord>('buckets'),
    versions: stored.table<Version>('versions'),
    uploads: stored.table<UploadRecord>('uploads'),
    parts: stored.table<PartRecord>('parts'),
  };
  const store = new S3Store(
    tables,
    createBlobStore(join(platform.stateDir, 's3', 'blobs'), platform.faults),
    platform.clock,
  );
  await store.recover();
  const parts: S3Parts = { store, clock: platform.clock, keys: platform.keys, authorizer };
  const access = new S3Access(parts);
  const replicator = new Replicator(store, platform, authorizer);
  store.replicateWith(replicator);
  const sweep = new LifecycleSweep(store, platform.clock, platform.events);
  platform.clock.onTick('s3 lifecycle', () => sweep.run());
  platform.admin.status('s3', () => ({ buckets: store.buckets.size }));
  const operations: Handlers<typeof S3> = {
    ...bucketHandlers(parts, access),
    ...policyHandlers(parts, access),
    ...encryptionHandlers(parts, access),
    ...aclHandlers(parts, access),
    ...lifecycleHandlers(parts, access),
    ...replicationHandlers(parts, access, replicator),
    ...unsetHandlers(access),
    ...putHandlers(parts, access),
    ...readHandlers(parts, access),
    ...attributesHandlers(parts, access),
    ...copyHandlers(parts, access),
    ...deleteHandlers(parts, access),
    ...lockHandlers(parts, access),
    ...taggingHandlers(parts, access),
    ...listingHandlers(parts, access),
    ...uploadHandlers(parts, access),
    ...partHandlers(parts, access),
    ...uploadListingHandlers(parts, access),
  };
  return {
    ...defineService({
      name: 's3',
      load: () => import('@aws-sdk/client-s3'),
      handlers: operations,
      close: () => store.blobs.close(),
    }),
    checkDocument,
    operations,
    store,
  };
}
