import type * as S3 from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import { refuseMembers } from '../wire/errors.ts';
import { announcedTrailer } from '../wire/incoming.ts';
import type { Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { checksumHeaders, receiveBody } from './body.ts';
import { checksumMember, CHECKSUM_ALGORITHMS } from './checksums.ts';
import { checkWrite } from './conditions.ts';
import { readContent, readTagging } from './content.ts';
import { encryptionFor, encryptionHeaders } from './encryption.ts';
import { entityTooLarge, invalidRequest } from './errors.ts';
import { expirationHeader } from './lifecycle-due.ts';
import { lockForNewVersion } from './lock.ts';
import {
  authorizeAttachments,
  checkNewObject,
  MAX_OBJECT_BYTES,
  putContext,
  storedExtras,
} from './object-input.ts';
import { versionHeader } from './read-handlers.ts';

export function putHandlers(parts: S3Parts, access: S3Access) {
  const { store, clock, keys } = parts;
  return {
    async PutObject(input, call) {
      refuseMembers('s3', 'PutObject', input, ['WriteOffsetBytes']);
      const { Key: key = '' } = input;
      checkNewObject(input);
      const bucket = access.bucket(call, input, 's3:PutObject', key, putContext(input, clock.now()));
      const lock = lockForNewVersion(input, bucket, clock.now());
      if (lock.retention ?? lock.legalHold) requireDigest(input, input.Body as unknown as Readable);
      authorizeAttachments(access, call, bucket, key, input);
      const tags = readTagging(input.Tagging);
      if ((input.ContentLength ?? 0) > MAX_OBJECT_BYTES)
        throw entityTooLarge(input.ContentLength ?? 0, MAX_OBJECT_BYTES);
      checkWrite(input, store.index(bucket.name).current(key), key);
      const encryption = await encryptionFor(input, bucket, call, keys);
      const body = await receiveBody(store.blobs, input, input.Body as unknown as Readable, {
        encryption,
        maxBytes: MAX_OBJECT_BYTES,
      });
      const version = await store.commit(
        {
          bucket: bucket.name,
          key,
          size: body.size,
          etag: body.etag,
          checksum: body.checksum,
          parts: undefined,
          content: readContent(input),
          encryption,
          ...lock,
          ...storedExtras(input),
          tags,
          blob: body.blob,
        },
        (current) => checkWrite(input, current, key),
      );
      return {
        ETag: `"${version.etag}"`,
        ...checksumHeaders(version.checksum),
        ...encryptionHeaders(encryption),
        ...versionHeader(version),
        ...expirationHeader(bucket, version),
      };
    },
  } satisfies Handlers<typeof S3>;
}

/** What nobody can replace had better arrive whole. */
function requireDigest(input: S3.PutObjectCommandInput, body: Readable): void {
  const claimed = CHECKSUM_ALGORITHMS.some((algorithm) => input[checksumMember(algorithm)] !== undefined);
  if (claimed || input.ContentMD5 !== undefined || announcedTrailer(body) !== undefined) return;
  throw invalidRequest(
    'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
  );
}
