import type * as S3 from '@aws-sdk/client-s3';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import type { BlobStore } from './blobs.ts';
import { checksumHeaders, entityTag } from './body.ts';
import { toAlgorithm, type ChecksumAlgorithm } from './checksums.ts';
import { checkWrite } from './conditions.ts';
import { readContent, readTagging } from './content.ts';
import { copySource, type CopySource } from './copy-source.ts';
import { encryptionFor, encryptionHeaders } from './encryption.ts';
import { invalidRequest } from './errors.ts';
import { expirationHeader } from './lifecycle-due.ts';
import { lockForNewVersion } from './lock.ts';
import {
  authorizeAttachments,
  checkNewObject,
  MAX_OBJECT_BYTES,
  oneOf,
  putContext,
  storedExtras,
} from './object-input.ts';
import { versionHeader } from './read-handlers.ts';
import type { Encryption, ObjectVersion } from './records.ts';

/** Copies carry content and tags along, never retention or legal hold. Bytes are copied, not linked: a link would rot together. */
export function copyHandlers(parts: S3Parts, access: S3Access) {
  const { store, clock, keys } = parts;
  return {
    async CopyObject(input, call) {
      const { Key: key = '' } = input;
      checkNewObject(input);
      const replacesContent =
        oneOf(input.MetadataDirective, 'metadata-directive', 'COPY', 'REPLACE') === 'REPLACE';
      const replacesTags =
        oneOf(input.TaggingDirective, 'tagging-directive', 'COPY', 'REPLACE') === 'REPLACE';
      const source = copySource(parts, access, call, input);
      const bucket = access.bucket(call, input, 's3:PutObject', key, putContext(input, clock.now()));
      if (source.version.size > MAX_OBJECT_BYTES)
        throw invalidRequest(
          `The specified copy source is larger than the maximum allowable size for a copy source: ${MAX_OBJECT_BYTES}`,
        );
      if (isPointless(source, bucket.name, input))
        throw invalidRequest(
          "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        );
      const lock = lockForNewVersion(input, bucket, clock.now());
      authorizeAttachments(access, call, bucket, key, input);
      const tags = replacesTags ? readTagging(input.Tagging) : sourceTags(access, call, source);
      checkWrite(input, store.index(bucket.name).current(key), key);
      const encryption = await encryptionFor(input, bucket, call, keys);
      const algorithm = checksumOfCopy(input, source);
      const copy = await copyBytes(store.blobs, source.version, { algorithm, encryption });
      const version = await store.commit(
        {
          bucket: bucket.name,
          key,
          size: source.version.size,
          etag: entityTag(encryption, copy.md5),
          checksum: { algorithm, value: copy.checksum, type: 'FULL_OBJECT' },
          parts: undefined,
          content: replacesContent ? readContent(input) : source.version.content,
          encryption,
          ...lock,
          ...storedExtras(input),
          tags,
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
        ...source.header,
        ...expirationHeader(bucket, version),
      };
    },
  } satisfies Handlers<typeof S3>;
}

/** Digests that the source has already are not made again: nothing has changed that they are of. */
async function copyBytes(
  blobs: BlobStore,
  { blob, checksum, encryption, etag, parts }: ObjectVersion,
  wanted: { readonly algorithm: ChecksumAlgorithm; readonly encryption: Encryption },
): Promise<{ blob: string; checksum: string; md5: string }> {
  const { algorithm } = wanted;
  const hasMd5 = encryption.kmsKeyArn === undefined && parts === undefined;
  const needsMd5 = wanted.encryption.kmsKeyArn === undefined;
  const hasChecksum = checksum.algorithm === algorithm && checksum.type === 'FULL_OBJECT';
  if (hasChecksum && (hasMd5 || !needsMd5))
    return { blob: await blobs.join([blob]), checksum: checksum.value, md5: etag };
  const made = await blobs.receive(await blobs.read(blob), [algorithm], { md5: needsMd5 });
  return { blob: made.blob, checksum: made.checksums[algorithm] ?? '', md5: made.md5 };
}

/** A copy onto itself that would change nothing. */
function isPointless(
  { version, isPinned }: CopySource,
  bucket: string,
  input: S3.CopyObjectCommandInput,
): boolean {
  if (version.bucket !== bucket || version.key !== input.Key || isPinned) return false;
  if (input.MetadataDirective === 'REPLACE') return false;
  const changes = [
    input.ServerSideEncryption,
    input.SSEKMSKeyId,
    input.StorageClass,
    input.WebsiteRedirectLocation,
  ];
  return changes.every((change) => change === undefined);
}

function checksumOfCopy(input: S3.CopyObjectCommandInput, { version }: CopySource): ChecksumAlgorithm {
  return input.ChecksumAlgorithm === undefined
    ? version.checksum.algorithm
    : toAlgorithm(input.ChecksumAlgorithm);
}

/** Tags are read in the caller's name. */
function sourceTags(access: S3Access, call: Call, { bucket, version, isPinned }: CopySource) {
  if (version.tags.length > 0)
    access.authorize(call, bucket, `s3:GetObject${isPinned ? 'Version' : ''}Tagging`, version.key);
  return version.tags;
}
