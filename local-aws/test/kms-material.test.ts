import * as KMS from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { constants, createHash, createPublicKey, verify } from 'node:crypto';
import { Laboratory, VAULT } from './support/local-aws.ts';

let lab: Laboratory;
let kms: KMS.KMSClient;
beforeAll(async () => {
  lab = await Laboratory.start();
  kms = lab.kms();
});
afterAll(() => lab.close());

const createKey = async (input: KMS.CreateKeyCommandInput = {}) =>
  (await kms.send(new KMS.CreateKeyCommand(input))).KeyMetadata!;
const Plaintext = Buffer.from('data');
const sealed = async (KeyId: string | undefined, client = kms) =>
  (await client.send(new KMS.EncryptCommand({ KeyId, Plaintext }))).CiphertextBlob;
const opened = async (CiphertextBlob: Uint8Array | undefined, client = kms) =>
  Buffer.from((await client.send(new KMS.DecryptCommand({ CiphertextBlob }))).Plaintext!).toString();

test('what was encrypted before a rotation still decrypts, and rotation follows the clock', async () => {
  const { KeyId } = await createKey();
  const before = await sealed(KeyId);
  await kms.send(new KMS.RotateKeyOnDemandCommand({ KeyId }));
  await kms.send(new KMS.EnableKeyRotationCommand({ KeyId, RotationPeriodInDays: 90 }));
  expect(await kms.send(new KMS.GetKeyRotationStatusCommand({ KeyId }))).toMatchObject({
    KeyRotationEnabled: true,
    RotationPeriodInDays: 90,
    NextRotationDate: expect.any(Date),
  });
  const between = await sealed(KeyId);
  await lab.advanceDays(90.1);
  const { Rotations } = await kms.send(new KMS.ListKeyRotationsCommand({ KeyId }));
  expect(Rotations?.map(({ RotationType }) => RotationType)).toEqual(['ON_DEMAND', 'AUTOMATIC']);
  for (const blob of [before, between, await sealed(KeyId)]) expect(await opened(blob)).toBe('data');
  await kms.send(new KMS.DisableKeyRotationCommand({ KeyId }));
  expect((await kms.send(new KMS.GetKeyRotationStatusCommand({ KeyId }))).KeyRotationEnabled).toBe(false);
});

test('a ciphertext moves to another key without being seen, and to no key that is switched off', async () => {
  const [from, to] = [await createKey(), await createKey()];
  const moved = await kms.send(
    new KMS.ReEncryptCommand({ CiphertextBlob: await sealed(from.KeyId), DestinationKeyId: to.KeyId }),
  );
  expect(moved).toMatchObject({ SourceKeyId: from.Arn, KeyId: to.Arn });
  await kms.send(new KMS.DisableKeyCommand({ KeyId: from.KeyId }));
  expect(await opened(moved.CiphertextBlob)).toBe('data');
  await expect(
    kms.send(
      new KMS.ReEncryptCommand({ CiphertextBlob: moved.CiphertextBlob, DestinationKeyId: from.KeyId }),
    ),
  ).rejects.toMatchObject({ name: 'DisabledException', message: `${from.Arn} is disabled.` });
});

test('a key lives in one region, a multi-Region key in several', async () => {
  const away = lab.kms(lab.admin(), 'us-east-1');
  const single = await createKey();
  await expect(away.send(new KMS.DescribeKeyCommand({ KeyId: single.Arn }))).rejects.toMatchObject({
    name: 'NotFoundException',
    message: 'Invalid arn eu-central-1',
  });
  await expect(opened(await sealed(single.KeyId), away)).rejects.toMatchObject({
    name: 'AccessDeniedException',
  });
  const multi = await createKey({ MultiRegion: true });
  const { ReplicaKeyMetadata } = await kms.send(
    new KMS.ReplicateKeyCommand({ KeyId: multi.KeyId, ReplicaRegion: 'us-east-1' }),
  );
  expect(ReplicaKeyMetadata?.MultiRegionConfiguration).toMatchObject({
    MultiRegionKeyType: 'REPLICA',
    PrimaryKey: { Region: 'eu-central-1' },
  });
  const blob = await sealed(multi.KeyId);
  await kms.send(new KMS.RotateKeyOnDemandCommand({ KeyId: multi.KeyId }));
  expect(await opened(blob, away)).toBe('data');
  expect(await opened(await sealed(multi.KeyId, away))).toBe('data');
});

test.each([
  ['ECC_NIST_P384', 'ECDSA_SHA_384', 'sha384'],
  ['ECC_NIST_P521', 'ECDSA_SHA_512', 'sha512'],
  ['ECC_SECG_P256K1', 'ECDSA_SHA_256', 'sha256'],
  ['RSA_2048', 'RSASSA_PSS_SHA_256', 'sha256'],
  ['RSA_2048', 'RSASSA_PSS_SHA_512', 'sha512'],
  ['RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_384', 'sha384'],
] as const)('%s signs with %s so that anyone can verify', async (KeySpec, SigningAlgorithm, hash) => {
  const { KeyId } = await createKey({ KeySpec, KeyUsage: 'SIGN_VERIFY' });
  const { PublicKey } = await kms.send(new KMS.GetPublicKeyCommand({ KeyId }));
  const key = createPublicKey({ key: Buffer.from(PublicKey!), format: 'der', type: 'spki' });
  const pss = SigningAlgorithm.startsWith('RSASSA_PSS');
  const padding = pss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {};
  const message = Buffer.from('evidence');
  const digest = createHash(hash).update(message).digest();
  const forms = [{ Message: message }, { Message: digest, MessageType: 'DIGEST' as const }];
  for (const form of forms) {
    const { Signature } = await kms.send(new KMS.SignCommand({ KeyId, ...form, SigningAlgorithm }));
    expect(verify(hash, message, { key, ...padding }, Signature!)).toBe(true);
    for (const other of forms) {
      const asked = { KeyId, ...other, Signature, SigningAlgorithm };
      expect((await kms.send(new KMS.VerifyCommand(asked))).SignatureValid).toBe(true);
      const forged = { ...asked, Message: Buffer.from(asked.Message).map((byte) => byte ^ 1) };
      await expect(kms.send(new KMS.VerifyCommand(forged))).rejects.toThrow(KMS.KMSInvalidSignatureException);
    }
  }
  const wrong = { KeyId, Message: digest.subarray(1), MessageType: 'DIGEST' as const, SigningAlgorithm };
  await expect(kms.send(new KMS.SignCommand(wrong))).rejects.toMatchObject({ name: 'ValidationException' });
});

