import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { DBSnapshot } from '@aws-sdk/client-rds';
import {
  AWAY,
  type Cloud,
  type Corner,
  createInstance,
  DRILL,
  HOME,
  openCloud,
  PRODUCTION,
  whenAvailable,
  whenGone,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

jest.setTimeout(240_000); // real servers are booted; on a busy machine that takes its time

let cloud: Cloud;
let home: Corner;
let away: Corner;
let drill: Corner;
let plain: DBSnapshot;

beforeAll(async () => {
  cloud = await openCloud();
  [home, away, drill] = [
    cloud.corner(PRODUCTION, HOME),
    cloud.corner(PRODUCTION, AWAY),
    cloud.corner(DRILL, HOME),
  ];
  await createInstance(home, { id: 'shop' });
  await home.rds.createDBSnapshot({ DBInstanceIdentifier: 'shop', DBSnapshotIdentifier: 'plain' });
  plain = await whenTaken(home, 'plain');
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
const share = (more: object) =>
  home.rds.modifyDBSnapshotAttribute({ DBSnapshotIdentifier: 'plain', AttributeName: 'restore', ...more });
const quota = (name: string, value: number) => cloud.admin('POST', '/quotas', { name, value });
const copy = ({ rds }: Corner, TargetDBSnapshotIdentifier: string) =>
  rds.copyDBSnapshot({ SourceDBSnapshotIdentifier: plain.DBSnapshotArn!, TargetDBSnapshotIdentifier });

test('a snapshot without encryption can be made public, listed by everybody, and restored by its ARN', async () => {
  const listed = async (SnapshotType: string) =>
    (await drill.rds.describeDBSnapshots({ SnapshotType })).DBSnapshots!.map((one) => one.DBSnapshotArn);
  expect(await listed('public')).toEqual([]);
  const { DBSnapshotAttributesResult } = await share({ ValuesToAdd: ['all'] });
  expect(DBSnapshotAttributesResult?.DBSnapshotAttributes).toEqual([
    { AttributeName: 'restore', AttributeValues: ['all'] },
  ]);
  expect(await listed('public')).toEqual([plain.DBSnapshotArn]);
  await drill.rds.restoreDBInstanceFromDBSnapshot({
    ...{
      DBInstanceIdentifier: 'practice',
      DBSnapshotIdentifier: plain.DBSnapshotArn!,
      BackupRetentionPeriod: 0,
    },
  });
  await whenAvailable(drill.rds, 'practice');
  await drill.rds.deleteDBInstance({ DBInstanceIdentifier: 'practice', SkipFinalSnapshot: true });
  await whenGone(drill.rds, 'practice');
  await share({ ValuesToRemove: ['all'] });
  expect(await listed('public')).toEqual([]);
});

test('a snapshot is shared with twenty accounts at most', async () => {
  const accounts = Array.from({ length: 21 }, (_, index) => String(900_000_000_000 + index));
  await expect(share({ ValuesToAdd: accounts })).rejects.toEqual(named('SharedSnapshotQuotaExceededFault'));
  await share({ ValuesToAdd: accounts.slice(1) });
  await share({ ValuesToRemove: accounts });
  await expect(share({ ValuesToAdd: ['12'] })).rejects.toEqual(named('InvalidParameterValue'));
});

test('the two meanings of a full quota can be told apart', async () => {
  await quota('ManualSnapshots', 1);
  await expect(copy(home, 'second')).rejects.toThrow('Cannot create more than 1 manual snapshots');
  await expect(
    home.rds.deleteDBInstance({ DBInstanceIdentifier: 'shop', FinalDBSnapshotIdentifier: 'last' }),
  ).rejects.toEqual(named('SnapshotQuotaExceededFault'));
  await quota('ManualSnapshots', -1);
  await quota('CrossRegionCopies', 1);
  const rule = { kind: 'stall-job', service: 'rds', job: 'copy-snapshot', resource: 'first' };
  const { body } = await cloud.admin('POST', '/faults', rule);
  await copy(away, 'first');
  await expect(copy(away, 'second')).rejects.toThrow('Cannot copy more than 1 snapshots across regions');
  const { DBSnapshots } = await away.rds.describeDBSnapshots({ DBSnapshotIdentifier: 'first' });
  expect(DBSnapshots![0]).toMatchObject({ Status: 'copying', PercentProgress: 0 });
  await fetch(`${cloud.aws.adminEndpoint}/faults?id=${String(body['id'])}`, { method: 'DELETE' });
  await whenTaken(away, 'first');
  await copy(away, 'second');
  await whenTaken(away, 'second');
  await quota('CrossRegionCopies', -1);
});

test('quotas of instances and what they are is told, and nonsense is refused', async () => {
  await quota('DBInstances', 1);
  await expect(createInstance(home, { id: 'other' })).rejects.toEqual(named('InstanceQuotaExceededFault'));
  const { AccountQuotas } = await home.rds.describeAccountAttributes({});
  expect(AccountQuotas).toEqual(
    expect.arrayContaining([
      { AccountQuotaName: 'DBInstances', Used: 1, Max: 1 },
      { AccountQuotaName: 'ManualSnapshots', Used: 1, Max: 100 },
      { AccountQuotaName: 'ManualClusterSnapshots', Used: 0, Max: 100 },
    ]),
  );
  await quota('DBInstances', -1);
  expect((await quota('Moons', 1)).status).toBe(400);
  expect((await quota('DBInstances', 0.5)).status).toBe(400);
});

test('a copy goes away with its source only when it has not ended, and is cancelled by deleting it', async () => {
  const rule = { kind: 'stall-job', service: 'rds', job: 'copy-snapshot', resource: 'third' };
  const { body } = await cloud.admin('POST', '/faults', rule);
  await copy(away, 'third');
  await away.rds.deleteDBSnapshot({ DBSnapshotIdentifier: 'third' });
  await eventually('cancelled', async () =>
    away.rds.describeDBSnapshots({ DBSnapshotIdentifier: 'third' }).then(
      () => undefined,
      (err: unknown) => ((err as Error).name === 'DBSnapshotNotFoundFault' ? true : undefined),
    ),
  );
  await fetch(`${cloud.aws.adminEndpoint}/faults?id=${String(body['id'])}`, { method: 'DELETE' });
});

test('snapshots are listed page by page, of twenty at least', async () => {
  for (let n = 1; n <= 21; n += 1) {
    await copy(home, `page-${n}`);
  }
  for (let n = 1; n <= 21; n += 1) await whenTaken(home, `page-${n}`);
  await expect(home.rds.describeDBSnapshots({ MaxRecords: 19 })).rejects.toEqual(
    named('InvalidParameterValue'),
  );
  const first = await home.rds.describeDBSnapshots({ MaxRecords: 20 });
  await home.rds.deleteDBSnapshot({ DBSnapshotIdentifier: 'page-1' }); // pages survive what comes and goes
  const second = await home.rds.describeDBSnapshots({ MaxRecords: 20, Marker: first.Marker! });
  const ids = [...first.DBSnapshots!, ...second.DBSnapshots!].map((one) => one.DBSnapshotIdentifier);
  expect([first.DBSnapshots!.length, second.Marker, new Set(ids).size]).toEqual([20, undefined, 22]);
});
