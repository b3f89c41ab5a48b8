import * as S3 from '@aws-sdk/client-s3';
import { CreateRoleCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Laboratory, policy, PRODUCTION } from './support/local-aws.ts';

let lab: Laboratory;
let s3: S3.S3Client;
const Bucket = 'locked-under-test';

beforeAll(async () => {
  lab = await Laboratory.start();
  s3 = lab.s3(undefined, 'us-east-1');
  await s3.send(new S3.CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
});
afterAll(() => lab.close());

const DAY = 86_400_000;
const simulatedNow = async (): Promise<number> =>
  Date.parse((await lab.ask('GET', '/clock'))['now'] as string);
const inDays = async (days: number) => new Date((await simulatedNow()) + days * DAY);
const put = (Key: string, more: Partial<S3.PutObjectCommandInput> = {}) =>
  s3.send(new S3.PutObjectCommand({ Bucket, Key, Body: Key, ...more }));
const remove = (
  Key: string,
  VersionId: string | undefined,
  more: Partial<S3.DeleteObjectCommandInput> = {},
) => s3.send(new S3.DeleteObjectCommand({ Bucket, Key, VersionId, ...more }));
const locked = async (Key: string, mode: S3.ObjectLockMode, days: number) =>
  (await put(Key, { ObjectLockMode: mode, ObjectLockRetainUntilDate: await inDays(days) })).VersionId!;
const retain = async (
  Key: string,
  VersionId: string,
  Mode: S3.ObjectLockRetentionMode,
  days: number,
  bypass = false,
) =>
  s3.send(
    new S3.PutObjectRetentionCommand({
      Bucket,
      Key,
      VersionId,
      BypassGovernanceRetention: bypass,
      Retention: { Mode, RetainUntilDate: await inDays(days) },
    }),
  );

test('nobody deletes a version under COMPLIANCE, with or without bypass, until its time is over', async () => {
  const id = await locked('worm', 'COMPLIANCE', 90);
  await expect(remove('worm', id)).rejects.toThrow(S3.AccessDenied);
  await expect(remove('worm', id, { BypassGovernanceRetention: true })).rejects.toThrow(S3.AccessDenied);
  await lab.advanceDays(89);
  await expect(remove('worm', id)).rejects.toThrow(S3.AccessDenied);
  await lab.advanceDays(1.01);
  await remove('worm', id);
  await expect(
    s3.send(new S3.HeadObjectCommand({ Bucket, Key: 'worm', VersionId: id })),
  ).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
});

test('COMPLIANCE can be extended, never shortened, weakened or taken away', async () => {
  const id = await locked('strict', 'COMPLIANCE', 10);
  await retain('strict', id, 'COMPLIANCE', 20);
  await expect(retain('strict', id, 'COMPLIANCE', 15, true)).rejects.toThrow(S3.AccessDenied);
  await expect(retain('strict', id, 'GOVERNANCE', 30, true)).rejects.toThrow(S3.AccessDenied);
  await expect(
    s3.send(new S3.PutObjectRetentionCommand({ Bucket, Key: 'strict', VersionId: id, Retention: {} })),
  ).rejects.toThrow(S3.AccessDenied);
  const { Retention } = await s3.send(
    new S3.GetObjectRetentionCommand({ Bucket, Key: 'strict', VersionId: id }),
  );
  expect(Retention?.Mode).toBe('COMPLIANCE');
  expect(Retention!.RetainUntilDate!.getTime() - (await simulatedNow())).toBeGreaterThan(19.9 * DAY);
});

test('GOVERNANCE yields to the bypass header, if the caller has the right', async () => {
  const id = await locked('soft', 'GOVERNANCE', 10);
  await expect(remove('soft', id)).rejects.toThrow(S3.AccessDenied);
  await expect(retain('soft', id, 'GOVERNANCE', 5)).rejects.toThrow(S3.AccessDenied);
  const trust = policy({
    Effect: 'Allow',
    Principal: { AWS: `arn:aws:iam::${PRODUCTION}:root` },
    Action: 'sts:AssumeRole',
  });
  await lab.iam().send(new CreateRoleCommand({ RoleName: 'expirer', AssumeRolePolicyDocument: trust }));
  const own = policy({ Effect: 'Allow', Action: ['s3:DeleteObjectVersion'], Resource: '*' });
  await lab
    .iam()
    .send(new PutRolePolicyCommand({ RoleName: 'expirer', PolicyName: 'p', PolicyDocument: own }));
  const expirer = lab.s3(await lab.assume(`arn:aws:iam::${PRODUCTION}:role/expirer`), 'us-east-1');
  const asExpirer = expirer.send(
    new S3.DeleteObjectCommand({ Bucket, Key: 'soft', VersionId: id, BypassGovernanceRetention: true }),
  );
  await expect(asExpirer).rejects.toThrow(S3.AccessDenied);
  await remove('soft', id, { BypassGovernanceRetention: true });
});

test('a legal hold has no end, no bypass, and is independent of retention', async () => {
  const { VersionId } = await put('held', { ObjectLockLegalHoldStatus: 'ON' });
  await lab.advanceDays(4000);
  await expect(remove('held', VersionId, { BypassGovernanceRetention: true })).rejects.toThrow(
    S3.AccessDenied,
  );
  await s3.send(
    new S3.PutObjectLegalHoldCommand({ Bucket, Key: 'held', VersionId, LegalHold: { Status: 'OFF' } }),
  );
  expect(
    (await s3.send(new S3.GetObjectLegalHoldCommand({ Bucket, Key: 'held', VersionId }))).LegalHold?.Status,
  ).toBe('OFF');
  await remove('held', VersionId);
});

test('without a version id a locked object can be hidden, but nothing of it is lost', async () => {
  const id = await locked('hidden', 'COMPLIANCE', 10);
  expect((await remove('hidden', undefined)).DeleteMarker).toBe(true);
  const read = await s3.send(new S3.GetObjectCommand({ Bucket, Key: 'hidden', VersionId: id }));
  expect(await read.Body!.transformToString()).toBe('hidden');
});

test('deleting many answers per key', async () => {
  const kept = await locked('many-kept', 'COMPLIANCE', 10);
  const { VersionId: free } = await put('many-free');
  const Objects = [
    { Key: 'many-kept', VersionId: kept },
    { Key: 'many-free', VersionId: free },
  ];
  const answer = await s3.send(new S3.DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  expect(answer.Deleted).toEqual([{ Key: 'many-free', VersionId: free }]);
  expect(answer.Errors).toEqual([
    expect.objectContaining({ Key: 'many-kept', VersionId: kept, Code: 'AccessDenied' }),
  ]);
});

test('the default retention holds new versions only, and explicit retention goes before it', async () => {
  const { VersionId: before } = await put('defaulted');
  const rule = { DefaultRetention: { Mode: 'COMPLIANCE' as const, Days: 7 } };
  await s3.send(
    new S3.PutObjectLockConfigurationCommand({
      Bucket,
      ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: rule },
    }),
  );
  const { VersionId: after } = await put('defaulted');
  await remove('defaulted', before);
  await expect(remove('defaulted', after)).rejects.toThrow(S3.AccessDenied);
  const explicit = await locked('explicit', 'GOVERNANCE', 1);
  expect(
    (await s3.send(new S3.HeadObjectCommand({ Bucket, Key: 'explicit', VersionId: explicit })))
      .ObjectLockMode,
  ).toBe('GOVERNANCE');
  await s3.send(
    new S3.PutObjectLockConfigurationCommand({
      Bucket,
      ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' },
    }),
  );
  const { VersionId: free } = await put('defaulted-no-more');
  await remove('defaulted-no-more', free);
});

test('lock requests that make no sense are refused with S3 own words', async () => {
  const until = await inDays(1);
  const past = new Date(Date.now() - DAY);
  await expect(put('x', { ObjectLockMode: 'COMPLIANCE' })).rejects.toMatchObject({ name: 'InvalidArgument' });
  await expect(
    put('x', { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: past }),
  ).rejects.toMatchObject({ name: 'InvalidArgument', message: expect.stringContaining('in the future') });
  await expect(
    put('x', { ObjectLockMode: 'ODD' as never, ObjectLockRetainUntilDate: until }),
  ).rejects.toMatchObject({ name: 'InvalidArgument' });
  const half = {
    ObjectLockEnabled: 'Enabled' as const,
    Rule: { DefaultRetention: { Mode: 'COMPLIANCE' as const, Days: 1, Years: 1 } },
  };
  await expect(
    s3.send(new S3.PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: half })),
  ).rejects.toMatchObject({ name: 'MalformedXML' });
  const { VersionId } = await put('never-locked');
  await expect(
    s3.send(new S3.GetObjectRetentionCommand({ Bucket, Key: 'never-locked', VersionId })),
  ).rejects.toMatchObject({ name: 'NoSuchObjectLockConfiguration' });
});

