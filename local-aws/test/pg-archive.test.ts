import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { mkdtemp, readdir, rm, stat, truncate, writeFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ArchiveState,
  pruneArchive,
  type Replay,
  ReplayIncomplete,
  restoreToPointInTime,
  WalArchiver,
  WalLost,
} from '../src/pg/index.ts';
import type { PostgresServer } from '../src/pg/server.ts';
import { takeSnapshot } from '../src/pg/snapshot.ts';
import { bootThrowAwayServer, type ThrowAwayServer } from '../src/pg/throw-away.ts';

jest.setTimeout(120_000);

let booted: ThrowAwayServer;
let source: PostgresServer;
let work: string;
let archive: string;
let base: string;
let archiver: WalArchiver;
/** By the server's clock, taken right after the row of that number was committed. */
const moments = new Map<number, Date>();

beforeAll(async () => {
  booted = await bootThrowAwayServer();
  source = booted.server;
  work = join(source.host.stateDir, 'work');
  archive = join(work, 'archive');
  base = join(work, 'base');
  archiver = new WalArchiver(source, archive);
  await archiver.ship();
  await source.admin('CREATE TABLE steps (n int)');
  await takeSnapshot(source, base);
});
afterAll(async () => {
  await archiver.pause();
  await booted.end();
});

async function step(n: number): Promise<void> {
  await source.admin('INSERT INTO steps VALUES ($1)', [n]);
  const [row] = await source.admin<{ at: Date }>(`SELECT clock_timestamp() + '2 ms' AS at, pg_sleep(0.01)`);
  moments.set(n, row!.at);
}

async function stepsAt(replay: Omit<Replay, 'archive'>, from = archive): Promise<number[]> {
  const dir = await mkdtemp(join(work, 'restored-'));
  const server = await restoreToPointInTime(
    source.host,
    base,
    dir,
    { listen: '127.0.0.1' },
    { archive: from, ...replay },
  );
  try {
    const rows = await server.admin<{ n: number }>('SELECT n FROM steps ORDER BY n');
    await server.admin('INSERT INTO steps VALUES (0)'); // it is open for writing
    return rows.map(({ n }) => n);
  } finally {
    await server.stop('immediate');
    await rm(dir, { recursive: true });
  }
}

test('a base and the archive give the database as it was at any instant, and at the last one that was shipped', async () => {
  await step(1);
  await step(2);
  await archiver.ship();
  await step(3);
  const state = await archiver.ship();
  expect(Date.parse(state.through)).toBeGreaterThanOrEqual(moments.get(3)!.getTime() - 2);
  expect(await stepsAt({ state, until: moments.get(1)! })).toEqual([1]);
  expect(await stepsAt({ state, until: moments.get(2)! })).toEqual([1, 2]);
  expect(await stepsAt({ state })).toEqual([1, 2, 3]);
});

test('an instant after the last commit is everything, and an instant before the first is the base', async () => {
  const state = await archiver.ship();
  expect(await stepsAt({ state, until: new Date(Date.parse(state.through) - 1) })).toEqual([1, 2, 3]);
  expect(await stepsAt({ state: { ...state, to: state.from } })).toEqual([]);
});

test('an idle server is followed without writing anything', async () => {
  let before = await archiver.ship();
  for (;;) {
    const next = await archiver.ship();
    if (next.to === before.to) break; // what the background writer had left is shipped
    before = next;
  }
  const files = await readdir(archive);
  const after = await archiver.ship();
  expect(after.through > before.through).toBe(true);
  expect(await readdir(archive)).toEqual(files);
});

test('segments without their zeroes are small', async () => {
  const sizes = await Promise.all(
    (await readdir(archive)).map(async (name) => (await stat(join(archive, name))).size),
  );
  expect(Math.min(...sizes)).toBeLessThan(100_000);
});

test('a new archiver, after a crash of server and archiver, goes on where the old one was', async () => {
  const { state } = archiver;
  await step(4);
  await source.stop('immediate');
  await archiver.pause();
  await source.start();
  archiver = new WalArchiver(source, archive, state);
  await step(5);
  expect(await stepsAt({ state: await archiver.ship() })).toEqual([1, 2, 3, 4, 5]);
});

test('a state that could not be written down keeps the WAL on the server', async () => {
  await step(6);
  const before = archiver.state;
  await expect(archiver.ship(() => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
  expect(archiver.state).toEqual(before);
  expect(await stepsAt({ state: await archiver.ship() })).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a missing segment and a damaged one are told apart, and neither gives a database', async () => {
  const state = await archiver.ship();
  const names = (await readdir(archive)).sort();
  const victim = join(archive, names.at(-2)!);
  const whole = await readFile(victim);
  try {
    await truncate(victim, 0);
    await expect(stepsAt({ state })).rejects.toThrow(ReplayIncomplete);
    await rm(victim);
    await expect(stepsAt({ state })).rejects.toThrow(WalLost);
  } finally {
    await writeFile(victim, whole);
  }
});

test('pruning removes what lies before a position and nothing else', async () => {
  const state: ArchiveState = await archiver.ship();
  const before = (await readdir(archive)).sort();
  const pruned = await pruneArchive(archive, state, state.to);
  expect(pruned.from).toBe(state.to);
  expect(await readdir(archive)).toEqual([]);
  expect(before.length).toBeGreaterThan(3);
  expect(await pruneArchive(archive, pruned, '0/0')).toEqual(pruned);
});
