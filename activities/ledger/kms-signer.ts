import { createHash } from 'node:crypto';
import { GetPublicKeyCommand, SignCommand } from '@aws-sdk/client-kms';
import { ledgerKeyOf } from '../../evidence/signer.ts';
import { publicKeyOf } from '../../evidence/verifier/envelope.ts';
import { failure } from '../failures.ts';
import type { KMSClient } from '@aws-sdk/client-kms';
import type { Signer } from '../../evidence/signer.ts';

/**
 * A signer whose key never leaves KMS. An alias is resolved once, and every signature is made by the key that it meant then:
 * otherwise a rotated alias would sign under the name of the old key.
 * @param keyId ARN of a key or an alias; ECC_NIST_P256, SIGN_VERIFY.
 */
export async function kmsSigner(kms: KMSClient, keyId: string): Promise<Signer> {
  const { KeyId, KeySpec, KeyUsage, PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId: keyId }));
  if (
    KeyId === undefined ||
    PublicKey === undefined ||
    KeySpec !== 'ECC_NIST_P256' ||
    KeyUsage !== 'SIGN_VERIFY'
  ) {
    throw failure(
      'LedgerRefused',
      `The signing key ${keyId} is ${KeySpec ?? 'of an unknown kind'} for ${KeyUsage ?? 'an unknown use'}; ` +
        'it must be ECC_NIST_P256 for SIGN_VERIFY. Create such a key and set ledger.signingKey.',
      { keyId },
    );
  }
  return {
    key: ledgerKeyOf(publicKeyOf(Buffer.from(PublicKey)), KeyId),
    async sign(bytes) {
      const { Signature } = await kms.send(
        new SignCommand({
          KeyId,
          Message: createHash('sha256').update(bytes).digest(),
          MessageType: 'DIGEST',
          SigningAlgorithm: 'ECDSA_SHA_256',
        }),
      );
      if (Signature === undefined) throw new Error(`KMS answered without a signature by ${KeyId}`);
      return Buffer.from(Signature);
    },
  };
}

/** The region that the ARN of a key names: keys answer only there. */
export function regionOfKey(arn: string): string {
  return arn.split(':')[3] ?? '';
}
