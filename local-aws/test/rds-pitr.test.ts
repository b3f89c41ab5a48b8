import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { DBInstance, DBInstanceAutomatedBackup, DBSnapshot } from '@aws-sdk/client-rds';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AWAY,
  type Cloud,
  type Corner,
  createInstance,
  customerKey,
  HOME,
  openCloud,
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
let homeKey: string;
let shop: DBInstance;

beforeAll(async () => {
  cloud = await openCloud();
  [home, away] = [cloud.corner(PRODUCTION, HOME), cloud.corner(PRODUCTION, AWAY)];
  homeKey = await customerKey(home);
  shop = await createInstance(home, {
    id: 'shop',
    kmsKeyId: homeKey,
    options: { BackupRetentionPeriod: 2, Tags: [{ Key: 'team', Value: 'orders' }], CopyTagsToSnapshot: true },
  });
  await query(cloud, shop, 'CREATE TABLE steps (n int)');
});
afterAll(async () => {
  await cloud.end();
});

const named = (name: string) => expect.objectContaining({ name }) as unknown;
const describe = async ({ rds }: Corner, id: string) =>
  (await rds.describeDBInstances({ DBInstanceIdentifier: id })).DBInstances![0]!;
const awsNow = async () => new Date((await cloud.admin('GET', '/clock')).body['now'] as string);
const automated = async (DBInstanceIdentifier = 'shop', corner = home): Promise<DBSnapshot[]> =>
  (await corner.rds.describeDBSnapshots({ DBInstanceIdentifier, SnapshotType: 'automated' })).DBSnapshots!;
const backupsOf = async (corner: Corner): Promise<DBInstanceAutomatedBackup[]> =>
  (await corner.rds.describeDBInstanceAutomatedBackups({})).DBInstanceAutomatedBackups!;

/** Writes a row; the returned whole second, of AWS's clock, begins after its commit and before any other. */
async function step(n: number): Promise<Date> {
  await query(cloud, shop, `INSERT INTO steps VALUES (${n})`);
  const after = await awsNow();
  const second = new Date(Math.ceil((after.getTime() + 1) / 1000) * 1000);
  await eventually('the next second', async () => ((await awsNow()) > second ? true : undefined));
  return second;
}

async function restorableUntil(moment: Date): Promise<void> {
  await eventually(`restorable until ${moment.toISOString()}`, async () => {
    const { LatestRestorableTime } = await describe(home, 'shop');
    return LatestRestorableTime && LatestRestorableTime >= moment ? true : undefined;
  });
}

const steps = async (instance: DBInstance) =>
  (await query(cloud, instance, 'SELECT n FROM steps ORDER BY n')).map(({ n }) => n);

const cheap = { BackupRetentionPeriod: 0 };
async function drop(id: string, corner = home): Promise<void> {
  await corner.rds.deleteDBInstance({ DBInstanceIdentifier: id, SkipFinalSnapshot: true });
  await whenGone(corner.rds, id);
}

test('an instance with a retention period begins with an automated snapshot and a restore window', async () => {
  const [first, ...more] = await automated();
  expect(more).toEqual([]);
  expect(first).toMatchObject({
    ...{ SnapshotType: 'automated', Status: 'available', KmsKeyId: homeKey },
    TagList: [{ Key: 'team', Value: 'orders' }],
  });
  expect(first!.DBSnapshotIdentifier).toMatch(/^rds:shop-\d{4}-\d\d-\d\d-\d\d-\d\d$/);
  expect((await home.rds.describeDBSnapshots({})).DBSnapshots).toHaveLength(1); // automated and manual, as in AWS
  const [backup] = await backupsOf(home);
  expect(backup).toMatchObject({
    ...{ Status: 'active', DBInstanceIdentifier: 'shop', DbiResourceId: shop.DbiResourceId },
    ...{ BackupRetentionPeriod: 2, Encrypted: true, KmsKeyId: homeKey },
    RestoreWindow: { EarliestTime: first!.SnapshotCreateTime },
  });
  const { Events } = await home.rds.describeEvents({ SourceType: 'db-snapshot' });
  expect(Events?.map(({ Message }) => Message)).toEqual(
    expect.arrayContaining(['Creating automated snapshot', 'Automated snapshot created']),
  );
});

