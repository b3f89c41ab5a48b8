import type pg from 'pg';

export const READER_ROLE = 'lifeboat_reader';

/**
 * Creates the role that the prober reads with, or gives it a new password: it may read every table and every statistic, and write nothing.
 * @returns whether it sees through row-level security; only a superuser may grant that, and a master user of RDS is none.
 */
export async function ensureReader(
  client: pg.Client,
  password: string,
): Promise<{ bypassesRowSecurity: boolean }> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [READER_ROLE]);
  const verb = rowCount === 0 ? 'CREATE' : 'ALTER';
  await client.query(
    `${verb} ROLE ${READER_ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${client.escapeLiteral(password)}`,
  );
  await client.query(`GRANT pg_read_all_data, pg_monitor TO ${READER_ROLE}`);
  await client.query(`ALTER ROLE ${READER_ROLE} SET default_transaction_read_only = on`);
  return { bypassesRowSecurity: await bypassRowSecurity(client) };
}

async function bypassRowSecurity(client: pg.Client): Promise<boolean> {
  try {
    await client.query(`ALTER ROLE ${READER_ROLE} BYPASSRLS`);
    return true;
  } catch (err) {
    const INSUFFICIENT_PRIVILEGE = '42501';
    if ((err as { code?: string }).code === INSUFFICIENT_PRIVILEGE) return false;
    throw err;
  }
}
