import { spawn } from 'node:child_process';

export interface Ended {
  readonly code: number | null;
  /** Standard output and error, in the order in which they came. */
  readonly output: string;
  /** Why there is no exit code: not found, not executable, out of time. */
  readonly problem: string | null;
}

/** Runs a program to its end. Never rejects and never hangs: after `timeoutMs` the program and its children are killed. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { timeoutMs, cwd }: { timeoutMs: number; cwd?: string },
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a group of its own, so that its children die with it
      ...(cwd === undefined ? {} : { cwd }),
    });
    let output = '';
    let problem: string | null = null;
    const timer = setTimeout(() => {
      problem = `did not end within ${timeoutMs / 1000} s`;
      killGroup(child.pid);
    }, timeoutMs);
    const collect = (chunk: Buffer): void => {
      if (output.length < 100_000) output += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (err) => {
      clearTimeout(timer);
      resolve({ code: null, output, problem: err.message });
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (problem === null && signal !== null) problem = `was ended by ${signal}`;
      resolve({ code: problem === null ? code : null, output, problem });
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err; // ESRCH: it ended by itself just now
  }
}
