import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { FingerprintRef } from '../../domain/facts.ts';
import { isNamed } from '../aws/errors.ts';
import { failure } from '../failures.ts';
import { inLedger, type Ledger } from './ledger.ts';
import { findObject } from './versions.ts';
import { requireLocked, unversioned } from './worm.ts';

type Stored = Pick<FingerprintRef, 'bucket' | 'key' | 'versionId' | 'sha256' | 'bytes'>;

/** As `putFingerprint`, for one that is too large to be held in memory. @throws when it has more than the 5 GiB of one upload */
export async function putFingerprintFile(ledger: Ledger, key: string, path: string): Promise<Stored> {
  const { size } = await stat(path);
  const digest = await digestOf(path);
  const { VersionId } = await ledger.s3.send(
    new PutObjectCommand({
      ...inLedger(ledger),
      Key: key,
      Body: createReadStream(path),
      ContentLength: size,
      ContentType: 'application/octet-stream',
      ChecksumSHA256: Buffer.from(digest, 'hex').toString('base64'),
    }),
  );
  if (VersionId === undefined) throw unversioned(ledger);
  await requireLocked(ledger, key, VersionId);
  return { bucket: ledger.bucket, key, versionId: VersionId, sha256: digest, bytes: size };
}

/** The fingerprint that an earlier attempt stored under `key`, fetched to `path`; null when there is none. */
export async function findFingerprintFile(ledger: Ledger, key: string, path: string): Promise<Stored | null> {
  const there = await findObject(ledger, key);
  if (there === undefined) return null;
  const fetched = await fetchTo(ledger, key, there.versionId, path);
  await requireLocked(ledger, key, there.versionId);
  return { bucket: ledger.bucket, key, versionId: there.versionId, ...fetched };
}

/** Fetches a fingerprint to `path`. @throws ApplicationFailure FingerprintMissing when it is gone, or is not the one that the reference names. */
export async function getFingerprintFile(
  ledger: Ledger,
  ref: Pick<Stored, 'bucket' | 'key' | 'versionId' | 'sha256'>,
  path: string,
): Promise<void> {
  const where = `${ref.bucket}/${ref.key} version ${ref.versionId}`;
  try {
    const { sha256 } = await fetchTo(
      { ...ledger, bucket: ref.bucket },
      ref.key,
      ref.versionId,
      path,
      ref.sha256,
    );
    if (sha256 === ref.sha256) return;
  } catch (error) {
    if (!isNamed(error, 'NoSuchKey', 'NoSuchVersion', 'InvalidArgument', 'MethodNotAllowed')) throw error;
    throw failure('FingerprintMissing', `The fingerprint ${where} is not there.`, { ...ref }, error);
  }
  throw failure('FingerprintMissing', `The fingerprint ${where} does not have the digest ${ref.sha256}.`, {
    ...ref,
  });
}

/** The file appears under `path` when it is whole, and, where `expected` is given, has that digest. */
async function fetchTo(
  ledger: Ledger,
  key: string,
  versionId: string,
  path: string,
  expected?: string,
): Promise<{ sha256: string; bytes: number }> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const { Body } = await ledger.s3.send(
    new GetObjectCommand({ ...inLedger(ledger), Key: key, VersionId: versionId, ChecksumMode: 'ENABLED' }),
  );
  if (Body === undefined)
    throw failure('LedgerRefused', `S3 gave no content for ${ledger.bucket}/${key}.`, { key });
  const hash = createHash('sha256');
  let bytes = 0;
  // Two drills of one resource may fetch the same one at once: each writes a file of its own.
  const part = `${path}.${randomUUID()}.part`;
  const file = await open(part, 'wx', 0o600);
  try {
    for await (const chunk of Body as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      bytes += chunk.length;
      await file.appendFile(chunk);
    }
  } finally {
    await file.close();
  }
  const sha256 = hash.digest('hex');
  if (expected === undefined || sha256 === expected) await rename(part, path);
  else await rm(part);
  return { sha256, bytes };
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}
