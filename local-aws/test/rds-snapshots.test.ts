import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { DBInstance, DBSnapshot } from '@aws-sdk/client-rds';
import {
  AWAY,
  type Cloud,
  type Corner,
  createInstance,
  customerKey,
  DRILL,
  HOME,
  openCloud,
  PASSWORD,
  PRODUCTION,
  query,
  whenAvailable,
  whenGone,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

jest.setTimeout(240_000); // real servers are booted; on a busy machine that takes its time

let cloud: Cloud;
let home: Corner;
let away: Corner;
let drill: Corner;
let homeKey: string;
let shop: DBInstance;

beforeAll(async () => {
  cloud = await openCloud();
  [home, away, drill] = [
    cloud.corner(PRODUCTION, HOME),
    cloud.corner(PRODUCTION, AWAY),
    cloud.corner(DRILL, HOME),
  ];
  homeKey = await customerKey(home, DRILL);
  const Tags = [{ Key: 'team', Value: 'orders' }];
  shop = await createInstance(home, {
    id: 'shop',
    kmsKeyId: homeKey,
    options: { Tags, CopyTagsToSnapshot: true },
  });
  await query(cloud, shop, 'CREATE TABLE orders AS SELECT g AS id FROM generate_series(1, 1000) g');
});
afterAll(async () => {
  await cloud.end();
});

const named = (name: string) => expect.objectContaining({ name }) as unknown;

async function whenTaken({ rds }: Corner, id: string): Promise<DBSnapshot> {
  return eventually(`snapshot ${id} is available`, async () => {
    const { DBSnapshots: [found] = [] } = await rds.describeDBSnapshots({ DBSnapshotIdentifier: id });
    if (found?.Status === 'failed') throw new Error(`${id} failed`);
    return found?.Status === 'available' ? found : undefined;
  });
}

test('a snapshot remembers its instance; tags are copied only when none are given', async () => {
  const { DBSnapshot } = await home.rds.createDBSnapshot({
    DBInstanceIdentifier: 'shop',
    DBSnapshotIdentifier: 'Nightly',
  });
  expect(DBSnapshot).toMatchObject({
    DBSnapshotIdentifier: 'nightly',
    Status: 'creating',
    PercentProgress: 0,
  });
  const nightly = await whenTaken(home, 'nightly');
  expect(nightly).toMatchObject({
    ...{
      DBInstanceIdentifier: 'shop',
      DbiResourceId: shop.DbiResourceId,
      KmsKeyId: homeKey,
      Encrypted: true,
    },
    ...{ SnapshotType: 'manual', PercentProgress: 100, TagList: [{ Key: 'team', Value: 'orders' }] },
    OriginalSnapshotCreateTime: nightly.SnapshotCreateTime,
  });
  expect(nightly.FullSnapshotSizeInBytes).toBeGreaterThan(20_000_000);
  await whenAvailable(home.rds, 'shop');
  const Tags = [{ Key: 'own', Value: 'tag' }];
  await home.rds.createDBSnapshot({ DBInstanceIdentifier: 'shop', DBSnapshotIdentifier: 'tagged', Tags });
  expect((await whenTaken(home, 'tagged')).TagList).toEqual(Tags);
  await whenAvailable(home.rds, 'shop');
});

test('a name that is taken and a database that is busy are refused in the words of AWS', async () => {
  const take = (id: string) =>
    home.rds.createDBSnapshot({ DBInstanceIdentifier: 'shop', DBSnapshotIdentifier: id });
  await expect(take('nightly')).rejects.toThrow(
    'Cannot create the snapshot because a snapshot with the identifier nightly already exists.',
  );
  await take('first');
  await expect(take('second')).rejects.toThrow(/is not currently in the available state\./);
  await whenTaken(home, 'first');
  await whenAvailable(home.rds, 'shop');
});

test('a copy into another region needs a key of that region and keeps the original time', async () => {
  const awayKey = await customerKey(away);
  const nightly = await whenTaken(home, 'nightly');
  const copy = (KmsKeyId?: string) =>
    away.rds.copyDBSnapshot({
      ...{ SourceDBSnapshotIdentifier: nightly.DBSnapshotArn!, TargetDBSnapshotIdentifier: 'nightly-copy' },
      ...(KmsKeyId !== undefined && { KmsKeyId }),
    });
  await expect(copy()).rejects.toThrow(/needs KmsKeyId/);
  await expect(copy(homeKey)).rejects.toEqual(named('KMSKeyNotAccessibleFault'));
  await copy(awayKey);
  const copied = await whenTaken(away, 'nightly-copy');
  expect(copied).toMatchObject({
    ...{ KmsKeyId: awayKey, SourceRegion: HOME, SourceDBSnapshotIdentifier: nightly.DBSnapshotArn },
    ...{ OriginalSnapshotCreateTime: nightly.OriginalSnapshotCreateTime, TagList: [] },
  });
  expect(copied.SnapshotCreateTime!.getTime()).toBeGreaterThan(nightly.SnapshotCreateTime!.getTime());
});

test('a shared encrypted snapshot must be copied with an own key before it can be restored', async () => {
  const nightly = await whenTaken(home, 'nightly');
  const arn = nightly.DBSnapshotArn!;
  const restore = (DBSnapshotIdentifier: string) =>
    drill.rds.restoreDBInstanceFromDBSnapshot({
      DBInstanceIdentifier: 'practice',
      DBSnapshotIdentifier,
      Tags: [],
    });
  await expect(restore(arn)).rejects.toEqual(named('DBSnapshotNotFoundFault'));
  const share = (more: object) =>
    home.rds.modifyDBSnapshotAttribute({
      DBSnapshotIdentifier: 'nightly',
      AttributeName: 'restore',
      ...more,
    });
  await expect(share({ ValuesToAdd: ['all'] })).rejects.toEqual(named('InvalidParameterCombination'));
  const { DBSnapshotAttributesResult } = await share({ ValuesToAdd: [DRILL] });
  expect(DBSnapshotAttributesResult?.DBSnapshotAttributes).toEqual([
    { AttributeName: 'restore', AttributeValues: [DRILL] },
  ]);
  expect((await drill.rds.describeDBSnapshots({ SnapshotType: 'shared' })).DBSnapshots).toHaveLength(1);
  await expect(restore(arn)).rejects.toThrow(/copy it with a key of your own account first/);
  await drill.rds.copyDBSnapshot({
    SourceDBSnapshotIdentifier: arn,
    TargetDBSnapshotIdentifier: 'own',
    KmsKeyId: await customerKey(drill),
  });
  await whenTaken(drill, 'own');
  await share({ ValuesToRemove: [DRILL] });
  expect((await drill.rds.describeDBSnapshots({ SnapshotType: 'shared' })).DBSnapshots).toEqual([]);
  await restore('own');
  const practice = await whenAvailable(drill.rds, 'practice');
  expect(practice.TagList).toEqual([]);
  expect(await query(cloud, practice, 'SELECT count(*)::int AS rows FROM orders')).toEqual([{ rows: 1000 }]);
  await drill.rds.deleteDBInstance({ DBInstanceIdentifier: 'practice', SkipFinalSnapshot: true });
  await whenGone(drill.rds, 'practice');
});

test('a snapshot under the default key cannot be shared, and its key cannot leave the account', async () => {
  await createInstance(home, { id: 'plain', options: { StorageEncrypted: true } });
  await home.rds.createDBSnapshot({ DBInstanceIdentifier: 'plain', DBSnapshotIdentifier: 'default-key' });
  await whenTaken(home, 'default-key');
  const share = home.rds.modifyDBSnapshotAttribute({
    DBSnapshotIdentifier: 'default-key',
    AttributeName: 'restore',
    ValuesToAdd: [DRILL],
  });
  await expect(share).rejects.toThrow(/default key aws\/rds cannot be shared/);
});

test('a final snapshot is taken before the instance goes, and the instance comes back from it with a new identity', async () => {
  await whenAvailable(home.rds, 'plain');
  const { DBInstances: [plain] = [] } = await home.rds.describeDBInstances({ DBInstanceIdentifier: 'plain' });
  await query(cloud, plain!, 'CREATE TABLE last_words AS SELECT 42 AS answer');
  await home.rds.deleteDBInstance({
    DBInstanceIdentifier: 'plain',
    FinalDBSnapshotIdentifier: 'plain-final',
  });
  await whenGone(home.rds, 'plain');
  await whenTaken(home, 'plain-final');
  await home.rds.restoreDBInstanceFromDBSnapshot({
    DBInstanceIdentifier: 'plain',
    DBSnapshotIdentifier: 'plain-final',
    DBInstanceClass: 'db.t4g.small',
  });
  const back = await whenAvailable(home.rds, 'plain');
  expect(back.DbiResourceId).not.toBe(plain!.DbiResourceId);
  expect(back.DBInstanceClass).toBe('db.t4g.small');
  expect(await query(cloud, back, 'SELECT answer FROM last_words', { password: PASSWORD })).toEqual([
    { answer: 42 },
  ]);
  const { DBSnapshots } = await home.rds.describeDBSnapshots({ DBInstanceIdentifier: 'plain' });
  expect(DBSnapshots?.map(({ DBSnapshotIdentifier }) => DBSnapshotIdentifier)).toEqual([
    'default-key',
    'plain-final',
  ]);
});

test('a deleted snapshot is gone for everybody', async () => {
  await home.rds.deleteDBSnapshot({ DBSnapshotIdentifier: 'tagged' });
  await eventually('gone', async () =>
    home.rds.describeDBSnapshots({ DBSnapshotIdentifier: 'tagged' }).then(
      () => undefined,
      (err: unknown) => ((err as Error).name === 'DBSnapshotNotFoundFault' ? true : undefined),
    ),
  );
  await expect(home.rds.deleteDBSnapshot({ DBSnapshotIdentifier: 'tagged' })).rejects.toEqual(
    named('DBSnapshotNotFoundFault'),
  );
});

test('a database whose key is disabled shuts down, cannot be restored, and starts again when the key is back', async () => {
  await home.kms.disableKey({ KeyId: homeKey });
  await eventually('shut down', async () => {
    const { DBInstances } = await home.rds.describeDBInstances({ DBInstanceIdentifier: 'shop' });
    return DBInstances?.[0]?.DBInstanceStatus === 'inaccessible-encryption-credentials-recoverable'
      ? true
      : undefined;
  });
  // The status comes first; the server takes a moment to end.
  await eventually('refused', async () => {
    const said = await query(cloud, shop, 'SELECT 1').then(() => 'an answer', String);
    return said.includes('ECONNREFUSED') ? true : undefined;
  });
  const restore = home.rds.restoreDBInstanceFromDBSnapshot({
    DBInstanceIdentifier: 'never',
    DBSnapshotIdentifier: 'nightly',
  });
  await expect(restore).rejects.toEqual(named('KMSKeyNotAccessibleFault'));
  await expect(home.rds.startDBInstance({ DBInstanceIdentifier: 'shop' })).rejects.toEqual(
    named('KMSKeyNotAccessibleFault'),
  );
  await home.kms.enableKey({ KeyId: homeKey });
  await home.rds.startDBInstance({ DBInstanceIdentifier: 'shop' });
  await whenAvailable(home.rds, 'shop');
  expect(await query(cloud, shop, 'SELECT count(*)::int AS rows FROM orders')).toEqual([{ rows: 1000 }]);
});
