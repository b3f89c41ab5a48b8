import type { TableKind } from './fingerprint.ts';
import type { HashedColumn } from './row-hash.ts';
import { USER_SCHEMAS_SQL } from './names.ts';
import type { Session } from './session.ts';

/** One relation that may hold rows, as the catalogue describes it. */
export interface Relation {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: TableKind | 'foreign table' | 'partitioned table';
  readonly accessMethod: string | null;
  readonly unlogged: boolean;
  readonly estimatedRows: number | null;
  /** As the snapshot sees it; {@link fileNodesNow} tells whether the table was rewritten since. */
  readonly fileNode: string;
  readonly vacuums: number;
  /** Rows inserted, updated and deleted since the statistics began. */
  readonly writes: number;
  /** Null when its rows may be read, else why not. */
  readonly unreadable: string | null;
  readonly signature: string;
  readonly columns: readonly HashedColumn[];
  /** Whether equal bytes have equal digests on every night: the text of some types follows names, settings or extensions. */
  readonly lasting: boolean;
}

/** Large objects are rows of a system table; they are read like any other when the role may. */
const LARGE_OBJECTS = `(n.nspname = 'pg_catalog' AND c.relname IN ('pg_largeobject', 'pg_largeobject_metadata'))`;

/**
 * The catalogue of this database. Left out is what PostgreSQL changes in place or by itself on a copy: statistics of relations (the schema
 * check compares the rest of `pg_class`) and of columns.
 */
const CATALOGUES = `(n.nspname = 'pg_catalog' AND c.relkind = 'r' AND c.oid < 16384 AND NOT c.relisshared
  AND c.relname NOT IN ('pg_class', 'pg_statistic', 'pg_statistic_ext_data'))`;

const RELATIONS = `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS relkind, am.amname AS access_method,
    c.relpersistence = 'u' AS unlogged, nullif(c.reltuples, -1)::float8 AS estimated_rows,
    (CASE c.relfilenode WHEN 0 THEN pg_relation_filenode(c.oid) ELSE c.relfilenode END)::text AS file_node,
    (pg_stat_get_vacuum_count(c.oid) + pg_stat_get_autovacuum_count(c.oid))::int4 AS vacuums,
    (pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid))::float8 AS writes,
    has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
    row_security_active(c.oid) AS filtered
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am am ON am.oid = c.relam
  WHERE c.relkind IN ('r', 'm', 'f', 'p') AND c.relpersistence <> 't' AND (${USER_SCHEMAS_SQL} OR ${LARGE_OBJECTS} OR ${CATALOGUES})
  ORDER BY n.nspname, c.relname`;

/**
 * How each column can be hashed. A type's own function is used when PostgreSQL itself ships it and it takes the type as it is or by an
 * implicit cast that changes no bytes; everything else goes through text, also `anyarray`, whose collation nobody knows (pg_attribute has one).
 */
const COLUMNS = `
  WITH RECURSIVE base(type, base) AS (
    SELECT t.oid, t.oid FROM pg_type t WHERE t.typtype <> 'd'
    UNION ALL
    SELECT t.oid, b.base FROM pg_type t JOIN base b ON b.type = t.typbasetype WHERE t.typtype = 'd'
  ), hashes AS (
    SELECT DISTINCT ON (oc.opcintype) oc.opcintype AS type, p.proname AS name, p.proargtypes[0] AS takes
    FROM pg_opclass oc JOIN pg_am am ON am.oid = oc.opcmethod AND am.amname = 'hash'
    JOIN pg_amproc ap ON ap.amprocfamily = oc.opcfamily AND ap.amproclefttype = oc.opcintype
      AND ap.amprocrighttype = oc.opcintype AND ap.amprocnum = 2
    JOIN pg_proc p ON p.oid = ap.amproc JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'pg_catalog'
    WHERE oc.opcdefault ORDER BY oc.opcintype, oc.oid
  ), callable AS (
    SELECT type, name FROM hashes h WHERE type = takes OR EXISTS (SELECT FROM pg_cast k
      WHERE k.castsource = h.type AND k.casttarget = h.takes AND k.castmethod = 'b' AND k.castcontext = 'i')
  )
  SELECT a.attrelid::text AS relation, a.attnum::int4 AS number, a.attname AS name,
    CASE WHEN t.oid IN ('text'::regtype, 'varchar'::regtype) THEN 'function'
      WHEN t.oid = 'bool'::regtype THEN 'bool'
      WHEN t.oid = 'numeric'::regtype THEN 'numeric'
      WHEN t.typname IN ('numrange', 'nummultirange') THEN 'text'
      WHEN own.name IS NOT NULL THEN 'function'
      WHEN d.typtype = 'e' THEN 'enum'
      WHEN d.typcategory = 'A' AND d.typelem <> 0 AND d.typlen = -1 AND e.typtype <> 'd' AND e.typname NOT IN ('numeric', 'numrange', 'nummultirange')
        AND (element.name IS NOT NULL OR e.oid IN ('text'::regtype, 'varchar'::regtype) OR e.typtype = 'e') THEN 'array'
      ELSE 'text' END AS by,
    CASE WHEN t.oid IN ('text'::regtype, 'varchar'::regtype) THEN 'hashtextextended' ELSE own.name END AS hash_function,
    a.attcollation <> 0 AS collatable,
    concat_ws(' ', a.attnum, a.attname, a.atttypid, format_type(a.atttypid, a.atttypmod), a.attcollation, a.attstorage,
      a.attgenerated, a.attlen, a.attalign) AS described,
    a.attgenerated = 'v' AS computed,
    own.name IS NOT NULL OR d.typtype = 'e' OR (t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm')
      AND t.typname !~ '^(reg|money$)' AND NOT (t.typlen = -1 AND t.typelem <> 0)) OR (d.typcategory = 'A' AND d.typlen = -1
      AND e.typtype IN ('b', 'e') AND (e.typtype = 'e' OR e.typnamespace = 'pg_catalog'::regnamespace) AND e.typname !~ '^(reg|money$)') AS lasting
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN base b ON b.type = a.atttypid JOIN pg_type t ON t.oid = b.base JOIN pg_type d ON d.oid = a.atttypid
  LEFT JOIN pg_type e ON e.oid = d.typelem
  LEFT JOIN callable own ON own.type = t.oid AND t.typtype <> 'p' LEFT JOIN callable element ON element.type = d.typelem
  WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't' AND (${USER_SCHEMAS_SQL} OR ${LARGE_OBJECTS} OR ${CATALOGUES})
    AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY a.attrelid, a.attnum`;

