import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { eventually } from './support/eventually.ts';
import { temporaryState } from './support/local-aws.ts';

const PROGRAM = fileURLToPath(new URL('../bin/lifeboat-local-aws.mjs', import.meta.url));
const Bucket = 'survivors';
const ROUNDS = 5;
const WRITERS = 8;

const state = temporaryState();
let server: ChildProcess | undefined;
afterAll(async () => {
  if (server?.exitCode === null && server.signalCode === null) {
    server.kill('SIGINT');
    await once(server, 'exit');
  }
  state.dispose();
});

async function startServer(): Promise<S3Client> {
  const envFile = join(state.path, 'vars');
  rmSync(envFile, { force: true });
  const args = [
    '--',
    PROGRAM,
    'start',
    '--state',
    join(state.path, 'state'),
    '--port',
    '0',
    '--admin-port',
    '0',
    '--env-file',
    envFile,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  server = child;
  let said = '';
  child.stderr.on('data', (part: Buffer) => (said += part.toString()));
  await eventually(
    'the server writes its env file',
    () => {
      if (child.exitCode !== null) throw new Error(`The server ended: ${said}`);
      return existsSync(envFile) ? true : undefined;
    },
    120_000,
  );
  const vars = parseEnv(readFileSync(envFile, 'utf8'));
  return new S3Client({
    endpoint: vars['AWS_ENDPOINT_URL']!,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId: vars['AWS_ACCESS_KEY_ID']!, secretAccessKey: vars['AWS_SECRET_ACCESS_KEY']! },
  });
}

/** Writes until the server is gone; returns what was acknowledged. */
async function writeUntilKilled(s3: S3Client, round: number, kill: () => void): Promise<Map<string, string>> {
  const acknowledged = new Map<string, string>();
  const killAfter = 15 + round * 11;
  const writer = async (id: number): Promise<void> => {
    for (let n = 0; ; n += 1) {
      const Key = `round-${round}/writer-${id}/${n}`;
      const Body = `${Key} `.repeat(1 + ((n * 397) % 3000));
      try {
        const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key, Body }));
        acknowledged.set(Key, ETag!);
        if (acknowledged.size === killAfter) kill();
      } catch {
        return; // killed: this one was not acknowledged and may or may not be there
      }
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, id) => writer(id)));
  return acknowledged;
}

test('every object that was acknowledged is there, whole, after kill -9 at any moment', async () => {
  let s3 = await startServer();
  await s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  const everything = new Map<string, string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const child = server!;
    const gone = once(child, 'exit');
    const acknowledged = await writeUntilKilled(s3, round, () => child.kill('SIGKILL'));
    await gone;
    expect(acknowledged.size).toBeGreaterThan(0);
    for (const [key, tag] of acknowledged) everything.set(key, tag);
    s3 = await startServer();
  }
  for (const [Key, tag] of everything) {
    const read = await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    const text = await read.Body!.transformToString(); // throws when the stored checksum does not fit
    expect(text.startsWith(`${Key} `)).toBe(true);
    expect(read.ETag).toBe(tag);
  }
}, 600_000);
