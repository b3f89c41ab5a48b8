import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { bootThrowAwayServer } from '../../local-aws/src/pg/index.ts';
import type { ThrowAwayServer } from '../../local-aws/src/pg/index.ts';
import { connect } from '../../scripts/sample/connection.ts';
import type { SampleConnection } from '../../scripts/sample/connection.ts';
import { loadSample } from '../../scripts/sample/load.ts';
import { READER_ROLE, ensureReader } from '../../scripts/sample/reader.ts';
import { startWriter } from '../../scripts/sample/writer.ts';
import type { WriterProgress } from '../../scripts/sample/writer.ts';
import { identityOf } from '../../scripts/temporal/process-identity.ts';

let booted: ThrowAwayServer;
let connection: SampleConnection;
let client: pg.Client;
const NOW = new Date('2026-11-21T12:00:00Z');

beforeAll(async () => {
  booted = await bootThrowAwayServer();
  const { address: host, port } = booted.server;
  connection = {
    host,
    port,
    user: booted.user,
    password: booted.password,
    database: 'postgres',
    ca: booted.ca,
  };
  client = await connect(connection, 'sample-test');
  await loadSample(client, NOW);
}, 180_000);
afterAll(async () => {
  await client.end();
  await booted.end();
});

async function one<T>(sql: string): Promise<T> {
  const { rows } = await client.query<{ value: T }>(sql);
  return rows[0]!.value;
}

test('the geography is all of the public data, related', async () => {
  expect(await one('SELECT count(*)::int AS value FROM city')).toBe(135_233);
  expect(await one('SELECT count(*)::int AS value FROM country')).toBe(246);
  expect(
    await one(
      `SELECT c.name AS value FROM country c JOIN admin_area a ON a.country_code = c.code JOIN city t ON t.admin_area_id = a.id
       WHERE t.name = 'Kraków'`,
    ),
  ).toBe('Poland');
});

test('the shop has every kind of object that a restore could lose', async () => {
  const kinds = await client.query<{ relkind: string }>(
    "SELECT DISTINCT relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace",
  );
  // table, partitioned table and index, index, view, materialized view, sequence
  expect(kinds.rows.map(({ relkind }) => relkind).sort()).toEqual(['I', 'S', 'i', 'm', 'p', 'r', 'v']);
  expect(
    await one("SELECT count(*)::int AS value FROM pg_constraint WHERE contype = 'f' AND conparentid = 0"),
  ).toBeGreaterThan(5);
  expect(await one('SELECT count(*)::int AS value FROM pg_trigger WHERE NOT tgisinternal')).toBe(1);
  expect(await one('SELECT count(*)::int AS value FROM revenue_by_country')).toBeGreaterThan(50);
  expect(
    await one("SELECT pg_relation_size(reltoastrelid)::int AS value FROM pg_class WHERE relname = 'product'"),
  ).toBeGreaterThan(100_000);
  expect(await one('SELECT count(*)::int AS value FROM ONLY event_rest')).toBe(0);
});

test('no row is younger than the instant of the load', async () => {
  expect(await one<Date>('SELECT max(updated_at) AS value FROM orders')).toEqual(expect.any(Date));
  expect(
    await one(
      'SELECT greatest((SELECT max(updated_at) FROM orders), (SELECT max(at) FROM event), (SELECT max(beat_at) FROM heartbeat)) AS value',
    ),
  ).toEqual(NOW);
});

test('a second load leaves the database alone', async () => {
  const again = await loadSample(client, new Date());
  expect(again.loadedNow).toBe(false);
  expect(again.rows).toBeGreaterThan(250_000);
});

test('the reader reads everything and writes nothing', async () => {
  await ensureReader(client, "it's a pass\\word");
  await ensureReader(client, 'changed');
  const reader = await connect({ ...connection, user: READER_ROLE, password: 'changed' }, 'sample-test');
  await reader.query('SELECT count(*) FROM orders');
  await expect(reader.query("UPDATE heartbeat SET beats = 0 WHERE writer = 'load'")).rejects.toThrow(
    /read-only transaction/,
  );
  await reader.query('SET default_transaction_read_only = off');
  await expect(reader.query("UPDATE heartbeat SET beats = 0 WHERE writer = 'load'")).rejects.toThrow(
    /permission denied/,
  );
  await reader.end();
});

test('the writer keeps the shop busy, comes back after a restart of the server and ends when told to', async () => {
  let progress: WriterProgress = { transactions: 0, reconnects: 0 };
  const writer = await startWriter({ connection, onProgress: (latest) => (progress = latest) });
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  await until(() => progress.transactions > 0);
  await client.end();
  await booted.server.stop('fast');
  await booted.server.start();
  client = await connect({ ...connection, port: booted.server.port }, 'sample-test');
  const atRestart = progress.transactions;
  await until(() => progress.reconnects > 0 && progress.transactions > atRestart);
  expect(
    await one(
      "SELECT abs(extract(epoch FROM now() - beat_at)) < 60 AS value FROM heartbeat WHERE writer = 'writer'",
    ),
  ).toBe(true);
  expect(await one("SELECT count(*)::int AS value FROM event WHERE kind = 'status'")).toBeGreaterThan(0);
  await writer.stop();
  expect(identityOf(writer.pid)).toBeNull();
});
