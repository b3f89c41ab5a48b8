import { setTimeout as sleep } from 'node:timers/promises';
import { CRASH_POINTS } from '../../../src/faults/points.ts';
import { Seeded } from '../../../src/pg/seeded.ts';
import { eventually } from '../eventually.ts';
import { Promises } from './promises.ts';
import { addRule, endServer, type KillableServer, startKillable } from './server.ts';
import { change, isAnswer } from './writers.ts';
import { ACCOUNT, BUCKET, type Clients, clientsOf, DATABASE, REGION, ROLE, THINGS, VAULT } from './things.ts';

export interface KillOptions {
  /** An empty folder that PostgreSQL's user can pass through. */
  readonly folder: string;
  readonly count: number;
  readonly seed: string;
  readonly onRound?: (round: number, how: string, answered: number) => void;
}

export interface KillReport {
  readonly kills: number;
  /** How often which way of dying was taken. */
  readonly ways: Readonly<Record<string, number>>;
  /** Calls that were answered 2xx and then looked for. */
  readonly answered: number;
  readonly broken: readonly string[];
}

const WRITERS_PER_THING = 2;

/**
 * Kills the server again and again while clients of all services write, half of the time at a moment chosen by lot, half of the time
 * at a named point of its own work; and compares after each start what clients were told with what is there.
 */
export async function killRepeatedly({ folder, count, seed, onRound }: KillOptions): Promise<KillReport> {
  const lot = new Seeded(seed);
  const promises = new Promises();
  const ways: Record<string, number> = {};
  const killed = (how: string): void => void (ways[how] = (ways[how] ?? 0) + 1);
  const start = () => startKillable(folder, () => killed('while starting'));
  let server = await start();
  await prepare(clientsOf(server));
  const broken: string[] = [];
  for (let round = 1; round <= count && broken.length === 0; round += 1) {
    const how = await armed(server, lot);
    await writeUntilGone(server, promises, lot, round);
    killed(how);
    server = await start();
    broken.push(
      ...(await promises.check(clientsOf(server))).map((wrong) => `after kill ${round} (${how}): ${wrong}`),
    );
    onRound?.(round, how, promises.answered);
  }
  broken.push(...(await settleJobs(clientsOf(server))));
  await endServer(server);
  const kills = Object.values(ways).reduce((sum, n) => sum + n, 0);
  return { kills, ways, answered: promises.answered, broken };
}