test('a bucket without lock knows no lock; with lock, versioning cannot be suspended', async () => {
  const plain = 'plain-under-test';
  await s3.send(new S3.CreateBucketCommand({ Bucket: plain }));
  await expect(s3.send(new S3.GetObjectLockConfigurationCommand({ Bucket: plain }))).rejects.toMatchObject({
    name: 'ObjectLockConfigurationNotFoundError',
  });
  const ObjectLockRetainUntilDate = await inDays(1);
  const lockedPut = new S3.PutObjectCommand({
    Bucket: plain,
    Key: 'x',
    Body: 'x',
    ObjectLockMode: 'COMPLIANCE',
    ObjectLockRetainUntilDate,
  });
  await expect(s3.send(lockedPut)).rejects.toMatchObject({
    name: 'InvalidRequest',
    message: 'Bucket is missing Object Lock Configuration',
  });
  const enable = new S3.PutObjectLockConfigurationCommand({
    Bucket: plain,
    ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' },
  });
  await expect(s3.send(enable)).rejects.toMatchObject({ name: 'InvalidBucketState' });
  const suspend = new S3.PutBucketVersioningCommand({
    Bucket,
    VersioningConfiguration: { Status: 'Suspended' },
  });
  await expect(s3.send(suspend)).rejects.toMatchObject({ name: 'InvalidBucketState' });
});

