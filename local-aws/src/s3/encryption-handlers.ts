import type * as S3 from '@aws-sdk/client-s3';
import type { Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { invalidArgument, malformedXml } from './errors.ts';
import type { BucketEncryption } from './records.ts';

/** A bucket's default encryption. Without a configuration of its own it is AES256. */
export function encryptionHandlers({ store }: S3Parts, access: S3Access) {
  return {
    async PutBucketEncryption(input, call) {
      const encryption = readEncryption(input.ServerSideEncryptionConfiguration);
      await store.changeBucket(access.bucket(call, input, 's3:PutEncryptionConfiguration'), { encryption });
      return {};
    },
    async GetBucketEncryption(input, call) {
      const { encryption } = access.bucket(call, input, 's3:GetEncryptionConfiguration');
      const { algorithm, kmsKeyId, bucketKey } = encryption;
      const rule: S3.ServerSideEncryptionRule = {
        ApplyServerSideEncryptionByDefault: { SSEAlgorithm: algorithm, KMSMasterKeyID: kmsKeyId },
        BucketKeyEnabled: bucketKey,
      };
      return { ServerSideEncryptionConfiguration: { Rules: [rule] } };
    },
    async DeleteBucketEncryption(input, call) {
      const encryption: BucketEncryption = { algorithm: 'AES256', kmsKeyId: undefined, bucketKey: false };
      await store.changeBucket(access.bucket(call, input, 's3:PutEncryptionConfiguration'), { encryption });
      return {};
    },
  } satisfies Handlers<typeof S3>;
}

function readEncryption(configuration: S3.ServerSideEncryptionConfiguration | undefined): BucketEncryption {
  const [rule, more] = configuration?.Rules ?? [];
  const byDefault = rule?.ApplyServerSideEncryptionByDefault;
  if (!byDefault || more) throw malformedXml();
  const { SSEAlgorithm: algorithm, KMSMasterKeyID: kmsKeyId } = byDefault;
  if (algorithm !== 'AES256' && algorithm !== 'aws:kms' && algorithm !== 'aws:kms:dsse') throw malformedXml();
  if (algorithm === 'AES256' && kmsKeyId !== undefined)
    throw invalidArgument(
      'a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse',
      'ApplyServerSideEncryptionByDefault',
    );
  return { algorithm, kmsKeyId, bucketKey: rule.BucketKeyEnabled ?? false };
}
