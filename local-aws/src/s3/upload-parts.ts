import type * as S3 from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { checksumMember, checksumOf, CHECKSUM_ALGORITHMS } from './checksums.ts';
import { combineCrcs } from './crc-combine.ts';
import { invalidRequest, malformedXml, s3Error } from './errors.ts';
import type { PartRecord, UploadRecord } from './records.ts';

/** From parts to one object: which of them, in which order, and what names the whole. */

const MIN_PART_BYTES = 5 * 1024 ** 2;
export const MAX_PARTS = 10_000;

/** @throws InvalidPartOrder, InvalidPart, EntityTooSmall, InvalidRequest */
export function chooseParts(
  listed: readonly S3.CompletedPart[] | undefined,
  stored: readonly PartRecord[],
  upload: UploadRecord,
): PartRecord[] {
  if (!listed || listed.length === 0) throw malformedXml();
  const byNumber = new Map(stored.map((part) => [part.number, part]));
  const chosen: PartRecord[] = [];
  for (const { PartNumber = 0, ETag = '', ...rest } of listed) {
    if (PartNumber <= (chosen.at(-1)?.number ?? 0))
      throw s3Error(
        'InvalidPartOrder',
        400,
        'The list of parts was not in ascending order. Parts must be ordered by part number.',
        { UploadId: upload.uploadId },
      );
    const part = byNumber.get(PartNumber);
    if (!part || ETag.replaceAll('"', '') !== part.etag) throw invalidPart(PartNumber, ETag, upload);
    checkPartChecksums(rest, part, upload);
    chosen.push(part);
  }
  const small = chosen.slice(0, -1).find(({ size }) => size < MIN_PART_BYTES);
  if (small)
    throw s3Error('EntityTooSmall', 400, 'Your proposed upload is smaller than the minimum allowed size', {
      ETag: small.etag,
      ProposedSize: String(small.size),
      MinSizeAllowed: String(MIN_PART_BYTES),
      PartNumber: String(small.number),
    });
  return chosen;
}

function checkPartChecksums(
  listed: Readonly<Record<string, unknown>>,
  part: PartRecord,
  upload: UploadRecord,
): void {
  const { algorithm: wanted, type } = upload.checksum;
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const given = listed[checksumMember(algorithm)];
    const known = part.checksums[algorithm];
    if (given !== undefined && known !== undefined && given !== known)
      throw invalidPart(part.number, part.etag, upload);
  }
  const isSha = wanted === 'SHA1' || wanted === 'SHA256';
  if (isSha && type === 'COMPOSITE' && listed[checksumMember(wanted)] === undefined)
    throw invalidRequest(
      `The upload was created using a ${wanted.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${part.number} in the request.`,
    );
}

function invalidPart(number: number, etag: string, { uploadId }: UploadRecord): Error {
  const message =
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
  return s3Error('InvalidPart', 400, message, {
    ETag: etag.replaceAll('"', ''),
    PartNumber: String(number),
    UploadId: uploadId,
  });
}

/** What the client may compare with the whole: of the content, or over the parts' checksums, `-<parts>`. */
export async function wholeChecksum(
  chosen: readonly PartRecord[],
  { algorithm, type }: UploadRecord['checksum'],
): Promise<string> {
  const crcs = chosen.map(({ size, checksums }) => ({ size, crc: checksums[algorithm] ?? '' }));
  if (type === 'FULL_OBJECT') return combineCrcs(algorithm, crcs);
  const digests = Buffer.concat(crcs.map(({ crc }) => Buffer.from(crc, 'base64')));
  return `${await checksumOf(algorithm, digests)}-${chosen.length}`;
}

export function compositeTag(chosen: readonly PartRecord[]): string {
  const hash = createHash('md5');
  for (const { etag } of chosen) hash.update(Buffer.from(etag, 'hex'));
  return `${hash.digest('hex')}-${chosen.length}`;
}

export function sizeOf(chosen: readonly PartRecord[]): number {
  return chosen.reduce((sum, part) => sum + part.size, 0);
}
