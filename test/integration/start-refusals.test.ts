import { afterEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StartProblem } from '../../scripts/start/problem.ts';
import { PROJECT, typescript } from '../../scripts/start/programs.ts';
import { chooseStateFolder, prepareStateFolder } from '../../scripts/start/state-folder.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'lifeboat-start-'));
  chmodSync(made, 0o755); // as root, PostgreSQL's account must get through
  folders.push(made);
  return made;
}

const FREE_PORTS = ['--aws-port', '0', '--admin-port', '0', '--temporal-port', '0', '--ui-port', '0'];

/** Runs `npm start -- …` to its end. */
async function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ status: number | null; said: string }> {
  const child = spawn(process.execPath, typescript('scripts/start.ts', ...args), {
    cwd: PROJECT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, said };
}

const STACK = /\n\s+at .*:\d+:\d+/;

test('a port that is in use is named with the option that changes it, and nothing is left behind', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const { status, said } = await start([
      '--once',
      '--state',
      folder(),
      ...FREE_PORTS,
      '--ui-port',
      String(port),
    ]);
    expect(status).toBe(2);
    expect(said).toContain(
      `Port ${port} for Temporal's web pages cannot be used (--ui-port): another program is using it.`,
    );
    expect(said).not.toMatch(STACK);
  } finally {
    server.close();
  }
});

test('a state folder that cannot be made is one message', async () => {
  const file = join(folder(), 'a-file');
  writeFileSync(file, '');
  const { status, said } = await start(['--once', '--state', join(file, 'state'), ...FREE_PORTS]);
  expect(status).toBe(2);
  expect(said).toContain(`The state folder ${join(file, 'state')} cannot be written`);
  expect(said).toContain('--state DIR');
  expect(said).not.toMatch(STACK);
});

test('a disk without room is one message that says how much is missing', () => {
  expect(() => prepareStateFolder(join(folder(), 'state'), { needed: 1e18 })).toThrow(StartProblem);
  expect(() => prepareStateFolder(join(folder(), 'state'), { needed: 1e18 })).toThrow(
    /There is too little room for the state folder .*: \d+\.\d GiB free, 931322574\.6 GiB needed\./,
  );
});

test('for root, a checkout where others may not go leads to a folder where they may', () => {
  const closed = folder();
  chmodSync(closed, 0o700);
  const fallback = folder();
  const choice = chooseStateFolder({ project: join(closed, 'clone'), isRoot: true, rootFallback: fallback });
  expect(choice.path).toMatch(new RegExp(`^${fallback}/clone-[0-9a-f]{8}$`));
  expect(choice.why).toContain(closed);
  expect(() => chooseStateFolder({ asked: join(closed, 'state'), project: '/', isRoot: true })).toThrow(
    closed,
  );
});

test('a normal user, and root in an open folder, keep their state beside the code', () => {
  const closed = folder();
  chmodSync(closed, 0o700);
  expect(chooseStateFolder({ project: closed, isRoot: false })).toEqual({
    path: join(closed, '.lifeboat'),
    why: '',
  });
  const open = folder();
  chmodSync(open, 0o755);
  mkdirSync(join(open, 'clone'));
  const project = join(open, 'clone');
  expect(chooseStateFolder({ project, isRoot: true })).toEqual({ path: join(project, '.lifeboat'), why: '' });
});

test('Temporal that cannot be reached is one message', async () => {
  const { status, said } = await start(['--once', '--state', folder(), ...FREE_PORTS], {
    TEMPORAL_ADDRESS: '127.0.0.1:1',
  });
  expect(status).toBe(2);
  expect(said).toContain('Temporal at 127.0.0.1:1 does not answer.');
  expect(said).not.toMatch(STACK);
});

test('wrong settings of the connection are one message', async () => {
  const { status, said } = await start(['--once', '--state', folder(), ...FREE_PORTS], {
    TEMPORAL_ADDRESS: '127.0.0.1:7233',
    TEMPORAL_TLS_CERT: '/nowhere/cert.pem',
  });
  expect(status).toBe(2);
  expect(said).toContain('TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY: give both or neither');
  expect(said).not.toMatch(STACK);
});

test('PostgreSQL that does not run is one message with the end of the log', async () => {
  const bin = folder();
  for (const program of ['postgres', 'initdb', 'pg_ctl']) {
    writeFileSync(
      join(bin, program),
      '#!/bin/sh\necho "this program is for another machine" >&2\nexit 126\n',
    );
    chmodSync(join(bin, program), 0o755);
  }
  chmodSync(bin, 0o755);
  const { status, said } = await start(['--once', '--state', folder(), ...FREE_PORTS], { PG_BIN_DIR: bin });
  expect(status).toBe(2);
  expect(said).toMatch(/PostgreSQL|postgres/);
  expect(said).not.toMatch(STACK);
});

test('a policy that is not valid is named with its line', async () => {
  const state = folder();
  writeFileSync(join(state, 'lifeboat.yaml'), 'version: 2\n');
  const { status, said } = await start(['--once', '--state', state, ...FREE_PORTS]);
  expect(status).toBe(2);
  expect(said).toContain(`${join(state, 'lifeboat.yaml')}:1:`);
  expect(said).not.toMatch(STACK);
});

test('an option that does not exist is refused with 2', async () => {
  const { status, said } = await start(['--damage', 'fire']);
  expect(status).toBe(2);
  expect(said).toContain("argument 'fire' is invalid");
});
