import type { PostgresServer } from '../pg/index.ts';
import type { ColumnMapping } from './export-records.ts';

/** A table that an export looks at. */
export interface ExportTable {
  readonly database: string;
  readonly schema: string;
  readonly name: string;
  /** On disk, with TOAST, without indexes. */
  readonly bytes: number;
  readonly rows: number;
  readonly columns: readonly ExportColumn[];
  /** Why it is left out, in AWS's manner. */
  readonly skipped?: string | undefined;
}

export interface ExportColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly mapping: ColumnMapping;
}

/** How a column is read and written; everything that has no like in Parquet is text, numeric too, as AWS exports PostgreSQL. */
export type ColumnKind = 'int32' | 'int64' | 'float' | 'double' | 'boolean' | 'binary' | 'text';

const KINDS: Readonly<Record<string, ColumnKind>> = {
  ...{ int2: 'int32', int4: 'int32', int8: 'int64', float4: 'float', float8: 'double' },
  ...{ bool: 'boolean', bytea: 'binary' },
};
/** In names these break the paths of the files. */
const ODD_NAME = /[\s:/\\`'"()&^?*,;]/;

const TABLES = `
  SELECT n.nspname AS schema, c.relname AS name, c.relpersistence = 'u' AS unlogged, pg_table_size(c.oid)::float8 AS bytes,
         greatest(c.reltuples, 0)::float8 AS rows,
         coalesce(json_agg(json_build_object(
           'name', a.attname, 'type', b.typname, 'original',
           CASE WHEN b.typcategory = 'A' THEN 'ARRAY' WHEN bn.nspname <> 'pg_catalog' THEN 'USER-DEFINED'
                ELSE format_type(b.oid, NULL) END,
           'modifier', a.atttypmod) ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL), '[]') AS columns
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
    LEFT JOIN pg_namespace bn ON bn.oid = b.typnamespace
   WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
   GROUP BY n.nspname, c.oid
   ORDER BY n.nspname, c.relname`;

interface TableRow extends Record<string, unknown> {
  schema: string;
  name: string;
  unlogged: boolean;
  bytes: number;
  rows: number;
  columns: { name: string; type: string; original: string; modifier: number }[];
}

/**
 * All ordinary tables and partitions of all databases, each once, by name.
 * @param only `database`, `database.schema` or `database.schema.table`; empty for everything
 */
export async function listTables(server: PostgresServer, only: readonly string[]): Promise<ExportTable[]> {
  const databases = await server.admin<{ name: string }>(
    'SELECT datname AS name FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname',
  );
  const tables: ExportTable[] = [];
  for (const { name: database } of databases) {
    if (only.length > 0 && !only.some((one) => one === database || one.startsWith(`${database}.`))) continue;
    const rows = await server.admin<TableRow>(TABLES, [], database);
    tables.push(...rows.map((row) => tableOf(database, row)));
  }
  return tables.filter((table) => only.length === 0 || only.some((one) => covers(one, table)));
}

/** Entries that name nothing there is. */
export function unmatched(only: readonly string[], tables: readonly ExportTable[]): string[] {
  return only.filter((one) => !tables.some((table) => covers(one, table)));
}

function covers(only: string, table: ExportTable): boolean {
  const { database, schema } = table;
  return only === database || only === `${database}.${schema}` || only === targetOf(table);
}

export function targetOf({ database, schema, name }: ExportTable): string {
  return `${database}.${schema}.${name}`;
}

function tableOf(database: string, row: TableRow): ExportTable {
  const { schema, name, bytes, rows } = row;
  const columns = row.columns.map(({ name: columnName, type, original, modifier }) => {
    const kind = KINDS[type] ?? 'text';
    const mapping = { columnName, originalType: original, expectedExportedType: EXPORTED[kind] };
    return { name: columnName, kind, mapping: { ...mapping, ...precisionOf(type, modifier) } };
  });
  return { database, schema, name, bytes, rows, columns, skipped: reasonToSkip(row) };
}

function reasonToSkip({ schema, name, unlogged, columns }: TableRow): string | undefined {
  if (unlogged) return 'UNLOGGED_TABLE';
  if (ODD_NAME.test(schema) || ODD_NAME.test(name)) return 'UNSUPPORTED_CHARACTER_IN_NAME';
  return columns.length === 0 ? 'NO_COLUMNS' : undefined;
}

const EXPORTED = {
  ...{ int32: 'int32', int64: 'int64', float: 'float', double: 'double', boolean: 'boolean' },
  ...{ binary: 'binary', text: 'binary (UTF8)' },
} as const satisfies Record<ColumnKind, string>;

const BITS: Readonly<Record<string, number>> = { int2: 16, int4: 32, int8: 64, float4: 24, float8: 53 };

function precisionOf(
  type: string,
  modifier: number,
): Pick<ColumnMapping, 'originalCharMaxLength' | 'originalNumPrecision' | 'originalDateTimePrecision'> {
  const known = modifier >= 4;
  const numeric = type === 'numeric' && known ? ((modifier - 4) >> 16) & 0xffff : 0;
  return {
    originalCharMaxLength: (type === 'varchar' || type === 'bpchar') && known ? modifier - 4 : 0,
    originalNumPrecision: BITS[type] ?? numeric,
    originalDateTimePrecision: /^(timestamp|time|interval)/.test(type)
      ? modifier >= 0
        ? modifier & 0xff
        : 6
      : 0,
  };
}
