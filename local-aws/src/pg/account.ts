import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** The unprivileged account that PostgreSQL runs as when we are root, which it refuses. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whom to run PostgreSQL as: `undefined` means "as ourselves", since we are no root.
 * The account needs a passwd entry, else initdb says "could not look up effective user ID".
 */
export function serverAccount(passwdFile = '/etc/passwd'): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entries = readFileSync(passwdFile, 'utf8').split('\n');
  for (const wanted of ['postgres', 'nobody']) {
    const fields = entries.find((line) => line.startsWith(`${wanted}:`))?.split(':');
    if (fields?.[2] === undefined || fields[3] === undefined) continue;
    return { name: wanted, uid: unsigned(fields[2]), gid: unsigned(fields[3]) };
  }
  throw new Error(
    `PostgreSQL refuses to run as root and ${passwdFile} has neither "postgres" nor "nobody". ` +
      'Start as a normal user, or add one of the two.',
  );
}

/** macOS writes nobody's ids as -2. */
function unsigned(id: string): number {
  return Number(id) >>> 0;
}

/** The first folder on the way to `path` that `account` may not enter, or `undefined` when all are open to it. */
export function closedFolder(path: string, account: Account): string | undefined {
  const ancestors: string[] = [];
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    ancestors.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  return ancestors.find((folder) => {
    const stats = statSync(folder, { throwIfNoEntry: false });
    return stats?.isDirectory() === true && !mayEnter(stats, account);
  });
}

function mayEnter(stats: { mode: number; uid: number; gid: number }, account: Account): boolean {
  if (stats.uid === account.uid) return (stats.mode & 0o100) !== 0;
  if (stats.gid === account.gid) return (stats.mode & 0o010) !== 0;
  return (stats.mode & 0o001) !== 0;
}

/** Throws one clear sentence when servers could not enter `dir`. */
export function requireOpenFolder(dir: string, account: Account | undefined): void {
  const closed = account && closedFolder(dir, account);
  if (closed === undefined) return;
  throw new Error(
    `PostgreSQL runs as "${account?.name ?? ''}" because it refuses root, and "${account?.name ?? ''}" may not enter ${closed}. ` +
      `Choose a state folder that every user can reach, or start as a normal user.`,
  );
}
