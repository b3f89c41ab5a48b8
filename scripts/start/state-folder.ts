import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  mkdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { StartProblem } from './problem.ts';

/** Room for the sample's servers, its snapshots in three accounts, one restored copy, and logs; a first night writes about a third. */
const NEEDED_BYTES = 2 * 1024 ** 3;
const GIB = 1024 ** 3;

export interface StateFolder {
  readonly path: string;
  /** Why it is where nobody asked for it; empty when it is where one expects it. */
  readonly why: string;
}

interface Choice {
  readonly asked?: string | undefined;
  readonly project: string;
  readonly isRoot: boolean;
  /** For root, when the project lies where other users may not go. */
  readonly rootFallback?: string;
}

/**
 * Where everything is kept. PostgreSQL refuses to run as root, so for root it must be a folder that other users can pass through.
 * @throws StartProblem
 */
export function chooseStateFolder({
  asked,
  project,
  isRoot,
  rootFallback = '/var/lib/lifeboat',
}: Choice): StateFolder {
  const path = resolve(asked ?? join(project, '.lifeboat'));
  const closed = isRoot ? closedFolder(path) : undefined;
  if (closed === undefined) return { path, why: '' };
  if (asked !== undefined)
    throw new StartProblem(
      `The state folder ${path} cannot be used by root: PostgreSQL runs as another user, which may not enter ${closed}. ` +
        'Choose one that every user can pass through (--state), or start as a normal user.',
    );
  const digest = createHash('sha256').update(project).digest('hex').slice(0, 8);
  return {
    path: join(rootFallback, `${basename(project)}-${digest}`),
    why: `PostgreSQL does not run as root, and other users may not enter ${closed}`,
  };
}

/**
 * Makes the folder, writes to it once, and looks for room.
 * @param open others may pass through it, as PostgreSQL's account must when this is root.
 * @throws StartProblem
 */
export function prepareStateFolder(path: string, { open = false, needed = NEEDED_BYTES } = {}): void {
  const probe = join(path, `.write-test-${process.pid}`);
  try {
    mkdirSync(path, { recursive: true });
    if (open) chmodSync(path, 0o711);
    writeFileSync(probe, 'x');
    rmSync(probe);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (err) {
    throw new StartProblem(
      `The state folder ${path} cannot be written: ${(err as Error).message}. Choose another one with --state DIR.`,
    );
  }
  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  if (free < needed)
    throw new StartProblem(
      `There is too little room for the state folder ${path}: ${(free / GIB).toFixed(1)} GiB free, ${(needed / GIB).toFixed(1)} GiB needed. ` +
        'Make room, or choose a folder on another disk with --state DIR.',
    );
}

/** The first folder on the way to `path` that not everybody may pass through; folders that are still to be made do not count. */
function closedFolder(path: string): string | undefined {
  const ways: string[] = [];
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    ways.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  return ways.find((folder) => {
    const stats = statSync(folder, { throwIfNoEntry: false });
    return stats?.isDirectory() === true && (stats.mode & 0o001) === 0;
  });
}