interface RelationRow extends Record<string, unknown> {
  oid: string;
  schema: string;
  name: string;
  relkind: string;
  access_method: string | null;
  unlogged: boolean;
  estimated_rows: number | null;
  file_node: string;
  vacuums: number;
  writes: number;
  readable: boolean;
  filtered: boolean;
}

interface ColumnRow extends Record<string, unknown> {
  relation: string;
  number: number;
  name: string;
  by: HashedColumn['by'];
  hash_function: string | null;
  collatable: boolean;
  described: string;
  computed: boolean;
  lasting: boolean;
}

/** Everything in this database that may hold rows, in a fixed order. */
export async function listRelations(session: Session): Promise<Relation[]> {
  const relations = await session.rows<RelationRow>('list the tables', RELATIONS);
  const columns = new Map<string, ColumnRow[]>();
  for (const column of await session.rows<ColumnRow>('list the columns', COLUMNS)) {
    const of = columns.get(column.relation);
    if (of === undefined) columns.set(column.relation, [column]);
    else of.push(column);
  }
  return relations.map((row) => relation(row, columns.get(row.oid) ?? []));
}

function relation(row: RelationRow, columns: readonly ColumnRow[]): Relation {
  return {
    oid: row.oid,
    schema: row.schema,
    name: row.name,
    kind: kindOf(row),
    accessMethod: row.access_method,
    unlogged: row.unlogged,
    estimatedRows: row.estimated_rows,
    fileNode: row.file_node,
    vacuums: row.vacuums,
    writes: row.writes,
    unreadable: whyUnreadable(row),
    signature: columns.map(({ described }) => described).join('\n'),
    lasting: columns.every(({ computed, lasting }) => computed || lasting),
    columns: columns
      .filter(({ computed }) => !computed)
      .map(({ number, name, by, hash_function, collatable }) => ({
        number,
        name,
        by,
        hashFunction: hash_function,
        collatable,
      })),
  };
}

function kindOf({ schema, name, relkind }: RelationRow): Relation['kind'] {
  if (schema === 'pg_catalog') return name.startsWith('pg_largeobject') ? 'large objects' : 'catalogue';
  if (relkind === 'm') return 'materialized view';
  if (relkind === 'f') return 'foreign table';
  return relkind === 'p' ? 'partitioned table' : 'table';
}

function whyUnreadable({ readable, filtered, relkind, access_method }: RelationRow): string | null {
  if (relkind === 'f' || relkind === 'p') return null;
  if (!readable) return 'the role may not read it';
  if (filtered) return 'row-level security hides rows from the role';
  if (access_method !== 'heap') return `its storage (${access_method ?? 'unknown'}) keeps no heap blocks`;
  return null;
}

/** The files that the tables have at this moment, outside the snapshot. */
export async function fileNodesNow(
  session: Session,
  oids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await session.rows<{ oid: string; file: string }>(
    'look for rewritten tables',
    'SELECT o AS oid, coalesce(pg_relation_filenode(o::oid), 0)::text AS file FROM unnest($1::text[]) o',
    [oids],
  );
  return new Map(rows.map(({ oid, file }) => [oid, file]));
}
