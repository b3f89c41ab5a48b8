import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { announcedTrailer, trailers } from '../wire/incoming.ts';
import type { BlobStore } from './blobs.ts';
import {
  badDigest,
  checksumMember,
  invalidDigest,
  readChecksumClaim,
  type ChecksumAlgorithm,
} from './checksums.ts';
import type { Checksum, Encryption } from './records.ts';

export interface ReceivedBody {
  readonly blob: string;
  readonly size: number;
  /** Hex, without quotes. */
  readonly etag: string;
  readonly checksum: Checksum;
  readonly all: Readonly<Partial<Record<ChecksumAlgorithm, string>>>;
}

interface BodyInput {
  readonly ContentMD5?: string | undefined;
  readonly ChecksumAlgorithm?: string | undefined;
}

export interface BodyPlan {
  /** Computed in addition to what the client claims. */
  readonly also?: readonly ChecksumAlgorithm[];
  readonly encryption: Encryption;
  readonly maxBytes: number;
}

/**
 * Streams the body to disk and verifies every digest that the client gave, in header or trailer.
 * @throws BadDigest, InvalidDigest, EntityTooLarge; nothing is kept then
 */
export async function receiveBody(
  blobs: BlobStore,
  input: BodyInput,
  body: Readable,
  { also = [], encryption, maxBytes }: BodyPlan,
): Promise<ReceivedBody> {
  const claim = readChecksumClaim(input, announcedTrailer(body), input.ChecksumAlgorithm);
  const algorithm = claim?.algorithm ?? 'CRC64NVME';
  const claimedMd5 = input.ContentMD5 === undefined ? undefined : md5Of(input.ContentMD5);
  // Under KMS the entity tag is no MD5, and computing one is what takes longest.
  const needsMd5 = claimedMd5 !== undefined || encryption.kmsKeyArn === undefined;
  const { blob, size, md5, checksums } = await blobs.receive(body, [algorithm, ...also], {
    md5: needsMd5,
    maxBytes,
  });
  const computed = checksums[algorithm] ?? '';
  const claimed = claim?.value ?? trailers(body)[`x-amz-checksum-${algorithm.toLowerCase()}`];
  const wrong =
    claimed !== undefined && claimed !== computed
      ? algorithm
      : claimedMd5 !== undefined && claimedMd5 !== md5
        ? 'Content-MD5'
        : undefined;
  if (wrong !== undefined) {
    await blobs.remove(blob);
    throw badDigest(wrong);
  }
  return {
    blob,
    size,
    etag: entityTag(encryption, md5),
    checksum: { algorithm, value: computed, type: 'FULL_OBJECT' },
    all: checksums,
  };
}

/** The MD5 of the content; under KMS something else of the same form. */
export function entityTag({ kmsKeyArn }: Encryption, md5: string): string {
  return kmsKeyArn === undefined ? md5 : randomBytes(16).toString('hex');
}

function md5Of(header: string): string {
  const bytes = Buffer.from(header, 'base64');
  if (bytes.length !== 16) throw invalidDigest();
  return bytes.toString('hex');
}

export function checksumHeaders({ algorithm, value, type }: Checksum) {
  return { [checksumMember(algorithm)]: value, ChecksumType: type };
}
