import { escapeIdentifier } from 'pg';
import type { Seeded } from './seeded.ts';
import type { PostgresServer } from './server.ts';

/** A relation to damage. */
export interface Target {
  readonly database: string;
  readonly schema: string;
  readonly relation: string;
  readonly oid: number;
  /** Path of its first file, below the data folder. */
  readonly file: string;
  readonly blocks: number;
}

const USER_TABLES = `
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'`;
/** How many blocks are looked at for one whose rows are all old. */
const LOOKS = 16;

async function userDatabases(server: PostgresServer): Promise<string[]> {
  const rows = await server.admin<{ name: string }>(
    'SELECT datname AS name FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname',
  );
  return rows.map(({ name }) => name);
}

/** The largest table of all databases. @throws when nobody has a table with rows. */
export async function largestTable(server: PostgresServer): Promise<Target> {
  const found: Target[] = [];
  for (const database of await userDatabases(server)) {
    const rows = await server.admin<Omit<Target, 'database'>>(
      `SELECT n.nspname AS schema, c.relname AS relation, c.oid::int AS oid, pg_relation_filepath(c.oid) AS file,
              (pg_relation_size(c.oid) / current_setting('block_size')::int)::int AS blocks
         ${USER_TABLES} ORDER BY pg_relation_size(c.oid) DESC, c.oid LIMIT 1`,
      [],
      database,
    );
    found.push(...rows.map((row) => ({ database, ...row })));
  }
  const [largest] = found.sort((a, b) => b.blocks - a.blocks);
  if (!largest || largest.blocks === 0)
    throw new Error('The snapshot holds no table with rows: there is nothing to damage.');
  return largest;
}

export async function victimIndex(server: PostgresServer, table: Target): Promise<Target> {
  const rows = await server.admin<Omit<Target, 'database' | 'schema'>>(
    `SELECT c.relname AS relation, c.oid::int AS oid, pg_relation_filepath(c.oid) AS file,
            (pg_relation_size(c.oid) / current_setting('block_size')::int)::int AS blocks
       FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
      WHERE i.indrelid = $1 AND a.amname = 'btree' AND pg_relation_size(c.oid) > current_setting('block_size')::int
      ORDER BY i.indisprimary DESC, pg_relation_size(c.oid) DESC LIMIT 1`,
    [table.oid],
    table.database,
  );
  const [index] = rows;
  if (!index) throw new Error(`Table ${table.schema}.${table.relation} has no B-tree index with entries.`);
  return { ...index, database: table.database, schema: table.schema };
}

/** A block whose rows have long been there, and the last row in it: what is being written to now is compared less strictly. */
export async function victimBlock(
  server: PostgresServer,
  table: Target,
  seeded: Seeded,
): Promise<{ block: number; item: number }> {
  const candidates = [...new Set(Array.from({ length: LOOKS }, () => seeded.below(table.blocks)))];
  const rows = await server.admin<{ block: number; item: number }>(
    `SELECT b AS block, max(split_part(trim(ctid::text, '()'), ',', 2)::int) AS item
       FROM unnest($1::int[]) b, LATERAL (
         SELECT ctid, xmin FROM ONLY ${nameOf(table)}
          WHERE ctid >= ('(' || b || ',0)')::tid AND ctid < ('(' || b + 1 || ',0)')::tid) t
      GROUP BY b ORDER BY min(age(xmin)) DESC, b LIMIT 1`,
    [candidates],
    table.database,
  );
  const [victim] = rows;
  if (!victim)
    throw new Error(`No row was found in ${candidates.length} blocks of ${table.schema}.${table.relation}.`);
  return victim;
}

/** The primary key of one row, as JSON text; its ctid where there is no primary key. */
export async function keysIn(
  server: PostgresServer,
  table: Target,
  block: number,
  item: number,
): Promise<string[]> {
  return keysWhere(server, table, 'ctid = $1::tid', [`(${block},${item})`]);
}

/** The primary keys of all rows of a block, in the order in which they lie there. */
export async function keysOn(server: PostgresServer, table: Target, block: number): Promise<string[]> {
  const bounds = [`(${block},0)`, `(${block + 1},0)`];
  return keysWhere(server, table, 'ctid >= $1::tid AND ctid < $2::tid ORDER BY ctid', bounds);
}

