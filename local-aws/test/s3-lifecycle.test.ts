import * as S3 from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Laboratory } from './support/local-aws.ts';

let lab: Laboratory;
let s3: S3.S3Client;
let buckets = 0;

beforeAll(async () => {
  lab = await Laboratory.start();
  s3 = lab.s3(undefined, 'us-east-1');
});
afterAll(() => lab.close());

async function bucketWith(
  rules: Partial<S3.LifecycleRule>[],
  options: { lock?: boolean; versions?: boolean } = {},
) {
  const Bucket = `ages-${(buckets += 1)}`;
  await s3.send(new S3.CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: options.lock ?? false }));
  if (options.versions !== false)
    await s3.send(
      new S3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
    );
  await setRules(Bucket, rules);
  return Bucket;
}
const setRules = (Bucket: string, rules: Partial<S3.LifecycleRule>[]) =>
  s3.send(
    new S3.PutBucketLifecycleConfigurationCommand({
      Bucket,
      LifecycleConfiguration: { Rules: rules.map((rule) => ({ Status: 'Enabled', Filter: {}, ...rule })) },
    }),
  );
const put = (Bucket: string, Key: string, more: Partial<S3.PutObjectCommandInput> = {}) =>
  s3.send(new S3.PutObjectCommand({ Bucket, Key, Body: Key, ...more }));
const whatIsThere = async (Bucket: string) => {
  const { Versions = [], DeleteMarkers = [] } = await s3.send(new S3.ListObjectVersionsCommand({ Bucket }));
  return [...Versions.map(({ Key }) => Key!), ...DeleteMarkers.map(({ Key }) => `${Key!} (marker)`)].sort();
};
const simulatedNow = async () => Date.parse((await lab.ask('GET', '/clock'))['now'] as string);
/** Far from midnight, at which rules fall due. */
const waitForNoon = async () => lab.advanceDays(1 - (((await simulatedNow()) / 86_400_000 + 0.5) % 1));

test('without versions an object is gone after its days, and says so beforehand', async () => {
  const Bucket = await bucketWith([{ ID: 'a week', Filter: { Prefix: 'logs/' }, Expiration: { Days: 7 } }], {
    versions: false,
  });
  const { Expiration } = await put(Bucket, 'logs/1');
  expect(Expiration).toMatch(/^expiry-date="\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT", rule-id="a%20week"$/);
  await put(Bucket, 'kept');
  await lab.advanceDays(6.9);
  expect(await whatIsThere(Bucket)).toEqual(['kept', 'logs/1']);
  await lab.advanceDays(1.2);
  expect(await whatIsThere(Bucket)).toEqual(['kept']);
});

test('with versions it is hidden, then gone, then its marker too, also when the clock jumps over all of it', async () => {
  const rules = [
    {
      Expiration: { Days: 90 },
      NoncurrentVersionExpiration: { NoncurrentDays: 1 },
    },
    { Expiration: { ExpiredObjectDeleteMarker: true } },
  ];
  const [step, jump] = [await bucketWith(rules), await bucketWith(rules)];
  await waitForNoon();
  await put(step, 'x');
  await put(jump, 'x');
  await lab.advanceDays(91);
  expect(await whatIsThere(step)).toEqual(['x', 'x (marker)']);
  await put(jump, 'y');
  await lab.advanceDays(2);
  expect(await whatIsThere(step)).toEqual([]);
  expect(await whatIsThere(jump)).toEqual(['y']);
  await lab.advanceDays(95);
  expect(await whatIsThere(jump)).toEqual([]);
});

test('locks and holds keep noncurrent versions until they end', async () => {
  const Bucket = await bucketWith([{ NoncurrentVersionExpiration: { NoncurrentDays: 1 } }], { lock: true });
  const ObjectLockRetainUntilDate = new Date((await simulatedNow()) + 20 * 86_400_000);
  await put(Bucket, 'locked', { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate });
  const held = await put(Bucket, 'held', { ObjectLockLegalHoldStatus: 'ON' });
  await put(Bucket, 'free');
  for (const Key of ['locked', 'held', 'free']) await s3.send(new S3.DeleteObjectCommand({ Bucket, Key }));
  await lab.advanceDays(5);
  expect(await whatIsThere(Bucket)).toEqual([
    'free (marker)',
    'held',
    'held (marker)',
    'locked',
    'locked (marker)',
  ]);
  await lab.advanceDays(17);
  expect(await whatIsThere(Bucket)).toEqual(['free (marker)', 'held', 'held (marker)', 'locked (marker)']);
  const hold = { Bucket, Key: 'held', VersionId: held.VersionId!, LegalHold: { Status: 'OFF' as const } };
  await s3.send(new S3.PutObjectLegalHoldCommand(hold));
  await lab.advanceDays(1);
  expect(await whatIsThere(Bucket)).toEqual(['free (marker)', 'held (marker)', 'locked (marker)']);
});