test('an automated snapshot cannot be deleted or shared, only copied', async () => {
  const [{ DBSnapshotIdentifier } = {}] = await automated();
  await expect(home.rds.deleteDBSnapshot({ DBSnapshotIdentifier })).rejects.toEqual(
    named('InvalidDBSnapshotStateFault'),
  );
  const share = { DBSnapshotIdentifier, AttributeName: 'restore', ValuesToAdd: ['333333333333'] };
  await expect(home.rds.modifyDBSnapshotAttribute(share)).rejects.toThrow(/Only manual snapshots/);
});

test('a database comes back as it was at a second, before and after the clock was moved', async () => {
  const one = await step(1);
  const two = await step(2);
  await cloud.advance({ hours: 30 });
  const three = await step(3);
  expect(three.getTime() - two.getTime()).toBeGreaterThan(30 * 3_600_000);
  await step(4);
  await restorableUntil(new Date(three.getTime() + 1000));
  const between = new Date(two.getTime() + 3_600_000); // an hour that nobody lived through
  const restore = (TargetDBInstanceIdentifier: string, RestoreTime: Date) =>
    home.rds.restoreDBInstanceToPointInTime({
      ...{ TargetDBInstanceIdentifier, SourceDBInstanceIdentifier: 'shop', RestoreTime, ...cheap },
    });
  await Promise.all([restore('at-one', one), restore('at-three', three), restore('in-between', between)]);
  const restored = await Promise.all(
    ['at-one', 'at-three', 'in-between'].map((id) => whenAvailable(home.rds, id)),
  );
  expect(await Promise.all(restored.map(steps))).toEqual([[1], [1, 2, 3], [1, 2]]);
  for (const one of restored) {
    expect(one.DbiResourceId).not.toBe(shop.DbiResourceId);
    expect(one).toMatchObject({ KmsKeyId: homeKey, TagList: [{ Key: 'team', Value: 'orders' }] });
  }
  await query(cloud, restored[0]!, 'INSERT INTO steps VALUES (100)'); // it is a database of its own
  const { Events } = await home.rds.describeEvents({ SourceType: 'db-instance', SourceIdentifier: 'at-one' });
  expect(Events?.map(({ Message }) => Message)).toContain('Restored to a point in time');
  await Promise.all(['at-one', 'at-three', 'in-between'].map((id) => drop(id)));
});

test('the latest restorable time holds everything that was shipped, and a restored copy can be restored again', async () => {
  await restorableUntil(await step(5));
  await home.rds.restoreDBInstanceToPointInTime({
    ...{ TargetDBInstanceIdentifier: 'latest', SourceDbiResourceId: shop.DbiResourceId! },
    ...{ UseLatestRestorableTime: true, BackupRetentionPeriod: 1 },
  });
  const latest = await whenAvailable(home.rds, 'latest');
  expect(await steps(latest)).toEqual([1, 2, 3, 4, 5]);
  await query(cloud, latest, 'INSERT INTO steps VALUES (6)');
  const written = await awsNow();
  await eventually('shipped', async () => {
    const { LatestRestorableTime } = await describe(home, 'latest');
    return LatestRestorableTime && LatestRestorableTime > written ? true : undefined;
  });
  await home.rds.restoreDBInstanceToPointInTime({
    ...{ TargetDBInstanceIdentifier: 'again', SourceDBInstanceIdentifier: 'latest' },
    ...{ UseLatestRestorableTime: true, ...cheap },
  });
  expect(await steps(await whenAvailable(home.rds, 'again'))).toEqual([1, 2, 3, 4, 5, 6]);
  await Promise.all([drop('latest'), drop('again')]);
  expect((await backupsOf(home)).map(({ DBInstanceIdentifier }) => DBInstanceIdentifier)).toEqual(['shop']);
});

