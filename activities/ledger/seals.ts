import { decodeEnvelope, sha256 } from '../../evidence/verifier/envelope.ts';
import { decodeSeal, SEAL_NAME, sealKey } from '../../evidence/verifier/seal-format.ts';
import { failure } from '../failures.ts';
import { listObjects, readVersion } from './versions.ts';
import type { SealPredicate } from '../../evidence/verifier/seal-format.ts';
import type { Ledger } from './ledger.ts';
import type { LedgerObject } from './versions.ts';

const SEALS = 'seals/';

/** A seal as it lies in the ledger. */
export interface StoredSeal {
  readonly key: string;
  readonly versionId: string;
  readonly sha256: string;
  readonly signedBy: readonly string[];
  readonly seal: SealPredicate;
  readonly bytes: Buffer;
}

/** Every seal's place in the bucket, in the order of the chain. Content is read one by one ({@link readSeal}). */
export async function listSealObjects(ledger: Ledger): Promise<LedgerObject[]> {
  const objects: LedgerObject[] = [];
  for await (const object of listObjects(ledger, SEALS)) {
    if (SEAL_NAME.test(object.key.slice(SEALS.length))) objects.push(object);
  }
  return objects;
}

/**
 * A chain with a gap may be read and exported, and a verifier names the gap; it must not be continued as if nothing were missing.
 * @throws ApplicationFailure LedgerRefused that names the first missing seal.
 */
export function requireUnbroken({ bucket }: Ledger, seals: readonly LedgerObject[]): void {
  const gap = seals.findIndex(({ key }, at) => key !== sealKey(at + 1));
  if (gap === -1) return;
  throw failure(
    'LedgerRefused',
    `The chain of ${bucket} has a gap: ${sealKey(gap + 1)} is missing. Nothing was sealed; find out who removed it, and restore its version.`,
    { missing: sealKey(gap + 1) },
  );
}

export async function readSeal(
  ledger: Ledger,
  { key, versionId }: Pick<LedgerObject, 'key' | 'versionId'>,
): Promise<StoredSeal> {
  const bytes = await readVersion(ledger, key, versionId);
  try {
    const envelope = decodeEnvelope(bytes);
    const seal = decodeSeal(envelope.payload);
    return {
      key,
      versionId,
      sha256: sha256(bytes),
      signedBy: envelope.signatures.map(({ keyid }) => keyid),
      seal,
      bytes,
    };
  } catch (error) {
    throw failure(
      'LedgerRefused',
      `${ledger.bucket}/${key} is not a seal: ${(error as Error).message}.`,
      { key },
      error,
    );
  }
}
