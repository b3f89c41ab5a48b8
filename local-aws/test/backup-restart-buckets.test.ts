import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { S3 } from '@aws-sdk/client-s3';
import type { LocalAws } from '../src/index.ts';
import { bucketRole, createBucket, s3At } from './support/backup-buckets.ts';
import { backUp, vaultArn, whenBackedUp, whenRestored } from './support/backup-flow.ts';
import { AWAY, type Corner, cornerOf, HOME, PRODUCTION, temporaryState } from './support/database-cloud.ts';
import { eventually } from './support/eventually.ts';

jest.setTimeout(300_000);

const PROGRAM = fileURLToPath(new URL('../bin/lifeboat-local-aws.mjs', import.meta.url));

interface Status {
  readonly endpoint: string;
  readonly adminEndpoint: string;
  readonly accounts: readonly { id: string; key: { accessKeyId: string; secretAccessKey: string } }[];
}

let stateDir: string;
let program: ChildProcess;
let status: Status;
let home: Corner;
let away: Corner;
let s3: S3;

const admin = async (path: string, body: object) => {
  const init = {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  };
  const answer = await fetch(status.adminEndpoint + path, init);
  if (!answer.ok) throw new Error(await answer.text());
};
const stall = (job: string, resource: string) =>
  admin('/faults', { kind: 'stall-job', service: 'backup', job, resource });

async function start(): Promise<void> {
  await rm(join(stateDir, 'status.json'), { force: true });
  const args = ['--', PROGRAM, 'start', '--state', stateDir, '--port', '0', '--admin-port', '0'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (part: Buffer) => (said += part.toString()));
  status = await eventually('the program says where it is', async () => {
    if (child.exitCode !== null) throw new Error(`The program ended: ${said}`);
    const text = await readFile(join(stateDir, 'status.json'), 'utf8').catch(() => '');
    return text === '' ? undefined : (JSON.parse(text) as Status);
  });
  program = child;
  const keys = Object.fromEntries(status.accounts.map(({ id, key }) => [id, key])) as LocalAws['accounts'];
  home = cornerOf(status.endpoint, keys, PRODUCTION, HOME);
  away = cornerOf(status.endpoint, keys, PRODUCTION, AWAY);
  s3 = s3At({ aws: { endpoint: status.endpoint, accounts: keys } as LocalAws }, home);
}

beforeAll(async () => {
  stateDir = await temporaryState();
  await start();
});
afterAll(async () => {
  program.kill('SIGINT');
  await once(program, 'exit');
  await rm(stateDir, { recursive: true, force: true });
});

