import type * as S3 from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { badDigest, checksumMember, checksumOf, CHECKSUM_ALGORITHMS, toAlgorithm } from './checksums.ts';
import { checkWrite, readRange } from './conditions.ts';
import { readContent, readTagging } from './content.ts';
import { copySource } from './copy-handlers.ts';
import { encryptionFor, encryptionHeaders } from './encryption.ts';
import { invalidArgument, invalidRequest, malformedXml, s3Error } from './errors.ts';
import { lockForNewVersion } from './lock.ts';
import {
  authorizeLock,
  checkKey,
  checksumHeaders,
  putContext,
  receiveBody,
  versionHeader,
} from './object-handlers.ts';
import type { BucketRecord, Checksum, PartRecord, UploadRecord } from './records.ts';
import { partId } from './store.ts';

const MIN_PART_BYTES = 5 * 1024 ** 2;
const MAX_PARTS = 10_000;

export function multipartHandlers(parts: S3Parts, access: S3Access) {
  const { store, clock, keys } = parts;
  const uploadOf = (
    input: {
      Bucket?: string | undefined;
      Key?: string | undefined;
      UploadId?: string | undefined;
      ExpectedBucketOwner?: string | undefined;
    },
    call: Call,
    action: string,
  ): { bucket: BucketRecord; upload: UploadRecord } => {
    const bucket = access.bucket(call, input, action, input.Key ?? '');
    const upload = store.uploads.get(input.UploadId ?? '');
    if (!upload || upload.bucket !== bucket.name || upload.key !== input.Key) {
      throw s3Error(
        'NoSuchUpload',
        404,
        'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
        {
          UploadId: input.UploadId ?? '',
        },
      );
    }
    return { bucket, upload };
  };
  const putPart = async (part: PartRecord): Promise<void> => {
    const id = partId(part.uploadId, part.number);
    const replaced = store.parts.get(id);
    await store.parts.put(id, part);
    if (replaced) await store.blobs.remove(replaced.blob);
  };

  return {
    async CreateMultipartUpload(input, call) {
      refuseMembers('s3', 'CreateMultipartUpload', input, [
        'ACL',
        'GrantFullControl',
        'GrantRead',
        'GrantReadACP',
        'GrantWriteACP',
        'WebsiteRedirectLocation',
      ]);
      const { Key: key = '' } = input;
      checkKey(key);
      const bucket = access.bucket(call, input, 's3:PutObject', key, putContext(input, clock.now()));
      const lock = lockForNewVersion(input, bucket, clock.now());
      authorizeLock(access, call, bucket, key, input);
      const upload: UploadRecord = {
        bucket: bucket.name,
        key,
        uploadId: randomBytes(32).toString('base64url'),
        startedAt: clock.now().toISOString(),
        content: readContent(input),
        encryption: await encryptionFor(input, bucket, call, keys),
        ...lock,
        tags: readTagging(input.Tagging),
        checksum: checksumPlan(input.ChecksumAlgorithm, input.ChecksumType),
        initiator: call.principalArn,
      };
      await store.uploads.put(upload.uploadId, upload);
      const declared =
        input.ChecksumAlgorithm === undefined
          ? {}
          : { ChecksumAlgorithm: upload.checksum.algorithm, ChecksumType: upload.checksum.type };
      return {
        Bucket: bucket.name,
        Key: key,
        UploadId: upload.uploadId,
        ...declared,
        ...encryptionHeaders(upload.encryption),
      };
    },
    async UploadPart(input, call) {
      const { upload } = uploadOf(input, call, 's3:PutObject');
      const number = partNumber(input.PartNumber);
      const body = await receiveBody(parts, input, input.Body as unknown as Readable, [
        upload.checksum.algorithm,
      ]);
      if (!store.uploads.has(upload.uploadId)) {
        await store.blobs.remove(body.blob);
        throw s3Error('NoSuchUpload', 404, 'The specified upload does not exist.', {
          UploadId: upload.uploadId,
        });
      }
      await putPart({
        uploadId: upload.uploadId,
        number,
        size: body.size,
        etag: body.md5,
        checksums: body.all,
        blob: body.blob,
        modifiedAt: clock.now().toISOString(),
      });
      return {
        ETag: `"${body.md5}"`,
        [checksumMember(body.checksum.algorithm)]: body.checksum.value,
        ...encryptionHeaders(upload.encryption),
      };
    },
    async UploadPartCopy(input, call) {
      const source = copySource(parts, access, call, input);
      const { upload } = uploadOf(input, call, 's3:PutObject');
      const number = partNumber(input.PartNumber);
      const range = readRange(input.CopySourceRange, source.size);
      const { algorithm } = upload.checksum;
      const copy = await store.blobs.receive(await store.blobs.read(source.blob, range), [algorithm]);
      const modifiedAt = clock.now().toISOString();
      await putPart({
        uploadId: upload.uploadId,
        number,
        size: copy.size,
        etag: copy.md5,
        checksums: copy.checksums,
        blob: copy.blob,
        modifiedAt,
      });
      return {
        CopyPartResult: {
          ETag: `"${copy.md5}"`,
          LastModified: new Date(modifiedAt),
          [checksumMember(algorithm)]: copy.checksums[algorithm],
        },
      };
    },
    async CompleteMultipartUpload(input, call) {
      const { bucket, upload } = uploadOf(input, call, 's3:PutObject');
      checkWrite(input, store.index(bucket.name).current(upload.key), upload.key);
      const chosen = chooseParts(input.MultipartUpload?.Parts ?? [], store.partsOf(upload.uploadId), upload);
      const { algorithm, type } = upload.checksum;
      const whole = await store.blobs.receive(Readable.from(concatenated(parts, chosen)), [algorithm]);
      const checksum: Checksum =
        type === 'FULL_OBJECT'
          ? { algorithm, type, value: whole.checksums[algorithm] ?? '' }
          : { algorithm, type, value: await composite(chosen, algorithm) };
      const claimed = input[checksumMember(algorithm)];
      if (claimed !== undefined && claimed !== checksum.value) {
        await store.blobs.remove(whole.blob);
        throw badDigest(algorithm);
      }
      const version = await store.commit(
        {
          bucket: bucket.name,
          key: upload.key,
          size: whole.size,
          etag: compositeTag(chosen),
          checksum,
          parts: chosen.map(({ number, size, checksums }) => ({
            number,
            size,
            checksum: checksums[algorithm],
          })),
          content: upload.content,
          encryption: upload.encryption,
          retention: upload.retention,
          legalHold: upload.legalHold,
          tags: upload.tags,
          blob: whole.blob,
        },
        (current) => checkWrite(input, current, upload.key),
      );
      await store.removeUpload(upload);
      return {
        Location: `/${bucket.name}/${upload.key}`,
        Bucket: bucket.name,
        Key: upload.key,
        ETag: `"${version.etag}"`,
        ...checksumHeaders(checksum),
        ...versionHeader(version),
        ...encryptionHeaders(upload.encryption),
      };
    },
    async AbortMultipartUpload(input, call) {
      await store.removeUpload(uploadOf(input, call, 's3:AbortMultipartUpload').upload);
      return {};
    },
    async ListParts(input, call) {
      const { bucket, upload } = uploadOf(input, call, 's3:ListMultipartUploadParts');
      const after = Number(input.PartNumberMarker ?? 0);
      const rest = store.partsOf(upload.uploadId).filter(({ number }) => number > after);
      const page = rest.slice(0, input.MaxParts ?? 1000);
      const { algorithm, type } = upload.checksum;
      return {
        Bucket: bucket.name,
        Key: upload.key,
        UploadId: upload.uploadId,
        MaxParts: input.MaxParts ?? 1000,
        PartNumberMarker: String(after),
        IsTruncated: page.length < rest.length,
        ...(page.length < rest.length ? { NextPartNumberMarker: String(page.at(-1)?.number ?? after) } : {}),
        ChecksumAlgorithm: algorithm,
        ChecksumType: type,
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
      refuseMembers('s3', 'ListMultipartUploads', input, ['Delimiter', 'KeyMarker', 'UploadIdMarker']);
      const bucket = access.bucket(call, input, 's3:ListBucketMultipartUploads');
      const own = [...store.uploads.values()].filter(
        (upload) => upload.bucket === bucket.name && upload.key.startsWith(input.Prefix ?? ''),
      );
      const Uploads = own.map(({ key, uploadId, startedAt }) => ({
        Key: key,
        UploadId: uploadId,
        Initiated: new Date(startedAt),
        StorageClass: 'STANDARD' as const,
      }));
      return { Bucket: bucket.name, Uploads, IsTruncated: false, MaxUploads: Uploads.length };
    },
  } satisfies Handlers<typeof S3>;
}

/** SHA digests of parts cannot be combined, CRC-64 always is. */
function checksumPlan(asked: string | undefined, type: string | undefined): UploadRecord['checksum'] {
  const algorithm = asked === undefined ? 'CRC64NVME' : toAlgorithm(asked);
  const isSha = algorithm === 'SHA1' || algorithm === 'SHA256';
  const chosen = type ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
  if (chosen !== 'FULL_OBJECT' && chosen !== 'COMPOSITE')
    throw invalidArgument('Checksum Type must be FULL_OBJECT or COMPOSITE.');
  if ((isSha && chosen === 'FULL_OBJECT') || (algorithm === 'CRC64NVME' && chosen === 'COMPOSITE')) {
    throw invalidRequest(
      `The ${chosen} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    );
  }
  return { algorithm, type: chosen };
}

function partNumber(given: number | undefined): number {
  if (given === undefined || !Number.isInteger(given) || given < 1 || given > MAX_PARTS) {
    throw invalidArgument(
      `Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`,
      'partNumber',
      String(given),
    );
  }
  return given;
}

function chooseParts(
  listed: readonly S3.CompletedPart[],
  stored: readonly PartRecord[],
  upload: UploadRecord,
): PartRecord[] {
  if (listed.length === 0) throw malformedXml();
  const chosen: PartRecord[] = [];
  for (const { PartNumber = 0, ETag = '', ...rest } of listed) {
    if (PartNumber <= (chosen.at(-1)?.number ?? 0)) {
      throw s3Error(
        'InvalidPartOrder',
        400,
        'The list of parts was not in ascending order. Parts must be ordered by part number.',
      );
    }
    const part = stored.find(({ number }) => number === PartNumber);
    if (!part || ETag.replaceAll('"', '') !== part.etag) throw invalidPart(PartNumber, ETag);
    checkPartChecksums(rest, part, upload);
    chosen.push(part);
  }
  const small = chosen.slice(0, -1).find(({ size }) => size < MIN_PART_BYTES);
  if (small) {
    throw s3Error('EntityTooSmall', 400, 'Your proposed upload is smaller than the minimum allowed size', {
      ProposedSize: String(small.size),
      MinSizeAllowed: String(MIN_PART_BYTES),
      PartNumber: String(small.number),
    });
  }
  return chosen;
}

function checkPartChecksums(
  listed: Readonly<Record<string, unknown>>,
  part: PartRecord,
  { checksum }: UploadRecord,
): void {
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const given = listed[checksumMember(algorithm)];
    const known = part.checksums[algorithm];
    if (given !== undefined && known !== undefined && given !== known)
      throw invalidPart(part.number, part.etag);
  }
  const isSha = checksum.algorithm === 'SHA1' || checksum.algorithm === 'SHA256';
  if (isSha && listed[checksumMember(checksum.algorithm)] === undefined) {
    throw invalidRequest(
      `The upload was created using a ${checksum.algorithm.toLowerCase()} checksum. The complete request must include the checksum for each part.`,
    );
  }
}

function invalidPart(number: number, etag: string): Error {
  const message =
    'One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match.';
  return s3Error('InvalidPart', 400, message, { PartNumber: String(number), ETag: etag });
}

async function* concatenated({ store }: S3Parts, chosen: readonly PartRecord[]): AsyncGenerator<Buffer> {
  for (const { blob } of chosen) yield* (await store.blobs.read(blob)) as AsyncIterable<Buffer>;
}

async function composite(
  chosen: readonly PartRecord[],
  algorithm: UploadRecord['checksum']['algorithm'],
): Promise<string> {
  const digests = chosen.map(({ checksums }) => Buffer.from(checksums[algorithm] ?? '', 'base64'));
  return `${await checksumOf(algorithm, Buffer.concat(digests))}-${chosen.length}`;
}

function compositeTag(chosen: readonly PartRecord[]): string {
  const hash = createHash('md5');
  for (const { etag } of chosen) hash.update(Buffer.from(etag, 'hex'));
  return `${hash.digest('hex')}-${chosen.length}`;
}
