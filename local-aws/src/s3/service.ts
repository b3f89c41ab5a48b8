import * as S3 from '@aws-sdk/client-s3';
import { join } from 'node:path';
import type { Authorizer } from '../auth/authorize.ts';
import type { Platform } from '../platform.ts';
import { defineService, type Handlers, type Service } from '../wire/handlers.ts';
import { S3Access, type S3Parts } from './access.ts';
import { createBlobStore } from './blobs.ts';
import { bucketHandlers } from './bucket-handlers.ts';
import { configurationHandlers } from './configuration-handlers.ts';
import { copyHandlers } from './copy-handlers.ts';
import { deleteHandlers } from './delete-handlers.ts';
import { listingHandlers } from './listing-handlers.ts';
import { lockHandlers } from './lock-handlers.ts';
import { multipartHandlers } from './multipart-handlers.ts';
import { objectHandlers } from './object-handlers.ts';
import type { BucketRecord, PartRecord, UploadRecord, Version } from './records.ts';
import { S3Store } from './store.ts';

/** S3, and what AWS Backup needs of it. */
export interface S3Service extends Service {
  readonly store: S3Store;
  readonly operations: Handlers<typeof S3>;
}

/** S3 as far as evidence and archives need it: versions, Object Lock, conditional writes, checksums, multipart. */
export async function s3Service(platform: Platform, authorizer: Authorizer): Promise<S3Service> {
  const tables = {
    buckets: platform.table<BucketRecord>('s3/buckets'),
    versions: platform.table<Version>('s3/versions'),
    uploads: platform.table<UploadRecord>('s3/uploads'),
    parts: platform.table<PartRecord>('s3/parts'),
  };
  const store = new S3Store(tables, createBlobStore(join(platform.stateDir, 's3', 'blobs')), platform.clock);
  await store.recover();
  const parts: S3Parts = { store, clock: platform.clock, keys: platform.keys, authorizer };
  const access = new S3Access(parts);
  platform.admin.status('s3', () => ({ buckets: store.buckets.size }));
  const operations: Handlers<typeof S3> = {
    ...bucketHandlers(parts, access),
    ...configurationHandlers(parts, access),
    ...objectHandlers(parts, access),
    ...copyHandlers(parts, access),
    ...deleteHandlers(parts, access),
    ...lockHandlers(parts, access),
    ...listingHandlers(parts, access),
    ...multipartHandlers(parts, access),
  };
  return { ...defineService({ name: 's3', module: S3, handlers: operations }), operations, store };
}
