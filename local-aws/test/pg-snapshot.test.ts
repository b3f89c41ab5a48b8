import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, open, readFile, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { checksumOf, PAGE_BYTES, storedChecksum } from '../src/pg/page.ts';
import type { PostgresServer } from '../src/pg/server.ts';
import {
  checkSnapshot,
  copySnapshot,
  readManifest,
  restoreSnapshot,
  takeSnapshot,
} from '../src/pg/snapshot.ts';
import { bootThrowAwayServer, type ThrowAwayServer } from '../src/pg/throw-away.ts';

let booted: ThrowAwayServer;
let source: PostgresServer;
let work: string;

beforeAll(async () => {
  booted = await bootThrowAwayServer();
  source = booted.server;
  work = await mkdtemp(join(source.host.stateDir, 'work-'));
  const { chmod } = await import('node:fs/promises');
  await chmod(work, 0o755);
  await source.admin('CREATE DATABASE shop');
  await source.admin(
    `CREATE TABLE orders AS SELECT g::int AS id, md5(g::text) AS text FROM generate_series(1, 50000) g;
     ALTER TABLE orders ADD PRIMARY KEY (id); CREATE UNLOGGED TABLE scratch AS SELECT 1 AS one`,
    undefined,
    'shop',
  );
});
afterAll(async () => {
  await booted.end();
});

async function restored<T>(snapshot: string, look: (server: PostgresServer) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(work, 'restored-'));
  const server = await restoreSnapshot(source.host, snapshot, dir, {
    listen: '127.0.0.1',
    admits: ['127.0.0.0/8'],
  });
  try {
    await server.start();
    return await look(server);
  } finally {
    await server.stop('immediate');
    await rm(dir, { recursive: true });
  }
}

test('a snapshot of a busy server holds what was committed before it and nothing of what came after', async () => {
  await source.admin('CREATE TABLE moments (at bigserial, label text)', [], 'shop');
  await source.admin(`INSERT INTO moments (label) VALUES ('before')`, [], 'shop');
  let busy = true;
  const writer = source.asAdmin(async (client) => {
    for (let id = 1; busy; id++) {
      await client.query(`INSERT INTO moments (label) VALUES ('meanwhile')`);
      await client.query('UPDATE orders SET text = text WHERE id = $1', [(id % 50_000) + 1]);
    }
  }, 'shop');
  const snapshot = join(work, 'busy');
  const manifest = await takeSnapshot(source, snapshot);
  await source.admin(`INSERT INTO moments (label) VALUES ('after')`, [], 'shop');
  busy = false;
  await writer;
  const labels = await restored(snapshot, async (server) => {
    const rows = await server.admin<{ label: string }>('SELECT DISTINCT label FROM moments', [], 'shop');
    const [orders] = await server.admin('SELECT count(*)::int AS orders FROM orders', [], 'shop');
    const [identity] = await server.admin(
      'SELECT system_identifier::text AS id, pg_is_in_recovery() AS r FROM pg_control_system()',
    );
    expect(orders).toEqual({ orders: 50_000 });
    expect(identity).toEqual({ id: manifest.systemIdentifier, r: false });
    return rows.map(({ label }) => label);
  });
  expect(labels).toContain('before');
  expect(labels).not.toContain('after');
});

test('a restored server has its own port and certificate, but the roles and passwords of its origin', async () => {
  const snapshot = join(work, 'plain');
  await takeSnapshot(source, snapshot);
  await restored(snapshot, async (server) => {
    expect(server.port).not.toBe(source.port);
    const { Client } = await import('pg');
    const { user, password, ca } = booted;
    const client = new Client({
      host: server.address,
      port: server.port,
      user,
      password,
      database: 'shop',
      ssl: { ca },
    });
    await client.connect();
    await client.end();
    const certificate = (dir: string) => readFile(join(dir, 'conf', 'server.crt'), 'utf8');
    expect(await certificate(server.dir)).not.toBe(await certificate(source.dir));
  });
});

