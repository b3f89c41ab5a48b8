import { escapeIdentifier, escapeLiteral } from 'pg';
import type { PostgresServer } from '../pg/index.ts';
import type { InstanceRecord } from './records.ts';

/** RDS's master is a member of rds_superuser and nearly a superuser. Here it is one: there is no way to grant "nearly". */
export async function makeMaster(
  server: PostgresServer,
  record: Pick<InstanceRecord, 'masterUsername' | 'dbName'>,
  verifier: string,
): Promise<void> {
  const master = escapeIdentifier(record.masterUsername);
  await server.asAdmin(async (client) => {
    await client.query('CREATE ROLE rds_superuser NOLOGIN; CREATE ROLE rds_iam NOLOGIN');
    await client.query(
      `CREATE ROLE ${master} LOGIN SUPERUSER CREATEDB CREATEROLE IN ROLE rds_superuser PASSWORD ${escapeLiteral(verifier)}`,
    );
    if (record.dbName !== undefined && record.dbName !== 'postgres')
      await client.query(`CREATE DATABASE ${escapeIdentifier(record.dbName)} OWNER ${master}`);
  });
}

export async function setMasterPassword(
  server: PostgresServer,
  username: string,
  verifier: string,
): Promise<void> {
  await server.admin(`ALTER ROLE ${escapeIdentifier(username)} PASSWORD ${escapeLiteral(verifier)}`);
}
