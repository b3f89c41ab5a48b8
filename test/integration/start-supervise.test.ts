import { afterEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { supervise, type Supervised } from '../../scripts/start/supervise.ts';
import { identityOf } from '../../scripts/temporal/process-identity.ts';

const folders: string[] = [];
const children: Supervised[] = [];

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'lifeboat-supervise-'));
  folders.push(made);
  return made;
}

/** A program that writes its pid to `pid` in its folder, and then does what `script` says. */
async function fake(
  stateDir: string,
  script: string,
  options: { patience?: number } = {},
): Promise<{ child: Supervised; restarts: string[] }> {
  const restarts: string[] = [];
  const body = `require('fs').writeFileSync('pid', String(process.pid)); ${script}`;
  const spec = {
    name: 'fake',
    program: process.execPath,
    args: ['-e', body],
    env: process.env,
    cwd: stateDir,
  };
  const child = await supervise(spec, {
    stateDir,
    onRestart: (text) => restarts.push(text),
    graceMs: 2_000,
    ...options,
  });
  children.push(child);
  return { child, restarts };
}

async function eventually<T>(what: string, look: () => T | undefined | false): Promise<T> {
  for (let waited = 0; waited < 20_000; waited += 25) {
    const seen = look();
    if (seen !== undefined && seen !== false) return seen;
    await sleep(25);
  }
  throw new Error(`not seen within 20 s: ${what}`);
}

const pidIn = (stateDir: string): number | undefined => {
  const file = join(stateDir, 'pid');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text === '' ? undefined : Number(text);
};

const FOREVER = 'setInterval(() => undefined, 1000)';

test('a program that is killed is started again', async () => {
  const dir = folder();
  const { restarts } = await fake(dir, FOREVER);
  const first = await eventually('the first pid', () => pidIn(dir));

  process.kill(first, 'SIGKILL');

  const second = await eventually('another pid', () => pidIn(dir) !== first && pidIn(dir));
  expect(identityOf(second)).not.toBeNull();
  expect(identityOf(first)).toBeNull();
  expect(restarts).toEqual(['fake ended (by signal 9); it is started again']);
});

test('a program that keeps dying is given up, with the end of its log', async () => {
  const { child } = await fake(folder(), `console.error('no such thing'); process.exit(3)`, { patience: 2 });

  const problem = await child.gaveUp;

  expect(problem.message).toContain('fake ended 2 times within a minute, last with status 3');
  expect(problem.message).toContain('no such thing');
  expect(problem.message).toContain(child.logFile);
});

test('stopping lets a program finish what it does at SIGTERM, which it hears once', async () => {
  const dir = folder();
  const tidy = `let heard = 0; process.on('SIGTERM', () => { heard += 1; setTimeout(() => { require('fs').writeFileSync('heard', String(heard)); process.exit(0); }, 150); }); require('fs').writeFileSync('ready', ''); ${FOREVER}`;
  const { child } = await fake(dir, tidy);
  await eventually('readiness', () => existsSync(join(dir, 'ready')));

  await child.stop();

  expect(readFileSync(join(dir, 'heard'), 'utf8')).toBe('1');
  expect(existsSync(join(dir, 'run', 'fake.pid'))).toBe(false);
});

test('a program that does not listen to SIGTERM is killed, together with what it started', async () => {
  const dir = folder();
  const stubborn = `process.on('SIGTERM', () => undefined); const c = require('child_process').spawn('sleep', ['600']); require('fs').writeFileSync('grandchild', String(c.pid)); ${FOREVER}`;
  const { child } = await fake(dir, stubborn);
  const grandchild = await eventually(
    'the grandchild',
    () => existsSync(join(dir, 'grandchild')) && Number(readFileSync(join(dir, 'grandchild'), 'utf8')),
  );

  await child.stop();

  await eventually(
    'the end of both',
    () => identityOf(pidIn(dir) ?? 0) === null && identityOf(grandchild) === null,
  );
});

test('nothing outlives a supervisor that is killed with SIGKILL', async () => {
  const dir = folder();
  writeFileSync(
    join(dir, 'supervisor.mts'),
    `import { supervise } from ${JSON.stringify(join(process.cwd(), 'scripts/start/supervise.ts'))};
     const body = "require('fs').writeFileSync('pid', String(process.pid)); setInterval(() => undefined, 1000)";
     await supervise({ name: 'fake', program: process.execPath, args: ['-e', body], env: process.env, cwd: ${JSON.stringify(dir)} }, { stateDir: ${JSON.stringify(dir)}, onRestart: () => undefined });
     setInterval(() => undefined, 1000);`,
  );
  const supervisor = spawn(process.execPath, ['--import', 'tsx', join(dir, 'supervisor.mts')], {
    stdio: 'ignore',
  });
  const pid = await eventually('the child', () => pidIn(dir));

  supervisor.kill('SIGKILL');

  await eventually('the end of the child', () => identityOf(pid) === null);
});

test('a second supervisor on the same state refuses while the first one lives', async () => {
  const dir = folder();
  await fake(dir, FOREVER);
  await eventually('the first pid', () => pidIn(dir));

  await expect(fake(dir, FOREVER)).rejects.toThrow(/Another Lifeboat \(process \d+\) is running on/);
});
