import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { runProgram } from './run-program.ts';
import type { TemporalProgram } from './wheels.ts';

const EXECUTABLE: Record<TemporalProgram, string> = {
  'dev-server': 'temporal',
  'test-server': 'temporal-test-server',
};

/** What each program says when it runs at all. The test server has no option for its version: without a port it prints its usage. */
const SIGN_OF_LIFE: Record<TemporalProgram, { args: readonly string[]; says: RegExp }> = {
  'dev-server': { args: ['--version'], says: /^temporal version \d+\./m },
  'test-server': { args: [], says: /^Usage: <command> <port>/m },
};

/** @returns null when `path` runs and is the program; otherwise why not. */
export async function whyNotRunnable(program: TemporalProgram, path: string): Promise<string | null> {
  const { args, says } = SIGN_OF_LIFE[program];
  const { problem, output, code } = await runProgram(path, args, { timeoutMs: 5_000 });
  if (problem !== null) return problem;
  if (says.test(output)) return null;
  return `exit status ${code ?? 'unknown'}, said: ${output.trim().split('\n')[0] ?? 'nothing'}`;
}

/** The first executable file of that name on the PATH, whether it runs or not. */
export async function onPath(
  program: TemporalProgram,
  path = process.env.PATH ?? '',
): Promise<string | null> {
  for (const folder of path.split(delimiter).filter((entry) => entry !== '')) {
    const candidate = join(folder, EXECUTABLE[program]);
    if (await isExecutableFile(candidate)) return candidate;
  }
  return null;
}

async function isExecutableFile(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false; // not there or not executable: the next folder may have it
  }
}
