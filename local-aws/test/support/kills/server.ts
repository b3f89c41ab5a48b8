import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { eventually } from '../eventually.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/lifeboat-local-aws.mjs', import.meta.url));

/** A server in a process of its own, to be killed. */
export interface KillableServer {
  readonly endpoint: string;
  readonly admin: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly child: ChildProcess;
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
}

/** Starts it until it is up: a crash that is still to come may come while it picks up its work. */
export async function startKillable(folder: string, onKilled: () => void): Promise<KillableServer> {
  for (;;) {
    const server = await startOnce(folder);
    if (server && (await disarmed(server))) return server;
    onKilled();
  }
}

/** Takes its rules away. @returns false when it died of one before. */
async function disarmed({ admin, child, gone }: KillableServer): Promise<boolean> {
  try {
    return (await fetch(`${admin}/faults`, { method: 'DELETE' })).ok;
  } catch (err) {
    // It has the time to be seen dying; one that lives on and does not answer is an error of its own.
    await Promise.race([gone, sleep(5000, undefined, { ref: false })]);
    if (child.signalCode === 'SIGKILL') return false;
    throw err;
  }
}

async function startOnce(folder: string): Promise<KillableServer | undefined> {
  const envFile = join(folder, 'vars');
  rmSync(envFile, { force: true });
  const where = ['--state', join(folder, 'state'), '--port', '0', '--admin-port', '0'];
  const args = ['--', PROGRAM, 'start', ...where, '--env-file', envFile, '--pace', '0'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (part: Buffer) => (said += part.toString()));
  const gone = once(child, 'exit').then(() => undefined);
  const up = await eventually('the server writes its env file', () => {
    if (child.signalCode === 'SIGKILL') return 'killed';
    if (child.exitCode !== null) throw new Error(`The server ended before it was up: ${said}`);
    return existsSync(envFile) ? 'up' : undefined;
  });
  if (up === 'killed') return undefined;
  const vars = parseEnv(readFileSync(envFile, 'utf8'));
  const value = (name: string): string => vars[name] ?? '';
  return {
    ...{ endpoint: value('AWS_ENDPOINT_URL'), admin: value('LIFEBOAT_LOCAL_AWS_ADMIN'), child, gone },
    credentials: {
      accessKeyId: value('AWS_ACCESS_KEY_ID'),
      secretAccessKey: value('AWS_SECRET_ACCESS_KEY'),
    },
  };
}

export async function addRule({ admin }: KillableServer, rule: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${admin}/faults`, { method: 'POST', headers, body: JSON.stringify(rule) });
  if (!answer.ok) throw new Error(`The rule was refused: ${await answer.text()}`);
}

export async function endServer({ child, gone }: KillableServer): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
  await gone;
}
