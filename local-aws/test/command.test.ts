import { afterAll, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { encodeLine } from '../src/journal/line.ts';
import { CRASH_POINTS, JOBS } from '../src/faults/points.ts';
import { Laboratory, temporaryState } from './support/local-aws.ts';

const PROGRAM = fileURLToPath(new URL('../bin/lifeboat-local-aws.mjs', import.meta.url));
const folder = temporaryState();
afterAll(() => folder.dispose());

async function run(...args: string[]): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, ['--no-warnings', PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (part: Buffer) => (out += part.toString()));
  child.stderr.on('data', (part: Buffer) => (err += part.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, out, err: err.trim() };
}

const start = (state: string, ...more: string[]) =>
  run('start', '--state', state, '--port', '0', '--admin-port', '0', ...more);

function expectOneSentence(
  { status, err }: { status: number | null; err: string },
  containing: RegExp,
): void {
  expect(err).toMatch(containing);
  expect(err.split('\n')).toHaveLength(1);
  expect(status).toBe(2);
}

/** As npm links it, started by its first line; resolves when it listens. */
async function startAsInstalled(...args: string[]): Promise<{ child: ChildProcess; out: string }> {
  const link = join(folder.path, 'lifeboat-local-aws');
  rmSync(link, { force: true });
  symlinkSync(PROGRAM, link);
  const child = spawn(link, ['start', '--port', '0', '--admin-port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  for await (const part of child.stdout as AsyncIterable<Buffer>) {
    out += part.toString();
    if (/^admin: .*\n/m.test(out)) break;
  }
  return { child, out };
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGINT');
  await once(child, 'exit');
}

test('the env file is for other tools: endpoint, region and the keys of three accounts, which are printed once', async () => {
  const state = join(folder.path, 'env');
  const envFile = join(folder.path, 'aws.env');
  const first = await startAsInstalled('--state', state, '--env-file', envFile);
  await end(first.child);
  const env = parseEnv(readFileSync(envFile, 'utf8'));
  expect(statSync(envFile).mode & 0o777).toBe(0o600);
  expect(env['AWS_ENDPOINT_URL']).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(env['AWS_REGION']).toBe('eu-central-1');
  expect(env['AWS_DEFAULT_REGION']).toBe('eu-central-1');
  for (const prefix of ['', 'VAULT_', 'DRILL_']) {
    expect(env[`${prefix}AWS_ACCESS_KEY_ID`]).toMatch(/^AKIA/);
    expect(first.out).toContain(env[`${prefix}AWS_SECRET_ACCESS_KEY`]);
  }
  const second = await startAsInstalled('--state', state, '--env-file', envFile);
  await end(second.child);
  expect(second.out).not.toContain('AKIA');
  expect(parseEnv(readFileSync(envFile, 'utf8'))['AWS_ACCESS_KEY_ID']).toBe(env['AWS_ACCESS_KEY_ID']);
}, 120_000);

test('a port in use is one clear sentence and exit status 2', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const result = await start(join(folder.path, 'a'), '--port', String(port));
  other.close();
  expectOneSentence(result, new RegExp(`Port ${port} .* in use`));
});

test('a damaged state file is named, and not touched', async () => {
  const state = join(folder.path, 'damaged');
  mkdirSync(join(state, 'iam'), { recursive: true, mode: 0o755 });
  writeFileSync(
    join(state, 'iam', 'roles.journal'),
    `${encodeLine({ k: 'a', v: 1 })}garbage\n${encodeLine({ k: 'b', v: 1 })}`,
  );
  expectOneSentence(await start(state), /iam\/roles\.journal is damaged at line 2/);
});

test('a state folder that cannot be is one clear sentence', async () => {
  const file = join(folder.path, 'file');
  writeFileSync(file, 'not a folder');
  expectOneSentence(await start(join(file, 'state')), /state folder .* cannot be made/);
});

test('a state folder in use is refused, with the process that uses it', async () => {
  const lab = await Laboratory.start();
  try {
    expectOneSentence(await start(lab.stateDir), new RegExp(`in use by process ${process.pid}`));
    expectOneSentence(await run('reset', '--state', lab.stateDir), /in use/);
    const { out } = await run('status', '--json', '--state', lab.stateDir);
    expect(JSON.parse(out)).toMatchObject({ server: { endpoint: lab.aws.endpoint } });
    const moved = await run('advance', '91d', '--admin', lab.aws.adminEndpoint);
    expect(JSON.parse(moved.out)).toMatchObject({ offsetSeconds: 91 * 86_400 });
  } finally {
    await lab.close();
  }
}, 180_000);

test('the command prints where a crash can happen, and which jobs can be stalled', async () => {
  const { out } = await run('fault', 'points');
  for (const name of [...Object.keys(CRASH_POINTS), ...JOBS.rds, ...JOBS.backup]) expect(out).toContain(name);
});

test('reset deletes nothing that is not a state folder', async () => {
  const precious = join(folder.path, 'precious');
  mkdirSync(precious);
  writeFileSync(join(precious, 'thesis.txt'), 'years of work');
  expectOneSentence(await run('reset', '--state', precious), /does not look like a state folder/);
});

test.each([
  [['start', '--accounts', 'vault=1'], /is not an account/],
  [['start', '--port', 'http'], /is not a port/],
  [['start', '--host', '0.0.0.0'], /listens on 127\.0\.0\.1 only/],
  [['status', '--admin', 'http://10.0.0.1:80'], /is no admin endpoint/],
  [
    ['start', '--state', join(folder.path, 'x'), '--faults', '/nonexistent/rules.json'],
    /fault file \/nonexistent\/rules\.json cannot be used/,
  ],
  [['advance', 'tomorrow'], /is not a duration/],
  [['status', '--state', '/nonexistent/state'], /No server is running/],
])('%j is answered with what to write instead', async (args, expected) => {
  expectOneSentence(await run(...args), expected);
});
