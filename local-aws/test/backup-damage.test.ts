import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { DBInstance } from '@aws-sdk/client-rds';
import { backUp, copyPoint, restorePoint, vaultArn } from './support/backup-flow.ts';
import {
  AWAY,
  backupRole,
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
let shop: DBInstance;
let role: string;

beforeAll(async () => {
  cloud = await openCloud();
  [home, away] = [cloud.corner(PRODUCTION, HOME), cloud.corner(PRODUCTION, AWAY)];
  role = await backupRole(home);
  const [homeKey, awayKey] = [await customerKey(home), await customerKey(away)];
  await home.backup.createBackupVault({ BackupVaultName: 'local', EncryptionKeyArn: homeKey });
  await away.backup.createBackupVault({ BackupVaultName: 'away', EncryptionKeyArn: awayKey });
  shop = await createInstance(home, { id: 'shop', kmsKeyId: homeKey });
  await query(
    cloud,
    shop,
    'CREATE TABLE orders AS SELECT g::int AS id, md5(g::text) AS text FROM generate_series(1, 5000) g',
  );
});
afterAll(async () => {
  await cloud.end();
});

const backUpShop = async () => {
  const job = await backUp(home, { vault: 'local', resource: shop.DBInstanceArn!, role });
  expect(job.State).toBe('COMPLETED');
  return job.RecoveryPointArn!;
};
const damage = (order: object) => cloud.admin('POST', '/damage', order);

async function restored<T>(
  corner: Corner,
  vault: string,
  point: string,
  look: (instance: DBInstance) => Promise<T>,
): Promise<T> {
  const job = await restorePoint(corner, { vault, point, role, id: 'drill' });
  expect(job).toMatchObject({ Status: 'COMPLETED' });
  const instance = await whenAvailable(corner.rds, 'drill');
  try {
    return await look(instance);
  } finally {
    await corner.rds.deleteDBInstance({ DBInstanceIdentifier: 'drill', SkipFinalSnapshot: true });
    await whenGone(corner.rds, 'drill');
  }
}

test('damage survives the copy and the restore, while AWS goes on to say COMPLETED', async () => {
  const point = await backUpShop();
  const before = await home.backup.describeRecoveryPoint({
    BackupVaultName: 'local',
    RecoveryPointArn: point,
  });
  const { status, body } = await damage({ kind: 'page', vaultArn: vaultArn(home, 'local'), seed: 'tonight' });
  expect([status, body['recoveryPointArn'], body['relation'], body['seed']]).toEqual([
    200,
    point,
    'orders',
    'tonight',
  ]);
  const after = await home.backup.describeRecoveryPoint({
    BackupVaultName: 'local',
    RecoveryPointArn: point,
  });
  expect({ ...after, $metadata: 0 }).toEqual({ ...before, $metadata: 0 });
  const copy = await copyPoint(home, { point, from: 'local', to: vaultArn(away, 'away'), role });
  expect(copy).toMatchObject({ State: 'COMPLETED' });
  const said = await restored(away, 'away', copy.DestinationRecoveryPointArn!, (instance) =>
    query(cloud, instance, 'SELECT sum(length(text)) FROM orders').catch(
      (err: unknown) => (err as Error).message,
    ),
  );
  expect(said).toMatch(new RegExp(`invalid page in block ${String(body['block'])} of relation`));
  const { body: trail } = await cloud.admin('GET', '/events?kind=damage');
  expect(JSON.stringify(trail)).toMatch(/differ from what was stored/);
});

test('stale: the bytes of the newest older point of the resource lie in its place', async () => {
  const older = await backUpShop();
  await query(cloud, shop, `INSERT INTO orders VALUES (999999, 'only in the newer one')`);
  const newer = await backUpShop();
  const { status, body } = await damage({ kind: 'stale', recoveryPointArn: newer });
  expect([status, body['staleFrom']]).toEqual([200, expect.objectContaining({ recoveryPointArn: older })]);
  const rows = await restored(home, 'local', newer, (instance) =>
    query(cloud, instance, 'SELECT max(id) AS newest FROM orders'),
  );
  expect(rows).toEqual([{ newest: 5000 }]);
});

test('an unbootable point fails the restore job with the words of PostgreSQL', async () => {
  const point = await backUpShop();
  expect((await damage({ kind: 'wal', recoveryPointArn: point })).status).toBe(200);
  const job = await restorePoint(home, { vault: 'local', point, role, id: 'dead' });
  expect(job).toMatchObject({
    Status: 'FAILED',
    StatusMessage: expect.stringMatching(
      /instance is restore-error.*could not locate required checkpoint record/,
    ) as unknown,
  });
  const { DBInstances } = await home.rds.describeDBInstances({ DBInstanceIdentifier: 'dead' });
  expect(DBInstances?.[0]?.DBInstanceStatus).toBe('restore-error');
  await home.rds.deleteDBInstance({ DBInstanceIdentifier: 'dead', SkipFinalSnapshot: true });
  await whenGone(home.rds, 'dead');
});

test('a snapshot that AWS Backup knows nothing of can be damaged, too', async () => {
  const id = { DBInstanceIdentifier: 'shop', DBSnapshotIdentifier: 'by-hand' };
  await home.rds.createDBSnapshot(id);
  const described = () => home.rds.describeDBSnapshots({ DBSnapshotIdentifier: 'by-hand' });
  const snapshot = await eventually('the snapshot is available', async () => {
    const { DBSnapshots: [one] = [] } = await described();
    return one?.Status === 'available' ? one : undefined;
  });
  const snapshotArn = snapshot.DBSnapshotArn!;
  const { status, body } = await damage({ kind: 'zero', snapshotArn });
  expect([status, body['snapshotArn'], body['relation']]).toEqual([200, snapshotArn, 'orders']);
  expect((await described()).DBSnapshots).toEqual([snapshot]);
  await home.rds.restoreDBInstanceFromDBSnapshot({
    ...{ DBInstanceIdentifier: 'from-hand', DBSnapshotIdentifier: 'by-hand' },
  });
  const copy = await whenAvailable(home.rds, 'from-hand');
  const rows = async (of: DBInstance) =>
    Number((await query(cloud, of, 'SELECT count(*) FROM orders'))[0]?.['count']);
  expect((await rows(shop)) - (await rows(copy))).toBe(body['rows']);
});

test('an order that makes no sense is refused with what is allowed', async () => {
  const refusals = await Promise.all([
    damage({ kind: 'flood' }),
    damage({ kind: 'page' }),
    damage({ kind: 'page', recoverypointarn: 'x' }),
    damage({ kind: 'lose-blob', bucket: 'none', key: 'x' }),
    damage({ kind: 'archived-wal', resourceArn: shop.DBInstanceArn }),
    damage({ kind: 'page', recoveryPointArn: 'arn:aws:rds:eu-central-1:111111111111:snapshot:none' }),
    damage({
      kind: 'rows',
      vaultArn: vaultArn(away, 'away'),
      resourceArn: 'arn:aws:rds:eu-central-1:111111111111:db:other',
    }),
  ]);
  expect(refusals.map(({ status }) => status)).toEqual([400, 400, 400, 404, 404, 404, 404]);
  expect(JSON.stringify(refusals[0])).toMatch(/kind must be one of page, page-checksum, zero/);
});
