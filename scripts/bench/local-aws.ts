import { RDS } from '@aws-sdk/client-rds';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { Client } from 'pg';
import { socketFrom } from '../../probe/postgresql/socket.ts';
import { measureS3 } from './local-aws-s3.ts';

const PROGRAM = fileURLToPath(new URL('../../local-aws/bin/lifeboat-local-aws.mjs', import.meta.url));
const PASSWORD = 'only-for-the-bench';
const DATABASE_GB = 1.5;
const ROW_BYTES = 1000;
const DESCRIBES = 2000;

interface Running {
  readonly child: ChildProcess;
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly caBundle: string;
  readonly seconds: number;
}

/** Four numbers, each beside its reference of the same run: snapshot, S3, describe calls, start. */
export async function benchLocalAws(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'local-aws-bench-'));
  chmodSync(folder, 0o711);
  let aws: Running | undefined;
  try {
    aws = await start(folder);
    await makeDatabase(aws);
    await benchSnapshot(aws, folder);
    await measureS3({ ...aws, pid: aws.child.pid, sizeMiB: 256 });
    await benchDescribes(aws);
    await stop(aws);
    aws = await start(folder);
    say('start with 3 accounts and one database', `${aws.seconds.toFixed(2)} s`, 'goal 2 s or less');
    return 0;
  } finally {
    if (aws) await stop(aws);
    rmSync(folder, { recursive: true, force: true });
  }
}

function say(what: string, measured: string, reference: string): void {
  process.stdout.write(`${what.padEnd(52)} ${measured.padStart(12)}   ${reference}\n`);
}

async function start(folder: string): Promise<Running> {
  const envFile = join(folder, 'aws.env');
  rmSync(envFile, { force: true });
  const where = ['--state', join(folder, 'state'), '--port', '0', '--admin-port', '0'];
  const began = performance.now();
  const args = ['--', PROGRAM, 'start', ...where, '--pace', '0', '--env-file', envFile];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  while (!existsSync(envFile)) {
    if (child.exitCode !== null) throw new Error('The AWS on this computer did not start.');
    await sleep(5);
  }
  const seconds = (performance.now() - began) / 1000;
  const env = parseEnv(readFileSync(envFile, 'utf8'));
  const value = (name: string): string => env[name] ?? '';
  const credentials = {
    accessKeyId: value('AWS_ACCESS_KEY_ID'),
    secretAccessKey: value('AWS_SECRET_ACCESS_KEY'),
  };
  return {
    child,
    endpoint: value('AWS_ENDPOINT_URL'),
    credentials,
    caBundle: value('DATABASE_CA_BUNDLE'),
    seconds,
  };
}

async function stop({ child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGINT');
  await once(child, 'exit');
}

const rdsOf = ({ endpoint, credentials }: Running): RDS =>
  new RDS({ endpoint, credentials, region: 'eu-central-1', maxAttempts: 1 });

async function makeDatabase(aws: Running): Promise<void> {
  await rdsOf(aws).createDBInstance({
    ...{
      DBInstanceIdentifier: 'bench',
      DBInstanceClass: 'db.t4g.micro',
      Engine: 'postgres',
      DBName: 'bench',
    },
    ...{
      AllocatedStorage: 20,
      MasterUsername: 'boss',
      MasterUserPassword: PASSWORD,
      BackupRetentionPeriod: 0,
    },
    PubliclyAccessible: true,
  });
  await whenInstance(aws);
  const client = await connect(aws);
  const rows = Math.round((DATABASE_GB * 1e9) / ROW_BYTES);
  await client.query(
    `CREATE TABLE filler AS SELECT g AS id, repeat(md5(g::text), ${Math.round(ROW_BYTES / 32) - 1}) AS text FROM generate_series(1, ${rows}) g`,
  );
  await client.query('CHECKPOINT');
  await client.end();
}

async function whenInstance(aws: Running) {
  for (;;) {
    const { DBInstances: [instance] = [] } = await rdsOf(aws).describeDBInstances({
      DBInstanceIdentifier: 'bench',
    });
    if (instance?.DBInstanceStatus === 'available') return instance;
    await sleep(20);
  }
}

async function connect(aws: Running): Promise<Client> {
  const { Endpoint } = await whenInstance(aws);
  const client = new Client({
    ...{ host: Endpoint?.Address, port: Endpoint?.Port, user: 'boss', password: PASSWORD, database: 'bench' },
    ssl: { ca: readFileSync(aws.caBundle, 'utf8') },
    // The security group admits its own members only.
    stream: () => socketFrom(Endpoint?.Address),
  });
  await client.connect();
  return client;
}

/** Under write load on both sides, so that both share the machine with it. */
async function benchSnapshot(aws: Running, folder: string): Promise<void> {
  const client = await connect(aws);
  const load = { on: true };
  const writes = (async () => {
    for (let n = 0; load.on; n += 1)
      await client.query('UPDATE filler SET text = text WHERE id BETWEEN $1 AND $1 + 100', [
        1 + ((n * 7919) % 1_000_000),
      ]);
  })();
  const rds = rdsOf(aws);
  const began = performance.now();
  await rds.createDBSnapshot({ DBInstanceIdentifier: 'bench', DBSnapshotIdentifier: 'bench' });
  for (;;) {
    const { DBSnapshots: [snapshot] = [] } = await rds.describeDBSnapshots({ DBSnapshotIdentifier: 'bench' });
    if (snapshot?.Status === 'available') break;
    if (snapshot?.Status === 'failed') throw new Error('The snapshot failed.');
    await sleep(10);
  }
  const took = (performance.now() - began) / 1000;
  const stored = join(folder, 'state', 'accounts', '111111111111', 'eu-central-1', 'rds', 'snapshots');
  const copied = performance.now();
  execFileSync('cp', ['-a', stored, join(folder, 'copy')]);
  await manifestOf(join(folder, 'copy'));
  const reference = (performance.now() - copied) / 1000;
  load.on = false;
  await writes;
  await client.end();
  rmSync(join(folder, 'copy'), { recursive: true, force: true });
  const ratio = (reference / took).toFixed(2);
  const against = `cp -a with sha256 manifest of the same tree: ${reference.toFixed(2)} s, ratio ${ratio}, goal 0.5 or more`;
  say(`snapshot of a ${DATABASE_GB} GB database under write load`, `${took.toFixed(2)} s`, against);
}

async function manifestOf(folder: string): Promise<number> {
  let files = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const hash = createHash('sha256');
    const stream = createReadStream(join(entry.parentPath, entry.name), { highWaterMark: 1024 * 1024 });
    for await (const chunk of stream as AsyncIterable<Buffer>) hash.update(chunk);
    hash.digest('hex');
    files += 1;
  }
  return files;
}

async function benchDescribes(aws: Running): Promise<void> {
  const rds = rdsOf(aws);
  const describe = () => rds.describeDBInstances({ DBInstanceIdentifier: 'bench' });
  for (let n = 0; n < 100; n += 1) await describe();
  const began = performance.now();
  let left = DESCRIBES;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await describe();
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  const rate = DESCRIBES / ((performance.now() - began) / 1000);
  say('describe calls, 16 at a time, client on the same cores', `${rate.toFixed(0)}/s`, 'goal 500/s or more');
}
