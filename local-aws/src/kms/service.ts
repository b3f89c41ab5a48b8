import * as KMS from '@aws-sdk/client-kms';
import { createPublicKey, randomBytes } from 'node:crypto';
import type { Authorizer } from '../auth/authorize.ts';
import { parsePolicy, PolicyRefused } from '../auth/policy-document.ts';
import type { Clock } from '../platform.ts';
import { awsError, notImplemented, refuseMembers } from '../wire/errors.ts';
import { defineService, type Call, type Service } from '../wire/handlers.ts';
import { signDigest, signMessage, verifyDigest, verifyMessage } from './ecdsa.ts';
import {
  aliasKey,
  keyArnIn,
  seal,
  signingKey,
  stateOf,
  unseal,
  type KeyRecord,
  type KeyRing,
} from './keys.ts';

export interface KmsParts {
  readonly ring: KeyRing;
  readonly clock: Clock;
  readonly authorize: Authorizer['authorize'];
}

const DAY_MS = 86_400_000;

export function kmsService({ ring, clock, authorize }: KmsParts): Service {
  /** Finds the key and asks key policy and IAM. Unknown keys are reported to callers who could have known. */
  const keyFor = (reference: string | undefined, call: Call, action: string): KeyRecord => {
    const key = ring.find(reference ?? '', call);
    if (!key)
      throw new KMS.NotFoundException({ message: `Key '${reference ?? ''}' does not exist`, $metadata: {} });
    authorize(
      call,
      action,
      key.arn,
      {},
      { resourcePolicy: key.policy, ownerAccountId: key.accountId, resourcePolicyRequired: true },
    );
    return key;
  };
  const usable = (
    reference: string | undefined,
    call: Call,
    action: string,
    usage: KeyRecord['usage'],
  ): KeyRecord => {
    const key = keyFor(reference, call, action);
    requireEnabled(key);
    if (key.usage !== usage) {
      throw new KMS.InvalidKeyUsageException({
        message: `${key.arn} key usage is ${key.usage} which is not valid for ${call.operation}.`,
        $metadata: {},
      });
    }
    return key;
  };
  const own = (key: KeyRecord, call: Call): KeyRecord => {
    if (key.accountId !== call.accountId) {
      throw new KMS.NotFoundException({
        message: `Key '${key.arn}' does not exist in this account`,
        $metadata: {},
      });
    }
    return key;
  };
  const changeable = (key: KeyRecord): KeyRecord => {
    if (stateOf(key) === 'PendingDeletion') throw pendingDeletion(key);
    return key;
  };

  return defineService({
    name: 'kms',
    module: KMS,
    handlers: {
      async CreateKey(input, call) {
        refuseMembers('kms', 'CreateKey', input, [
          'CustomKeyStoreId',
          'MultiRegion',
          'XksKeyId',
          'CustomerMasterKeySpec',
        ]);
        authorize(call, 'kms:CreateKey', '*', {}, { ownerAccountId: call.accountId });
        if (input.Origin !== undefined && input.Origin !== 'AWS_KMS')
          throw notImplemented('kms', `CreateKey with Origin ${input.Origin}`);
        const spec = input.KeySpec ?? 'SYMMETRIC_DEFAULT';
        if (spec !== 'SYMMETRIC_DEFAULT' && spec !== 'ECC_NIST_P256')
          throw notImplemented('kms', `keys of the spec ${spec}`);
        const usage = spec === 'SYMMETRIC_DEFAULT' ? 'ENCRYPT_DECRYPT' : 'SIGN_VERIFY';
        if (input.KeyUsage !== undefined && input.KeyUsage !== usage)
          throw notImplemented('kms', `${spec} keys with the usage ${input.KeyUsage}`);
        if (input.Policy !== undefined) checkKeyPolicy(input.Policy);
        const tags = (input.Tags ?? []).map(({ TagKey, TagValue }) => ({
          TagKey: TagKey ?? '',
          TagValue: TagValue ?? '',
        }));
        const key = await ring.create(call, {
          spec,
          usage,
          description: input.Description ?? '',
          policy: input.Policy,
          tags,
          manager: 'CUSTOMER',
        });
        return { KeyMetadata: metadata(key) };
      },
      async DescribeKey({ KeyId }, call) {
        return { KeyMetadata: metadata(keyFor(KeyId, call, 'kms:DescribeKey')) };
      },
      async ListKeys(_input, call) {
        authorize(call, 'kms:ListKeys', '*', {}, { ownerAccountId: call.accountId });
        return {
          Keys: ring.list(call).map(({ keyId, arn }) => ({ KeyId: keyId, KeyArn: arn })),
          Truncated: false,
        };
      },
      async CreateAlias({ AliasName = '', TargetKeyId }, call) {
        const key = own(keyFor(TargetKeyId, call, 'kms:CreateAlias'), call);
        checkAliasName(AliasName);
        if (ring.aliases.has(aliasKey(call, AliasName))) {
          throw new KMS.AlreadyExistsException({
            message: `An alias with the name ${aliasArn(call, AliasName)} already exists`,
            $metadata: {},
          });
        }
        await putAlias(call, AliasName, key);
        return {};
      },
      async UpdateAlias({ AliasName = '', TargetKeyId }, call) {
        const key = own(keyFor(TargetKeyId, call, 'kms:UpdateAlias'), call);
        checkAliasName(AliasName);
        requireAlias(call, AliasName);
        await putAlias(call, AliasName, key);
        return {};
      },
      async DeleteAlias({ AliasName = '' }, call) {
        authorize(call, 'kms:DeleteAlias', aliasArn(call, AliasName));
        checkAliasName(AliasName);
        requireAlias(call, AliasName);
        await ring.aliases.remove(aliasKey(call, AliasName));
        return {};
      },
      async ListAliases({ KeyId }, call) {
        authorize(call, 'kms:ListAliases', '*', {}, { ownerAccountId: call.accountId });
        const wanted = KeyId === undefined ? undefined : keyFor(KeyId, call, 'kms:DescribeKey').keyId;
        const own = [...ring.aliases.values()].filter(
          (alias) =>
            alias.accountId === call.accountId &&
            alias.region === call.region &&
            (wanted === undefined || alias.keyId === wanted),
        );
        const Aliases = own.map(({ name, keyId, createdAt }) => ({
          AliasName: name,
          AliasArn: aliasArn(call, name),
          TargetKeyId: keyId,
          CreationDate: new Date(createdAt),
        }));
        return { Aliases, Truncated: false };
      },
      async Encrypt(input, call) {
        refuseMembers('kms', 'Encrypt', input, ['DryRun']);
        const key = usable(input.KeyId, call, 'kms:Encrypt', 'ENCRYPT_DECRYPT');
        const { Plaintext = new Uint8Array() } = input;
        if (Plaintext.byteLength < 1 || Plaintext.byteLength > 4096)
          throw validation('Plaintext must have 1 to 4096 bytes.');
        return {
          KeyId: key.arn,
          CiphertextBlob: seal(key, Plaintext, input.EncryptionContext),
          EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        };
      },
      async Decrypt(input, call) {
        refuseMembers('kms', 'Decrypt', input, ['Recipient', 'DryRun']);
        const { CiphertextBlob = new Uint8Array(), EncryptionContext, KeyId } = input;
        const arn = keyArnIn(CiphertextBlob);
        const stored = arn === undefined ? undefined : ring.find(arn, call);
        if (!stored)
          throw new KMS.InvalidCiphertextException({
            message: 'The ciphertext is not one of a key that exists.',
            $metadata: {},
          });
        const key = usable(stored.arn, call, 'kms:Decrypt', 'ENCRYPT_DECRYPT');
        if (KeyId !== undefined && ring.find(KeyId, call)?.arn !== key.arn) {
          throw new KMS.IncorrectKeyException({
            message: 'The key ID in the request does not identify a CMK that can perform this operation.',
            $metadata: {},
          });
        }
        try {
          return {
            KeyId: key.arn,
            Plaintext: unseal(key, CiphertextBlob, EncryptionContext),
            EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
          };
        } catch {
          throw new KMS.InvalidCiphertextException({
            message: 'The ciphertext or its encryption context is not what was encrypted.',
            $metadata: {},
          });
        }
      },
      async GenerateDataKey(input, call) {
        refuseMembers('kms', 'GenerateDataKey', input, ['Recipient', 'DryRun']);
        const key = usable(input.KeyId, call, 'kms:GenerateDataKey', 'ENCRYPT_DECRYPT');
        const plaintext = randomBytes(dataKeyBytes(input));
        return {
          KeyId: key.arn,
          Plaintext: plaintext,
          CiphertextBlob: seal(key, plaintext, input.EncryptionContext),
        };
      },
      async Sign(input, call) {
        refuseMembers('kms', 'Sign', input, ['DryRun']);
        const key = usable(input.KeyId, call, 'kms:Sign', 'SIGN_VERIFY');
        checkSigning(input.SigningAlgorithm);
        const { message, digested } = messageOf(input);
        const Signature = digested
          ? signDigest(signingKey(key), message)
          : signMessage(signingKey(key), message);
        return { KeyId: key.arn, Signature, SigningAlgorithm: 'ECDSA_SHA_256' };
      },
      async Verify(input, call) {
        refuseMembers('kms', 'Verify', input, ['DryRun']);
        const key = usable(input.KeyId, call, 'kms:Verify', 'SIGN_VERIFY');
        checkSigning(input.SigningAlgorithm);
        const { message, digested } = messageOf(input);
        const signature = input.Signature ?? new Uint8Array();
        const valid = digested
          ? verifyDigest(signingKey(key), message, signature)
          : verifyMessage(signingKey(key), message, signature);
        if (!valid)
          throw new KMS.KMSInvalidSignatureException({
            message: 'The signature is not valid for this message and key.',
            $metadata: {},
          });
        return { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: 'ECDSA_SHA_256' };
      },
      async GetPublicKey({ KeyId }, call) {
        const key = usable(KeyId, call, 'kms:GetPublicKey', 'SIGN_VERIFY');
        const PublicKey = createPublicKey(signingKey(key)).export({ type: 'spki', format: 'der' });
        return {
          KeyId: key.arn,
          PublicKey,
          KeySpec: key.spec,
          KeyUsage: key.usage,
          SigningAlgorithms: ['ECDSA_SHA_256'],
        };
      },
      async EnableKey({ KeyId }, call) {
        await ring.put({ ...changeable(own(keyFor(KeyId, call, 'kms:EnableKey'), call)), enabled: true });
        return {};
      },
      async DisableKey({ KeyId }, call) {
        await ring.put({ ...changeable(own(keyFor(KeyId, call, 'kms:DisableKey'), call)), enabled: false });
        return {};
      },
      async ScheduleKeyDeletion({ KeyId, PendingWindowInDays = 30 }, call) {
        const key = changeable(own(keyFor(KeyId, call, 'kms:ScheduleKeyDeletion'), call));
        if (key.manager === 'AWS')
          throw validation(`${key.arn} is an AWS managed key and cannot be deleted.`);
        if (PendingWindowInDays < 7 || PendingWindowInDays > 30)
          throw validation('PendingWindowInDays must be between 7 and 30.');
        const DeletionDate = new Date(clock.now().getTime() + PendingWindowInDays * DAY_MS);
        await ring.put({ ...key, enabled: false, deletionAt: DeletionDate.toISOString() });
        return { KeyId: key.arn, DeletionDate, KeyState: 'PendingDeletion', PendingWindowInDays };
      },
      async CancelKeyDeletion({ KeyId }, call) {
        const key = own(keyFor(KeyId, call, 'kms:CancelKeyDeletion'), call);
        if (stateOf(key) !== 'PendingDeletion') {
          throw new KMS.KMSInvalidStateException({
            message: `${key.arn} is not pending deletion.`,
            $metadata: {},
          });
        }
        await ring.put({ ...key, enabled: false, deletionAt: undefined });
        return { KeyId: key.arn };
      },
      async GetKeyPolicy({ KeyId }, call) {
        return { Policy: own(keyFor(KeyId, call, 'kms:GetKeyPolicy'), call).policy, PolicyName: 'default' };
      },
      async PutKeyPolicy({ KeyId, Policy = '' }, call) {
        const key = own(keyFor(KeyId, call, 'kms:PutKeyPolicy'), call);
        checkKeyPolicy(Policy);
        await ring.put({ ...key, policy: Policy });
        return {};
      },
      async TagResource({ KeyId, Tags = [] }, call) {
        const key = own(keyFor(KeyId, call, 'kms:TagResource'), call);
        const added = new Map(Tags.map(({ TagKey, TagValue }) => [TagKey ?? '', TagValue ?? '']));
        const kept = key.tags.filter(({ TagKey }) => !added.has(TagKey));
        await ring.put({
          ...key,
          tags: [...kept, ...[...added].map(([TagKey, TagValue]) => ({ TagKey, TagValue }))],
        });
        return {};
      },
      async UntagResource({ KeyId, TagKeys = [] }, call) {
        const key = own(keyFor(KeyId, call, 'kms:UntagResource'), call);
        await ring.put({ ...key, tags: key.tags.filter(({ TagKey }) => !TagKeys.includes(TagKey)) });
        return {};
      },
      async ListResourceTags({ KeyId }, call) {
        return { Tags: [...own(keyFor(KeyId, call, 'kms:ListResourceTags'), call).tags], Truncated: false };
      },
      async GetKeyRotationStatus({ KeyId }, call) {
        return { KeyRotationEnabled: keyFor(KeyId, call, 'kms:GetKeyRotationStatus').rotation };
      },
    },
  });

  function requireAlias(call: Call, name: string): void {
    if (!ring.aliases.has(aliasKey(call, name))) {
      throw new KMS.NotFoundException({
        message: `Alias ${aliasArn(call, name)} is not found.`,
        $metadata: {},
      });
    }
  }

  function putAlias({ accountId, region }: Call, name: string, key: KeyRecord): Promise<void> {
    return ring.aliases.put(aliasKey({ accountId, region }, name), {
      accountId,
      region,
      name,
      keyId: key.keyId,
      createdAt: clock.now().toISOString(),
    });
  }
}

