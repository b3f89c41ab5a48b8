import type { Finding } from '../../../domain/verdict.ts';
import { displayName } from '../fingerprint.ts';
import type { Session } from '../session.ts';
import { doubt } from './check.ts';

/**
 * Collations whose rules changed under the data: text indexes sorted by the old rules may miss rows. Only those that a column uses, and
 * the database's own.
 */
export async function collationFindings(session: Session): Promise<Finding[]> {
  const used = await session.rows<{ schema: string; name: string }>(
    'compare the versions of the collations',
    `SELECT n.nspname AS schema, c.collname AS name FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
     WHERE c.collversion <> pg_collation_actual_version(c.oid)
       AND EXISTS (SELECT FROM pg_attribute a WHERE a.attcollation = c.oid AND a.attrelid >= 16384)`,
  );
  // The database has its own version from PostgreSQL 15 on; through jsonb the question is valid on every version.
  const own = await session.rows(
    'compare the version of the database collation',
    `SELECT 1 FROM pg_database d WHERE d.datname = current_database()
       AND to_jsonb(d) ->> 'datcollversion' <> (SELECT pg_collation_actual_version(c.oid) FROM pg_collation c
         WHERE c.collname = 'default' AND c.collnamespace = 'pg_catalog'::regnamespace)`,
  );
  const message =
    'the rules of this collation changed since the data was sorted: REINDEX, then REFRESH VERSION';
  return [
    ...used.map(({ schema, name }) =>
      doubt('collation-version', message, displayName(session.database, schema, name)),
    ),
    ...own.map(() => doubt('collation-version', message, `${session.database}, its default collation`)),
  ];
}
