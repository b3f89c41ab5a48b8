import type * as S3 from '@aws-sdk/client-s3';
import type { Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { checksumMember } from './checksums.ts';
import { invalidArgument } from './errors.ts';
import { uploadExpiry } from './lifecycle-due.ts';
import { checkEncodingType, encoder } from './listing-handlers.ts';
import { groupOf } from './listing.ts';
import { canonicalUser } from './owner.ts';
import type { UploadRecord } from './records.ts';
import { compareKeys } from './sorted-keys.ts';
import { findUpload } from './upload-access.ts';

const PAGE = 1000;

export function uploadListingHandlers(parts: S3Parts, access: S3Access) {
  const { store } = parts;
  return {
    async ListParts(input, call) {
      const limit = pageSize(input.MaxParts, 'max-parts');
      const after = Number(input.PartNumberMarker ?? 0);
      if (!Number.isInteger(after) || after < 0)
        throw invalidArgument(
          'Argument part-number-marker must be an integer between 0 and 2147483647',
          'part-number-marker',
          input.PartNumberMarker ?? '',
        );
      const { bucket, upload } = findUpload(parts, access, call, input, 's3:ListMultipartUploadParts');
      const rest = store.partsOf(upload.uploadId).filter(({ number }) => number > after);
      const page = rest.slice(0, limit);
      const { algorithm, type } = upload.checksum;
      const abort = uploadExpiry(bucket, upload);
      return {
        Bucket: bucket.name,
        Key: upload.key,
        UploadId: upload.uploadId,
        MaxParts: limit,
        PartNumberMarker: String(after),
        NextPartNumberMarker: String(page.at(-1)?.number ?? 0),
        IsTruncated: page.length < rest.length,
        ChecksumAlgorithm: algorithm,
        ChecksumType: type,
        ...people(upload, bucket.accountId),
        StorageClass: (upload.storageClass ?? 'STANDARD') as S3.StorageClass,
        ...(abort ? { AbortDate: new Date(abort.at), AbortRuleId: abort.rule.id } : {}),
        Parts: page.map((part) => ({
          PartNumber: part.number,
          ETag: `"${part.etag}"`,
          Size: part.size,
          LastModified: new Date(part.modifiedAt),
          [checksumMember(algorithm)]: part.checksums[algorithm],
        })),
      };
    },
    async ListMultipartUploads(input, call) {
      const { Prefix = '', Delimiter = '', KeyMarker = '' } = input;
      checkEncodingType(input.EncodingType);
      const limit = pageSize(input.MaxUploads, 'max-uploads');
      const bucket = access.bucket(call, input, 's3:ListBucketMultipartUploads');
      // Without a key the marker of an upload means nothing.
      const uploadIdMarker = KeyMarker === '' ? '' : (input.UploadIdMarker ?? '');
      const text = encoder(input.EncodingType);
      const own = [...store.uploads.values()]
        .filter((upload) => upload.bucket === bucket.name && upload.key.startsWith(Prefix))
        .sort((a, b) => compareKeys(a.key, b.key) || compareStarted(a, b));
      const rest = own.slice(firstAfter(own, KeyMarker, uploadIdMarker));
      const uploads: UploadRecord[] = [];
      const groups: string[] = [];
      let last: { readonly key: string; readonly uploadId: string } | undefined;
      let isTruncated = false;
      for (const upload of rest) {
        const group = groupOf(upload.key, { prefix: Prefix, delimiter: Delimiter });
        if (group !== undefined && (group === groups.at(-1) || KeyMarker.startsWith(group))) continue;
        if (uploads.length + groups.length >= limit) {
          isTruncated = limit > 0;
          break;
        }
        if (group === undefined) uploads.push(upload);
        else groups.push(group);
        last = group === undefined ? upload : { key: group, uploadId: '' };
      }
      return {
        Bucket: bucket.name,
        KeyMarker: text(KeyMarker),
        UploadIdMarker: uploadIdMarker,
        NextKeyMarker: isTruncated && last ? text(last.key) : '',
        NextUploadIdMarker: isTruncated && last ? last.uploadId : '',
        MaxUploads: limit,
        IsTruncated: isTruncated,
        ...(input.Prefix === undefined ? {} : { Prefix: text(Prefix) }),
        ...(Delimiter === '' ? {} : { Delimiter: text(Delimiter) }),
        ...(input.EncodingType === undefined ? {} : { EncodingType: input.EncodingType }),
        CommonPrefixes: groups.map((group) => ({ Prefix: text(group) })),
        Uploads: uploads.map((upload) => ({
          Key: text(upload.key),
          UploadId: upload.uploadId,
          Initiated: new Date(upload.startedAt),
          StorageClass: (upload.storageClass ?? 'STANDARD') as S3.StorageClass,
          ChecksumAlgorithm: upload.checksum.algorithm,
          ChecksumType: upload.checksum.type,
          ...people(upload, bucket.accountId),
        })),
      };
    },
  } satisfies Handlers<typeof S3>;
}

function compareStarted(a: UploadRecord, b: UploadRecord): number {
  if (a.startedAt !== b.startedAt) return a.startedAt < b.startedAt ? -1 : 1;
  return a.uploadId < b.uploadId ? -1 : 1;
}

/** Behind the marked upload, or behind all uploads of the marked key. */
function firstAfter(uploads: readonly UploadRecord[], key: string, uploadId: string): number {
  if (key === '') return 0;
  if (uploadId !== '') {
    const marked = uploads.findIndex((upload) => upload.key === key && upload.uploadId === uploadId);
    if (marked !== -1) return marked + 1;
  }
  const behind = uploads.findIndex((upload) => compareKeys(upload.key, key) > 0);
  return behind === -1 ? uploads.length : behind;
}

function people({ initiator }: UploadRecord, ownerId: string) {
  const name = initiator.split('/').at(-1) ?? initiator;
  return { Owner: canonicalUser(ownerId), Initiator: { ID: initiator, DisplayName: name } };
}

function pageSize(asked: number | undefined, argument: string): number {
  const size = asked ?? PAGE;
  if (!Number.isInteger(size) || size < 0)
    throw invalidArgument(
      `Argument ${argument} must be an integer between 0 and 2147483647`,
      argument,
      String(size),
    );
  return Math.min(size, PAGE);
}