function aliasArn({ region, accountId }: Call, name: string): string {
  return `arn:aws:kms:${region}:${accountId}:${name}`;
}

function checkAliasName(name: string): void {
  if (!/^alias\/[\w/-]+$/.test(name) || name.startsWith('alias/aws/')) {
    throw new KMS.InvalidAliasNameException({
      message: `'${name}' must be alias/ and [a-zA-Z0-9/_-], and not begin with alias/aws/.`,
      $metadata: {},
    });
  }
}

function metadata(key: KeyRecord): KMS.KeyMetadata {
  const state = stateOf(key);
  return {
    AWSAccountId: key.accountId,
    KeyId: key.keyId,
    Arn: key.arn,
    CreationDate: new Date(key.createdAt),
    Enabled: state === 'Enabled',
    Description: key.description,
    KeyUsage: key.usage,
    KeyState: state,
    Origin: 'AWS_KMS',
    KeyManager: key.manager,
    KeySpec: key.spec,
    MultiRegion: false,
    ...(key.deletionAt === undefined ? {} : { DeletionDate: new Date(key.deletionAt) }),
    ...(key.usage === 'SIGN_VERIFY'
      ? { SigningAlgorithms: ['ECDSA_SHA_256'] }
      : { EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'] }),
  };
}

function requireEnabled(key: KeyRecord): void {
  const state = stateOf(key);
  if (state === 'Disabled')
    throw new KMS.DisabledException({ message: `${key.arn} is disabled.`, $metadata: {} });
  if (state === 'PendingDeletion') throw pendingDeletion(key);
}

function pendingDeletion(key: KeyRecord): Error {
  return new KMS.KMSInvalidStateException({ message: `${key.arn} is pending deletion.`, $metadata: {} });
}

function checkKeyPolicy(text: string): void {
  try {
    parsePolicy(text, 'resource');
  } catch (err) {
    if (!(err instanceof PolicyRefused)) throw err;
    throw new KMS.MalformedPolicyDocumentException({ message: err.message, $metadata: {} });
  }
}

function dataKeyBytes({ NumberOfBytes, KeySpec }: KMS.GenerateDataKeyCommandInput): number {
  if ((NumberOfBytes === undefined) === (KeySpec === undefined))
    throw validation('Give either KeySpec or NumberOfBytes.');
  if (NumberOfBytes !== undefined && (NumberOfBytes < 1 || NumberOfBytes > 1024))
    throw validation('NumberOfBytes must be 1 to 1024.');
  return NumberOfBytes ?? (KeySpec === 'AES_128' ? 16 : 32);
}

function checkSigning(algorithm: string | undefined): void {
  if (algorithm !== 'ECDSA_SHA_256') {
    throw new KMS.InvalidKeyUsageException({
      message: `Algorithm ${algorithm ?? ''} is incompatible with key spec ECC_NIST_P256.`,
      $metadata: {},
    });
  }
}

function messageOf({ Message = new Uint8Array(), MessageType = 'RAW' }: KMS.SignCommandInput): {
  message: Uint8Array;
  digested: boolean;
} {
  if (MessageType !== 'RAW' && MessageType !== 'DIGEST')
    throw notImplemented('kms', `signing with MessageType ${MessageType}`);
  if (MessageType === 'DIGEST' && Message.byteLength !== 32)
    throw validation('Digest is invalid length for algorithm ECDSA_SHA_256.');
  if (MessageType === 'RAW' && (Message.byteLength < 1 || Message.byteLength > 4096)) {
    throw validation("Message must have 1 to 4096 bytes; sign its digest with MessageType 'DIGEST'.");
  }
  return { message: Message, digested: MessageType === 'DIGEST' };
}

function validation(message: string): Error {
  return awsError({ code: 'ValidationException', status: 400, message, service: 'kms' });
}
