import type * as S3 from '@aws-sdk/client-s3';
import { parsePolicy, PolicyRefused, type Statement } from '../auth/policy-document.ts';
import { matchesPattern } from '../auth/patterns.ts';
import { refuseMembers } from '../wire/errors.ts';
import type { Handlers } from '../wire/handlers.ts';
import { arnOf, type S3Access, type S3Parts } from './access.ts';
import { accessDenied, malformedXml, s3Error } from './errors.ts';
import { isPublic } from './public-policy.ts';

const MAX_POLICY_BYTES = 20 * 1024;

/** Bucket policies, and the public access block that limits them. */
export function policyHandlers({ store }: S3Parts, access: S3Access) {
  return {
    async PutBucketPolicy(input, call) {
      refuseMembers('s3', 'PutBucketPolicy', input, ['ConfirmRemoveSelfBucketAccess']);
      const bucket = access.bucket(call, input, 's3:PutBucketPolicy');
      const policy = input.Policy ?? '';
      const statements = readPolicy(policy, bucket.name);
      if (bucket.publicAccessBlock?.['BlockPublicPolicy'] === true && isPublic(statements))
        throw accessDenied();
      await store.changeBucket(bucket, { policy });
      return {};
    },
    async GetBucketPolicy(input, call) {
      const { policy, name } = access.bucket(call, input, 's3:GetBucketPolicy');
      if (policy === undefined) throw noPolicy(name);
      return { Policy: policy };
    },
    async GetBucketPolicyStatus(input, call) {
      const { policy, name } = access.bucket(call, input, 's3:GetBucketPolicyStatus');
      if (policy === undefined) throw noPolicy(name);
      return { PolicyStatus: { IsPublic: isPublic(parsePolicy(policy, 'resource')) } };
    },
    async DeleteBucketPolicy(input, call) {
      await store.changeBucket(access.bucket(call, input, 's3:DeleteBucketPolicy'), { policy: undefined });
      return {};
    },
    async PutPublicAccessBlock(input, call) {
      const bucket = access.bucket(call, input, 's3:PutBucketPublicAccessBlock');
      if (!input.PublicAccessBlockConfiguration) throw malformedXml();
      const {
        BlockPublicAcls = false,
        IgnorePublicAcls = false,
        BlockPublicPolicy = false,
        RestrictPublicBuckets = false,
      } = input.PublicAccessBlockConfiguration;
      await store.changeBucket(bucket, {
        publicAccessBlock: { BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets },
      });
      return {};
    },
    async GetPublicAccessBlock(input, call) {
      const { publicAccessBlock, name } = access.bucket(call, input, 's3:GetBucketPublicAccessBlock');
      if (!publicAccessBlock)
        throw s3Error(
          'NoSuchPublicAccessBlockConfiguration',
          404,
          'The public access block configuration was not found',
          { BucketName: name },
        );
      return { PublicAccessBlockConfiguration: publicAccessBlock };
    },
    async DeletePublicAccessBlock(input, call) {
      const bucket = access.bucket(call, input, 's3:PutBucketPublicAccessBlock');
      await store.changeBucket(bucket, { publicAccessBlock: undefined });
      return {};
    },
  } satisfies Handlers<typeof S3>;
}

const noPolicy = (name: string): Error =>
  s3Error('NoSuchBucketPolicy', 404, 'The bucket policy does not exist', { BucketName: name });

/** @throws MalformedPolicy */
function readPolicy(text: string, bucket: string): Statement[] {
  const malformed = (message: string): Error => s3Error('MalformedPolicy', 400, message);
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES)
    throw s3Error('PolicyTooLarge', 400, `Policies must be at most ${MAX_POLICY_BYTES} bytes.`);
  if (!text.startsWith('{')) throw malformed("Policies must be valid JSON and the first byte must be '{'");
  let statements: Statement[];
  try {
    statements = parsePolicy(text, 'resource');
  } catch (err) {
    if (!(err instanceof PolicyRefused)) throw err;
    throw malformed(err.message);
  }
  for (const { resources = [] } of statements)
    if (!resources.every((resource) => isOf(resource, bucket)))
      throw malformed('Policy has invalid resource');
  return statements;
}

function isOf(resource: string, bucket: string): boolean {
  const own = arnOf(bucket);
  const head = resource.split('/')[0] ?? '';
  return matchesPattern(head, own) || matchesPattern(resource, own);
}
