import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import {
  type PostgresHost,
  PostgresServer,
  openPostgresHost,
  restoreSnapshot,
  takeSnapshot,
} from 'lifeboat-local-aws/pg';
import type { CheckContext, ProbeHooks, ProbeTarget } from '../../probe/engine.ts';
import type { Fingerprint } from '../../probe/postgresql/fingerprint.ts';
import type { KnownNight } from '../../probe/postgresql/memory.ts';
import { postgresql } from '../../probe/postgresql/engine.ts';
import { STANDARD_CHECKS, type CheckResult, type DatabaseCheckId } from '../../domain/verdict.ts';

const run = promisify(execFile);
/** Copies share their blocks with the origin where `cp` and the file system can. */
const CLONING = process.platform === 'linux' ? ['--reflink=auto'] : [];

export const SEED = 'a seed for tests';
const PASSWORD = 'only-for-tests';
export const PROBER = 'prober';
/** Some parts have their turn every night. */
const REREAD_WITHIN = 5;

/** Hooks that never cancel. */
export function hooks(signal: AbortSignal = new AbortController().signal): ProbeHooks {
  return { heartbeat: () => undefined, signal, now: () => new Date() };
}

/** A source, its snapshots and copies in one temporary folder, all gone after `end()`. */
export class ProbeLab {
  readonly #folder: string;
  readonly #host: PostgresHost;
  readonly #servers = new Set<PostgresServer>();
  #next = 0;

  private constructor(folder: string, host: PostgresHost) {
    this.#folder = folder;
    this.#host = host;
  }

  /** @param embedded name under which other PostgreSQL binaries than the usual ones are installed. */
  static async open(embedded?: string): Promise<ProbeLab> {
    const folder = await mkdtemp(join(tmpdir(), 'lifeboat-probe-'));
    await chmod(folder, 0o755); // the servers' account must get through when we are root
    return new ProbeLab(folder, await openPostgresHost({ stateDir: folder, embedded }));
  }

  /** A new, empty server with the role that the probe uses. */
  async source(settings: Readonly<Record<string, string | number | boolean>> = {}): Promise<PostgresServer> {
    const server = await PostgresServer.create(this.#host, this.#path('source'), this.#config(settings));
    this.#servers.add(server);
    await server.start();
    await server.admin(`CREATE ROLE ${PROBER} LOGIN SUPERUSER PASSWORD '${PASSWORD}'`);
    return server;
  }

  /** A physical snapshot of a running server; the path it lies at. */
  async snapshot(server: PostgresServer): Promise<string> {
    const path = this.#path('snapshot');
    await takeSnapshot(server, path);
    return path;
  }

  /** A copy that is not started yet, so that its files may be damaged first. */
  async restore(
    snapshot: string,
    settings: Readonly<Record<string, string | number | boolean>> = {},
  ): Promise<PostgresServer> {
    const server = await restoreSnapshot(this.#host, snapshot, this.#path('copy'), this.#config(settings));
    this.#servers.add(server);
    return server;
  }

  /** As it is after recovery and a clean stop: every page is where it belongs, and damage done now stays. */
  async restoreAtRest(snapshot: string): Promise<PostgresServer> {
    const server = await this.restore(snapshot);
    await server.start();
    await server.stop('fast');
    return server;
  }

  /** Another server with the files of a stopped one; blocks are shared where the file system can. */
  async duplicate(stopped: PostgresServer): Promise<PostgresServer> {
    const dir = this.#path('copy');
    await mkdir(dir, { mode: 0o711 });
    await run('cp', [...CLONING, '-a', stopped.dataDir, join(dir, 'data')]);
    const server = await PostgresServer.configure(this.#host, dir, this.#config({}));
    this.#servers.add(server);
    return server;
  }

  target(server: PostgresServer, user = PROBER): ProbeTarget {
    return {
      host: server.address,
      port: server.port,
      user,
      password: PASSWORD,
      ca: this.#host.authority.pem,
    };
  }

  /** @param remembering the night's number, and the one before it, when what did not change is not to be read again. */
  async fingerprint(
    server: PostgresServer,
    before?: Fingerprint,
    remembering?: { readonly night: number; readonly known?: KnownNight | undefined },
  ): Promise<Fingerprint> {
    const { night, known } = remembering ?? {};
    const request = {
      ...(before === undefined ? { pass: 'before' as const } : { pass: 'after' as const, before }),
      ...(known === undefined ? {} : { known }),
      ...(night === undefined
        ? { seed: SEED }
        : { seed: `${SEED} ${night}`, load: { timeZone: 'UTC', night, rereadWithin: REREAD_WITHIN } }),
    };
    return postgresql.fingerprint(this.target(server), request, hooks());
  }

  async end(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => server.stop('immediate')));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  /** Ends one server early, files and all. */
  async discard(server: PostgresServer): Promise<void> {
    await server.stop('immediate');
    await rm(server.dir, { recursive: true, force: true });
    this.#servers.delete(server);
  }

  /** Removes a snapshot that nobody will restore any more. */
  async forget(snapshot: string): Promise<void> {
    await rm(snapshot, { recursive: true, force: true });
  }

  #path(what: string): string {
    this.#next += 1;
    return join(this.#folder, `${what}-${this.#next}`);
  }

  #config(settings: Readonly<Record<string, string | number | boolean>>) {
    return { listen: '127.0.0.1', admits: ['127.0.0.0/8'], settings: { fsync: 'off', ...settings } };
  }
}

/** A plain superuser session, to work like an application. Must be ended. */
export async function connect(
  lab: ProbeLab,
  server: PostgresServer,
  database = 'postgres',
): Promise<pg.Client> {
  const { ca, ...rest } = lab.target(server);
  const client = new pg.Client({ ...rest, database, ssl: { ca } });
  client.on('error', () => undefined); // the server may be stopped under it
  await client.connect();
  return client;
}

/** Runs statements one by one, as a superuser. */
export async function sql(
  lab: ProbeLab,
  server: PostgresServer,
  statements: readonly string[],
  database = 'postgres',
) {
  const client = await connect(lab, server, database);
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

export async function runChecks(
  context: CheckContext,
  ids: readonly DatabaseCheckId[] = STANDARD_CHECKS,
): Promise<Record<DatabaseCheckId, CheckResult>> {
  const results: Partial<Record<DatabaseCheckId, CheckResult>> = {};
  for (const id of ids) results[id] = await postgresql.check(id, context, hooks());
  return results as Record<DatabaseCheckId, CheckResult>;
}
