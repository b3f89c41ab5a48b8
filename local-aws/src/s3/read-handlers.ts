import type * as S3 from '@aws-sdk/client-s3';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { checksumHeaders } from './body.ts';
import { checkRead } from './conditions.ts';
import { contentHeaders } from './content.ts';
import { checkDecryptable, encryptionHeaders } from './encryption.ts';
import { invalidArgument, markerNotAllowed, noSuchVersion, s3Error } from './errors.ts';
import { expirationHeader } from './lifecycle-due.ts';
import { storageClassOf } from './owner.ts';
import { sliceOf, type Slice } from './ranges.ts';
import type { BucketRecord, ObjectVersion } from './records.ts';
import { isVersionId } from './store.ts';

type ReadInput = S3.GetObjectCommandInput | S3.HeadObjectCommandInput;

interface Found {
  readonly bucket: BucketRecord;
  readonly version: ObjectVersion;
  readonly slice: Slice;
}

export function readHandlers(parts: S3Parts, access: S3Access) {
  const { store, clock, keys } = parts;

  /** The version that a read means, checked for access, markers, conditions and range. */
  const find = (input: ReadInput, call: Call): Found => {
    refuseMembers('s3', call.operation, input, ['SSECustomerAlgorithm']);
    const { Key: key = '', VersionId: versionId } = input;
    const action = versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion';
    const bucket = access.bucket(call, input, action, key, versionContext(versionId));
    const version = findVersion(parts, access, call, bucket, key, versionId);
    checkRead(input, version, clock.now());
    return { bucket, version, slice: sliceOf(input, version) };
  };
  const headers = (input: ReadInput, call: Call, { bucket, version, slice }: Found) => ({
    AcceptRanges: 'bytes',
    ContentLength: slice.length,
    ...(slice.isPartial ? { ContentRange: `bytes ${slice.start}-${slice.end}/${version.size}` } : {}),
    ETag: `"${version.etag}"`,
    LastModified: new Date(version.modifiedAt),
    ...contentHeaders(version.content),
    ...overrides(input),
    ...encryptionHeaders(version.encryption),
    ...versionHeader(version),
    ...access.visibleLock(call, bucket, version),
    ...(input.ChecksumMode === 'ENABLED' && !slice.isPartial ? checksumHeaders(version.checksum) : {}),
    ...(version.tags.length > 0 && access.may(call, bucket, 's3:GetObjectTagging', version.key)
      ? { TagCount: version.tags.length }
      : {}),
    ...(storageClassOf(version) === 'STANDARD'
      ? {}
      : { StorageClass: storageClassOf(version) as S3.StorageClass }),
    ...(version.replication === undefined ? {} : { ReplicationStatus: version.replication }),
    ...(version.websiteRedirect === undefined ? {} : { WebsiteRedirectLocation: version.websiteRedirect }),
    ...(input.PartNumber !== undefined && version.parts ? { PartsCount: version.parts.length } : {}),
    ...(store.index(bucket.name).current(version.key) === version ? expirationHeader(bucket, version) : {}),
  });
  /** An overwrite may remove the bytes between finding and opening them: then the newer version is meant. */
  const open = async (input: S3.GetObjectCommandInput, call: Call) => {
    for (;;) {
      const found = find(input, call);
      const { version, slice } = found;
      checkAwake(version);
      checkDecryptable(version.encryption, call, keys);
      try {
        return { found, body: await store.blobs.read(version.blob, slice.isPartial ? slice : undefined) };
      } catch (err) {
        if (store.find(version.bucket, version.key, version.versionId) === version) throw err;
      }
    }
  };

  return {
    async GetObject(input, call) {
      const { found, body } = await open(input, call);
      return { ...headers(input, call, found), Body: body as never };
    },
    async HeadObject(input, call) {
      const found = find(input, call);
      // Only the checksum is kept under the key.
      if (input.ChecksumMode === 'ENABLED') checkDecryptable(found.version.encryption, call, keys);
      return headers(input, call, found);
    },
  } satisfies Handlers<typeof S3>;
}

/** @throws InvalidObjectState for archived objects, which must be restored before they can be read. */
export function checkAwake(version: ObjectVersion): void {
  const storageClass = storageClassOf(version);
  if (storageClass !== 'GLACIER' && storageClass !== 'DEEP_ARCHIVE') return;
  const message = "The operation is not valid for the object's storage class";
  throw s3Error('InvalidObjectState', 403, message, { StorageClass: storageClass });
}

export function versionContext(versionId: string | undefined): Record<string, string> {
  return versionId === undefined ? {} : { 's3:VersionId': versionId };
}

/** A version for reading. @throws NoSuchKey, NoSuchVersion, MethodNotAllowed for a marker asked for by id. */
export function findVersion(
  { store }: S3Parts,
  access: S3Access,
  call: Call,
  bucket: BucketRecord,
  key: string,
  versionId: string | undefined,
): ObjectVersion {
  if (versionId === undefined) {
    const current = store.index(bucket.name).current(key);
    if (!current || current.marker)
      throw access.missing(call, bucket, key, current?.marker ? current : undefined);
    return current;
  }
  if (versionId === '')
    throw invalidArgument('Version id cannot be the empty string', 'versionId', versionId);
  if (!isVersionId(versionId)) throw invalidArgument('Invalid version id specified', 'versionId', versionId);
  const version = store.find(bucket.name, key, versionId);
  if (!version) throw noSuchVersion(key, versionId);
  if (version.marker) throw markerNotAllowed(version, call.operation === 'HeadObject' ? 'HEAD' : 'GET');
  return version;
}

export function versionHeader({ versionId }: { readonly versionId: string }): { VersionId?: string } {
  return versionId === 'null' ? {} : { VersionId: versionId };
}

/** `response-content-type` and its like. */
function overrides(input: ReadInput): Record<string, string> {
  const wanted = {
    CacheControl: input.ResponseCacheControl,
    ContentDisposition: input.ResponseContentDisposition,
    ContentEncoding: input.ResponseContentEncoding,
    ContentLanguage: input.ResponseContentLanguage,
    ContentType: input.ResponseContentType,
    ExpiresString: input.ResponseExpires?.toUTCString(),
  };
  return Object.fromEntries(
    Object.entries(wanted).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
