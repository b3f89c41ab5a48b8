import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf } from './process-identity.ts';

interface Remembered {
  readonly server: string;
  readonly owner: string;
}

/** Writes down who runs on this state, so that a later start can tell a living owner from an orphan. */
export async function rememberServer(pidFile: string, serverPid: number): Promise<void> {
  const remembered: Remembered = {
    server: identityOf(serverPid) ?? `${serverPid}@ended`,
    owner: identityOf(process.pid) ?? `${process.pid}@unknown`,
  };
  await writeFile(`${pidFile}.new`, JSON.stringify(remembered));
  await rename(`${pidFile}.new`, pidFile);
}

export async function forgetServer(pidFile: string): Promise<void> {
  await rm(pidFile, { force: true });
}

/**
 * Ends the server that a killed owner left behind.
 * @throws Error when its owner is alive: two servers on one SQLite file would destroy it.
 */
export async function endOrphan(pidFile: string, stateDir: string): Promise<void> {
  const remembered = await read(pidFile);
  if (remembered === null) return;
  const server = pidOf(remembered.server);
  if (identityOf(server) !== remembered.server) return forgetServer(pidFile);
  const owner = pidOf(remembered.owner);
  if (identityOf(owner) === remembered.owner) {
    throw new Error(
      `Another Lifeboat (process ${owner}) is running on ${stateDir}. End it first, or use another state folder.`,
    );
  }
  await end(server, remembered.server);
  await forgetServer(pidFile);
}

async function end(pid: number, identity: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    process.kill(-pid, signal);
    for (let waited = 0; waited < 6_000; waited += 50) {
      if (identityOf(pid) !== identity) return;
      await sleep(50);
    }
  }
  throw new Error(
    `Process ${pid}, a Temporal server left behind by an earlier run, cannot be ended. End it by hand.`,
  );
}

async function read(pidFile: string): Promise<Remembered | null> {
  try {
    return JSON.parse(await readFile(pidFile, 'utf8')) as Remembered;
  } catch (err) {
    // A missing file means nothing to end. It is replaced in one step, so a torn one is not ours.
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Error(`${pidFile} cannot be read; remove it if no Temporal server is running.`, { cause: err });
  }
}

const pidOf = (identity: string): number => Number(identity.split('@')[0]);
