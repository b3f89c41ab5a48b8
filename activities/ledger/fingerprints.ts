import { createHash } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { sha256 } from '../../evidence/verifier/envelope.ts';
import { isNamed } from '../aws/errors.ts';
import { failure } from '../failures.ts';
import { findFingerprintFile, getFingerprintFile, putFingerprintFile } from './fingerprint-files.ts';
import { inLedger, ledgerOf } from './ledger.ts';
import { findObject, readVersion } from './versions.ts';
import { requireLocked, unversioned } from './worm.ts';
import type { FingerprintRef } from '../../domain/facts.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import type { At, AwsClients } from '../aws/clients.ts';
import type { Ledger } from './ledger.ts';

type Stored = Pick<FingerprintRef, 'bucket' | 'key' | 'versionId' | 'sha256' | 'bytes'>;

/**
 * Stores a fingerprint and locks it. Every call makes a version of its own, and a reference names version and digest: an attempt that
 * is repeated takes a new fingerprint, and neither can stand in for the other.
 * @param key below `fingerprints/`, so that the prober's role can be held to that prefix.
 */
export async function putFingerprint(ledger: Ledger, key: string, bytes: Buffer): Promise<Stored> {
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

/** The fingerprint that an earlier attempt stored under `key`, if there is one. */
export async function findFingerprint(ledger: Ledger, key: string): Promise<Stored | null> {
  const there = await findObject(ledger, key);
  if (there === undefined) return null;
  const bytes = await readVersion(ledger, key, there.versionId);
  await requireLocked(ledger, key, there.versionId);
  return {
    bucket: ledger.bucket,
    key,
    versionId: there.versionId,
    sha256: sha256(bytes),
    bytes: bytes.length,
  };
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
    // S3 calls a version id that it cannot have given an invalid argument.
    if (!isNamed(error, 'NoSuchKey', 'NoSuchVersion', 'InvalidArgument', 'MethodNotAllowed')) throw error;
    throw failure('FingerprintMissing', `The fingerprint ${where} is not there.`, { ...ref }, error);
  }
  if (sha256(bytes) !== ref.sha256) {
    throw failure('FingerprintMissing', `The fingerprint ${where} does not have the digest ${ref.sha256}.`, {
      ...ref,
    });
  }
  return bytes;
}

/**
 * The ledger's fingerprints through the credentials of the process itself: a prober has a role of its own and assumes no other.
 */
export function createFingerprintStore(clients: Pick<AwsClients, 's3'>) {
  function own(policy: Policy): Ledger {
    const at: At = { region: policy.ledger.region };
    return ledgerOf(policy, { s3: () => clients.s3(at) });
  }
  return {
    find: (policy: Policy, key: string): Promise<Stored | null> => findFingerprint(own(policy), key),
    put: (policy: Policy, key: string, bytes: Uint8Array): Promise<Stored> =>
      putFingerprint(own(policy), key, Buffer.from(bytes)),
    get: (policy: Policy, stored: Stored): Promise<Uint8Array> => getFingerprint(own(policy), stored),
    findFile: (policy: Policy, key: string, path: string): Promise<Stored | null> =>
      findFingerprintFile(own(policy), key, path),
    putFile: (policy: Policy, key: string, path: string): Promise<Stored> =>
      putFingerprintFile(own(policy), key, path),
    getFile: (policy: Policy, stored: Stored, path: string): Promise<void> =>
      getFingerprintFile(own(policy), stored, path),
  };
}
