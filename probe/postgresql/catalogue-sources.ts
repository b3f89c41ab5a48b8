import { PROBE_SCHEMA, USER_SCHEMAS_SQL } from './names.ts';

/**
 * Where each kind of object is defined. Every source yields `name`, `definition` (the raw catalogue rows as text: a physical copy keeps
 * every object id, so they must be the same) and `version` (`xmin` of the row: it tells a row that was changed and changed back).
 * Plain reads of the snapshot only: nothing here calls a function that looks at today's catalogue, so DDL beside us cannot break it.
 */
export interface CatalogueSource {
  readonly kind: string;
  readonly sql: string;
  /** First `server_version_num` that has the catalogue. */
  readonly since?: number;
}

/** Fields of `pg_class` that vacuum, analyse and sampling rewrite in place. */
const VOLATILE_CLASS_FIELDS =
  '{relpages,reltuples,relallvisible,relallfrozen,relfrozenxid,relminmxid,relhasindex,relhasrules,relhastriggers,relhassubclass}';

const KINDS_OF_RELATION = `CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
  WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'composite type' ELSE 'index' END`;

const RELATION_NAME = `format('%I.%I', n.nspname, c.relname)`;
const USER_RELATION = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  AND c.relpersistence <> 't' AND ${USER_SCHEMAS_SQL}`;
/** Ids below belong to PostgreSQL itself. */
const FIRST_USER_ID = 16_384;

/** Objects that live in a schema, described by one row: name and schema columns follow the catalogue's own prefix. */
function inSchema(kind: string, catalogue: string, prefix: string): CatalogueSource {
  const sql = `SELECT format('%I.%I', n.nspname, x.${prefix}name) AS name, x::text AS definition, x.xmin AS version
    FROM ${catalogue} x JOIN pg_namespace n ON n.oid = x.${prefix}namespace AND ${USER_SCHEMAS_SQL}`;
  return { kind, sql };
}

/** Objects of the database that no schema holds, from the first user id on. */
function ofDatabase(kind: string, catalogue: string, name: string, since = 0): CatalogueSource {
  const sql = `SELECT ${name} AS name, x::text AS definition, x.xmin AS version
    FROM ${catalogue} x WHERE x.oid >= ${FIRST_USER_ID}`;
  return { kind, sql, since };
}

/** Objects that belong to one relation. `on` joins `x` to the relation `c`. */
function ofRelation(kind: string, catalogue: string, name: string, on: string): CatalogueSource {
  const sql = `SELECT ${RELATION_NAME} || '.' || ${name} AS name, x::text AS definition, x.xmin AS version
    FROM ${catalogue} x JOIN ${USER_RELATION} ON ${on}`;
  return { kind, sql };
}

export const DATABASE_SOURCES: readonly CatalogueSource[] = [
  {
    kind: 'schema',
    sql: `SELECT format('%I', n.nspname) AS name, n::text AS definition, n.xmin AS version FROM pg_namespace n WHERE ${USER_SCHEMAS_SQL}`,
  },
  {
    kind: 'relation',
    sql: `SELECT ${KINDS_OF_RELATION} || ' ' || ${RELATION_NAME} AS name,
      (to_jsonb(c) - '${VOLATILE_CLASS_FIELDS}'::text[])::text || (c.relacl::text IS NULL)::text AS definition, c.xmin AS version FROM ${USER_RELATION}`,
  },
  {
    kind: 'column',
    sql: `SELECT ${RELATION_NAME} || '.' || format('%I', x.attname) AS name, x::text AS definition, x.xmin AS version
      FROM pg_attribute x JOIN ${USER_RELATION} ON c.oid = x.attrelid
      WHERE x.attnum > 0 AND NOT x.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')`,
  },
  ofRelation(
    'default',
    'pg_attrdef',
    `(SELECT format('%I', a.attname) FROM pg_attribute a WHERE a.attrelid = x.adrelid AND a.attnum = x.adnum)`,
    'c.oid = x.adrelid',
  ),
  ofRelation('constraint', 'pg_constraint', `format('%I', x.conname)`, 'c.oid = x.conrelid'),
  {
    kind: 'domain constraint',
    sql: `SELECT format('%I.%I.%I', n.nspname, t.typname, x.conname) AS name, x::text AS definition, x.xmin AS version
      FROM pg_constraint x JOIN pg_type t ON t.oid = x.contypid JOIN pg_namespace n ON n.oid = t.typnamespace AND ${USER_SCHEMAS_SQL}`,
  },
  {
    kind: 'index state',
    sql: `SELECT ${RELATION_NAME} AS name, x::text AS definition, x.xmin AS version FROM pg_index x JOIN ${USER_RELATION} ON c.oid = x.indexrelid`,
  },
  {
    kind: 'sequence options',
    sql: `SELECT ${RELATION_NAME} AS name, x::text AS definition, x.xmin AS version FROM pg_sequence x JOIN ${USER_RELATION} ON c.oid = x.seqrelid`,
  },
  ofRelation('parent', 'pg_inherits', 'x.inhseqno::text', 'c.oid = x.inhrelid'),
  ofRelation('partition key', 'pg_partitioned_table', 'x.partstrat::text', 'c.oid = x.partrelid'),
  ofRelation('rule', 'pg_rewrite', `format('%I', x.rulename)`, 'c.oid = x.ev_class'),
  ofRelation('trigger', 'pg_trigger', `format('%I', x.tgname)`, 'c.oid = x.tgrelid'),
  ofRelation('policy', 'pg_policy', `format('%I', x.polname)`, 'c.oid = x.polrelid'),
  ofRelation('foreign options', 'pg_foreign_table', 'x.ftserver::text', 'c.oid = x.ftrelid'),
  {
    kind: 'function',
    sql: `SELECT format('%I.%I(%s)', n.nspname, x.proname, (SELECT string_agg(format('%I', t.typname), ', ' ORDER BY a.place)
        FROM unnest(x.proargtypes) WITH ORDINALITY a(type, place) JOIN pg_type t ON t.oid = a.type)) AS name,
      x::text AS definition, x.xmin AS version
      FROM pg_proc x JOIN pg_namespace n ON n.oid = x.pronamespace AND ${USER_SCHEMAS_SQL}`,
  },
  {
    kind: 'aggregate',
    sql: `SELECT format('%I.%I(%s)', n.nspname, p.proname, p.proargtypes::text) AS name, x::text AS definition, x.xmin AS version
      FROM pg_aggregate x JOIN pg_proc p ON p.oid = x.aggfnoid JOIN pg_namespace n ON n.oid = p.pronamespace AND ${USER_SCHEMAS_SQL}`,
  },
  inSchema('type', 'pg_type', 'typ'),
  {
    kind: 'enum value',
    sql: `SELECT format('%I.%I.%I', n.nspname, t.typname, x.enumlabel) AS name, x::text AS definition, x.xmin AS version
      FROM pg_enum x JOIN pg_type t ON t.oid = x.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace AND ${USER_SCHEMAS_SQL}`,
  },
  {
    kind: 'range',
    sql: `SELECT format('%I.%I', n.nspname, t.typname) AS name, x::text AS definition, x.xmin AS version
      FROM pg_range x JOIN pg_type t ON t.oid = x.rngtypid JOIN pg_namespace n ON n.oid = t.typnamespace AND ${USER_SCHEMAS_SQL}`,
  },
  {
    kind: 'extension',
    sql: `SELECT format('%I', x.extname) AS name, x::text AS definition, x.xmin AS version
      FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace WHERE n.nspname <> '${PROBE_SCHEMA}'`,
  },
  inSchema('collation', 'pg_collation', 'coll'),
  inSchema('conversion', 'pg_conversion', 'con'),
  {
    kind: 'operator',
    sql: `SELECT format('%I.%s(%s,%s)', n.nspname, x.oprname, x.oprleft, x.oprright) AS name, x::text AS definition, x.xmin AS version
      FROM pg_operator x JOIN pg_namespace n ON n.oid = x.oprnamespace AND ${USER_SCHEMAS_SQL}`,
  },
  {
    kind: 'operator class',
    sql: `SELECT format('%I.%I %s', n.nspname, x.opcname, x.opcmethod) AS name, x::text AS definition, x.xmin AS version
      FROM pg_opclass x JOIN pg_namespace n ON n.oid = x.opcnamespace AND ${USER_SCHEMAS_SQL}`,
  },
  {
    kind: 'operator family',
    sql: `SELECT format('%I.%I %s', n.nspname, x.opfname, x.opfmethod) AS name, x::text AS definition, x.xmin AS version
      FROM pg_opfamily x JOIN pg_namespace n ON n.oid = x.opfnamespace AND ${USER_SCHEMAS_SQL}`,
  },
  ofDatabase('operator of a family', 'pg_amop', 'x.oid::text'),
  ofDatabase('function of a family', 'pg_amproc', 'x.oid::text'),
  ofDatabase('cast', 'pg_cast', `format('%s to %s', x.castsource, x.casttarget)`),
  ofDatabase('language', 'pg_language', `format('%I', x.lanname)`),
  ofDatabase('access method', 'pg_am', `format('%I', x.amname)`),
  ofDatabase('transform', 'pg_transform', `format('%s for %s', x.trftype, x.trflang)`),
  inSchema('text search configuration', 'pg_ts_config', 'cfg'),
  inSchema('text search dictionary', 'pg_ts_dict', 'dict'),
  inSchema('text search parser', 'pg_ts_parser', 'prs'),
  inSchema('text search template', 'pg_ts_template', 'tmpl'),
  {
    kind: 'text search mapping',
    sql: `SELECT format('%I.%I %s %s', n.nspname, t.cfgname, x.maptokentype, x.mapseqno) AS name, x::text AS definition, x.xmin AS version
      FROM pg_ts_config_map x JOIN pg_ts_config t ON t.oid = x.mapcfg JOIN pg_namespace n ON n.oid = t.cfgnamespace AND ${USER_SCHEMAS_SQL}`,
  },
  inSchema('statistics', 'pg_statistic_ext', 'stx'),
  ofDatabase('publication', 'pg_publication', `format('%I', x.pubname)`),
  ofDatabase('published table', 'pg_publication_rel', `format('%s in %s', x.prrelid::regclass, x.prpubid)`),
  ofDatabase(
    'published schema',
    'pg_publication_namespace',
    `format('%s in %s', x.pnnspid, x.pnpubid)`,
    150_000,
  ),
  {
    kind: 'subscription',
    sql: `SELECT format('%I', x.subname) AS name, ROW(x.subowner, x.subenabled, x.subslotname, x.subpublications)::text AS definition,
      '0'::xid AS version FROM pg_subscription x WHERE x.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  },
  ofDatabase('foreign data wrapper', 'pg_foreign_data_wrapper', `format('%I', x.fdwname)`),
  ofDatabase('foreign server', 'pg_foreign_server', `format('%I', x.srvname)`),
  {
    // Options hold passwords: not even a digest of them leaves.
    kind: 'user mapping',
    sql: `SELECT format('%I for %I', x.srvname, x.usename) AS name, ROW(x.srvid, x.umuser)::text AS definition, '0'::xid AS version
      FROM pg_user_mappings x`,
  },
  ofDatabase(
    'default privileges',
    'pg_default_acl',
    `format('%s %s %s', x.defaclrole, x.defaclnamespace, x.defaclobjtype)`,
  ),
  ofDatabase('event trigger', 'pg_event_trigger', `format('%I', x.evtname)`),
  {
    kind: 'comment',
    sql: `SELECT format('%s on %s', x.objsubid, ${RELATION_NAME}) AS name, x::text AS definition, x.xmin AS version
      FROM pg_description x JOIN ${USER_RELATION} ON c.oid = x.objoid WHERE x.classoid = 'pg_class'::regclass`,
  },
  {
    kind: 'comment',
    sql: `SELECT format('on function %I.%I %s', n.nspname, p.proname, p.oid) AS name, x::text AS definition, x.xmin AS version
      FROM pg_description x JOIN pg_proc p ON p.oid = x.objoid AND x.classoid = 'pg_proc'::regclass
      JOIN pg_namespace n ON n.oid = p.pronamespace AND ${USER_SCHEMAS_SQL}`,
  },
  {
    kind: 'security label',
    sql: `SELECT format('%s %s %s %s', x.provider, x.classoid, x.objoid, x.objsubid) AS name, x::text AS definition, x.xmin AS version
      FROM pg_seclabel x`,
  },
];

/**
 * What belongs to the whole server. No versions here: a cloud provider re-sets passwords of its own roles when it restores, which
 * rewrites their rows and changes nothing that is compared.
 */
export const CLUSTER_SOURCES: readonly CatalogueSource[] = [
  {
    kind: 'role',
    sql: `SELECT format('%I', r.rolname) AS name, ROW(r.oid, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin,
        r.rolreplication, r.rolbypassrls, r.rolconnlimit, nullif(r.rolvaliduntil, 'infinity'), r.rolconfig)::text AS definition,
      '0'::xid AS version FROM pg_roles r WHERE r.oid >= ${FIRST_USER_ID} AND r.rolname <> 'rdsadmin'`,
  },
  {
    kind: 'membership',
    sql: `SELECT format('%I in %I by %s', m.rolname, r.rolname, x.grantor) AS name, x.admin_option::text AS definition,
        '0'::xid AS version
      FROM pg_auth_members x JOIN pg_roles r ON r.oid = x.roleid JOIN pg_roles m ON m.oid = x.member WHERE m.rolname <> 'rdsadmin'`,
  },
  {
    kind: 'setting',
    sql: `SELECT format('%I for %I', coalesce(d.datname, 'every database'), coalesce(r.rolname, 'every role')) AS name,
        x.setconfig::text AS definition, '0'::xid AS version
      FROM pg_db_role_setting x LEFT JOIN pg_database d ON d.oid = x.setdatabase LEFT JOIN pg_roles r ON r.oid = x.setrole
      WHERE coalesce(r.rolname, '') <> 'rdsadmin' AND coalesce(d.datname, '') <> 'rdsadmin'`,
  },
  {
    kind: 'tablespace',
    sql: `SELECT format('%I', x.spcname) AS name, x::text AS definition, '0'::xid AS version FROM pg_tablespace x`,
  },
  {
    kind: 'database',
    sql: `SELECT format('%I', x.datname) AS name, ROW(x.oid, pg_get_userbyid(x.datdba), pg_encoding_to_char(x.encoding), x.datcollate,
        x.datctype, x.datistemplate, x.datallowconn, x.datconnlimit, x.dattablespace, x.datacl)::text AS definition, '0'::xid AS version
      FROM pg_database x WHERE x.datname <> 'rdsadmin'`,
  },
];
