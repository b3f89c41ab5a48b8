import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Tells two processes apart that had the same pid one after the other: the pid together with the instant of its start.
 * @returns null when no such process runs.
 */
export function identityOf(pid: number): string | null {
  const started = process.platform === 'linux' ? startedByProc(pid) : startedByPs(pid);
  return started === null ? null : `${pid}@${started}`;
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot. The name in field 2 may hold spaces and brackets, so count from its end. */
function startedByProc(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    return state === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null; // no such process
  }
}

function startedByPs(pid: number): string | null {
  try {
    const said = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return said === '' ? null : said.replaceAll(/\s+/g, '_');
  } catch {
    return null; // ps exits with 1 when there is no such process
  }
}
