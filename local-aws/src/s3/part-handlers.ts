import type * as S3 from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import { refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { entityTag, receiveBody } from './body.ts';
import { checksumMember, type ChecksumAlgorithm } from './checksums.ts';
import { copySource } from './copy-source.ts';
import { encryptionHeaders } from './encryption.ts';
import { entityTooLarge, invalidArgument, invalidRequest } from './errors.ts';
import { MAX_OBJECT_BYTES } from './object-input.ts';
import { readCopyRange } from './ranges.ts';
import type { PartRecord, UploadRecord } from './records.ts';
import { findUpload, noSuchUpload } from './upload-access.ts';
import { MAX_PARTS } from './upload-parts.ts';

/** The parts of an upload: sent, or copied from objects. */
export function partHandlers(parts: S3Parts, access: S3Access) {
  const { store, clock } = parts;
  /** Keeps a part, unless the upload ended while it came. */
  const keep = async (
    upload: UploadRecord,
    part: Omit<PartRecord, 'uploadId' | 'modifiedAt'>,
  ): Promise<PartRecord> => {
    if (!store.uploads.has(upload.uploadId)) {
      await store.blobs.remove(part.blob);
      throw noSuchUpload(upload.uploadId);
    }
    const record = { ...part, uploadId: upload.uploadId, modifiedAt: clock.now().toISOString() };
    await store.putPart(record);
    return record;
  };

  return {
    async UploadPart(input, call) {
      refuseMembers('s3', 'UploadPart', input, ['SSECustomerAlgorithm']);
      const number = partNumber(input.PartNumber);
      const { upload } = findUpload(parts, access, call, input, 's3:PutObject');
      if ((input.ContentLength ?? 0) > MAX_OBJECT_BYTES)
        throw entityTooLarge(input.ContentLength ?? 0, MAX_OBJECT_BYTES);
      const { algorithm } = upload.checksum;
      const body = await receiveBody(store.blobs, input, input.Body as unknown as Readable, {
        also: [algorithm],
        encryption: upload.encryption,
        maxBytes: MAX_OBJECT_BYTES,
      });
      if (body.checksum.algorithm !== algorithm && !isImplied(body.checksum.algorithm, upload)) {
        await store.blobs.remove(body.blob);
        throw wrongChecksum(body.checksum.algorithm, algorithm);
      }
      const { size, etag, all: checksums, blob } = body;
      await keep(upload, { number, size, etag, checksums, blob });
      return {
        ETag: `"${etag}"`,
        [checksumMember(body.checksum.algorithm)]: body.checksum.value,
        ...encryptionHeaders(upload.encryption),
      };
    },
    async UploadPartCopy(input, call) {
      refuseMembers('s3', 'UploadPartCopy', input, ['SSECustomerAlgorithm']);
      const number = partNumber(input.PartNumber);
      const source = copySource(parts, access, call, input);
      const { upload } = findUpload(parts, access, call, input, 's3:PutObject');
      const range = readCopyRange(input.CopySourceRange, source.version.size);
      const { algorithm } = upload.checksum;
      const bytes = await store.blobs.read(source.version.blob, range);
      const copy = await store.blobs.receive(bytes, [algorithm], { maxBytes: MAX_OBJECT_BYTES });
      const part = await keep(upload, {
        number,
        size: copy.size,
        etag: entityTag(upload.encryption, copy.md5),
        checksums: copy.checksums,
        blob: copy.blob,
      });
      return {
        CopyPartResult: {
          ETag: `"${part.etag}"`,
          LastModified: new Date(part.modifiedAt),
          [checksumMember(algorithm)]: copy.checksums[algorithm],
        },
        ...source.header,
        ...encryptionHeaders(upload.encryption),
      };
    },
  } satisfies Handlers<typeof S3>;
}

/** Uploads that were begun without an algorithm take parts with any, as SDKs send them by default. */
function isImplied(algorithm: ChecksumAlgorithm, { checksum }: UploadRecord): boolean {
  return algorithm === 'CRC64NVME' || checksum.algorithm === 'CRC64NVME';
}

function wrongChecksum(given: ChecksumAlgorithm, expected: ChecksumAlgorithm): Error {
  return invalidRequest(
    `Checksum Type mismatch occurred, expected checksum Type: ${expected.toLowerCase()}, actual checksum Type: ${given.toLowerCase()}`,
  );
}

function partNumber(given: number | undefined): number {
  if (given !== undefined && Number.isInteger(given) && given >= 1 && given <= MAX_PARTS) return given;
  throw invalidArgument(
    `Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`,
    'partNumber',
    String(given),
  );
}
