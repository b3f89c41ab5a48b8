import { CreateKeyCommand, DisableKeyCommand } from '@aws-sdk/client-kms';
import { CreateRoleCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import * as S3 from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from './support/eventually.ts';
import { Laboratory, policy, PRODUCTION, VAULT } from './support/local-aws.ts';

let lab: Laboratory;
let source: S3.S3Client;
let away: S3.S3Client;
let vault: S3.S3Client;
const ROLE = `arn:aws:iam::${PRODUCTION}:role/replication`;
const HOME = 'eu-central-1';
let buckets = 0;

const ACTIONS = [
  's3:GetReplicationConfiguration',
  's3:ListBucket',
  's3:GetObjectVersion*',
  's3:GetObjectRetention',
  's3:GetObjectLegalHold',
  's3:ReplicateObject',
  's3:ReplicateTags',
  's3:ReplicateDelete',
  'kms:Decrypt',
  'kms:Encrypt',
];
const allow = (Action: string[]) =>
  lab.iam().send(
    new PutRolePolicyCommand({
      RoleName: 'replication',
      PolicyName: 'rights',
      PolicyDocument: policy({ Effect: 'Allow', Action, Resource: '*' }),
    }),
  );

beforeAll(async () => {
  lab = await Laboratory.start();
  clients();
  const trust = policy({
    Effect: 'Allow',
    Principal: { Service: 's3.amazonaws.com' },
    Action: 'sts:AssumeRole',
  });
  await lab.iam().send(new CreateRoleCommand({ RoleName: 'replication', AssumeRolePolicyDocument: trust }));
  await allow(ACTIONS);
});
afterAll(() => lab.close());

function clients(): void {
  source = lab.s3();
  away = lab.s3(undefined, 'us-east-1');
  vault = lab.s3(lab.admin(VAULT), 'us-east-1');
}

async function versioned(client: S3.S3Client, name: string, region: string, lock = true): Promise<string> {
  const Bucket = `${name}-${(buckets += 1)}`;
  const where =
    region === 'us-east-1' ? {} : { CreateBucketConfiguration: { LocationConstraint: region as never } };
  await client.send(new S3.CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: lock, ...where }));
  const VersioningConfiguration = { Status: 'Enabled' as const };
  await client.send(new S3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  return Bucket;
}
const rule = (bucket: string, more: Partial<S3.ReplicationRule> = {}): S3.ReplicationRule => ({
  ID: bucket,
  Status: 'Enabled',
  Priority: 1,
  Filter: {},
  DeleteMarkerReplication: { Status: 'Disabled' },
  Destination: { Bucket: `arn:aws:s3:::${bucket}` },
  ...more,
});
const replicate = (Bucket: string, ...Rules: S3.ReplicationRule[]) =>
  source.send(
    new S3.PutBucketReplicationCommand({ Bucket, ReplicationConfiguration: { Role: ROLE, Rules } }),
  );
const put = (Bucket: string, Key: string, more: Partial<S3.PutObjectCommandInput> = {}) =>
  source.send(new S3.PutObjectCommand({ Bucket, Key, Body: `content of ${Key}`, ...more }));
const ended = (Bucket: string, Key: string) =>
  eventually(`${Key} is replicated or not`, async () => {
    const { ReplicationStatus } = await source.send(new S3.HeadObjectCommand({ Bucket, Key }));
    return ReplicationStatus === 'PENDING' ? undefined : (ReplicationStatus ?? 'none');
  });

test('a version goes to another region with its id, metadata, tags, retention and hold', async () => {
  const from = await versioned(source, 'from', HOME);
  const to = await versioned(away, 'to', 'us-east-1');
  await put(from, 'before');
  await replicate(from, rule(to));
  const ObjectLockRetainUntilDate = new Date(Date.now() + 5 * 86_400_000);
  const { VersionId, ETag } = await put(from, 'after', {
    Metadata: { origin: 'here' },
    Tagging: 'a=b',
    ObjectLockMode: 'COMPLIANCE',
    ObjectLockRetainUntilDate,
    ObjectLockLegalHoldStatus: 'ON',
  });
  expect(await ended(from, 'after')).toBe('COMPLETED');
  const there = { Bucket: to, Key: 'after', VersionId };
  const replica = await away.send(new S3.GetObjectCommand({ ...there, ChecksumMode: 'ENABLED' }));
  expect(await replica.Body!.transformToString()).toBe('content of after');
  expect(replica).toMatchObject({
    ReplicationStatus: 'REPLICA',
    ETag,
    Metadata: { origin: 'here' },
    TagCount: 1,
    ObjectLockMode: 'COMPLIANCE',
    ObjectLockRetainUntilDate,
    ObjectLockLegalHoldStatus: 'ON',
  });
  await expect(away.send(new S3.DeleteObjectCommand(there))).rejects.toThrow(S3.AccessDenied);
  await expect(away.send(new S3.HeadObjectCommand({ Bucket: to, Key: 'before' }))).rejects.toThrow(
    S3.NotFound,
  );

  const longer = new Date(Date.now() + 9 * 86_400_000);
  const Retention = { Mode: 'COMPLIANCE' as const, RetainUntilDate: longer };
  await source.send(new S3.PutObjectRetentionCommand({ Bucket: from, Key: 'after', VersionId, Retention }));
  expect(await ended(from, 'after')).toBe('COMPLETED');
  const followed = await away.send(new S3.GetObjectRetentionCommand(there));
  expect(followed.Retention?.RetainUntilDate).toEqual(longer);
});

