import type * as S3 from '@aws-sdk/client-s3';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { toAlgorithm } from './checksums.ts';
import { checkRead, checkWrite } from './conditions.ts';
import { readContent, readTagging } from './content.ts';
import { checkDecryptable, encryptionFor, encryptionHeaders } from './encryption.ts';
import { invalidArgument, invalidRequest } from './errors.ts';
import { lockForNewVersion } from './lock.ts';
import {
  authorizeLock,
  checkKey,
  checksumHeaders,
  findVersion,
  putContext,
  versionHeader,
} from './object-handlers.ts';
import type { ObjectVersion } from './records.ts';

/** Copies carry content and tags along, never retention or legal hold. Bytes are copied, not linked: a link would rot together. */
export function copyHandlers(parts: S3Parts, access: S3Access) {
  const { store, clock, keys } = parts;
  return {
    async CopyObject(input, call) {
      refuseMembers('s3', 'CopyObject', input, [
        'ACL',
        'GrantFullControl',
        'GrantRead',
        'GrantReadACP',
        'GrantWriteACP',
        'WebsiteRedirectLocation',
      ]);
      const source = copySource(parts, access, call, input);
      const { Key: key = '' } = input;
      checkKey(key);
      const bucket = access.bucket(call, input, 's3:PutObject', key, putContext(input, clock.now()));
      const replacesContent = input.MetadataDirective === 'REPLACE';
      const same =
        source.bucket === bucket.name &&
        source.key === key &&
        input.CopySource?.includes('?versionId=') !== true;
      if (same && !replacesContent && input.ServerSideEncryption === undefined) {
        throw invalidRequest(
          'This copy request is illegal because it is trying to copy an object to itself without changing its metadata, storage class or encryption.',
        );
      }
      const lock = lockForNewVersion(input, bucket, clock.now());
      authorizeLock(access, call, bucket, key, input);
      checkWrite(input, store.index(bucket.name).current(key), key);
      const encryption = await encryptionFor(input, bucket, call, keys);
      const algorithm =
        input.ChecksumAlgorithm === undefined
          ? source.checksum.algorithm
          : toAlgorithm(input.ChecksumAlgorithm);
      const copy = await store.blobs.receive(await store.blobs.read(source.blob), [algorithm]);
      const version = await store.commit(
        {
          bucket: bucket.name,
          key,
          size: copy.size,
          etag: copy.md5,
          checksum: { algorithm, value: copy.checksums[algorithm] ?? '', type: 'FULL_OBJECT' },
          parts: undefined,
          content: replacesContent ? readContent(input) : source.content,
          encryption,
          ...lock,
          tags: input.TaggingDirective === 'REPLACE' ? readTagging(input.Tagging) : source.tags,
          blob: copy.blob,
        },
        (current) => checkWrite(input, current, key),
      );
      return {
        CopyObjectResult: {
          ETag: `"${version.etag}"`,
          LastModified: new Date(version.modifiedAt),
          ...checksumHeaders(version.checksum),
        },
        ...versionHeader(version),
        ...encryptionHeaders(encryption),
        ...(source.versionId === 'null' ? {} : { CopySourceVersionId: source.versionId }),
      };
    },
  } satisfies Handlers<typeof S3>;
}

interface CopyInput {
  readonly CopySource?: string | undefined;
  readonly ExpectedSourceBucketOwner?: string | undefined;
  readonly CopySourceIfMatch?: string | undefined;
  readonly CopySourceIfNoneMatch?: string | undefined;
  readonly CopySourceIfModifiedSince?: Date | undefined;
  readonly CopySourceIfUnmodifiedSince?: Date | undefined;
}

/** The version named by `x-amz-copy-source`, if the caller may read it. */
export function copySource(parts: S3Parts, access: S3Access, call: Call, input: CopyInput): ObjectVersion {
  const [path = '', query] = (input.CopySource ?? '').split('?');
  const [bucketName = '', ...rest] = decodeURIComponent(path).replace(/^\//, '').split('/');
  const key = rest.join('/');
  if (bucketName === '' || key === '')
    throw invalidArgument('Copy Source must mention the source bucket and key: sourcebucket/sourcekey');
  const versionId =
    query === undefined ? undefined : (new URLSearchParams(query).get('versionId') ?? undefined);
  const where = { Bucket: bucketName, ExpectedBucketOwner: input.ExpectedSourceBucketOwner };
  const bucket = access.bucket(
    call,
    where,
    versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion',
    key,
  );
  const version = findVersion(parts, access, call, bucket, key, versionId);
  checkRead(
    {
      IfMatch: input.CopySourceIfMatch,
      IfNoneMatch: input.CopySourceIfNoneMatch,
      IfModifiedSince: input.CopySourceIfModifiedSince,
      IfUnmodifiedSince: input.CopySourceIfUnmodifiedSince,
    },
    version,
  );
  checkDecryptable(version.encryption, call, parts.keys);
  return version;
}