async function keysWhere(
  server: PostgresServer,
  table: Target,
  condition: string,
  values: readonly string[],
): Promise<string[]> {
  const key = await keyExpression(server, table);
  const sql = `SELECT ${key} AS key FROM ONLY ${nameOf(table)} WHERE ${condition}`;
  const rows = await server.admin<{ key: string }>(sql, [...values], table.database);
  return rows.map((row) => row.key);
}

/** The last block that holds a row; behind it there may be empty ones, made in advance. */
export async function lastBlock(server: PostgresServer, table: Target): Promise<number> {
  const [row] = await server.admin<{ block: number | null }>(
    `SELECT max((ctid::text::point)[0])::int AS block FROM ONLY ${nameOf(table)}`,
    [],
    table.database,
  );
  if (typeof row?.block === 'number') return row.block;
  throw new Error(`Table ${table.schema}.${table.relation} has no row to lose.`);
}

/** How many rows lie at or behind a block. */
export async function rowsFrom(server: PostgresServer, table: Target, block: number): Promise<number> {
  const [row] = await server.admin<{ rows: number }>(
    `SELECT count(*)::int AS rows FROM ONLY ${nameOf(table)} WHERE ctid >= $1::tid`,
    [`(${block},0)`],
    table.database,
  );
  return row?.rows ?? 0;
}

/** Deletes rows that have long been there, without triggers and foreign keys taking notice. Returns their keys. */
export async function deleteRows(
  server: PostgresServer,
  table: Target,
  seeded: Seeded,
  count: number,
): Promise<string[]> {
  const key = await keyExpression(server, table);
  const salt = seeded.below(2 ** 31);
  return server.asAdmin(async (client) => {
    await client.query('SET session_replication_role = replica');
    const { rows } = await client.query<{ key: string }>(
      `WITH old AS (SELECT ctid AS place, age(xmin) AS age, hashtextextended(ctid::text, $1) AS lot FROM ONLY ${nameOf(table)}),
            chosen AS (SELECT place FROM old
                        WHERE age >= (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY age) FROM old)
                        ORDER BY lot, place LIMIT $2)
       DELETE FROM ONLY ${nameOf(table)} t USING chosen WHERE t.ctid = chosen.place RETURNING ${key} AS key`,
      [salt, count],
    );
    if (rows.length === 0) throw new Error(`Table ${table.schema}.${table.relation} has no row to delete.`);
    return rows.map((row) => row.key).sort();
  }, table.database);
}

/** Takes all rows out of all tables of the users. Returns their names. */
export async function emptyTables(server: PostgresServer): Promise<string[]> {
  const emptied: string[] = [];
  for (const database of await userDatabases(server)) {
    await server.asAdmin(async (client) => {
      const { rows } = await client.query<{ schema: string; relation: string }>(
        `SELECT n.nspname AS schema, c.relname AS relation ${USER_TABLES} ORDER BY 1, 2`,
      );
      if (rows.length === 0) return;
      await client.query(`TRUNCATE ${rows.map(nameOf).join(', ')} CASCADE`);
      emptied.push(...rows.map(({ schema, relation }) => `${database}.${schema}.${relation}`));
    }, database);
  }
  if (emptied.length === 0)
    throw new Error('The snapshot holds no table of a user: there is nothing to empty.');
  return emptied;
}

async function keyExpression(server: PostgresServer, table: Target): Promise<string> {
  const rows = await server.admin<{ name: string }>(
    `SELECT a.attname AS name FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
      WHERE i.indrelid = $1 AND i.indisprimary ORDER BY array_position(i.indkey, a.attnum)`,
    [table.oid],
    table.database,
  );
  if (rows.length === 0) return 'ctid::text'; // only meaningful until the row moves
  return `jsonb_build_array(${rows.map(({ name }) => escapeIdentifier(name)).join(', ')})::text`;
}

function nameOf({ schema, relation }: { schema: string; relation: string }): string {
  return `${escapeIdentifier(schema)}.${escapeIdentifier(relation)}`;
}