test('RSA keys encrypt, HMAC keys authenticate, and neither does the work of another', async () => {
  const rsa = await createKey({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
  const EncryptionAlgorithm = 'RSAES_OAEP_SHA_256' as const;
  const { CiphertextBlob } = await kms.send(
    new KMS.EncryptCommand({ KeyId: rsa.KeyId, Plaintext, EncryptionAlgorithm }),
  );
  const back = await kms.send(
    new KMS.DecryptCommand({ KeyId: rsa.KeyId, CiphertextBlob, EncryptionAlgorithm }),
  );
  expect(Buffer.from(back.Plaintext!).toString()).toBe('data');
  await expect(
    kms.send(
      new KMS.SignCommand({ KeyId: rsa.KeyId, Message: Plaintext, SigningAlgorithm: 'RSASSA_PSS_SHA_256' }),
    ),
  ).rejects.toThrow(KMS.InvalidKeyUsageException);
  const hmac = await createKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' });
  const mac = { KeyId: hmac.KeyId, Message: Plaintext, MacAlgorithm: 'HMAC_SHA_256' as const };
  const { Mac } = await kms.send(new KMS.GenerateMacCommand(mac));
  expect((await kms.send(new KMS.VerifyMacCommand({ ...mac, Mac }))).MacValid).toBe(true);
  await expect(
    kms.send(new KMS.VerifyMacCommand({ ...mac, Message: Buffer.from('other'), Mac })),
  ).rejects.toThrow(KMS.KMSInvalidMacException);
});

test('data keys come with and without plaintext, in pairs, and only as a rehearsal when asked so', async () => {
  const { KeyId } = await createKey();
  const { CiphertextBlob } = await kms.send(
    new KMS.GenerateDataKeyWithoutPlaintextCommand({ KeyId, KeySpec: 'AES_256' }),
  );
  const { Plaintext: secret } = await kms.send(new KMS.DecryptCommand({ CiphertextBlob }));
  expect(secret).toHaveLength(32);
  const pair = await kms.send(new KMS.GenerateDataKeyPairCommand({ KeyId, KeyPairSpec: 'ECC_NIST_P256' }));
  const stored = await kms.send(new KMS.DecryptCommand({ CiphertextBlob: pair.PrivateKeyCiphertextBlob }));
  expect(Buffer.from(stored.Plaintext!).equals(Buffer.from(pair.PrivateKeyPlaintext!))).toBe(true);
  expect((await kms.send(new KMS.GenerateRandomCommand({ NumberOfBytes: 7 }))).Plaintext).toHaveLength(7);
  await expect(
    kms.send(new KMS.GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', DryRun: true })),
  ).rejects.toThrow(KMS.DryRunOperationException);
});

test('an alias stands for its key everywhere, within its account, and listings come in pages', async () => {
  const { KeyId, Arn } = await createKey();
  const other = await createKey();
  const AliasName = 'alias/drill';
  await kms.send(new KMS.CreateAliasCommand({ AliasName, TargetKeyId: KeyId }));
  const blob = await sealed(AliasName);
  expect((await kms.send(new KMS.DescribeKeyCommand({ KeyId: AliasName }))).KeyMetadata?.Arn).toBe(Arn);
  await kms.send(new KMS.UpdateAliasCommand({ AliasName, TargetKeyId: other.KeyId }));
  expect((await kms.send(new KMS.DescribeKeyCommand({ KeyId: AliasName }))).KeyMetadata?.Arn).toBe(other.Arn);
  expect(await opened(blob)).toBe('data');
  await expect(
    lab.kms(lab.admin(VAULT)).send(new KMS.DescribeKeyCommand({ KeyId: AliasName })),
  ).rejects.toThrow(KMS.NotFoundException);
  for (let count = 0; count < 3; count += 1)
    await kms.send(new KMS.CreateAliasCommand({ AliasName: `alias/page-${count}`, TargetKeyId: KeyId }));
  const names: string[] = [];
  let Marker: string | undefined;
  do {
    const page = await kms.send(new KMS.ListAliasesCommand({ KeyId, Limit: 2, Marker }));
    names.push(...page.Aliases!.map((alias) => alias.AliasName!));
    Marker = page.NextMarker;
    expect(page.Truncated).toBe(Marker !== undefined);
  } while (Marker !== undefined);
  expect(names).toEqual(['alias/page-0', 'alias/page-1', 'alias/page-2']);
  await expect(kms.send(new KMS.ListKeysCommand({ Marker: 'x' }))).rejects.toThrow(
    KMS.InvalidMarkerException,
  );
});
