import type { CreateKeyCommandInput } from '@aws-sdk/client-kms';
import { expect } from '@jest/globals';
import { createPublicKey, verify } from 'node:crypto';
import { contractTest, FREE, type Contract, type Safety } from '../support/contract.ts';

const KEY: Safety = {
  safeOnRealAws: true,
  cost: 'a KMS key for minutes, less than $0.01; it is deleted after 7 days, which are free',
};
const status = (httpStatusCode: number) => ({ $metadata: { httpStatusCode } });
const bytes = (text: string) => new TextEncoder().encode(text);

async function makeKey(aws: Contract, more: CreateKeyCommandInput): Promise<string> {
  const { KeyMetadata } = await aws.kms.createKey({ Description: aws.name('key'), ...more });
  const KeyId = KeyMetadata?.KeyId ?? '';
  aws.undo(`KMS key ${KeyId}`, () => aws.kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 }));
  return KeyId;
}

/** KMS and SNS. */
export function keysAndTopics(): void {
  contractTest(
    'what KMS signs, anybody verifies with the public key; KMS refuses what it did not sign',
    KEY,
    async (aws) => {
      const KeyId = await makeKey(aws, { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
      const Message = bytes('statement');
      const how = { KeyId, SigningAlgorithm: 'ECDSA_SHA_256', MessageType: 'RAW' } as const;
      const { Signature } = await aws.kms.sign({ ...how, Message });
      const { PublicKey, SigningAlgorithms } = await aws.kms.getPublicKey({ KeyId });
      expect(SigningAlgorithms).toEqual(['ECDSA_SHA_256']);
      const key = createPublicKey({ key: Buffer.from(PublicKey!), format: 'der', type: 'spki' });
      expect(verify('sha256', Message, key, Signature!)).toBe(true);
      expect((await aws.kms.verify({ ...how, Message, Signature })).SignatureValid).toBe(true);
      await expect(aws.kms.verify({ ...how, Message: bytes('another'), Signature })).rejects.toMatchObject({
        name: 'KMSInvalidSignatureException',
        ...status(400),
      });
      await expect(aws.kms.encrypt({ KeyId, Plaintext: Message })).rejects.toMatchObject({
        name: 'InvalidKeyUsageException',
      });
    },
  );

  contractTest(
    'KMS decrypts only in the context of the encryption, and not with a key that is off',
    KEY,
    async (aws) => {
      const KeyId = await makeKey(aws, {});
      const EncryptionContext = { purpose: 'contract' };
      const { CiphertextBlob } = await aws.kms.encrypt({
        ...{ KeyId, Plaintext: bytes('secret'), EncryptionContext },
      });
      const { Plaintext } = await aws.kms.decrypt({ CiphertextBlob, EncryptionContext });
      expect(Buffer.from(Plaintext!).toString()).toBe('secret');
      await expect(
        aws.kms.decrypt({ CiphertextBlob, EncryptionContext: { purpose: 'other' } }),
      ).rejects.toMatchObject({ name: 'InvalidCiphertextException', ...status(400) });
      const data = await aws.kms.generateDataKey({ KeyId, KeySpec: 'AES_256' });
      expect(data.Plaintext).toHaveLength(32);
      const opened = await aws.kms.decrypt({ CiphertextBlob: data.CiphertextBlob });
      expect(Buffer.from(opened.Plaintext!).equals(data.Plaintext!)).toBe(true);
      await aws.kms.disableKey({ KeyId });
      const refusal = await aws.until('the key is off', () =>
        aws.kms.decrypt({ CiphertextBlob, EncryptionContext }).then(
          () => undefined,
          (err: unknown) => err as Error,
        ),
      );
      expect(refusal.name).toBe('DisabledException');
    },
  );

  contractTest('KMS names a key that it does not have, and deletes none at once', KEY, async (aws) => {
    const KeyId = `arn:aws:kms:${aws.region}:${aws.accountId}:key/00000000-0000-4000-8000-000000000000`;
    await expect(aws.kms.describeKey({ KeyId })).rejects.toMatchObject({
      ...{ name: 'NotFoundException', ...status(400) },
    });
    const made = await makeKey(aws, {});
    const { KeyState, PendingWindowInDays } = await aws.kms.scheduleKeyDeletion({
      ...{ KeyId: made, PendingWindowInDays: 7 },
    });
    expect({ KeyState, PendingWindowInDays }).toEqual({
      KeyState: 'PendingDeletion',
      PendingWindowInDays: 7,
    });
    await expect(aws.kms.enableKey({ KeyId: made })).rejects.toMatchObject({
      name: 'KMSInvalidStateException',
    });
    await aws.kms.cancelKeyDeletion({ KeyId: made });
    expect((await aws.kms.describeKey({ KeyId: made })).KeyMetadata?.KeyState).toBe('Disabled');
  });

  contractTest(
    'SNS makes a topic once, takes messages for it, and knows it no more when it is deleted',
    FREE,
    async (aws) => {
      const Name = aws.name('topic');
      const Tags = [{ Key: 'team', Value: 'orders' }];
      const { TopicArn } = await aws.sns.createTopic({ Name, Tags });
      aws.undo(`topic ${Name}`, () => aws.sns.deleteTopic({ TopicArn }));
      expect(TopicArn).toBe(`arn:aws:sns:${aws.region}:${aws.accountId}:${Name}`);
      expect((await aws.sns.createTopic({ Name, Tags })).TopicArn).toBe(TopicArn);
      expect((await aws.sns.getTopicAttributes({ TopicArn })).Attributes).toMatchObject({
        ...{ TopicArn, Owner: aws.accountId, SubscriptionsConfirmed: '0' },
      });
      expect((await aws.sns.listTagsForResource({ ResourceArn: TopicArn })).Tags).toEqual(Tags);
      const { MessageId } = await aws.sns.publish({ TopicArn, Message: 'nobody listens' });
      expect(MessageId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      await expect(aws.sns.publish({ TopicArn, Message: '' })).rejects.toMatchObject({
        ...{ name: 'InvalidParameterException', ...status(400) },
      });
      await aws.sns.deleteTopic({ TopicArn });
      await aws.sns.deleteTopic({ TopicArn }); // deleting what is gone is no error
      const refusal = await aws.until('the topic is gone', () =>
        aws.sns.publish({ TopicArn, Message: 'too late' }).then(
          () => undefined,
          (err: unknown) => err,
        ),
      );
      expect(refusal).toMatchObject({ name: 'NotFoundException', ...status(404) });
    },
  );
}
