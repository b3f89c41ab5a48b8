import { createHash } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { sha256 } from '../../evidence/verifier/envelope.ts';
import { isNamed } from '../aws/errors.ts';
import { failure } from '../failures.ts';
import { inLedger } from './ledger.ts';
import { readVersion } from './versions.ts';
import { requireLocked, unversioned } from './worm.ts';
import type { FingerprintRef } from '../../domain/facts.ts';
import type { Ledger } from './ledger.ts';

/**
 * Stores a fingerprint and locks it. Every call makes a version of its own, and a reference names version and digest: an attempt that
 * is repeated takes a new fingerprint, and neither can stand in for the other.
 * @param key below `fingerprints/`, so that the prober's role can be held to that prefix.
 */
export async function putFingerprint(
  ledger: Ledger,
  key: string,
  bytes: Buffer,
): Promise<Pick<FingerprintRef, 'bucket' | 'key' | 'versionId' | 'sha256' | 'bytes'>> {
  const { VersionId } = await ledger.s3.send(
    new PutObjectCommand({
      ...inLedger(ledger),
      Key: key,
      Body: bytes,
      ContentType: 'application/octet-stream',
      ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
    }),
  );
  if (VersionId === undefined) throw unversioned(ledger);
  // Locked after S3 has dated it: the prober needs no clock of its own for that.
  await requireLocked(ledger, key, VersionId);
  return { bucket: ledger.bucket, key, versionId: VersionId, sha256: sha256(bytes), bytes: bytes.length };
}

/** @throws ApplicationFailure FingerprintMissing when it is gone, or is not the one that the reference names. */
export async function getFingerprint(
  ledger: Ledger,
  ref: Pick<FingerprintRef, 'bucket' | 'key' | 'versionId' | 'sha256'>,
): Promise<Buffer> {
  const where = `${ref.bucket}/${ref.key} version ${ref.versionId}`;
  let bytes: Buffer;
  try {
    bytes = await readVersion({ ...ledger, bucket: ref.bucket }, ref.key, ref.versionId);
  } catch (error) {
    if (!isNamed(error, 'NoSuchKey', 'NoSuchVersion', 'MethodNotAllowed')) throw error;
    throw failure('FingerprintMissing', `The fingerprint ${where} is not there.`, { ...ref }, error);
  }
  if (sha256(bytes) !== ref.sha256) {
    throw failure('FingerprintMissing', `The fingerprint ${where} does not have the digest ${ref.sha256}.`, {
      ...ref,
    });
  }
  return bytes;
}