test('a restore that asks for too much, too little, the past, the future or nothing known is refused', async () => {
  const restore = (more: object) =>
    home.rds.restoreDBInstanceToPointInTime({
      ...{ TargetDBInstanceIdentifier: 'never', SourceDBInstanceIdentifier: 'shop', ...more },
    });
  const RestoreTime = await awsNow();
  await expect(restore({})).rejects.toEqual(named('InvalidParameterCombination'));
  await expect(restore({ RestoreTime, UseLatestRestorableTime: true })).rejects.toEqual(
    named('InvalidParameterCombination'),
  );
  await expect(restore({ RestoreTime: new Date(RestoreTime.getTime() + 3_600_000) })).rejects.toThrow(
    /later than the latest restorable time/,
  );
  const [backup] = await backupsOf(home);
  const before = new Date(backup!.RestoreWindow!.EarliestTime!.getTime() - 1000);
  await expect(restore({ RestoreTime: before })).rejects.toThrow(/earlier than the earliest restorable time/);
  const source = (more: object) =>
    restore({ SourceDBInstanceIdentifier: undefined, UseLatestRestorableTime: true, ...more });
  await expect(source({})).rejects.toEqual(named('InvalidParameterCombination'));
  await expect(source({ SourceDBInstanceIdentifier: 'nobody' })).rejects.toEqual(
    named('DBInstanceNotFoundFault'),
  );
  await expect(source({ SourceDbiResourceId: 'db-NOBODY' })).rejects.toEqual(
    named('DBInstanceAutomatedBackupNotFoundFault'),
  );
  await expect(
    restore({ UseLatestRestorableTime: true, TargetDBInstanceIdentifier: 'shop' }),
  ).rejects.toEqual(named('DBInstanceAlreadyExistsFault'));
});

test('a day later there is another automated snapshot, and what is past the retention period goes', async () => {
  const before = await automated();
  const files = () =>
    readdir(join(cloud.stateDir, 'accounts', PRODUCTION, HOME, 'rds', 'archives', shop.DbiResourceId!));
  const shipped = await files();
  await query(cloud, shop, 'INSERT INTO steps VALUES (7)');
  for (const day of [1, 2, 3]) {
    await cloud.advance({ days: 1 });
    await eventually(`a snapshot of day ${day}`, async () => {
      const now = (await awsNow()).getTime();
      const newest = (await automated()).at(-1);
      return newest?.Status === 'available' && now - newest.SnapshotCreateTime!.getTime() < 80_000_000
        ? true
        : undefined;
    });
  }
  await eventually('the first ones are gone', async () => {
    const ids = (await automated()).map(({ DBSnapshotIdentifier }) => DBSnapshotIdentifier);
    return ids.includes(before[0]!.DBSnapshotIdentifier) ? undefined : true;
  });
  const [backup] = await backupsOf(home);
  const { EarliestTime } = backup!.RestoreWindow!;
  expect((await awsNow()).getTime() - EarliestTime!.getTime()).toBeLessThanOrEqual(2 * 86_400_000 + 60_000);
  await eventually('old WAL is gone', async () => ((await files()).includes(shipped[0]!) ? undefined : true));
  await home.rds.restoreDBInstanceToPointInTime({
    ...{ TargetDBInstanceIdentifier: 'pruned', SourceDBInstanceIdentifier: 'shop' },
    ...{ UseLatestRestorableTime: true, ...cheap },
  });
  expect(await steps(await whenAvailable(home.rds, 'pruned'))).toEqual([1, 2, 3, 4, 5, 7]);
  await drop('pruned');
});

test('automated backups are replicated into another region, with a key of that region, and restored there', async () => {
  const awayKey = await customerKey(away);
  const SourceDBInstanceArn = shop.DBInstanceArn!;
  const start = (more: object) =>
    away.rds.startDBInstanceAutomatedBackupsReplication({ SourceDBInstanceArn, ...more });
  await expect(start({})).rejects.toThrow(/needs KmsKeyId/);
  await expect(start({ KmsKeyId: homeKey })).rejects.toEqual(named('KMSKeyNotAccessibleFault'));
  const started = await start({ KmsKeyId: awayKey, BackupRetentionPeriod: 3 });
  expect(started.DBInstanceAutomatedBackup).toMatchObject({
    Status: 'pending',
    Region: HOME,
    KmsKeyId: awayKey,
  });
  await expect(start({ KmsKeyId: awayKey })).rejects.toEqual(
    named('InvalidDBInstanceAutomatedBackupStateFault'),
  );
  await query(cloud, shop, 'INSERT INTO steps VALUES (8)');
  const written = await awsNow();
  const replica = await eventually('replicated', async () => {
    const [found] = await backupsOf(away);
    return found?.Status === 'replicating' && found.RestoreWindow!.LatestTime! > written ? found : undefined;
  });
  const [source] = await backupsOf(home);
  expect(source!.DBInstanceAutomatedBackupsReplications).toEqual([
    { DBInstanceAutomatedBackupsArn: replica.DBInstanceAutomatedBackupsArn },
  ]);
  expect(await automated('shop', away)).toEqual([]);
  await away.rds.restoreDBInstanceToPointInTime({
    ...{ TargetDBInstanceIdentifier: 'rescued', UseLatestRestorableTime: true, ...cheap },
    SourceDBInstanceAutomatedBackupsArn: replica.DBInstanceAutomatedBackupsArn!,
  });
  const rescued = await whenAvailable(away.rds, 'rescued');
  expect(rescued.KmsKeyId).toBe(awayKey);
  expect(await steps(rescued)).toEqual([1, 2, 3, 4, 5, 7, 8]);
  await drop('rescued', away);
});

