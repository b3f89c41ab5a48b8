import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { launchLeashed, signalGroup } from '../start/leashed.ts';
import { findTemporal } from './resolve.ts';
import { answers } from './answers.ts';
import { chooseFreePort, portProblem } from './ports.ts';
import { endOrphan, forgetServer, rememberServer } from './orphan.ts';

export interface DevServerOptions {
  /** Holds the SQLite file with histories and schedules, the log and the pid file. */
  readonly stateDir: string;
  /** 0 or left out: a free port. */
  readonly port?: number;
  readonly uiPort?: number;
  readonly ip?: string;
  readonly namespace?: string;
  /** The program; found by {@link findTemporal} when left out. */
  readonly executable?: string;
}

export interface DevServer {
  readonly address: string;
  readonly uiUrl: string;
  readonly namespace: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the server ended, whether it was told to or not. */
  readonly ended: Promise<void>;
  /** Ends the server and waits until it is gone. May be called twice. */
  stop(): Promise<void>;
  /** Ends the server at once, as a power cut would; its state survives that, too. */
  kill(): Promise<void>;
}

/** The server could not be started; the message is for people and complete. */
export class DevServerProblem extends Error {
  override readonly name = 'DevServerProblem';
}

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 8_000;

/**
 * Starts Temporal's development server with its state in a SQLite file, and waits until it answers.
 * A server that an earlier, killed process left behind on the same state is ended first.
 * @throws DevServerProblem, or TemporalNotFound when there is no program.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Besides the two that we choose, Temporal takes ports of its own at random, and another program may be quicker.
      const portTaken = error instanceof DevServerProblem && error.message.includes('address already in use');
      if (!portTaken || attempt === ATTEMPTS) throw error;
    }
  }
}

const ATTEMPTS = 3;

async function startOnce(options: DevServerOptions): Promise<DevServer> {
  const { stateDir, ip = '127.0.0.1', namespace = 'default' } = options;
  await mkdir(stateDir, { recursive: true });
  const pidFile = join(stateDir, 'temporal.pid');
  await endOrphan(pidFile, stateDir);

  const port = await freePort(ip, options.port ?? 0, 'Temporal');
  const uiPort = await freePort(ip, options.uiPort ?? 0, "Temporal's web pages");
  const executable = options.executable ?? (await findTemporal('dev-server')).path;
  const logFile = join(stateDir, 'temporal.log');
  const args = [
    ...['server', 'start-dev', '--ip', ip, '--port', String(port), '--ui-port', String(uiPort)],
    ...['--db-filename', join(stateDir, 'temporal.db'), '--namespace', namespace],
    ...['--log-level', 'warn', '--log-format', 'json'],
  ];
  const child = launchLeashed(executable, args, { logFile });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const pid = child.pid;
  if (pid === undefined) throw new DevServerProblem(`${executable} could not be started.`);
  await rememberServer(pidFile, pid);

  const stop = async (): Promise<void> => {
    child.stdin?.destroy();
    signalGroup(pid, 'SIGTERM');
    await Promise.race([ended, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    signalGroup(pid, 'SIGKILL');
    await ended;
    await forgetServer(pidFile);
  };

  const kill = async (): Promise<void> => {
    signalGroup(pid, 'SIGKILL');
    await stop();
  };

  const address = `${ip}:${port}`;
  const ready = await answers(address, namespace, { timeoutMs: START_TIMEOUT_MS, gaveUp: ended });
  if (!ready) {
    await stop();
    throw new DevServerProblem(
      `Temporal's development server did not come up on ${address}. Its log, ${logFile}, ends with:\n${tail(logFile)}`,
    );
  }
  return { address, uiUrl: `http://${ip}:${uiPort}`, namespace, pid, logFile, ended, stop, kill };
}

async function freePort(ip: string, wanted: number, what: string): Promise<number> {
  if (wanted === 0) return chooseFreePort(ip);
  const problem = await portProblem(ip, wanted);
  if (problem !== null)
    throw new DevServerProblem(`Port ${wanted} for ${what} cannot be used on ${ip}: ${problem}`);
  return wanted;
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-5).join('\n') || '(nothing)';
}
