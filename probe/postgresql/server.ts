import { QueryRefused } from '../errors.ts';
import type { ProbeTarget } from '../engine.ts';
import type { NotExamined, ServerIdentity } from './fingerprint.ts';
import { Session } from './session.ts';

/** RDS keeps its own bookkeeping there and lets nobody in. */
const PROVIDER_DATABASES = ['rdsadmin'];
const DEFAULT_DATABASE = 'postgres';

/** Runs `use` in the database that every server has, or in the one the target names. */
export async function openFirst(target: ProbeTarget, signal: AbortSignal): Promise<Session> {
  return Session.open(target, target.database ?? DEFAULT_DATABASE, signal);
}

/** Asks a question that a role or a provider may forbid. Null when it was refused; losing the connection still throws. */
export async function ifAllowed<T>(question: Promise<T>): Promise<T | null> {
  try {
    return await question;
  } catch (error) {
    if (error instanceof QueryRefused) return null;
    throw error;
  }
}

export async function identify(session: Session): Promise<ServerIdentity> {
  const server = await session.row<{
    version: string;
    number: string;
    about: string;
    checksums: string;
    block: string;
    since: Date | null;
  }>(
    'identify the server',
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number, version() AS about,
       current_setting('data_checksums') AS checksums, current_setting('block_size') AS block,
       (SELECT stats_reset FROM pg_stat_bgwriter) AS since`,
  );
  const system = await ifAllowed(
    session.row<{ id: string }>(
      'read the system identifier',
      'SELECT system_identifier::text AS id FROM pg_control_system()',
    ),
  );
  const checkpoint = await ifAllowed(
    session.row<{ timeline: number }>(
      'read the timeline',
      'SELECT timeline_id::int4 AS timeline FROM pg_control_checkpoint()',
    ),
  );
  return {
    version: server.version,
    versionNumber: Number(server.number),
    architecture: / on ([^ ,]+)/.exec(server.about)?.[1] ?? 'unknown',
    systemIdentifier: system?.id ?? null,
    timeline: checkpoint?.timeline ?? null,
    dataChecksums: server.checksums === 'on',
    blockSize: Number(server.block),
    statisticsSince: server.since?.toISOString() ?? null,
  };
}

/** Names of the databases to look into, and those that the role may not enter. Templates and the provider's own are left out. */
export async function listDatabases(session: Session): Promise<{ open: string[]; closed: NotExamined[] }> {
  const rows = await session.rows<{ name: string; allowed: boolean }>(
    'list the databases',
    `SELECT datname AS name, has_database_privilege(oid, 'CONNECT') AS allowed FROM pg_database
     WHERE datallowconn AND NOT datistemplate AND datname <> ALL ($1::text[]) ORDER BY datname`,
    [PROVIDER_DATABASES],
  );
  return {
    open: rows.filter(({ allowed }) => allowed).map(({ name }) => name),
    closed: rows
      .filter(({ allowed }) => !allowed)
      .map(({ name }) => ({ what: name, reason: 'the role may not connect to it', rows: null })),
  };
}
