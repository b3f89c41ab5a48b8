import type * as S3 from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import type { Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { checksumHeaders, entityTag } from './body.ts';
import { badDigest, checksumMember, toAlgorithm } from './checksums.ts';
import { checkWrite } from './conditions.ts';
import { readContent, readTagging } from './content.ts';
import { encryptionFor, encryptionHeaders } from './encryption.ts';
import { invalidRequest, s3Error } from './errors.ts';
import { expirationHeader, uploadExpiry } from './lifecycle-due.ts';
import { lockForNewVersion } from './lock.ts';
import { authorizeAttachments, checkNewObject, putContext, storedExtras } from './object-input.ts';
import { versionHeader } from './read-handlers.ts';
import type { PartRecord, UploadRecord } from './records.ts';
import { findUpload, noSuchUpload } from './upload-access.ts';
import { chooseParts, compositeTag, sizeOf, wholeChecksum } from './upload-parts.ts';

const MAX_UPLOADED_BYTES = 5 * 1024 ** 4;

/** An upload in parts as a whole: beginning, end, and giving up. */
export function uploadHandlers(parts: S3Parts, access: S3Access) {
  const { store, clock, keys } = parts;
  /** Uploads that are being completed: a second request for one waits for the first to end. */
  const completing = new Map<string, Promise<unknown>>();

  const complete = async (
    input: S3.CompleteMultipartUploadCommandInput,
    upload: UploadRecord,
    chosen: readonly PartRecord[],
  ) => {
    const { algorithm, type } = upload.checksum;
    const value = await wholeChecksum(chosen, upload.checksum);
    const claimed = input[checksumMember(algorithm)];
    if (claimed !== undefined && claimed !== value) throw badDigest(algorithm.toLowerCase());
    const blob = await store.blobs.join(chosen.map((part) => part.blob));
    const { bucket, key, content, encryption, retention, legalHold, tags, storageClass, websiteRedirect } =
      upload;
    const version = await store.commit(
      {
        ...{ bucket, key, content, encryption, retention, legalHold, tags, storageClass, websiteRedirect },
        size: sizeOf(chosen),
        etag: entityTag(encryption, compositeTag(chosen)),
        checksum: { algorithm, type, value },
        parts: chosen.map(({ number, size, checksums }) => ({
          number,
          size,
          checksum: checksums[algorithm],
        })),
        blob,
      },
      (current) => {
        if (!store.uploads.has(upload.uploadId)) throw noSuchUpload(upload.uploadId);
        checkWrite(input, current, key);
      },
      upload,
    );
    await store.removeUpload(upload);
    return version;
  };

  return {
    async CreateMultipartUpload(input, call) {
      const { Key: key = '' } = input;
      checkNewObject(input);
      const bucket = access.bucket(call, input, 's3:PutObject', key, putContext(input, clock.now()));
      const lock = lockForNewVersion(input, bucket, clock.now());
      authorizeAttachments(access, call, bucket, key, input);
      const upload: UploadRecord = {
        bucket: bucket.name,
        key,
        uploadId: randomBytes(32).toString('base64url'),
        startedAt: clock.now().toISOString(),
        content: readContent(input),
        tags: readTagging(input.Tagging),
        checksum: checksumPlan(input.ChecksumAlgorithm, input.ChecksumType),
        encryption: await encryptionFor(input, bucket, call, keys),
        ...lock,
        ...storedExtras(input),
        initiator: call.principalArn,
      };
      await store.uploads.put(upload.uploadId, upload);
      const abort = uploadExpiry(bucket, upload);
      return {
        Bucket: bucket.name,
        Key: key,
        UploadId: upload.uploadId,
        ...(input.ChecksumAlgorithm === undefined
          ? {}
          : { ChecksumAlgorithm: upload.checksum.algorithm, ChecksumType: upload.checksum.type }),
        ...(abort ? { AbortDate: new Date(abort.at), AbortRuleId: abort.rule.id } : {}),
        ...encryptionHeaders(upload.encryption),
      };
    },
    async CompleteMultipartUpload(input, call) {
      const context = input.IfNoneMatch === undefined ? {} : { 's3:if-none-match': input.IfNoneMatch };
      await completing.get(input.UploadId ?? '')?.catch(() => undefined);
      const { bucket, upload } = findUpload(parts, access, call, input, 's3:PutObject', context);
      checkWrite(input, store.index(bucket.name).current(upload.key), upload.key);
      const chosen = chooseParts(input.MultipartUpload?.Parts, store.partsOf(upload.uploadId), upload);
      checkWholeSize(input, chosen);
      const work = complete(input, upload, chosen);
      completing.set(upload.uploadId, work);
      try {
        const version = await work;
        return {
          Location: `http://${bucket.name}.s3.${bucket.region}.amazonaws.com/${encodeURIComponent(upload.key)}`,
          Bucket: bucket.name,
          Key: upload.key,
          ETag: `"${version.etag}"`,
          ...checksumHeaders(version.checksum),
          ...versionHeader(version),
          ...encryptionHeaders(upload.encryption),
          ...expirationHeader(bucket, version),
        };
      } finally {
        completing.delete(upload.uploadId);
      }
    },
    async AbortMultipartUpload(input, call) {
      await store.removeUpload(findUpload(parts, access, call, input, 's3:AbortMultipartUpload').upload);
      return {};
    },
  } satisfies Handlers<typeof S3>;
}

/** SHA digests of parts cannot be combined, CRC-64 always is. */
function checksumPlan(asked: string | undefined, type: string | undefined): UploadRecord['checksum'] {
  if (asked === undefined && type !== undefined)
    throw invalidRequest(
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    );
  const algorithm = asked === undefined ? 'CRC64NVME' : toAlgorithm(asked);
  const isSha = algorithm === 'SHA1' || algorithm === 'SHA256';
  const chosen = type ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
  if (chosen !== 'FULL_OBJECT' && chosen !== 'COMPOSITE')
    throw invalidRequest('Value for x-amz-checksum-type header is invalid.');
  if ((isSha && chosen === 'FULL_OBJECT') || (algorithm === 'CRC64NVME' && chosen === 'COMPOSITE'))
    throw invalidRequest(
      `The ${chosen} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    );
  return { algorithm, type: chosen };
}

function checkWholeSize(
  { MpuObjectSize: claimed }: S3.CompleteMultipartUploadCommandInput,
  chosen: readonly PartRecord[],
): void {
  const size = sizeOf(chosen);
  if (claimed !== undefined && claimed !== size)
    throw invalidRequest("The provided 'x-amz-mp-object-size' header does not match what was computed");
  if (size > MAX_UPLOADED_BYTES)
    throw s3Error('EntityTooLarge', 400, 'Your proposed upload exceeds the maximum allowed object size.');
}
