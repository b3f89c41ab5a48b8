import * as KMS from '@aws-sdk/client-kms';
import {
  constants,
  createHmac,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { accessDenied, notImplemented, refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { validation, type Asked, type KmsContext } from './context.ts';
import { keyArnIn, seal, unseal } from './envelope.ts';
import { signingKey, type KeyRecord } from './keys.ts';
import { isSpec, newPair, SPECS, type EncryptionAlgorithm } from './specs.ts';

type Bytes = Uint8Array | undefined;

/** Encryption, data keys and message authentication codes. */
export function cryptoHandlers(context: KmsContext): Handlers<typeof KMS> {
  const { ring } = context;
  const asked = (input: {
    EncryptionContext?: Record<string, string> | undefined;
    GrantTokens?: string[] | undefined;
    DryRun?: boolean | undefined;
  }): Asked => ({
    ...{ encryptionContext: input.EncryptionContext, grantTokens: input.GrantTokens, dryRun: input.DryRun },
  });

  /** Which key a ciphertext is under: said by itself, or by the caller for asymmetric keys. */
  const keyOf = (blob: Uint8Array, KeyId: string | undefined, call: Call): string => {
    const arn = keyArnIn(blob);
    if (arn === undefined) {
      const named = KeyId === undefined ? undefined : ring.find(KeyId, call);
      if (named && named.spec !== 'SYMMETRIC_DEFAULT') return named.arn;
      throw invalidCiphertext();
    }
    const [, , , , , id = ''] = arn.split(':');
    // A multi-Region key decrypts in every region that has a replica.
    const here = id.startsWith('key/mrk-') ? arn.replace(/^(arn:aws:kms:)[^:]+/, `$1${call.region}`) : arn;
    const stored = here.split(':')[3] === call.region ? ring.find(here, call) : undefined;
    if (!stored)
      throw accessDenied(
        'kms',
        'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.',
      );
    if (KeyId !== undefined && ring.find(KeyId, call)?.arn !== stored.arn)
      throw new KMS.IncorrectKeyException({
        message: 'The key ID in the request does not identify a CMK that can perform this operation.',
        $metadata: {},
      });
    return stored.arn;
  };
  const dataKey = (
    input: Parameters<typeof asked>[0] & KMS.GenerateDataKeyCommandInput,
    call: Call,
    action: string,
  ) => {
    refuseMembers('kms', call.operation, input, ['Recipient']);
    const bytes = dataKeyBytes(input);
    const key = context.usable(input.KeyId, call, action, 'ENCRYPT_DECRYPT', asked(input));
    requireSymmetric(key, call);
    const plaintext = randomBytes(bytes);
    return { key, plaintext, blob: seal(key, plaintext, input.EncryptionContext) };
  };
  const pair = async (
    input: Parameters<typeof asked>[0] & KMS.GenerateDataKeyPairCommandInput,
    call: Call,
  ) => {
    refuseMembers('kms', call.operation, input, ['Recipient']);
    const spec = input.KeyPairSpec ?? '';
    if (!isSpec(spec) || SPECS[spec].signing.length === 0)
      throw notImplemented('kms', `key pairs of the spec ${spec}`);
    const key = context.usable(input.KeyId, call, `kms:${call.operation}`, 'ENCRYPT_DECRYPT', {
      ...asked(input),
      context: { 'kms:DataKeyPairSpec': spec },
    });
    requireSymmetric(key, call);
    const made = await newPair(spec);
    const secret = made.privateKey.export({ type: 'pkcs8', format: 'der' });
    return {
      secret,
      common: {
        KeyId: key.arn,
        KeyPairSpec: spec,
        PublicKey: made.publicKey.export({ type: 'spki', format: 'der' }),
        PrivateKeyCiphertextBlob: seal(key, secret, input.EncryptionContext),
      },
    };
  };

  return {
    async Encrypt(input, call) {
      const { Plaintext = new Uint8Array(), EncryptionContext } = input;
      if (Plaintext.byteLength < 1 || Plaintext.byteLength > 4096)
        throw validation(
          "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length between 1 and 4096, inclusive",
        );
      const algorithm = input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT';
      const key = context.usable(input.KeyId, call, 'kms:Encrypt', 'ENCRYPT_DECRYPT', {
        ...asked(input),
        context: { 'kms:EncryptionAlgorithm': algorithm },
      });
      const blob = encrypt(key, algorithm, Plaintext, EncryptionContext);
      return { KeyId: key.arn, CiphertextBlob: blob, EncryptionAlgorithm: algorithm };
    },
    async Decrypt(input, call) {
      refuseMembers('kms', 'Decrypt', input, ['Recipient']);
      const { CiphertextBlob: blob = new Uint8Array(), EncryptionContext, KeyId } = input;
      const algorithm = input.EncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT';
      const key = context.usable(keyOf(blob, KeyId, call), call, 'kms:Decrypt', 'ENCRYPT_DECRYPT', {
        ...asked(input),
        context: { 'kms:EncryptionAlgorithm': algorithm },
      });
      const Plaintext = decrypt(key, algorithm, blob, EncryptionContext);
      return { KeyId: key.arn, Plaintext, EncryptionAlgorithm: algorithm };
    },
    async ReEncrypt(input, call) {
      const { CiphertextBlob: blob = new Uint8Array(), DestinationKeyId, SourceKeyId } = input;
      const { SourceEncryptionContext, DestinationEncryptionContext, GrantTokens, DryRun } = input;
      const from = input.SourceEncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT';
      const to = input.DestinationEncryptionAlgorithm ?? 'SYMMETRIC_DEFAULT';
      const sourceArn = keyOf(blob, SourceKeyId, call);
      const same = {
        'kms:ReEncryptOnSameKey': String(ring.find(DestinationKeyId ?? '', call)?.arn === sourceArn),
      };
      const source = context.usable(sourceArn, call, 'kms:ReEncryptFrom', 'ENCRYPT_DECRYPT', {
        ...{ encryptionContext: SourceEncryptionContext, grantTokens: GrantTokens, context: same },
      });
      const target = context.usable(DestinationKeyId, call, 'kms:ReEncryptTo', 'ENCRYPT_DECRYPT', {
        ...{
          encryptionContext: DestinationEncryptionContext,
          grantTokens: GrantTokens,
          context: same,
          dryRun: DryRun,
        },
      });
      const plaintext = decrypt(source, from, blob, SourceEncryptionContext);
      return {
        CiphertextBlob: encrypt(target, to, plaintext, DestinationEncryptionContext),
        SourceKeyId: source.arn,
        KeyId: target.arn,
        SourceEncryptionAlgorithm: from,
        DestinationEncryptionAlgorithm: to,
      };
    },
    async GenerateDataKey(input, call) {
      const { key, plaintext, blob } = dataKey(input, call, 'kms:GenerateDataKey');
      return { KeyId: key.arn, Plaintext: plaintext, CiphertextBlob: blob };
    },
    async GenerateDataKeyWithoutPlaintext(input, call) {
      const { key, blob } = dataKey(input, call, 'kms:GenerateDataKeyWithoutPlaintext');
      return { KeyId: key.arn, CiphertextBlob: blob };
    },
    async GenerateDataKeyPair(input, call) {
      const { common, secret } = await pair(input, call);
      return { ...common, PrivateKeyPlaintext: secret };
    },
    async GenerateDataKeyPairWithoutPlaintext(input, call) {
      return (await pair(input, call)).common;
    },
    async GenerateRandom(input, call) {
      refuseMembers('kms', 'GenerateRandom', input, ['CustomKeyStoreId', 'Recipient']);
      context.permit(call, 'kms:GenerateRandom');
      const bytes = input.NumberOfBytes;
      if (bytes === undefined || bytes < 1 || bytes > 1024)
        throw validation('NumberOfBytes must be 1 to 1024.');
      return { Plaintext: randomBytes(bytes) };
    },
    async GenerateMac(input, call) {
      const { key, mac } = macOf(input, call, 'kms:GenerateMac');
      return { KeyId: key.arn, Mac: mac, MacAlgorithm: input.MacAlgorithm };
    },
    async VerifyMac(input, call) {
      const { key, mac } = macOf(input, call, 'kms:VerifyMac');
      const given = Buffer.from(input.Mac ?? []);
      if (given.length !== mac.length || !timingSafeEqual(given, mac))
        throw new KMS.KMSInvalidMacException({ message: 'The HMAC verification failed.', $metadata: {} });
      return { KeyId: key.arn, MacValid: true, MacAlgorithm: input.MacAlgorithm };
    },
  };

  function macOf(
    input: Pick<KMS.GenerateMacCommandInput, 'KeyId' | 'MacAlgorithm' | 'Message' | 'GrantTokens' | 'DryRun'>,
    call: Call,
    action: string,
  ): { key: KeyRecord; mac: Buffer } {
    const key = context.usable(input.KeyId, call, action, 'GENERATE_VERIFY_MAC', asked(input));
    const algorithm = SPECS[key.spec].mac.find((each) => each === input.MacAlgorithm);
    if (!algorithm) throw incompatible(input.MacAlgorithm, key);
    const hmac = createHmac(`sha${algorithm.slice(-3)}`, Buffer.from(key.material, 'base64'));
    return { key, mac: hmac.update(input.Message ?? new Uint8Array()).digest() };
  }
}

function encrypt(
  key: KeyRecord,
  algorithm: string,
  plaintext: Uint8Array,
  context: Asked['encryptionContext'],
): Buffer {
  requireAlgorithm(key, algorithm);
  if (algorithm === 'SYMMETRIC_DEFAULT') return seal(key, plaintext, context);
  requireNoContext(context);
  try {
    return publicEncrypt({ key: createPublicKey(signingKey(key)), ...oaep(algorithm) }, plaintext);
  } catch {
    throw validation(
      `The plaintext of ${plaintext.byteLength} bytes is too long for ${key.spec} and ${algorithm}.`,
    );
  }
}

function decrypt(
  key: KeyRecord,
  algorithm: string,
  blob: Bytes,
  context: Asked['encryptionContext'],
): Buffer {
  requireAlgorithm(key, algorithm);
  try {
    if (algorithm === 'SYMMETRIC_DEFAULT') return unseal(key, blob ?? new Uint8Array(), context);
    requireNoContext(context);
    return privateDecrypt({ key: signingKey(key), ...oaep(algorithm) }, blob ?? new Uint8Array());
  } catch {
    throw invalidCiphertext();
  }
}

function oaep(algorithm: string): { padding: number; oaepHash: string } {
  return {
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: algorithm.endsWith('SHA_1') ? 'sha1' : 'sha256',
  };
}

function requireAlgorithm(key: KeyRecord, algorithm: string): void {
  const known: readonly EncryptionAlgorithm[] = SPECS[key.spec].encryption;
  if (!known.some((each) => each === algorithm)) throw incompatible(algorithm, key);
}

function requireSymmetric(key: KeyRecord, call: Call): void {
  if (key.spec === 'SYMMETRIC_DEFAULT') return;
  throw new KMS.InvalidKeyUsageException({
    message: `${key.arn} key spec is ${key.spec} which is not valid for ${call.operation}.`,
    $metadata: {},
  });
}

function requireNoContext(context: Asked['encryptionContext']): void {
  if (Object.keys(context ?? {}).length > 0)
    throw validation('An encryption context is not supported with asymmetric keys.');
}

function incompatible(algorithm: string | undefined, key: KeyRecord): Error {
  return new KMS.InvalidKeyUsageException({
    message: `Algorithm ${algorithm ?? ''} is incompatible with key spec ${key.spec}.`,
    $metadata: {},
  });
}

/** AWS gives no reason here, and so no hint to guess with. */
function invalidCiphertext(): Error {
  return new KMS.InvalidCiphertextException({ message: '', $metadata: {} });
}

function dataKeyBytes({
  NumberOfBytes,
  KeySpec,
}: Pick<KMS.GenerateDataKeyCommandInput, 'NumberOfBytes' | 'KeySpec'>): number {
  if ((NumberOfBytes === undefined) === (KeySpec === undefined))
    throw validation('Please specify either number of bytes or key spec.');
  if (NumberOfBytes !== undefined && (NumberOfBytes < 1 || NumberOfBytes > 1024))
    throw validation('NumberOfBytes must be 1 to 1024.');
  return NumberOfBytes ?? (KeySpec === 'AES_128' ? 16 : 32);
}