test('a version without lock takes the default of the destination; deletes of versions never travel, markers only if asked', async () => {
  const from = await versioned(source, 'from', HOME);
  const [quiet, loud] = [
    await versioned(away, 'quiet', 'us-east-1'),
    await versioned(away, 'loud', 'us-east-1'),
  ];
  const DefaultRetention = { Mode: 'GOVERNANCE' as const, Days: 3 };
  await away.send(
    new S3.PutObjectLockConfigurationCommand({
      Bucket: quiet,
      ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention } },
    }),
  );
  await replicate(
    from,
    rule(quiet),
    rule(loud, { Priority: 2, DeleteMarkerReplication: { Status: 'Enabled' } }),
  );
  const { VersionId } = await put(from, 'x');
  expect(await ended(from, 'x')).toBe('COMPLETED');
  const inQuiet = await away.send(new S3.HeadObjectCommand({ Bucket: quiet, Key: 'x' }));
  expect(inQuiet.ObjectLockMode).toBe('GOVERNANCE');
  await source.send(new S3.DeleteObjectCommand({ Bucket: from, Key: 'x' }));
  await eventually('the marker travels', async () => {
    const { DeleteMarkers } = await away.send(new S3.ListObjectVersionsCommand({ Bucket: loud }));
    return DeleteMarkers?.[0];
  });
  await source.send(new S3.DeleteObjectCommand({ Bucket: from, Key: 'x', VersionId }));
  expect((await away.send(new S3.HeadObjectCommand({ Bucket: quiet, Key: 'x' }))).VersionId).toBe(VersionId);
  expect((await away.send(new S3.HeadObjectCommand({ Bucket: loud, Key: 'x', VersionId }))).VersionId).toBe(
    VersionId,
  );
});

test('into another account only as its bucket policy says; what failed stays FAILED, what comes later goes', async () => {
  const from = await versioned(source, 'from', HOME);
  const to = await versioned(vault, 'vaulted', 'us-east-1');
  await replicate(from, rule(to, { Destination: { Bucket: `arn:aws:s3:::${to}`, Account: VAULT } }));
  await put(from, 'refused');
  expect(await ended(from, 'refused')).toBe('FAILED');
  const grant = {
    Effect: 'Allow',
    Principal: { AWS: ROLE },
    Action: ['s3:ReplicateObject', 's3:ReplicateTags'],
    Resource: `arn:aws:s3:::${to}/*`,
  };
  await vault.send(new S3.PutBucketPolicyCommand({ Bucket: to, Policy: policy(grant) }));
  await put(from, 'admitted');
  expect(await ended(from, 'admitted')).toBe('COMPLETED');
  expect(await ended(from, 'refused')).toBe('FAILED');
  await allow(ACTIONS.filter((action) => action !== 's3:ReplicateObject'));
  await put(from, 'role may not');
  expect(await ended(from, 'role may not')).toBe('FAILED');
  await allow(ACTIONS);
});

test('objects under KMS go only where a rule says so, under the key of the destination', async () => {
  const from = await versioned(source, 'from', HOME, false);
  const to = await versioned(away, 'to', 'us-east-1', false);
  const here = (await lab.kms().send(new CreateKeyCommand({}))).KeyMetadata!;
  const there = (await lab.kms(undefined, 'us-east-1').send(new CreateKeyCommand({}))).KeyMetadata!;
  const sealed = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: here.Arn } as const;
  await replicate(from, rule(to));
  await put(from, 'left behind', sealed);
  expect(await ended(from, 'left behind')).toBe('none');
  await replicate(
    from,
    rule(to, {
      SourceSelectionCriteria: { SseKmsEncryptedObjects: { Status: 'Enabled' } },
      Destination: { Bucket: `arn:aws:s3:::${to}`, EncryptionConfiguration: { ReplicaKmsKeyID: there.Arn } },
    }),
  );
  await put(from, 'taken', sealed);
  expect(await ended(from, 'taken')).toBe('COMPLETED');
  expect((await away.send(new S3.HeadObjectCommand({ Bucket: to, Key: 'taken' }))).SSEKMSKeyId).toBe(
    there.Arn,
  );
  await lab.kms(undefined, 'us-east-1').send(new DisableKeyCommand({ KeyId: there.KeyId }));
  await put(from, 'key is off', sealed);
  expect(await ended(from, 'key is off')).toBe('FAILED');
});

test('existing objects go when the rule says so, and a restart goes on with what was pending', async () => {
  const from = await versioned(source, 'from', HOME, false);
  const to = await versioned(away, 'to', 'us-east-1', false);
  const keys = Array.from({ length: 40 }, (_, n) => `old/${n}`);
  await Promise.all(keys.map((key) => put(from, key)));
  const Status = 'Enabled' as const;
  await replicate(from, rule(to, { Filter: { Prefix: 'old/' }, ExistingObjectReplication: { Status } }));
  lab = await lab.restart();
  clients();
  for (const key of keys) expect(await ended(from, key)).toBe('COMPLETED');
  const { KeyCount } = await away.send(new S3.ListObjectsV2Command({ Bucket: to }));
  expect(KeyCount).toBe(keys.length);
});

test('configurations that cannot work are refused', async () => {
  const from = await versioned(source, 'from', HOME);
  const unlocked = await versioned(away, 'unlocked', 'us-east-1', false);
  await expect(replicate(from, rule('no-such-bucket-anywhere'))).rejects.toMatchObject({
    name: 'InvalidRequest',
    message: 'Destination bucket must exist.',
  });
  await expect(replicate(from, rule(unlocked))).rejects.toMatchObject({
    name: 'InvalidRequest',
    message: expect.stringContaining('Object Lock'),
  });
  await expect(source.send(new S3.GetBucketReplicationCommand({ Bucket: from }))).rejects.toMatchObject({
    name: 'ReplicationConfigurationNotFoundError',
  });
});
