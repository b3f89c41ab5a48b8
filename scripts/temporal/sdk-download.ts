import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keep } from './pinned-wheel.ts';
import { runProgram } from './run-program.ts';
import type { TemporalProgram } from './wheels.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const SCRIPT = fileURLToPath(new URL('sdk-download-main.ts', import.meta.url));
/** Closed networks refuse at once; a network that swallows packets must not hold up the start. */
const TIMEOUT_MS = 10_000;

/** Where a program that the SDK downloaded is kept. */
export function sdkProgram(cache: string, program: TemporalProgram): string {
  return join(cache, 'temporal', `sdk-${program}`, 'program');
}

/**
 * Lets the Temporal SDK download the server that fits it. In a process of its own, because the SDK's download cannot be cancelled, and
 * into an empty folder, because one that was killed half-way leaves a lock behind.
 * @throws Error that says why it could not be had.
 */
export async function downloadBySdk(cache: string, program: TemporalProgram): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-temporal-sdk-'));
  try {
    const args = ['--import', 'tsx', SCRIPT, program, folder];
    const ended = await runProgram(process.execPath, args, { timeoutMs: TIMEOUT_MS, cwd: PROJECT });
    if (ended.code !== 0) {
      throw new Error(ended.problem ?? ended.output.trim().split('\n').at(-1) ?? 'it ended without a word');
    }
    const [file] = await readdir(folder);
    if (file === undefined) throw new Error('the SDK left no file');
    return await keep(join(folder, file), sdkProgram(cache, program));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
