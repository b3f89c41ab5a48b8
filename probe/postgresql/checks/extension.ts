import { QueryRefused } from '../../errors.ts';
import { PROBE_SCHEMA, quoted } from '../names.ts';
import type { Session } from '../session.ts';

const UNIQUE_VIOLATION = '23505';
const DUPLICATE_OBJECT = '42710';

/**
 * Makes an extension available on a copy, in a schema of our own that every comparison leaves out. An extension that is already there is used
 * as it is.
 * @returns the schema to call it in, quoted.
 * @throws QueryRefused when the server does not have it or the role may not create it.
 */
export async function extensionOnCopy(session: Session, name: 'amcheck' | 'pg_prewarm'): Promise<string> {
  const present = await schemaOf(session, name);
  if (present !== null) return present;
  try {
    await session.run(
      `create the extension ${name} on the copy`,
      `SET default_transaction_read_only = off; CREATE SCHEMA IF NOT EXISTS ${PROBE_SCHEMA};
       CREATE EXTENSION IF NOT EXISTS ${name} SCHEMA ${PROBE_SCHEMA}`,
    );
  } catch (error) {
    const raced =
      error instanceof QueryRefused && [UNIQUE_VIOLATION, DUPLICATE_OBJECT].includes(error.sqlState);
    if (!raced) throw error;
    // Another check of the same drill was faster; what it made is ours, too.
  }
  const made = await schemaOf(session, name);
  if (made === null) throw new QueryRefused(DUPLICATE_OBJECT, `create the extension ${name} on the copy`);
  return made;
}

async function schemaOf(session: Session, name: string): Promise<string | null> {
  const [row] = await session.rows<{ schema: string }>(
    `look for the extension ${name}`,
    'SELECT n.nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1',
    [name],
  );
  return row === undefined ? null : quoted(row.schema);
}
