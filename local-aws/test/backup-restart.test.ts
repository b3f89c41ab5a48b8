import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DBInstance } from '@aws-sdk/client-rds';
import { backUp, restorePoint, vaultArn, whenBackedUp, whenRestored } from './support/backup-flow.ts';
import {
  AWAY,
  backupRole,
  type Corner,
  cornerOf,
  createInstance,
  customerKey,
  HOME,
  PRODUCTION,
  query,
  temporaryState,
  whenAvailable,
  whenGone,
} from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

jest.setTimeout(300_000); // the program is started five times; on a busy machine that takes its time

const PROGRAM = fileURLToPath(new URL('../bin/lifeboat-local-aws.mjs', import.meta.url));
/** Slow enough that a kill meets a job in the middle. */
const PACE = '0.005';

let stateDir: string;
let program: ChildProcess;
let home: Corner;
let away: Corner;
let shop: DBInstance;
let role: string;

const cloud = () => ({ aws: { caBundle: join(stateDir, 'ca-bundle.pem') } }) as Parameters<typeof query>[0];

async function start(): Promise<void> {
  await rm(join(stateDir, 'status.json'), { force: true });
  const args = [PROGRAM, 'start', '--state', stateDir, '--port', '0', '--admin-port', '0', '--pace', PACE];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (part: Buffer) => (said += part.toString()));
  const status = await eventually('the program says where it is', async () => {
    if (child.exitCode !== null) throw new Error(`The program ended: ${said}`);
    const text = await readFile(join(stateDir, 'status.json'), 'utf8').catch(() => '');
    return text === '' ? undefined : (JSON.parse(text) as Status);
  });
  program = child;
  const keys = Object.fromEntries(status.accounts.map(({ id, key }) => [id, key]));
  [home, away] = [
    cornerOf(status.endpoint, keys, PRODUCTION, HOME),
    cornerOf(status.endpoint, keys, PRODUCTION, AWAY),
  ];
}

interface Status {
  readonly endpoint: string;
  readonly accounts: readonly { id: string; key: { accessKeyId: string; secretAccessKey: string } }[];
}

async function killAndRestart(): Promise<void> {
  program.kill('SIGKILL');
  await once(program, 'exit');
  await start();
}

beforeAll(async () => {
  stateDir = await temporaryState();
  await start();
  role = await backupRole(home);
  const [homeKey, awayKey] = [await customerKey(home), await customerKey(away)];
  await home.backup.createBackupVault({ BackupVaultName: 'local', EncryptionKeyArn: homeKey });
  await away.backup.createBackupVault({ BackupVaultName: 'away', EncryptionKeyArn: awayKey });
  shop = await createInstance(home, { id: 'shop', kmsKeyId: homeKey });
  await query(
    cloud(),
    shop,
    'CREATE TABLE orders AS SELECT g::int AS id, md5(g::text) AS text FROM generate_series(1, 5000) g',
  );
});
afterAll(async () => {
  program.kill('SIGINT');
  await once(program, 'exit');
  await rm(stateDir, { recursive: true, force: true });
});

const rows = (instance: DBInstance) => query(cloud(), instance, 'SELECT count(*)::int AS rows FROM orders');

test('after kill -9 a database is back on its port with all that was committed, and its old server is gone', async () => {
  await query(cloud(), shop, `INSERT INTO orders VALUES (5001, 'committed just before')`);
  const pidFile = join(
    stateDir,
    'accounts',
    PRODUCTION,
    HOME,
    'rds',
    'instances',
    shop.DbiResourceId!,
    'data',
    'postmaster.pid',
  );
  const before = (await readFile(pidFile, 'utf8')).split('\n')[0];
  await killAndRestart();
  const back = await whenAvailable(home.rds, 'shop');
  expect(back.Endpoint).toEqual(shop.Endpoint);
  expect(await rows(back)).toEqual([{ rows: 5001 }]);
  expect((await readFile(pidFile, 'utf8')).split('\n')[0]).not.toBe(before);
});

