/** The one place where the probe may create something, on a copy only. Left out of every comparison. */
export const PROBE_SCHEMA = 'lifeboat_probe';

/** A name as SQL wants it, whatever it contains. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function qualified(schema: string, name: string): string {
  return `${quoted(schema)}.${quoted(name)}`;
}

/** As `format('%I.%I')` writes it, keywords apart: the form in which the catalogue names objects. */
export function catalogueName(...parts: readonly string[]): string {
  return parts.map((part) => (/^[a-z_][a-z0-9_]*$/.test(part) ? part : quoted(part))).join('.');
}

/** True for schemas whose objects belong to the users of a database. `n` is the alias of `pg_namespace`. */
export const USER_SCHEMAS_SQL = `(n.nspname NOT IN ('pg_catalog', 'information_schema', '${PROBE_SCHEMA}')
  AND n.nspname !~ '^pg_(toast|temp_|toast_temp_)')`;
