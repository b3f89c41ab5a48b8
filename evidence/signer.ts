import { createPublicKey, sign } from 'node:crypto';
import { keyIdOf, pae, PAYLOAD_TYPE } from './verifier/envelope.ts';
import type { KeyObject } from 'node:crypto';
import type { Envelope } from './verifier/envelope.ts';
import type { LedgerKey } from './verifier/seal-format.ts';

/** Signs with a key that it does not hand out. KMS is one; a key in memory (tests, practice) is another. */
export interface Signer {
  /** `keyid`, public half, and where the private half lives. */
  readonly key: LedgerKey;
  /** @returns DER for ECDSA P-256 over SHA-256 of `bytes`; 64 bytes for Ed25519 over `bytes`. */
  sign(bytes: Buffer): Promise<Buffer>;
}

/** One envelope around a payload, signed by each signer. */
export async function signEnvelope(payload: Buffer, signers: readonly Signer[]): Promise<Envelope> {
  const bytes = pae(PAYLOAD_TYPE, payload);
  const signatures = await Promise.all(
    signers.map(async (signer) => ({
      keyid: signer.key.keyid,
      sig: (await signer.sign(bytes)).toString('base64'),
    })),
  );
  return { payloadType: PAYLOAD_TYPE, payload, signatures };
}

/** @param source says where the key lives, for people. */
export function ledgerKeyOf(publicKey: KeyObject, source: string): LedgerKey {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return { keyid: keyIdOf(publicKey), publicKey: der.toString('base64'), source };
}

/** A signer whose private key is in this process. */
export function signerInMemory(privateKey: KeyObject, source = 'memory'): Signer {
  const algorithm = privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return {
    key: ledgerKeyOf(createPublicKey(privateKey), source),
    sign: async (bytes) => sign(algorithm, bytes, privateKey),
  };
}
