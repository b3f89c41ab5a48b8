import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { PROJECT, typescript } from '../../scripts/start/programs.ts';
import { identityOf } from '../../scripts/temporal/process-identity.ts';

/** One state folder for all: each start goes on with what the one before left, as it does for people. */
let state: string;
const running: Start[] = [];
beforeAll(() => {
  state = mkdtempSync(join(tmpdir(), 'lifeboat-night-'));
  chmodSync(state, 0o755);
});
afterAll(async () => {
  for (const start of running) start.child.kill('SIGKILL');
  await sleep(running.length > 0 ? 9_000 : 0); // the leashes give programs eight seconds
  rmSync(state, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
}, 30_000);

interface Start {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<number | null>;
  /** Resolves when `text` has been said; rejects when the program ends before. */
  until(text: string | RegExp): Promise<void>;
}

function start(...args: string[]): Start {
  const ports = ['--aws-port', '0', '--admin-port', '0', '--temporal-port', '0', '--ui-port', '0'];
  const child = spawn(process.execPath, typescript('scripts/start.ts', '--state', state, ...ports, ...args), {
    cwd: PROJECT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  let over = false;
  const ended = once(child, 'close').then(([status]) => {
    over = true;
    running.splice(running.indexOf(made), 1);
    return status as number | null;
  });
  const made: Start = {
    child,
    said: () => said,
    ended,
    async until(text) {
      while (typeof text === 'string' ? !said.includes(text) : !text.test(said)) {
        if (over) throw new Error(`ended before it said ${String(text)}:\n${said}`);
        await sleep(50);
      }
    },
  };
  running.push(made);
  return made;
}

/** Kills a supervised program and its leash, as `kill -9` by somebody who knows no mercy. */
function killProgram(name: string): void {
  process.kill(-groupOf(name), 'SIGKILL');
}

function groupOf(name: string): number {
  const folder = name === 'temporal' ? 'temporal' : 'run';
  const { server } = JSON.parse(readFileSync(join(state, folder, `${name}.pid`), 'utf8')) as {
    server: string;
  };
  return Number(server.split('@')[0]);
}

async function lifeboat(...args: string[]): Promise<{ status: number | null; value: unknown }> {
  return lifeboatWith({}, ...args);
}

async function lifeboatWith(
  changes: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<{ status: number | null; value: unknown }> {
  const env = parseEnv(readFileSync(join(state, 'lifeboat.env'), 'utf8').replaceAll(/^export /gm, ''));
  const child = spawn(process.execPath, [join(PROJECT, 'bin/lifeboat.mjs'), '--json', ...args], {
    env: { ...process.env, ...env, ...changes },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let out = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, value: JSON.parse(out) as unknown };
}

/** PostgreSQL servers, workers and servers that still run on this state. */
function leftOvers(pids: readonly number[]): number[] {
  return pids.filter((pid) => identityOf(pid) !== null);
}

test('a night in which every program is killed once ends passed, with nothing double and nothing left', async () => {
  const night = start('--once');
  await night.until('orders: fingerprint before running');
  killProgram('prober-production');
  await night.until('orders: backup running');
  killProgram('control-plane');
  await night.until('orders: restore running');
  killProgram('temporal');
  await night.until('orders: checks running');
  killProgram('prober-drill');

  expect(await night.ended).toBe(0);

  const said = night.said();
  for (const name of ['prober-production', 'control-plane', 'prober-drill'])
    expect(said).toContain(`${name} ended (by SIGKILL); it is started again`);
  expect(said).toContain('Temporal ended; it is started again with its state');
  expect(said).toMatch(/The night of .*: passed/);
  expect(said.match(/^ {2}backup +production/gm)).toHaveLength(1);
  expect(said).toMatch(/content +passed +[\d,]+ of [\d,]+ rows/);
  expect(said).toContain('RTO: available');
  expect(said).toContain('teardown, each absence as it was seen:');
  expect(said).toMatch(/evidence: seal 1 over 8 statements/);
  expect(existsSync(join(state, 'run', 'control-plane.pid'))).toBe(false);
}, 400_000);

test('AWS killed in the middle of a night: the night still ends, sealed; Ctrl-C ends everything, and state is kept', async () => {
  const night = start();
  await night.until('(kept from before)');
  await night.until('orders: copy to lifeboat (vault, us-east-1) running');
  killProgram('local-aws');
  await night.until('Everything stays up until Ctrl-C');
  expect(night.said()).toContain('local-aws ended (by SIGKILL); it is started again');
  expect(night.said()).toMatch(/evidence: seal 2 over \d statements/);

  const status = await lifeboat('status');
  expect(status.value).toMatchObject({
    policy: 'night',
    nights: [{ status: 'completed' }, { verdict: 'passed' }],
  });
  const doctor = await lifeboat('doctor');
  expect(doctor).toMatchObject({ status: 0, value: { ok: true } });
  const out = join(state, 'evidence');
  expect(await lifeboat('evidence', 'export', '--out', out)).toMatchObject({
    status: 0,
    value: { lastSeal: 2 },
  });
  expect(await lifeboat('evidence', 'verify', out)).toMatchObject({
    status: 0,
    value: { verdict: 'verified' },
  });

  const nobody = join(state, 'nobody');
  writeFileSync(nobody, '[bootstrap]\naws_access_key_id = AKIANOBODY\naws_secret_access_key = wrong\n');
  const refused = await lifeboatWith({ AWS_SHARED_CREDENTIALS_FILE: nobody }, 'evidence', 'list');
  expect(refused).toMatchObject({ status: 2, value: { error: { message: expect.any(String) } } });
  expect(JSON.stringify(refused.value)).toMatch(/InvalidClientTokenId|credentials/);
  expect(JSON.stringify(refused.value)).not.toContain('unexpected');

  const programs = ['local-aws', 'control-plane', 'prober-production', 'prober-drill'].map(groupOf);
  expect(leftOvers(programs)).toEqual(programs);
  night.child.kill('SIGINT');
  expect(await night.ended).toBe(130);
  expect(night.said()).toContain('ending everything; state is kept');
  expect(leftOvers(programs)).toEqual([]);
}, 400_000);

test('a start that is killed with SIGKILL leaves nothing running, and the next one finishes its night', async () => {
  const night = start('--once');
  await night.until('orders: restore running');
  const programs = ['local-aws', 'control-plane', 'prober-production', 'prober-drill'].map(groupOf);
  night.child.kill('SIGKILL');
  await night.ended;

  const next = start('--once');
  await next.until('a night of an earlier start is not over: going on with night/night-');
  await next.ended;

  expect(leftOvers(programs)).toEqual([]);
  expect(next.said()).toMatch(/The night of .*: passed/);
}, 400_000);
