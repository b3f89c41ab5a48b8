import { S3 } from '@aws-sdk/client-s3';
import type { DBInstance } from '@aws-sdk/client-rds';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Cloud,
  type Corner,
  createInstance,
  HOME,
  openCloud,
  PRODUCTION,
  query,
  whenAvailable,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

let cloud: Cloud;
let home: Corner;
let orders: DBInstance;
beforeAll(async () => {
  cloud = await openCloud();
  home = cloud.corner(PRODUCTION, HOME);
  orders = await createInstance(home, { id: 'orders' });
  await query(cloud, orders, 'CREATE TABLE kept AS SELECT 42 AS answer');
});
afterEach(() => clear());
afterAll(() => cloud.end());

const add = async (rule: object) => {
  const { status, body } = await cloud.admin('POST', '/faults', rule);
  expect([status, body]).toEqual([200, expect.anything()]);
};
const clear = () => fetch(`${cloud.aws.adminEndpoint}/faults`, { method: 'DELETE' });
const snapshotOf = async (id: string) =>
  (await home.rds.describeDBSnapshots({ DBSnapshotIdentifier: id })).DBSnapshots?.[0];
const whenOver = (id: string) =>
  eventually(`snapshot ${id} is over`, async () => {
    const snapshot = await snapshotOf(id);
    return snapshot?.Status === 'creating' ? undefined : snapshot?.Status;
  });
const take = (id: string) =>
  home.rds.createDBSnapshot({ DBInstanceIdentifier: 'orders', DBSnapshotIdentifier: id });

test('a stalled job goes on when its rule is cleared', async () => {
  await add({ kind: 'stall-job', service: 'rds', job: 'snapshot', resource: 'slow' });
  await take('slow');
  await eventually('the rule fired', async () => {
    const { body } = await cloud.admin('GET', '/events?kind=fault&limit=1');
    return JSON.stringify(body).includes('stall-job') ? true : undefined;
  });
  expect(await snapshotOf('slow')).toMatchObject({ Status: 'creating', PercentProgress: 0 });
  await clear();
  expect(await whenOver('slow')).toBe('available');
});

test('a failed job ends in the state that the rule names, and the next one works', async () => {
  await add({ kind: 'fail-job', service: 'rds', job: 'restore-instance', outcome: 'incompatible-network' });
  const restore = { DBSnapshotIdentifier: 'slow', DBInstanceClass: 'db.t4g.micro' };
  await home.rds.restoreDBInstanceFromDBSnapshot({ ...restore, DBInstanceIdentifier: 'nowhere' });
  await eventually('the restore has failed', async () => {
    const { DBInstances } = await home.rds.describeDBInstances({ DBInstanceIdentifier: 'nowhere' });
    return DBInstances?.[0]?.DBInstanceStatus === 'incompatible-network' ? true : undefined;
  });
  await home.rds.restoreDBInstanceFromDBSnapshot({ ...restore, DBInstanceIdentifier: 'somewhere' });
  const restored = await whenAvailable(home.rds, 'somewhere');
  expect(await query(cloud, restored, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  for (const id of ['nowhere', 'somewhere'])
    await home.rds.deleteDBInstance({ DBInstanceIdentifier: id, SkipFinalSnapshot: true });
});

test('a killed PostgreSQL is started again on its port, and what was committed is there', async () => {
  const started = async () =>
    (await query(cloud, orders, 'SELECT pg_postmaster_start_time()::text AS at'))[0]?.['at'];
  const before = await started();
  await add({ kind: 'kill-postgres', instance: 'ord*' });
  await eventually('it is another server', async () => {
    const now = await started().catch(() => undefined);
    return now === undefined || now === before ? undefined : true;
  });
  expect(await query(cloud, orders, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  const { Events = [] } = await home.rds.describeEvents({ SourceType: 'db-instance' });
  expect(Events.map(({ Message }) => Message)).toContain('Recovery of the DB instance is complete');
});

test('a disk that fills while a snapshot is copied: the snapshot has failed, its bytes are gone', async () => {
  const folder = join(cloud.stateDir, 'accounts', PRODUCTION, HOME, 'rds', 'snapshots');
  const before = readdirSync(folder);
  await add({ kind: 'disk-full', writer: 'snapshot' });
  await take('too-large');
  expect(await whenOver('too-large')).toBe('failed');
  await eventually('its bytes are gone', () =>
    readdirSync(folder).length === before.length ? true : undefined,
  );
});

test('a disk too full for a journal: the call fails, nothing is half done, and later calls work', async () => {
  const group = { DBParameterGroupName: 'full', DBParameterGroupFamily: 'postgres18', Description: 'x' };
  await add({ kind: 'disk-full', writer: 'journal', resource: 'rds/*' });
  await expect(home.rds.createDBParameterGroup(group)).rejects.toMatchObject({
    $metadata: { httpStatusCode: 500 },
  });
  await expect(home.rds.describeDBParameterGroups({ DBParameterGroupName: 'full' })).rejects.toMatchObject({
    name: 'DBParameterGroupNotFoundFault',
  });
  await clear();
  await home.rds.createDBParameterGroup(group);
  await home.rds.describeDBParameterGroups({ DBParameterGroupName: 'full' });
});

test('a disk too full for an object: the PUT fails and the version before it stays', async () => {
  const credentials = cloud.aws.accounts[PRODUCTION]!;
  const s3 = new S3({ endpoint: cloud.aws.endpoint, region: HOME, credentials, maxAttempts: 1 });
  const where = { Bucket: 'full', Key: 'a' };
  await s3.createBucket({ Bucket: 'full', CreateBucketConfiguration: { LocationConstraint: HOME } });
  await s3.putObject({ ...where, Body: 'first' });
  for (const writer of ['blob', 'journal']) {
    await add({ kind: 'disk-full', writer });
    await expect(s3.putObject({ ...where, Body: 'second' })).rejects.toMatchObject({
      $metadata: { httpStatusCode: 500 },
    });
    expect(await (await s3.getObject(where)).Body?.transformToString()).toBe('first');
    await clear();
  }
  await s3.putObject({ ...where, Body: 'third' });
  expect(await (await s3.getObject(where)).Body?.transformToString()).toBe('third');
});