test('newer noncurrent versions are kept by count, tags and sizes choose, disabled rules do nothing', async () => {
  const Bucket = await bucketWith([
    {
      ID: 'count',
      Filter: { Prefix: 'many' },
      NoncurrentVersionExpiration: { NoncurrentDays: 1, NewerNoncurrentVersions: 2 },
    },
    { ID: 'tag', Filter: { Tag: { Key: 'tmp', Value: '1' } }, Expiration: { Days: 1 } },
    { ID: 'size', Filter: { ObjectSizeGreaterThan: 100 }, Expiration: { Days: 1 } },
    { ID: 'off', Status: 'Disabled', Expiration: { Days: 1 } },
  ]);
  for (let n = 0; n < 5; n += 1) await put(Bucket, 'many');
  await put(Bucket, 'tagged', { Tagging: 'tmp=1' });
  await put(Bucket, 'other tag', { Tagging: 'tmp=2' });
  await put(Bucket, 'large', { Body: 'x'.repeat(101) });
  await lab.advanceDays(3);
  expect(await whatIsThere(Bucket)).toEqual(
    ['large', 'large (marker)', 'many', 'many', 'many', 'other tag', 'tagged', 'tagged (marker)'].sort(),
  );
});

test('an upload that is never completed is given up, and a large object moves to a colder class', async () => {
  const Bucket = await bucketWith([
    { ID: 'give up', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 } },
    {
      ID: 'cold',
      Transitions: [
        { Days: 30, StorageClass: 'STANDARD_IA' },
        { Days: 90, StorageClass: 'GLACIER' },
      ],
    },
  ]);
  const started = await s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key: 'never' }));
  expect(started.AbortRuleId).toBe('give up');
  const { UploadId } = started;
  await s3.send(new S3.UploadPartCommand({ Bucket, Key: 'never', UploadId, PartNumber: 1, Body: 'x' }));
  await put(Bucket, 'cold', { Body: Buffer.alloc(200_000) });
  await lab.advanceDays(3.1);
  expect((await s3.send(new S3.ListMultipartUploadsCommand({ Bucket }))).Uploads).toBeUndefined();
  await lab.advanceDays(30);
  expect((await s3.send(new S3.HeadObjectCommand({ Bucket, Key: 'cold' }))).StorageClass).toBe('STANDARD_IA');
  await lab.advanceDays(60);
  await expect(s3.send(new S3.GetObjectCommand({ Bucket, Key: 'cold' }))).rejects.toThrow(
    S3.InvalidObjectState,
  );
});

test('the rules come back as they were written, also after a restart, and senseless ones are refused', async () => {
  const Bucket = await bucketWith([
    { ID: 'on a day', Expiration: { Date: new Date('2040-01-01T00:00:00Z') } },
  ]);
  lab = await lab.restart();
  s3 = lab.s3(undefined, 'us-east-1');
  const { Rules } = await s3.send(new S3.GetBucketLifecycleConfigurationCommand({ Bucket }));
  expect(Rules).toEqual([
    { ID: 'on a day', Status: 'Enabled', Filter: {}, Expiration: { Date: new Date('2040-01-01T00:00:00Z') } },
  ]);
  await expect(setRules(Bucket, [{ Expiration: { Days: 0 } }])).rejects.toMatchObject({
    name: 'InvalidArgument',
  });
  await expect(setRules(Bucket, [{ Expiration: { Days: 1, Date: new Date(0) } }])).rejects.toMatchObject({
    name: 'MalformedXML',
  });
  await expect(setRules(Bucket, [{ Expiration: { Date: new Date(1000) } }])).rejects.toMatchObject({
    name: 'InvalidArgument',
    message: "'Date' must be at midnight GMT",
  });
  await expect(setRules(Bucket, [{}])).rejects.toMatchObject({ name: 'InvalidRequest' });
  await s3.send(new S3.DeleteBucketLifecycleCommand({ Bucket }));
  await expect(s3.send(new S3.GetBucketLifecycleConfigurationCommand({ Bucket }))).rejects.toMatchObject({
    name: 'NoSuchLifecycleConfiguration',
  });
});
