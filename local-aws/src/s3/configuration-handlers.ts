import type * as S3 from '@aws-sdk/client-s3';
import { parsePolicy, PolicyRefused } from '../auth/policy-document.ts';
import { notImplemented, refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { checkTags } from './content.ts';
import { invalidArgument, malformedXml, s3Error } from './errors.ts';
import { findVersion, versionHeader } from './object-handlers.ts';
import type { BucketEncryption, BucketRecord } from './records.ts';

/** Policy, public access block, encryption default, tags. */
export function configurationHandlers(parts: S3Parts, access: S3Access) {
  const { store } = parts;
  const change = (bucket: BucketRecord, fields: Partial<BucketRecord>): Promise<void> =>
    store.buckets.put(bucket.name, { ...bucket, ...fields });
  const object = (
    input: {
      Bucket?: string | undefined;
      Key?: string | undefined;
      VersionId?: string | undefined;
      ExpectedBucketOwner?: string | undefined;
    },
    call: Call,
    verb: string,
  ) => {
    const { Key: key = '', VersionId: versionId } = input;
    const bucket = access.bucket(
      call,
      input,
      `s3:${verb}Object${versionId === undefined ? '' : 'Version'}Tagging`,
      key,
    );
    return findVersion(parts, access, call, bucket, key, versionId);
  };

  return {
    async PutBucketPolicy(input, call) {
      const bucket = access.bucket(call, input, 's3:PutBucketPolicy');
      const policy = input.Policy ?? '';
      try {
        parsePolicy(policy, 'resource');
      } catch (err) {
        if (!(err instanceof PolicyRefused)) throw err;
        throw s3Error('MalformedPolicy', 400, err.message);
      }
      await change(bucket, { policy });
      return {};
    },
    async GetBucketPolicy(input, call) {
      const { policy } = access.bucket(call, input, 's3:GetBucketPolicy');
      if (policy === undefined) throw s3Error('NoSuchBucketPolicy', 404, 'The bucket policy does not exist');
      return { Policy: policy };
    },
    async DeleteBucketPolicy(input, call) {
      await change(access.bucket(call, input, 's3:DeleteBucketPolicy'), { policy: undefined });
      return {};
    },
    async PutPublicAccessBlock(input, call) {
      const bucket = access.bucket(call, input, 's3:PutBucketPublicAccessBlock');
      const {
        BlockPublicAcls = false,
        IgnorePublicAcls = false,
        BlockPublicPolicy = false,
        RestrictPublicBuckets = false,
      } = input.PublicAccessBlockConfiguration ?? {};
      await change(bucket, {
        publicAccessBlock: { BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets },
      });
      return {};
    },
    async GetPublicAccessBlock(input, call) {
      const { publicAccessBlock } = access.bucket(call, input, 's3:GetBucketPublicAccessBlock');
      if (!publicAccessBlock)
        throw s3Error(
          'NoSuchPublicAccessBlockConfiguration',
          404,
          'The public access block configuration was not found',
        );
      return { PublicAccessBlockConfiguration: publicAccessBlock };
    },
    async DeletePublicAccessBlock(input, call) {
      await change(access.bucket(call, input, 's3:PutBucketPublicAccessBlock'), {
        publicAccessBlock: undefined,
      });
      return {};
    },
    async PutBucketEncryption(input, call) {
      const bucket = access.bucket(call, input, 's3:PutEncryptionConfiguration');
      await change(bucket, { encryption: readEncryption(input.ServerSideEncryptionConfiguration) });
      return {};
    },
    async GetBucketEncryption(input, call) {
      const { encryption } = access.bucket(call, input, 's3:GetEncryptionConfiguration');
      const { algorithm, kmsKeyId, bucketKey } = encryption;
      const rule = {
        ApplyServerSideEncryptionByDefault: { SSEAlgorithm: algorithm, KMSMasterKeyID: kmsKeyId },
        BucketKeyEnabled: bucketKey,
      };
      return { ServerSideEncryptionConfiguration: { Rules: [rule] } };
    },
    async DeleteBucketEncryption(input, call) {
      const bucket = access.bucket(call, input, 's3:PutEncryptionConfiguration');
      await change(bucket, { encryption: { algorithm: 'AES256', kmsKeyId: undefined, bucketKey: false } });
      return {};
    },
    async PutBucketTagging(input, call) {
      const bucket = access.bucket(call, input, 's3:PutBucketTagging');
      await change(bucket, { tags: checkTags(input.Tagging?.TagSet ?? [], 50) });
      return {};
    },
    async GetBucketTagging(input, call) {
      const { tags } = access.bucket(call, input, 's3:GetBucketTagging');
      if (tags.length === 0) throw s3Error('NoSuchTagSet', 404, 'The TagSet does not exist');
      return { TagSet: [...tags] };
    },
    async DeleteBucketTagging(input, call) {
      await change(access.bucket(call, input, 's3:PutBucketTagging'), { tags: [] });
      return {};
    },
    async PutBucketOwnershipControls(input, call) {
      access.bucket(call, input, 's3:PutBucketOwnershipControls');
      const [rule] = input.OwnershipControls?.Rules ?? [];
      if (rule?.ObjectOwnership !== 'BucketOwnerEnforced')
        throw notImplemented('s3', `object ownership ${rule?.ObjectOwnership ?? ''}: there are no ACLs here`);
      return {};
    },
    async PutObjectTagging(input, call) {
      refuseMembers('s3', 'PutObjectTagging', input, ['RequestPayer']);
      const version = object(input, call, 'Put');
      await store.update({ ...version, tags: checkTags(input.Tagging?.TagSet ?? [], 10) });
      return versionHeader(version);
    },
    async GetObjectTagging(input, call) {
      const version = object(input, call, 'Get');
      return { TagSet: [...version.tags], ...versionHeader(version) };
    },
    async DeleteObjectTagging(input, call) {
      const version = object(input, call, 'Delete');
      await store.update({ ...version, tags: [] });
      return versionHeader(version);
    },
  } satisfies Handlers<typeof S3>;
}

function readEncryption(configuration: S3.ServerSideEncryptionConfiguration | undefined): BucketEncryption {
  const [rule, more] = configuration?.Rules ?? [];
  const byDefault = rule?.ApplyServerSideEncryptionByDefault;
  if (!byDefault || more) throw malformedXml();
  const { SSEAlgorithm: algorithm, KMSMasterKeyID: kmsKeyId } = byDefault;
  if (algorithm !== 'AES256' && algorithm !== 'aws:kms')
    throw notImplemented('s3', `the default encryption ${algorithm ?? ''}`);
  if (algorithm === 'AES256' && kmsKeyId !== undefined)
    throw invalidArgument('a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms');
  return { algorithm, kmsKeyId, bucketKey: rule.BucketKeyEnabled ?? false };
}
