import {
  GetBucketAclCommand,
  GetBucketEncryptionCommand,
  GetBucketPolicyCommand,
  GetBucketReplicationCommand,
  GetPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { isNamed } from '../aws/errors.ts';
import type { CopySettings } from './driver.ts';

/**
 * Settings of a restored bucket, and whatever in them would let somebody else read it, or send it elsewhere. A bucket stands in no
 * network: what keeps it apart is that nobody but its own account may use it.
 */
export async function bucketSettings(s3: S3Client, name: string, owner: string): Promise<CopySettings> {
  const own = { Bucket: name, ExpectedBucketOwner: owner };
  const [block, policy, replication, acl, encryption] = await Promise.all([
    s3
      .send(new GetPublicAccessBlockCommand(own))
      .then((answer) => answer.PublicAccessBlockConfiguration)
      .catch(nothingWhen('NoSuchPublicAccessBlockConfiguration')),
    s3
      .send(new GetBucketPolicyCommand(own))
      .then((answer) => answer.Policy)
      .catch(nothingWhen('NoSuchBucketPolicy')),
    s3
      .send(new GetBucketReplicationCommand(own))
      .then((answer) => answer.ReplicationConfiguration)
      .catch(nothingWhen('ReplicationConfigurationNotFoundError')),
    s3.send(new GetBucketAclCommand(own)),
    s3
      .send(new GetBucketEncryptionCommand(own))
      .then(
        (answer) => answer.ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault,
      )
      .catch(nothingWhen('ServerSideEncryptionConfigurationNotFoundError')),
  ]);
  const blocked =
    block?.BlockPublicAcls === true &&
    block.BlockPublicPolicy === true &&
    block.IgnorePublicAcls === true &&
    block.RestrictPublicBuckets === true;
  const strangers = (acl.Grants ?? []).filter(
    ({ Grantee }) => Grantee?.ID === undefined || Grantee.ID !== acl.Owner?.ID,
  );
  const problems = [
    ...(blocked ? [] : ['public access to the copy is not blocked']),
    ...(policy === undefined ? [] : ['the copy has a bucket policy, which may let others read it']),
    ...(replication === undefined ? [] : ['the copy is replicated elsewhere']),
    ...(strangers.length === 0
      ? []
      : [`the access control list of the copy admits ${strangers.length} others`]),
    ...(encryption === undefined ? ['the copy is not encrypted by default'] : []),
  ];
  return {
    facts: {
      publicAccessBlocked: blocked,
      bucketPolicy: policy !== undefined,
      replicated: replication !== undefined,
      grantsToOthers: strangers.length > 0,
      encryption: encryption?.SSEAlgorithm ?? 'none',
    },
    problems,
    placement: null,
    size: null,
  };
}

function nothingWhen(...names: readonly string[]) {
  return (error: unknown): undefined => {
    if (isNamed(error, ...names)) return undefined;
    throw error;
  };
}