test('replication that is stopped leaves its backups until their time is over', async () => {
  const SourceDBInstanceArn = shop.DBInstanceArn!;
  const stopped = await away.rds.stopDBInstanceAutomatedBackupsReplication({ SourceDBInstanceArn });
  expect(stopped.DBInstanceAutomatedBackup?.Status).toBe('retained');
  await expect(away.rds.stopDBInstanceAutomatedBackupsReplication({ SourceDBInstanceArn })).rejects.toEqual(
    named('InvalidDBInstanceStateFault'),
  );
  await cloud.advance({ days: 4 });
  await eventually('gone', async () => ((await backupsOf(away)).length === 0 ? true : undefined));
});

test('WAL that was lost from the archive is a restore that failed, not a database that lacks rows', async () => {
  await restorableUntil(await step(9));
  const order = { kind: 'archived-wal', resourceArn: shop.DBInstanceArn, seed: 'lost' };
  const { status, body } = await cloud.admin('POST', '/damage', order);
  expect([status, body]).toEqual([200, { ...order, files: [expect.stringMatching(/^[0-9A-F]{24}$/)] }]);
  await home.rds.restoreDBInstanceToPointInTime({
    ...{ TargetDBInstanceIdentifier: 'broken', SourceDBInstanceIdentifier: 'shop' },
    ...{ UseLatestRestorableTime: true, ...cheap },
  });
  await eventually('incompatible-restore', async () =>
    (await describe(home, 'broken')).DBInstanceStatus === 'incompatible-restore' ? true : undefined,
  );
  await drop('broken');
});

test('backups that were kept outlive their instance, and a dead database comes back from them', async () => {
  // A retention period of 0 throws away what is damaged by now, and a new one begins again.
  const retention = (BackupRetentionPeriod: number) =>
    home.rds.modifyDBInstance({
      DBInstanceIdentifier: 'shop',
      BackupRetentionPeriod,
      ApplyImmediately: true,
    });
  await retention(0);
  await eventually('no automated backups', async () =>
    (await backupsOf(home)).length + (await automated()).length === 0 ? true : undefined,
  );
  await eventually('applied', async () =>
    (await describe(home, 'shop')).DBInstanceStatus === 'available' ? true : undefined,
  );
  const restore = (id: string, source: object) =>
    home.rds.restoreDBInstanceToPointInTime({
      ...{ TargetDBInstanceIdentifier: id, UseLatestRestorableTime: true, ...cheap, ...source },
    });
  await expect(restore('never', { SourceDBInstanceIdentifier: 'shop' })).rejects.toEqual(
    named('PointInTimeRestoreNotEnabledFault'),
  );
  await retention(1);
  await eventually('a new beginning', async () =>
    (await automated()).at(-1)?.Status === 'available' ? true : undefined,
  );
  await whenAvailable(home.rds, 'shop');
  await query(cloud, shop, 'INSERT INTO steps VALUES (10)');
  await home.rds.deleteDBInstance({
    ...{ DBInstanceIdentifier: 'shop', SkipFinalSnapshot: true, DeleteAutomatedBackups: false },
  });
  await whenGone(home.rds, 'shop');
  const [retained] = await backupsOf(home);
  expect(retained).toMatchObject({ Status: 'retained', DbiResourceId: shop.DbiResourceId });
  await restore('shop', { SourceDbiResourceId: shop.DbiResourceId });
  const back = await whenAvailable(home.rds, 'shop');
  expect(await steps(back)).toEqual([1, 2, 3, 4, 5, 7, 8, 9, 10]); // the last row was shipped when the instance ended
  const DbiResourceId = shop.DbiResourceId!;
  const { DBInstanceAutomatedBackup } = await home.rds.deleteDBInstanceAutomatedBackup({ DbiResourceId });
  expect(DBInstanceAutomatedBackup?.Status).toBe('deleting');
  await expect(home.rds.deleteDBInstanceAutomatedBackup({ DbiResourceId })).rejects.toEqual(
    named('DBInstanceAutomatedBackupNotFoundFault'),
  );
  expect(await automated()).toEqual([]);
});