test('kill -9 in the middle of a plan, a copy, a restore and a deletion of buckets: all end once, and nothing is left behind', async () => {
  const aws = { aws: { endpoint: status.endpoint, accounts: accountsOf() } as LocalAws };
  const role = await bucketRole(home);
  await home.backup.createBackupVault({ BackupVaultName: 'local' });
  await away.backup.createBackupVault({ BackupVaultName: 'relay' });
  const [copied, restored, planned] = [
    await createBucket(aws, home, 'kill-copied'),
    await createBucket(aws, home, 'kill-restored'),
    await createBucket(aws, home, 'kill-planned'),
  ];
  for (let at = 0; at < 20; at += 1)
    await s3.putObject({ Bucket: 'kill-restored', Key: `more-${at}`, Body: String(at) });
  const take = async (resource: string) =>
    (await backUp(home, { vault: 'local', resource, role })).RecoveryPointArn!;
  const [toCopy, toRestore, toDelete] = [await take(copied), await take(restored), await take(copied)];

  await stall('backup.copy.running', copied);
  await stall('backup.restore.running', restored);
  await stall('backup.point.delete', copied);
  await stall('backup.job.finish', planned);
  const { CopyJobId } = await home.backup.startCopyJob({
    ...{ RecoveryPointArn: toCopy, SourceBackupVaultName: 'local', IamRoleArn: role },
    DestinationBackupVaultArn: vaultArn(away, 'relay'),
  });
  const { RestoreJobId } = await home.backup.startRestoreJob({
    ...{ RecoveryPointArn: toRestore, IamRoleArn: role, ResourceType: 'S3' },
    Metadata: { DestinationBucketName: 'kill-drill', NewBucket: 'true' },
  });
  await home.backup.deleteRecoveryPoint({ BackupVaultName: 'local', RecoveryPointArn: toDelete });
  const Rules = [
    {
      ...{ RuleName: 'hourly', TargetBackupVaultName: 'local', ScheduleExpression: 'rate(1 hour)' },
      CopyActions: [{ DestinationBackupVaultArn: vaultArn(away, 'relay') }],
    },
  ];
  const { BackupPlanId } = await home.backup.createBackupPlan({
    BackupPlan: { BackupPlanName: 'hourly', Rules },
  });
  const BackupSelection = { SelectionName: 'one', IamRoleArn: role, Resources: [planned] };
  await home.backup.createBackupSelection({ BackupPlanId, BackupSelection });
  await admin('/clock/advance', { minutes: 61 });
  const jobsOfPlan = async () =>
    ((await home.backup.listBackupJobs({ ByResourceArn: planned })).BackupJobs ?? []).map((job) => job);
  await eventually('everything is in the middle', async () => {
    const { CopyJob } = await home.backup.describeCopyJob({ CopyJobId });
    const restore = await home.backup.describeRestoreJob({ RestoreJobId });
    const [job] = await jobsOfPlan();
    const states = [CopyJob?.State, restore.Status, job?.State];
    // A backup whose bytes are not complete has failed after a kill; this one lacks its last words only.
    const taken = join(stateDir, 'backup', 's3', PRODUCTION, HOME, job?.BackupJobId ?? '', 'archive.json');
    return states.every((state) => state === 'RUNNING') && existsSync(taken) ? true : undefined;
  });
  await mkdir(join(stateDir, 'backup', 's3', PRODUCTION, HOME, 'STRAY'));
  program.kill('SIGKILL');
  await once(program, 'exit');
  await start();
  await fetch(`${status.adminEndpoint}/faults`, { method: 'DELETE' }); // a rule that had not fired yet would stall again

  expect(await whenRestored(home, RestoreJobId!)).toMatchObject({ Status: 'COMPLETED' });
  const { Versions } = await s3.listObjectVersions({ Bucket: 'kill-drill' });
  expect(Versions).toHaveLength(21);
  expect(new Set(Versions!.map(({ Key }) => Key)).size).toBe(21);
  await eventually('copied', async () => {
    const { CopyJob } = await home.backup.describeCopyJob({ CopyJobId });
    return CopyJob?.State === 'COMPLETED' ? true : undefined;
  });
  const [job, ...none] = await jobsOfPlan();
  expect(none).toEqual([]);
  expect(await whenBackedUp(home, job!.BackupJobId!)).toMatchObject({ State: 'COMPLETED' });
  await eventually('the copy that the plan wanted', async () => {
    const { CopyJobs = [] } = await home.backup.listCopyJobs({ ByResourceArn: planned });
    expect(CopyJobs.length).toBeLessThanOrEqual(1);
    return CopyJobs[0]?.State === 'COMPLETED' ? true : undefined;
  });
  const points = async (corner: Corner, BackupVaultName: string) =>
    (await corner.backup.listRecoveryPointsByBackupVault({ BackupVaultName })).RecoveryPoints ?? [];
  const [near, far] = [await points(home, 'local'), await points(away, 'relay')];
  expect(near.map(({ RecoveryPointArn }) => RecoveryPointArn)).not.toContain(toDelete);
  expect([near.length, far.length]).toEqual([3, 2]);
  const folders = (region: string) => readdir(join(stateDir, 'backup', 's3', PRODUCTION, region));
  const ids = (list: typeof near) => list.map(({ RecoveryPointArn }) => RecoveryPointArn!.split(':').at(-1));
  expect((await folders(HOME)).sort()).toEqual(ids(near).sort());
  expect((await folders(AWAY)).sort()).toEqual(ids(far).sort());
});

function accountsOf(): LocalAws['accounts'] {
  return Object.fromEntries(status.accounts.map(({ id, key }) => [id, key]));
}
