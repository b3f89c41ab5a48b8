import type * as S3 from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { announcedTrailer, trailers } from '../wire/incoming.ts';
import type { S3Access, S3Parts } from './access.ts';
import { badDigest, checksumMember, readChecksumClaim, type ChecksumAlgorithm } from './checksums.ts';
import { checkRead, checkWrite, readRange } from './conditions.ts';
import { contentHeaders, readContent, readTagging } from './content.ts';
import { checkDecryptable, encryptionFor, encryptionHeaders } from './encryption.ts';
import { invalidArgument, markerNotAllowed, noSuchVersion, s3Error } from './errors.ts';
import { lockForNewVersion, remainingDays } from './lock.ts';
import type { BucketRecord, Checksum, ObjectVersion } from './records.ts';
import { isVersionId } from './store.ts';

const MAX_PUT_BYTES = 5 * 1024 ** 3;
const MAX_KEY_BYTES = 1024;

export function objectHandlers(parts: S3Parts, access: S3Access) {
  const { store, clock, keys } = parts;
  const put = async (input: S3.PutObjectCommandInput, call: Call) => {
    refuseMembers('s3', 'PutObject', input, [
      'ACL',
      'GrantFullControl',
      'GrantRead',
      'GrantReadACP',
      'GrantWriteACP',
      'WebsiteRedirectLocation',
      'WriteOffsetBytes',
    ]);
    const { Key: key = '' } = input;
    checkKey(key);
    const bucket = access.bucket(call, input, 's3:PutObject', key, putContext(input, clock.now()));
    const lock = lockForNewVersion(input, bucket, clock.now());
    authorizeLock(access, call, bucket, key, input);
    if (input.Tagging !== undefined) access.authorize(call, bucket, 's3:PutObjectTagging', key);
    if ((input.ContentLength ?? 0) > MAX_PUT_BYTES)
      throw s3Error('EntityTooLarge', 400, 'Your proposed upload exceeds the maximum allowed size');
    checkWrite(input, store.index(bucket.name).current(key), key);
    const encryption = await encryptionFor(input, bucket, call, keys);
    const body = await receiveBody(parts, input, input.Body as unknown as Readable);
    const version = await store.commit(
      {
        bucket: bucket.name,
        key,
        size: body.size,
        etag: body.md5,
        checksum: body.checksum,
        parts: undefined,
        content: readContent(input),
        encryption,
        ...lock,
        tags: readTagging(input.Tagging),
        blob: body.blob,
      },
      (current) => checkWrite(input, current, key),
    );
    return {
      ETag: `"${version.etag}"`,
      ...checksumHeaders(version.checksum),
      ...encryptionHeaders(encryption),
      ...versionHeader(version),
    };
  };

  /** The version that a read means, checked for access, markers and conditions. */
  const readable = (
    input: S3.GetObjectCommandInput | S3.HeadObjectCommandInput,
    call: Call,
  ): { bucket: BucketRecord; version: ObjectVersion } => {
    const { Key: key = '', VersionId: versionId } = input;
    const bucket = access.bucket(
      call,
      input,
      versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion',
      key,
    );
    const version = findVersion(parts, access, call, bucket, key, versionId);
    checkRead(input, version);
    checkDecryptable(version.encryption, call, keys);
    return { bucket, version };
  };

  return {
    PutObject: put,
    async GetObject(input, call) {
      refuseMembers('s3', 'GetObject', input, ['PartNumber', 'SSECustomerAlgorithm']);
      const { bucket, version } = readable(input, call);
      const range = readRange(input.Range, version.size);
      const body = await store.blobs.read(version.blob, range);
      const length = range ? range.end - range.start + 1 : version.size;
      const overrides = {
        ...(input.ResponseContentType === undefined ? {} : { ContentType: input.ResponseContentType }),
        ...(input.ResponseContentDisposition === undefined
          ? {}
          : { ContentDisposition: input.ResponseContentDisposition }),
      };
      return {
        ...objectHeaders(version, length, access.visibleLock(call, bucket, version)),
        ...(input.ChecksumMode === 'ENABLED' && !range ? checksumHeaders(version.checksum) : {}),
        ...(range ? { ContentRange: `bytes ${range.start}-${range.end}/${version.size}` } : {}),
        ...overrides,
        Body: body as never,
      };
    },
    async HeadObject(input, call) {
      refuseMembers('s3', 'HeadObject', input, ['PartNumber', 'SSECustomerAlgorithm']);
      const { bucket, version } = readable(input, call);
      const range = readRange(input.Range, version.size);
      const length = range ? range.end - range.start + 1 : version.size;
      return {
        ...objectHeaders(version, length, access.visibleLock(call, bucket, version)),
        ...(input.ChecksumMode === 'ENABLED' ? checksumHeaders(version.checksum) : {}),
      };
    },
    async GetObjectAttributes(input, call) {
      const { Key: key = '', VersionId: versionId } = input;
      const action = versionId === undefined ? 's3:GetObjectAttributes' : 's3:GetObjectVersionAttributes';
      const bucket = access.bucket(call, input, action, key);
      access.authorize(call, bucket, versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion', key);
      const version = findVersion(parts, access, call, bucket, key, versionId);
      const wants = (name: string): boolean =>
        (input.ObjectAttributes ?? []).some((list) => list.split(',').includes(name));
      return {
        LastModified: new Date(version.modifiedAt),
        ...versionHeader(version),
        ...(wants('ETag') ? { ETag: version.etag } : {}),
        ...(wants('ObjectSize') ? { ObjectSize: version.size } : {}),
        ...(wants('StorageClass') ? { StorageClass: 'STANDARD' as const } : {}),
        ...(wants('Checksum') ? { Checksum: checksumHeaders(version.checksum) } : {}),
        ...(wants('ObjectParts') && version.parts && version.checksum.type === 'COMPOSITE'
          ? { ObjectParts: partsOf(version) }
          : {}),
      };
    },
  } satisfies Handlers<typeof S3>;
}

export function checkKey(key: string): void {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw s3Error('KeyTooLongError', 400, 'Your key is too long', { Size: String(Buffer.byteLength(key)) });
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
  if (!isVersionId(versionId)) throw invalidArgument('Invalid version id specified', 'versionId', versionId);
  const version = store.find(bucket.name, key, versionId);
  if (!version) throw noSuchVersion(key, versionId);
  if (version.marker) throw markerNotAllowed(versionId, call.operation === 'HeadObject' ? 'HEAD' : 'GET');
  return version;
}

interface ReceivedBody {
  readonly blob: string;
  readonly size: number;
  readonly md5: string;
  readonly checksum: Checksum;
}

interface BodyInput {
  readonly ContentMD5?: string | undefined;
  readonly ChecksumAlgorithm?: string | undefined;
}

/** Streams the body to disk and verifies every digest that the client gave, in header or trailer. */
export async function receiveBody(
  { store }: S3Parts,
  input: BodyInput,
  body: Readable,
  also: readonly ChecksumAlgorithm[] = [],
): Promise<ReceivedBody & { all: Readonly<Partial<Record<ChecksumAlgorithm, string>>> }> {
  const claim = readChecksumClaim(input, announcedTrailer(body), input.ChecksumAlgorithm);
  const algorithm = claim?.algorithm ?? 'CRC64NVME';
  const { blob, size, md5, checksums } = await store.blobs.receive(body, [algorithm, ...also]);
  const computed = checksums[algorithm] ?? '';
  const claimed = claim?.value ?? trailers(body)[`x-amz-checksum-${algorithm.toLowerCase()}`];
  const wrong =
    claimed !== undefined && claimed !== computed
      ? algorithm
      : input.ContentMD5 !== undefined && input.ContentMD5 !== Buffer.from(md5, 'hex').toString('base64')
        ? 'Content-MD5'
        : undefined;
  if (wrong !== undefined) {
    await store.blobs.remove(blob);
    throw badDigest(wrong);
  }
  return { blob, size, md5, checksum: { algorithm, value: computed, type: 'FULL_OBJECT' }, all: checksums };
}

export function checksumHeaders({ algorithm, value, type }: Checksum) {
  return { [checksumMember(algorithm)]: value, ChecksumType: type };
}

export function versionHeader({ versionId }: { readonly versionId: string }): { VersionId?: string } {
  return versionId === 'null' ? {} : { VersionId: versionId };
}

function objectHeaders(version: ObjectVersion, length: number, lock: ReturnType<S3Access['visibleLock']>) {
  return {
    AcceptRanges: 'bytes',
    ContentLength: length,
    ETag: `"${version.etag}"`,
    LastModified: new Date(version.modifiedAt),
    ...contentHeaders(version.content),
    ...encryptionHeaders(version.encryption),
    ...versionHeader(version),
    ...lock,
    ...(version.tags.length > 0 ? { TagCount: version.tags.length } : {}),
  };
}

function partsOf(version: ObjectVersion): S3.GetObjectAttributesParts {
  const parts = version.parts ?? [];
  const member = checksumMember(version.checksum.algorithm);
  return {
    TotalPartsCount: parts.length,
    PartNumberMarker: '0',
    NextPartNumberMarker: '0',
    MaxParts: 1000,
    IsTruncated: false,
    Parts: parts.map(({ number, size, checksum }) => ({
      PartNumber: number,
      Size: size,
      [member]: checksum,
    })),
  };
}

type PutInput = S3.PutObjectCommandInput | S3.CreateMultipartUploadCommandInput | S3.CopyObjectCommandInput;

/** Condition keys of s3:PutObject. */
export function putContext(input: PutInput, now: Date): Record<string, string> {
  const context: Record<string, string> = {};
  if (input.ObjectLockMode !== undefined) context['s3:object-lock-mode'] = input.ObjectLockMode;
  if (input.ObjectLockRetainUntilDate !== undefined) {
    context['s3:object-lock-retain-until-date'] = input.ObjectLockRetainUntilDate.toISOString();
    const days = remainingDays(
      { mode: 'COMPLIANCE', until: input.ObjectLockRetainUntilDate.toISOString() },
      now,
    );
    context['s3:object-lock-remaining-retention-days'] = String(days);
  }
  if (input.ObjectLockLegalHoldStatus !== undefined)
    context['s3:object-lock-legal-hold'] = input.ObjectLockLegalHoldStatus;
  if (input.ServerSideEncryption !== undefined)
    context['s3:x-amz-server-side-encryption'] = input.ServerSideEncryption;
  if (input.SSEKMSKeyId !== undefined)
    context['s3:x-amz-server-side-encryption-aws-kms-key-id'] = input.SSEKMSKeyId;
  if ('IfNoneMatch' in input && input.IfNoneMatch !== undefined)
    context['s3:if-none-match'] = input.IfNoneMatch;
  return context;
}

/** Setting a lock while writing needs the same rights as setting it afterwards. */
export function authorizeLock(
  access: S3Access,
  call: Call,
  bucket: BucketRecord,
  key: string,
  input: PutInput,
): void {
  if (input.ObjectLockMode !== undefined) access.authorize(call, bucket, 's3:PutObjectRetention', key);
  if (input.ObjectLockLegalHoldStatus !== undefined)
    access.authorize(call, bucket, 's3:PutObjectLegalHold', key);
}
