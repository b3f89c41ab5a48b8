import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Thrown with one sentence that says what to do. */
export class StateUnusable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StateUnusable';
  }
}

export interface StateFolder {
  readonly path: string;
  release(): void;
}

const LOCK = 'lock.json';

/** Where a running server says how to reach it; holds secrets, mode 0600. */
export const STATUS_FILE = 'status.json';

/**
 * Makes the folder (others may pass through it to PostgreSQL's data, but not list it) and takes its lock, so that two
 * processes never write the same journals. A lock left by a killed process is taken over.
 * @throws StateUnusable
 */
export function openStateFolder(stateDir: string): StateFolder {
  const path = resolve(stateDir);
  try {
    mkdirSync(path, { recursive: true, mode: 0o711 });
    chmodSync(path, 0o711);
  } catch (cause) {
    throw new StateUnusable(
      `The state folder ${path} cannot be made or is not ours: ${reason(cause)}. Choose another with --state.`,
      cause,
    );
  }
  const lock = join(path, LOCK);
  const own = { pid: process.pid, startedAt: processStart(process.pid) };
  const holder = readHolder(lock);
  if (holder && isAlive(holder)) {
    throw new StateUnusable(
      `The state folder ${path} is in use by process ${holder.pid}. Stop it first, or choose another with --state.`,
    );
  }
  try {
    writeFileSync(`${lock}.new`, JSON.stringify(own), { mode: 0o600 });
    renameSync(`${lock}.new`, lock);
  } catch (cause) {
    throw new StateUnusable(
      `The state folder ${path} is not writable: ${reason(cause)}. Choose another with --state.`,
      cause,
    );
  }
  return { path, release: () => rmSync(lock, { force: true }) };
}

interface Holder {
  readonly pid: number;
  readonly startedAt: string | undefined;
}

function readHolder(lock: string): Holder | undefined {
  try {
    const value = JSON.parse(readFileSync(lock, 'utf8')) as Partial<Holder>;
    return typeof value.pid === 'number' ? { pid: value.pid, startedAt: value.startedAt } : undefined;
  } catch {
    return undefined; // no lock, or one torn by a crash: its writer was not running
  }
}

function isAlive({ pid, startedAt }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  // The same number may by now belong to another process.
  const started = processStart(pid);
  return startedAt === undefined || started === undefined || started === startedAt;
}

/** Start time in clock ticks since boot; undefined where there is no /proc. */
function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
