import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A postmaster that wrote `postmaster.pid` into a data folder. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

/** What `postmaster.pid` says, or `undefined` when there is none (or only its beginning so far). */
export async function readPostmaster(dataDir: string): Promise<Postmaster | undefined> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw cause;
  });
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[3] ?? 0), ready: lines[7]?.trim() === 'ready' };
}

/**
 * Ends the server of an earlier life that still runs on `dataDir`, and clears its pid file.
 * The pid alone proves nothing (pids are reused), so the process must also be at home in that folder.
 * @returns the pid that was ended, if there was one.
 */
export async function endOrphan(dataDir: string): Promise<number | undefined> {
  const orphan = await readPostmaster(dataDir);
  if (!orphan) return undefined;
  const lives = await livesIn(orphan.pid, dataDir);
  if (lives) await endProcess(orphan.pid);
  await rm(join(dataDir, 'postmaster.pid'), { force: true });
  return lives ? orphan.pid : undefined;
}

/** Fast shutdown, then immediate, then kill. */
export async function endProcess(pid: number, patienceMs = 10_000): Promise<void> {
  for (const [signal, wait] of [
    ['SIGINT', patienceMs],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!signalled(pid, signal)) return;
    const until = Date.now() + wait;
    while (Date.now() < until) {
      if (!signalled(pid, 0)) return;
      await sleep(10);
    }
  }
  throw new Error(`PostgreSQL process ${pid} does not end, not even by SIGKILL.`);
}

function signalled(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    // ESRCH: gone. EPERM: the pid now belongs to somebody else's process.
    if (['ESRCH', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? '')) return false;
    throw cause;
  }
  return !isZombie(pid);
}

/** In a container whose first process reaps nobody, an ended orphan stays in the process table for ever. */
function isZombie(pid: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return true; // it ended between the two questions
  }
}

async function livesIn(pid: number, dataDir: string): Promise<boolean> {
  if (!signalled(pid, 0)) return false;
  const home = await realpath(dataDir);
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  if (cwd !== undefined) return cwd === home;
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.includes(home) || stdout.includes(dataDir);
}
