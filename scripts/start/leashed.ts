import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/**
 * Runs its arguments, and ends them when standard input closes: the pipe to the parent closes however the parent dies, kill -9
 * included. The program itself gets no terminal signals, since at Ctrl-C the order matters in which things end.
 */
const DIES_WITH_PARENT = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
( read -r _ <&3; kill -TERM $server 2>/dev/null; sleep 8; kill -KILL $server 2>/dev/null ) </dev/null >/dev/null 2>&1 &
watcher=$!
trap 'kill -TERM $server 2>/dev/null' TERM
wait $server
status=$?
while kill -0 $server 2>/dev/null; do wait $server; status=$?; done
kill $watcher 2>/dev/null
exit $status
`;

export interface LeashedOptions {
  readonly logFile: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/**
 * Starts a program that cannot outlive this process. Its pid is that of a process group with the program in it; SIGTERM to the pid
 * reaches the program once. Both outputs are appended to the log.
 */
export function launchLeashed(
  program: string,
  args: readonly string[],
  { logFile, env, cwd }: LeashedOptions,
): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  try {
    return spawn('/bin/sh', ['-c', DIES_WITH_PARENT, 'sh', program, ...args], {
      stdio: ['pipe', log, log],
      detached: true,
      ...(env === undefined ? {} : { env }),
      ...(cwd === undefined ? {} : { cwd }),
    });
  } finally {
    closeSync(log);
  }
}

/** Signals every process of a group; a group that is gone is what we want. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err;
  }
}