test('who may not read the lock sees an unlocked object', async () => {
  const id = await locked('discreet', 'COMPLIANCE', 1);
  const trust = policy({
    Effect: 'Allow',
    Principal: { AWS: `arn:aws:iam::${PRODUCTION}:root` },
    Action: 'sts:AssumeRole',
  });
  await lab.iam().send(new CreateRoleCommand({ RoleName: 'reader', AssumeRolePolicyDocument: trust }));
  const own = policy({ Effect: 'Allow', Action: ['s3:GetObject', 's3:GetObjectVersion'], Resource: '*' });
  await lab
    .iam()
    .send(new PutRolePolicyCommand({ RoleName: 'reader', PolicyName: 'p', PolicyDocument: own }));
  const reader = lab.s3(await lab.assume(`arn:aws:iam::${PRODUCTION}:role/reader`), 'us-east-1');
  const head = await reader.send(new S3.HeadObjectCommand({ Bucket, Key: 'discreet', VersionId: id }));
  expect(head.ObjectLockMode).toBeUndefined();
  await expect(
    reader.send(new S3.GetObjectRetentionCommand({ Bucket, Key: 'discreet', VersionId: id })),
  ).rejects.toThrow(S3.AccessDenied);
});

test('the lock outlives a restart', async () => {
  const id = await locked('durable', 'COMPLIANCE', 5);
  lab = await lab.restart();
  s3 = lab.s3(undefined, 'us-east-1');
  await expect(remove('durable', id)).rejects.toThrow(S3.AccessDenied);
});
