import * as KMS from '@aws-sdk/client-kms';
import { createPublicKey } from 'node:crypto';
import { notImplemented } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { requireEnabled, unsupported, validation, type KmsContext } from './context.ts';
import { signingKey, type KeyRecord } from './keys.ts';
import { digestBytes, isSignature, makeSignature, type Signable } from './signatures.ts';
import { SPECS, type SigningAlgorithm } from './specs.ts';

/** Signatures by ECC and RSA keys, over messages and finished digests. */
export function signingHandlers(context: KmsContext): Handlers<typeof KMS> {
  const prepare = (
    input: Omit<KMS.SignCommandInput, 'SigningAlgorithm'> & { SigningAlgorithm?: string | undefined },
    call: Call,
    action: string,
  ): { key: KeyRecord; algorithm: SigningAlgorithm; signable: Signable } => {
    const signable = signableOf(input);
    const key = context.usable(input.KeyId, call, action, 'SIGN_VERIFY', {
      ...{ grantTokens: input.GrantTokens, dryRun: input.DryRun },
      context: {
        'kms:SigningAlgorithm': input.SigningAlgorithm ?? '',
        'kms:MessageType': input.MessageType ?? 'RAW',
      },
    });
    const algorithm = SPECS[key.spec].signing.find((each) => each === input.SigningAlgorithm);
    if (!algorithm)
      throw new KMS.InvalidKeyUsageException({
        message: `Algorithm ${input.SigningAlgorithm ?? ''} is incompatible with key spec ${key.spec}.`,
        $metadata: {},
      });
    if (signable.digested && signable.bytes.byteLength !== digestBytes(algorithm))
      throw validation(`Digest is invalid length for algorithm ${algorithm}.`);
    return { key, algorithm, signable };
  };
  return {
    async Sign(input, call) {
      const { key, algorithm, signable } = prepare(input, call, 'kms:Sign');
      const Signature = makeSignature(signingKey(key), key.spec, algorithm, signable);
      return { KeyId: key.arn, Signature, SigningAlgorithm: algorithm };
    },
    async Verify(input, call) {
      const { key, algorithm, signable } = prepare(input, call, 'kms:Verify');
      if (!isSignature(signingKey(key), key.spec, algorithm, signable, input.Signature ?? new Uint8Array()))
        throw new KMS.KMSInvalidSignatureException({ message: '', $metadata: {} });
      return { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: algorithm };
    },
    async GetPublicKey({ KeyId, GrantTokens }, call) {
      const key = context.keyFor(KeyId, call, 'kms:GetPublicKey', { grantTokens: GrantTokens });
      const { signing, encryption } = SPECS[key.spec];
      if (signing.length === 0) throw unsupported(`${key.arn} is not an asymmetric key.`);
      requireEnabled(key);
      return {
        KeyId: key.arn,
        PublicKey: createPublicKey(signingKey(key)).export({ type: 'spki', format: 'der' }),
        CustomerMasterKeySpec: key.spec as KMS.CustomerMasterKeySpec,
        KeySpec: key.spec,
        KeyUsage: key.usage,
        ...(key.usage === 'SIGN_VERIFY'
          ? { SigningAlgorithms: [...signing] }
          : { EncryptionAlgorithms: [...encryption] }),
      };
    },
  };
}

function signableOf({
  Message = new Uint8Array(),
  MessageType = 'RAW',
}: Pick<KMS.SignCommandInput, 'Message' | 'MessageType'>): Signable {
  if (MessageType !== 'RAW' && MessageType !== 'DIGEST')
    throw notImplemented('kms', `signing with MessageType ${MessageType}`);
  if (Message.byteLength < 1 || Message.byteLength > 4096)
    throw validation(
      "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length between 1 and 4096, inclusive",
    );
  return { bytes: Message, digested: MessageType === 'DIGEST' };
}
