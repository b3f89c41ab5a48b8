import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../bin', import.meta.url));
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const folder = mkdtempSync(join(realpathSync(tmpdir()), 'local-aws-bundle-'));
const NOON = new Date('2026-01-01T12:00:00Z');
let made = 0;
let root: string;

// The command's own launcher in a package of two sources.
beforeEach(() => {
  root = join(folder, String((made += 1)));
  cpSync(BIN, join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'src', 'cli'), { recursive: true });
  symlinkSync(MODULES, join(root, 'node_modules'));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  write(
    'cli/main.ts',
    "import { said } from '../said.ts';\nconst text: string = said;\nprocess.stdout.write(text);\n",
  );
  say('one');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): void {
  const path = join(root, 'src', name);
  writeFileSync(path, text);
  utimesSync(path, NOON, NOON); // no clock of any file system may matter
}
const say = (word: string): void => write('said.ts', `export const said = '${word}';\n`);
const bundles = (): string[] => readdirSync(join(root, 'dist')).sort();

async function run(): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(root, 'bin', 'lifeboat-local-aws.mjs')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (part: Buffer) => (out += part.toString()));
  child.stderr.on('data', (part: Buffer) => (err += part.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, out, err };
}

test('a start after any change of the sources runs the change; a start without one builds nothing', async () => {
  expect(await run()).toEqual({ status: 0, out: 'one', err: '' });
  const first = bundles();
  expect(first).toHaveLength(1);
  const { ino } = statSync(join(root, 'dist', first[0]!));
  expect((await run()).out).toBe('one');
  expect(bundles()).toEqual(first);
  expect(statSync(join(root, 'dist', first[0]!)).ino).toBe(ino);
  say('two'); // as long as before, and with the same date
  expect((await run()).out).toBe('two');
  say('one');
  expect((await run()).out).toBe('one');
});

test('starts at the same moment leave one whole bundle', async () => {
  const ends = await Promise.all(Array.from({ length: 4 }, run));
  expect(ends).toEqual(Array.from({ length: 4 }, () => ({ status: 0, out: 'one', err: '' })));
  expect(bundles()).toHaveLength(1);
});

test('bundles of yesterday are removed when a new one is made, those of today are not', async () => {
  await run();
  const [old] = bundles();
  say('two');
  await run();
  utimesSync(join(root, 'dist', old!), NOON, NOON);
  say('three');
  await run();
  expect(bundles()).toHaveLength(2);
  expect(bundles()).not.toContain(old);
});

test('where nothing can be written beside the sources they run as they are', async () => {
  writeFileSync(join(root, 'dist'), 'not a folder');
  expect(await run()).toEqual({ status: 0, out: 'one', err: '' });
});

test('a source that cannot be built is named, and leaves no bundle', async () => {
  write('said.ts', 'export const said = ;\n');
  const { status, out, err } = await run();
  expect({ status, out }).toEqual({ status: 1, out: '' });
  expect(err).toContain('src/said.ts:1:20');
  expect(bundles()).toEqual([]);
});