test('a backup that was under way has failed with a reason and left nothing; the next one works', async () => {
  const { BackupJobId } = await home.backup.startBackupJob({
    BackupVaultName: 'local',
    ResourceArn: shop.DBInstanceArn!,
    IamRoleArn: role,
  });
  await eventually('the job is running, and that is on disk', async () => {
    const journals = ['backup/all', 'rds/snapshots'].map((name) =>
      readFile(join(stateDir, `${name}.journal`), 'utf8'),
    );
    const [jobs = '', snapshots = ''] = await Promise.all(journals);
    return jobs.includes('"state":"RUNNING"') && snapshots.includes('"status":"creating"') ? true : undefined;
  });
  await killAndRestart();
  const job = await whenBackedUp(home, BackupJobId!);
  expect(job).toMatchObject({
    State: 'FAILED',
    StatusMessage: 'The snapshot was interrupted by an internal failure.',
  });
  expect(
    (await home.backup.listRecoveryPointsByBackupVault({ BackupVaultName: 'local' })).RecoveryPoints,
  ).toEqual([]);
  expect((await home.rds.describeDBSnapshots({ SnapshotType: 'awsbackup' })).DBSnapshots).toEqual([]);
  await whenAvailable(home.rds, 'shop');
  expect(await backUp(home, { vault: 'local', resource: shop.DBInstanceArn!, role, days: 30 })).toMatchObject(
    { State: 'COMPLETED' },
  );
});

test('a copy and a restore that were under way go on after a kill, once, and end complete', async () => {
  const { RecoveryPoints } = await home.backup.listRecoveryPointsByBackupVault({ BackupVaultName: 'local' });
  const point = RecoveryPoints![0]!.RecoveryPointArn!;
  const { CopyJobId } = await home.backup.startCopyJob({
    ...{
      RecoveryPointArn: point,
      SourceBackupVaultName: 'local',
      DestinationBackupVaultArn: vaultArn(away, 'away'),
      IamRoleArn: role,
    },
    ...{ IdempotencyToken: 'copy-tonight', Lifecycle: { DeleteAfterDays: 30 } },
  });
  const recorded = await home.backup.getRecoveryPointRestoreMetadata({
    BackupVaultName: 'local',
    RecoveryPointArn: point,
  });
  const restore = {
    ...{
      RecoveryPointArn: point,
      IamRoleArn: role,
      ResourceType: 'RDS',
      IdempotencyToken: 'restore-tonight',
    },
    Metadata: { ...recorded.RestoreMetadata, DBInstanceIdentifier: 'drill' },
  };
  const { RestoreJobId } = await home.backup.startRestoreJob(restore);
  await eventually('both running', async () => {
    const { CopyJob } = await home.backup.describeCopyJob({ CopyJobId });
    const { Status } = await home.backup.describeRestoreJob({ RestoreJobId });
    return CopyJob?.State === 'RUNNING' && Status === 'RUNNING' ? true : undefined;
  });
  await killAndRestart();
  expect((await home.backup.startRestoreJob(restore)).RestoreJobId).toBe(RestoreJobId);
  expect(await whenRestored(home, RestoreJobId!)).toMatchObject({ Status: 'COMPLETED' });
  const drill = await whenAvailable(home.rds, 'drill');
  expect(await rows(drill)).toEqual([{ rows: 5001 }]);
  const copied = await eventually('the copy is over', async () => {
    const { CopyJob } = await home.backup.describeCopyJob({ CopyJobId });
    return CopyJob?.State === 'COMPLETED' || CopyJob?.State === 'FAILED' ? CopyJob : undefined;
  });
  expect(copied).toMatchObject({ State: 'COMPLETED' });
  const there = await away.backup.listRecoveryPointsByBackupVault({ BackupVaultName: 'away' });
  expect(there.RecoveryPoints).toEqual([
    expect.objectContaining({ RecoveryPointArn: copied.DestinationRecoveryPointArn, Status: 'COMPLETED' }),
  ]);
  const again = await restorePoint(away, {
    vault: 'away',
    point: copied.DestinationRecoveryPointArn!,
    role,
    id: 'from-copy',
  });
  expect(again).toMatchObject({ Status: 'COMPLETED' });
  expect(await rows(await whenAvailable(away.rds, 'from-copy'))).toEqual([{ rows: 5001 }]);
});

test('a deletion that was under way is finished after a kill', async () => {
  await home.rds.deleteDBInstance({ DBInstanceIdentifier: 'drill', SkipFinalSnapshot: true });
  await killAndRestart();
  await whenGone(home.rds, 'drill');
  expect(await rows(await whenAvailable(home.rds, 'shop'))).toEqual([{ rows: 5001 }]);
});
