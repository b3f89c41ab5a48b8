import * as KMS from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Laboratory } from './support/local-aws.ts';

let lab: Laboratory;
let kms: KMS.KMSClient;
beforeAll(async () => {
  lab = await Laboratory.start();
  kms = lab.kms();
});
afterAll(() => lab.close());

const createKey = async (input: KMS.CreateKeyCommandInput = {}) =>
  (await kms.send(new KMS.CreateKeyCommand(input))).KeyMetadata!;
const signing = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' } as const;
const SigningAlgorithm = 'ECDSA_SHA_256' as const;

test('what was encrypted comes back only with the same context', async () => {
  const { KeyId, Arn } = await createKey();
  const EncryptionContext = { purpose: 'test' };
  const { CiphertextBlob } = await kms.send(
    new KMS.EncryptCommand({ KeyId, Plaintext: Buffer.from('secret'), EncryptionContext }),
  );
  const back = await kms.send(new KMS.DecryptCommand({ CiphertextBlob, EncryptionContext }));
  expect(Buffer.from(back.Plaintext!).toString()).toBe('secret');
  expect(back.KeyId).toBe(Arn);
  await expect(kms.send(new KMS.DecryptCommand({ CiphertextBlob }))).rejects.toThrow(
    KMS.InvalidCiphertextException,
  );
  const changed = Buffer.from(CiphertextBlob!);
  changed[changed.length - 1]! ^= 1;
  await expect(
    kms.send(new KMS.DecryptCommand({ CiphertextBlob: changed, EncryptionContext })),
  ).rejects.toThrow(KMS.InvalidCiphertextException);
});

test('a signature verifies with the public key alone, also one over a digest', async () => {
  const { KeyId } = await createKey(signing);
  const { PublicKey } = await kms.send(new KMS.GetPublicKeyCommand({ KeyId }));
  const key = createPublicKey({ key: Buffer.from(PublicKey!), format: 'der', type: 'spki' });
  const message = Buffer.from('evidence');
  const raw = await kms.send(new KMS.SignCommand({ KeyId, Message: message, SigningAlgorithm }));
  const digest = createHash('sha256').update(message).digest();
  const digested = await kms.send(
    new KMS.SignCommand({ KeyId, Message: digest, MessageType: 'DIGEST', SigningAlgorithm }),
  );
  for (const { Signature } of [raw, digested]) {
    expect(verify('sha256', message, key, Signature!)).toBe(true);
    for (const form of [{ Message: message }, { Message: digest, MessageType: 'DIGEST' as const }]) {
      const checked = await kms.send(new KMS.VerifyCommand({ KeyId, ...form, Signature, SigningAlgorithm }));
      expect(checked.SignatureValid).toBe(true);
    }
  }
  const other = new KMS.VerifyCommand({
    KeyId,
    Message: Buffer.from('forged'),
    Signature: raw.Signature,
    SigningAlgorithm,
  });
  await expect(kms.send(other)).rejects.toThrow(KMS.KMSInvalidSignatureException);
});

test('a key does only what it was made for', async () => {
  const { KeyId: signer } = await createKey(signing);
  const { KeyId: cipher } = await createKey();
  await expect(
    kms.send(new KMS.EncryptCommand({ KeyId: signer, Plaintext: Buffer.from('x') })),
  ).rejects.toThrow(KMS.InvalidKeyUsageException);
  await expect(
    kms.send(new KMS.SignCommand({ KeyId: cipher, Message: Buffer.from('x'), SigningAlgorithm })),
  ).rejects.toThrow(KMS.InvalidKeyUsageException);
});

test('a disabled key refuses, an enabled one works again', async () => {
  const { KeyId } = await createKey();
  await kms.send(new KMS.DisableKeyCommand({ KeyId }));
  await expect(kms.send(new KMS.GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }))).rejects.toThrow(
    KMS.DisabledException,
  );
  await kms.send(new KMS.EnableKeyCommand({ KeyId }));
  expect(
    (await kms.send(new KMS.GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }))).Plaintext,
  ).toHaveLength(32);
});

test('a scheduled deletion can be cancelled until its day; afterwards the key is gone for good', async () => {
  const { KeyId } = await createKey();
  const schedule = () => kms.send(new KMS.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
  const data = () => kms.send(new KMS.GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }));
  await schedule();
  await expect(data()).rejects.toThrow(KMS.KMSInvalidStateException);
  await kms.send(new KMS.CancelKeyDeletionCommand({ KeyId }));
  await expect(data()).rejects.toThrow(KMS.DisabledException);
  await kms.send(new KMS.EnableKeyCommand({ KeyId }));
  await data();
  await schedule();
  await lab.advanceDays(7.01);
  await expect(data()).rejects.toThrow(KMS.NotFoundException);
});

test('aliases stand for keys, in their account and region only', async () => {
  const { KeyId, Arn } = await createKey();
  await kms.send(new KMS.CreateAliasCommand({ AliasName: 'alias/lifeboat', TargetKeyId: KeyId }));
  expect((await kms.send(new KMS.DescribeKeyCommand({ KeyId: 'alias/lifeboat' }))).KeyMetadata?.Arn).toBe(
    Arn,
  );
  await expect(
    kms.send(new KMS.CreateAliasCommand({ AliasName: 'alias/lifeboat', TargetKeyId: KeyId })),
  ).rejects.toThrow(KMS.AlreadyExistsException);
  await expect(
    lab.kms(undefined, 'us-east-1').send(new KMS.DescribeKeyCommand({ KeyId: 'alias/lifeboat' })),
  ).rejects.toThrow(KMS.NotFoundException);
  await kms.send(new KMS.DeleteAliasCommand({ AliasName: 'alias/lifeboat' }));
  await expect(kms.send(new KMS.DescribeKeyCommand({ KeyId: 'alias/lifeboat' }))).rejects.toThrow(
    KMS.NotFoundException,
  );
});

test('keys and their material outlive a restart, in a file for nobody else', async () => {
  const { KeyId } = await createKey();
  const { CiphertextBlob } = await kms.send(
    new KMS.EncryptCommand({ KeyId, Plaintext: Buffer.from('kept') }),
  );
  lab = await lab.restart();
  kms = lab.kms();
  const back = await kms.send(new KMS.DecryptCommand({ CiphertextBlob }));
  expect(Buffer.from(back.Plaintext!).toString()).toBe('kept');
  const path = join(lab.stateDir, 'kms', 'keys.journal');
  expect(statSync(path).mode & 0o077).toBe(0);
  expect(readFileSync(path, 'utf8')).toContain(KeyId!);
});