test('the manifest matches the stored bytes, and a copy carries them unchanged', async () => {
  const [snapshot, copy] = [join(work, 'plain'), join(work, 'copy')];
  expect(await checkSnapshot(snapshot)).toEqual([]);
  const shown: number[] = [];
  const { differences } = await copySnapshot(snapshot, copy, source.host.account, {
    onProgress: (done) => shown.push(done),
  });
  expect(differences).toEqual([]);
  expect(shown.at(-1)).toBe(1);
  expect(await checkSnapshot(copy)).toEqual([]);
  expect(await readManifest(copy)).toEqual(await readManifest(snapshot));
});

test('a flipped byte is named by path and place, is copied as it is, and does not stop a restore unless strictness is asked for', async () => {
  const [copy, next] = [join(work, 'copy'), join(work, 'next')];
  const [row] = await source.admin<{ file: string }>(
    `SELECT pg_relation_filepath('orders') AS file`,
    [],
    'shop',
  );
  const path = row!.file;
  const handle = await open(join(copy, 'data', path), 'r+');
  const at = 1024 * 1024 + 77;
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
  await handle.write(Buffer.from([buffer[0]! ^ 0xff]), 0, 1, at);
  await handle.close();
  const found = [{ path, what: 'content', offset: 1024 * 1024 }];
  expect(await checkSnapshot(copy)).toEqual(found);
  expect((await copySnapshot(copy, next, source.host.account)).differences).toEqual(found);
  const dir = join(work, 'strict');
  await expect(
    restoreSnapshot(source.host, next, dir, { listen: '127.0.0.1' }, { strict: true }),
  ).rejects.toThrow(/differs from its manifest/);
  const failure = await restored(next, (server) =>
    server.admin('SELECT sum(length(text)) FROM orders', [], 'shop').catch((err: unknown) => String(err)),
  );
  expect(failure).toMatch(/invalid page in block/);
});

test('a missing file, an added file and another size are told apart', async () => {
  const copy = join(work, 'changed');
  await copySnapshot(join(work, 'plain'), copy, source.host.account);
  await rm(join(copy, 'data', 'PG_VERSION'));
  await truncate(join(copy, 'data', 'global', 'pg_control'), 100);
  await rename(join(copy, 'data', 'base', '1', 'PG_VERSION'), join(copy, 'data', 'base', '1', 'OTHER'));
  expect([...(await checkSnapshot(copy))].sort((a, b) => a.path.localeCompare(b.path))).toEqual([
    { path: 'base/1/OTHER', what: 'added' },
    { path: 'base/1/PG_VERSION', what: 'missing' },
    { path: 'global/pg_control', what: 'size' },
    { path: 'PG_VERSION', what: 'missing' },
  ]);
});

test('a snapshot without backup_label is refused, since it would boot without a word', async () => {
  const copy = join(work, 'unlabelled');
  await copySnapshot(join(work, 'plain'), copy, source.host.account);
  await rm(join(copy, 'data', 'backup_label'));
  await expect(
    restoreSnapshot(source.host, copy, join(work, 'never'), { listen: '127.0.0.1' }),
  ).rejects.toThrow(/no backup_label/);
});

test('a snapshot without its WAL does not come up', async () => {
  const copy = join(work, 'no-wal');
  await copySnapshot(join(work, 'plain'), copy, source.host.account);
  const { readdir } = await import('node:fs/promises');
  for (const name of await readdir(join(copy, 'data', 'pg_wal')))
    if (/^[0-9A-F]{24}$/.test(name)) await rm(join(copy, 'data', 'pg_wal', name));
  await expect(restored(copy, async () => 'up')).rejects.toThrow(
    /could not locate required checkpoint record/,
  );
});

test('page checksums are computed as PostgreSQL does', async () => {
  const [row] = await source.admin<{ file: string }>(
    `SELECT pg_relation_filepath('orders') AS file`,
    [],
    'shop',
  );
  const file = await readFile(join(work, 'plain', 'data', row!.file));
  const pages = Array.from({ length: file.length / PAGE_BYTES }, (_, block) =>
    Buffer.from(file.subarray(block * PAGE_BYTES, (block + 1) * PAGE_BYTES)),
  );
  const written = [...pages.entries()].filter(([, page]) => page.some((byte) => byte !== 0)); // a new page is all zero
  expect(written.length).toBeGreaterThan(100);
  expect(written.map(([block, page]) => checksumOf(page, block))).toEqual(
    written.map(([, page]) => storedChecksum(page)),
  );
});
