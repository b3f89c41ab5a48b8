import { createHash } from 'node:crypto';
import type { WireRequest } from '../wire/protocol.ts';
import type { Operation } from '../wire/schema.ts';
import { badDigest, checksumMember, checksumOf, CHECKSUM_ALGORITHMS, invalidDigest } from './checksums.ts';
import { invalidRequest } from './errors.ts';

/** Whose documents must come with a digest. */
const COMPULSORY = new Set([
  'DeleteObjects',
  'PutBucketLifecycleConfiguration',
  'PutObjectLockConfiguration',
  'PutObjectRetention',
  'PutObjectLegalHold',
]);

/** Compares a request document with the digests in its headers. Bodies of objects are compared while they stream. */
export async function checkDocument(request: WireRequest, operation: Operation): Promise<void> {
  if (request.method !== 'PUT' && request.method !== 'POST') return;
  const members = [...operation.input.structIterator()];
  if (members.some(([, member]) => member.isStreaming())) return;
  const claims = CHECKSUM_ALGORITHMS.map((algorithm) => ({
    algorithm,
    value: request.headers[`x-amz-checksum-${algorithm.toLowerCase()}`],
  })).filter(({ value }) => value !== undefined);
  const md5 = request.headers['content-md5'];
  if (
    COMPULSORY.has(operation.name) &&
    md5 === undefined &&
    claims.length === 0 &&
    !request.headers['x-amz-trailer']
  )
    throw invalidRequest('Missing required header for this request: Content-MD5');
  // Those of CompleteMultipartUpload are of the object.
  if (members.some(([name]) => name === checksumMember('CRC32'))) return;
  const document = await request.body();
  if (md5 !== undefined) {
    if (Buffer.from(md5, 'base64').length !== 16) throw invalidDigest();
    if (createHash('md5').update(document).digest('base64') !== md5) throw badDigest('Content-MD5');
  }
  for (const { algorithm, value } of claims)
    if ((await checksumOf(algorithm, document)) !== value) throw badDigest(algorithm);
}
