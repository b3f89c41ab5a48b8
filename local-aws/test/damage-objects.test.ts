import { S3 } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { backUp, copyPoint, vaultArn, whenRestored } from './support/backup-flow.ts';
import { bucketRole, createBucket, s3At } from './support/backup-buckets.ts';
import {
  AWAY,
  type Cloud,
  type Corner,
  customerKey,
  HOME,
  openCloud,
  PRODUCTION,
} from './support/database-cloud.ts';

const BODY = 'a line of the ledger\n'.repeat(5000);
const says = (pattern: RegExp) => expect.stringMatching(pattern) as unknown;

let cloud: Cloud;
let home: Corner;
let s3: S3;
let role: string;
beforeAll(async () => {
  cloud = await openCloud();
  home = cloud.corner(PRODUCTION, HOME);
  s3 = s3At(cloud, home);
  role = await bucketRole(home);
  for (const corner of [home, cloud.corner(PRODUCTION, AWAY)])
    await corner.backup.createBackupVault({
      ...{ BackupVaultName: 'vault', EncryptionKeyArn: await customerKey(corner) },
    });
  await createBucket(cloud, home, 'papers');
});
afterAll(() => cloud.end());

const put = (Key: string, Bucket = 'papers') => s3.putObject({ Bucket, Key, Body: BODY });
const read = async (Key: string, from = s3, Bucket = 'papers') => {
  const { Body, VersionId } = await from.getObject({ Bucket, Key });
  return { VersionId, text: await Body?.transformToString() };
};
const damage = async (order: object) => {
  const { status, body } = await cloud.admin('POST', '/damage', order);
  expect([status, body]).toEqual([200, expect.anything()]);
  return body;
};

test('a rotten object is served with its old checksum and date, and the SDK notices at the last byte', async () => {
  await put('rotten');
  const where = { Bucket: 'papers', Key: 'rotten' };
  const before = await s3.headObject({ ...where, ChecksumMode: 'ENABLED' });
  const report = await damage({ kind: 'rot-blob', bucket: 'papers', key: 'rotten', seed: 'tonight' });
  expect(report).toMatchObject({ seed: 'tonight', versionId: before.VersionId });
  const after = await s3.headObject({ ...where, ChecksumMode: 'ENABLED' });
  expect({ ...after, $metadata: 0 }).toEqual({ ...before, $metadata: 0 });
  await expect(read('rotten')).rejects.toThrow(/Checksum mismatch/);
  const careless = new S3({
    ...{ endpoint: cloud.aws.endpoint, region: HOME, credentials: cloud.aws.accounts[PRODUCTION]! },
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const { text = '' } = await read('rotten', careless);
  const [offset, bits] = [Number(report['offset']), Number(report['bits'])];
  const whole = await careless.getObject(where).then(({ Body }) => Body?.transformToByteArray());
  expect(text).not.toBe(BODY);
  expect(whole?.[offset]).toBe(BODY.charCodeAt(offset) ^ bits);
  expect(whole?.filter((byte, at) => byte !== BODY.charCodeAt(at))).toHaveLength(1);
});

test('the same seed rots the same bits of the same bytes, and the events tell of it', async () => {
  await put('again');
  const order = { kind: 'rot-blob', bucket: 'papers', key: 'again', seed: 42 };
  const first = await damage(order);
  expect(await damage(order)).toEqual(first);
  expect((await read('again')).text).toBe(BODY); // flipped there and back
  const { body } = await cloud.admin('GET', '/events?kind=damage');
  expect(JSON.stringify(body)).toContain('papers/again');
});

test('an object whose bytes are lost is known and listed, and cannot be read: InternalError, not NoSuchKey', async () => {
  await put('lost');
  const older = (await read('lost')).VersionId;
  await put('lost');
  await damage({ kind: 'lose-blob', bucket: 'papers', key: 'lost' });
  await expect(read('lost')).rejects.toMatchObject({
    ...{ name: 'InternalError', $metadata: { httpStatusCode: 500 } },
  });
  expect((await s3.headObject({ Bucket: 'papers', Key: 'lost' })).ContentLength).toBe(BODY.length);
  const { Versions } = await s3.listObjectVersions({ Bucket: 'papers', Prefix: 'lost' });
  expect(Versions).toHaveLength(2);
  const { Body } = await s3.getObject({ Bucket: 'papers', Key: 'lost', VersionId: older });
  expect(await Body?.transformToString()).toBe(BODY);
  const copy = s3.copyObject({ Bucket: 'papers', Key: 'copy', CopySource: 'papers/lost' });
  await expect(copy).rejects.toMatchObject({ name: 'InternalError' });
});

test('a backup of a bucket names what it could not read, and holds the rest', async () => {
  const job = await backUp(home, { vault: 'vault', resource: 'arn:aws:s3:::papers', role });
  expect(job).toMatchObject({
    State: 'COMPLETED',
    StatusMessage: says(/^1 objects could not be backed up: their bytes cannot be read\.$/),
  });
  await s3.deleteObject({ Bucket: 'papers', Key: 'lost' });
  await s3.deleteObject({ Bucket: 'papers', Key: 'rotten' });
});

test('rot in a recovery point of a bucket is restored without a word; what is lost is counted, and fails a copy', async () => {
  const resource = 'arn:aws:s3:::papers';
  await put('kept');
  const { RecoveryPointArn: point = '' } = await backUp(home, { vault: 'vault', resource, role });
  await damage({ kind: 'rot-blob', recoveryPointArn: point, key: 'kept' });
  const drawn = await damage({ kind: 'lose-blob', recoveryPointArn: point, key: 'only' });
  expect(drawn).toMatchObject({ key: 'only', recoveryPointArn: point });
  const metadata = { DestinationBucketName: 'restored', NewBucket: 'true', Encrypted: 'false' };
  const { RestoreJobId = '' } = await home.backup.startRestoreJob({
    ...{ RecoveryPointArn: point, Metadata: metadata, IamRoleArn: role, ResourceType: 'S3' },
  });
  expect(await whenRestored(home, RestoreJobId)).toMatchObject({
    Status: 'COMPLETED',
    StatusMessage: says(/^1 objects could not be restored: their bytes cannot be read\.$/),
  });
  const { text = '' } = await read('kept', s3, 'restored');
  expect([text.length, text === BODY]).toEqual([BODY.length, false]);
  await expect(read('only', s3, 'restored')).rejects.toMatchObject({ name: 'NoSuchKey' });
  const to = vaultArn(cloud.corner(PRODUCTION, AWAY), 'vault');
  expect(await copyPoint(home, { point, from: 'vault', to, role })).toMatchObject({
    ...{ State: 'FAILED', StatusMessage: says(/bytes of object only cannot be read/) },
  });
});