async function prepare({ s3, rds, iam, backup }: Clients): Promise<void> {
  await s3.createBucket({
    ...{ Bucket: BUCKET, ObjectLockEnabledForBucket: true },
    CreateBucketConfiguration: { LocationConstraint: REGION },
  });
  await rds.createDBParameterGroup({
    ...{ DBParameterGroupName: 'survivors', DBParameterGroupFamily: 'postgres18', Description: 'survives' },
  });
  const document = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  const trust = { Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' };
  await iam.createRole({ RoleName: ROLE, AssumeRolePolicyDocument: document(trust) });
  const rights = { Effect: 'Allow', Action: ['rds:*', 'backup:*', 'kms:*'], Resource: '*' };
  await iam.putRolePolicy({ RoleName: ROLE, PolicyName: 'rights', PolicyDocument: document(rights) });
  await backup.createBackupVault({ BackupVaultName: VAULT });
  await rds.createDBInstance({
    ...{ DBInstanceIdentifier: DATABASE, DBInstanceClass: 'db.t4g.micro', Engine: 'postgres' },
    ...{ AllocatedStorage: 20, MasterUsername: 'boss', MasterUserPassword: 'only-for-tests' },
    BackupRetentionPeriod: 0,
  });
  await whenAvailable(rds);
}

function whenAvailable(rds: Clients['rds']): Promise<true> {
  return eventually('the database is available', async () => {
    const { DBInstances: [instance] = [] } = await rds.describeDBInstances({
      DBInstanceIdentifier: DATABASE,
    });
    return instance?.DBInstanceStatus === 'available' ? true : undefined;
  });
}

/** Sees to it that the server dies soon. @returns how. */
async function armed(server: KillableServer, lot: Seeded): Promise<string> {
  const kill = (): void => void server.child.kill('SIGKILL');
  if (lot.below(2) === 0) {
    setTimeout(kill, 30 + lot.below(400)).unref();
    return 'kill -9';
  }
  const points = Object.keys(CRASH_POINTS).filter((point) => !point.startsWith('compact.'));
  const point = points[lot.below(points.length)] ?? 'call.effect';
  const rare = point.startsWith('job.') || point.startsWith('snapshot.');
  await addRule(server, { kind: 'crash', point, nth: 1 + lot.below(rare ? 2 : 60) });
  setTimeout(kill, 3000).unref(); // where the point is not come by so often
  return point;
}

async function writeUntilGone(
  server: KillableServer,
  promises: Promises,
  lot: Seeded,
  round: number,
): Promise<void> {
  const clients = clientsOf(server);
  const writers = THINGS.flatMap((thing) =>
    Array.from({ length: WRITERS_PER_THING }, (_, n) => change(clients, promises, thing, n, lot)),
  );
  const jobs = [
    takeSnapshots(clients, promises, round),
    startBackups(clients, promises, round),
    addVersions(clients, promises, round),
  ];
  await Promise.all([server.gone, ...writers, ...jobs]);
}

async function takeSnapshots({ rds }: Clients, promises: Promises, round: number): Promise<void> {
  for (let n = 0; ; n += 1) {
    const id = `round-${round}-${n}`;
    try {
      await rds.createDBSnapshot({ DBInstanceIdentifier: DATABASE, DBSnapshotIdentifier: id });
    } catch (err) {
      if (!isAnswer(err)) return;
      if (!['InvalidDBInstanceStateFault', 'SnapshotQuotaExceededFault'].includes((err as Error).name))
        throw err;
      await sleep(20);
      continue;
    }
    promises.forever(`snapshot ${id}`, async (clients) => {
      const asked = clients.rds.describeDBSnapshots({ DBSnapshotIdentifier: id });
      const { DBSnapshots: [snapshot] = [] } = await asked.catch(() => ({ DBSnapshots: [] }));
      const state = snapshot?.Status ?? 'gone';
      return ['creating', 'available', 'failed'].includes(state) ? undefined : state;
    });
  }
}

async function startBackups({ backup }: Clients, promises: Promises, round: number): Promise<void> {
  const order = (n: number) => ({
    ...{ BackupVaultName: VAULT, IdempotencyToken: `round-${round}-${n}` },
    ResourceArn: `arn:aws:rds:${REGION}:${ACCOUNT}:db:${DATABASE}`,
    IamRoleArn: `arn:aws:iam::${ACCOUNT}:role/${ROLE}`,
  });
  for (let n = 0; n < 2; n += 1) {
    let id: string;
    try {
      id = (await backup.startBackupJob(order(n))).BackupJobId ?? '';
    } catch (err) {
      if (isAnswer(err)) throw err;
      return;
    }
    promises.forever(`backup job ${id}`, async (clients) => {
      const job = await clients.backup.describeBackupJob({ BackupJobId: id }).catch(() => undefined);
      if (!job) return 'is gone';
      const again = await clients.backup.startBackupJob(order(n));
      if (again.BackupJobId !== id) return `its token made another job, ${again.BackupJobId ?? ''}`;
      if (job.State !== 'COMPLETED') return undefined;
      const where = { BackupVaultName: VAULT, RecoveryPointArn: job.RecoveryPointArn };
      const point = await clients.backup.describeRecoveryPoint(where).catch(() => undefined);
      return point?.Status === 'COMPLETED' ? undefined : `its recovery point is ${point?.Status ?? 'gone'}`;
    });
  }
}

/** Every version of a locked object is for ever. */
async function addVersions({ s3 }: Clients, promises: Promises, round: number): Promise<void> {
  const until = new Date(Date.now() + 86_400_000);
  for (let n = 0; ; n += 1) {
    const Body = `version ${round}-${n} `.repeat(50);
    let id: string | undefined;
    try {
      const lock = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: until } as const;
      id = (await s3.putObject({ Bucket: BUCKET, Key: 'locked', Body, ...lock })).VersionId;
    } catch (err) {
      if (isAnswer(err)) throw err;
      return;
    }
    promises.forever(`version ${id ?? ''}`, async (clients) => {
      const where = { Bucket: BUCKET, Key: 'locked', VersionId: id };
      const found = await clients.s3.getObject(where).catch(() => undefined);
      if ((await found?.Body?.transformToString()) !== Body) return 'is not what was written';
      return found?.ObjectLockMode === 'COMPLIANCE' ? undefined : 'is not locked';
    });
    await sleep(15); // else there are thousands to look at
  }
}

/** In the end every job is over, one way or the other. */
async function settleJobs({ backup, rds }: Clients): Promise<string[]> {
  await whenAvailable(rds);
  const open = await eventually('no job is under way', async () => {
    const { BackupJobs = [] } = await backup.listBackupJobs({ MaxResults: 1000 });
    return BackupJobs.some(({ State = '' }) => ['CREATED', 'PENDING', 'RUNNING'].includes(State))
      ? undefined
      : [];
  }).catch((err: unknown) => [String(err)]);
  return open;
}
