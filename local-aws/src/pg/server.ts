import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, type ClientConfig } from 'pg';
import { hbaFile, ADMIN_ROLE } from './hba.ts';
import { type AuthorityName, DEFAULT_AUTHORITY, ownedFolder, type PostgresHost } from './host.ts';
import { endOrphan, endProcess, readPostmaster } from './orphans.ts';
import { freePort } from './ports.ts';

/** How one server is reached and set up; kept in `server.json`, so that it comes back the same. */
export interface ServerConfig {
  /** A loopback address. */
  readonly listen: string;
  /** Further addresses it listens on, on the same port. */
  readonly alsoListen?: readonly string[];
  /** Addresses at which somebody else passes connections on to it: its certificate holds them, too. */
  readonly alsoKnownAs?: readonly string[];
  readonly port: number;
  /** DNS names for its certificate, next to the address itself. */
  readonly names: readonly string[];
  /** Who issues its certificate; left out: the default one. */
  readonly authority?: AuthorityName;
  /** Blocks whose addresses may connect, with TLS and a password. */
  readonly admits: readonly string[];
  /** `postgresql.conf` settings that override ours. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

export type NewServer = Pick<ServerConfig, 'listen'> & Partial<ServerConfig>;

/** Small enough for a dozen servers on a laptop, and all that physical snapshots need. */
const SETTINGS = {
  shared_buffers: '32MB',
  max_connections: 60,
  wal_level: 'replica',
  max_wal_senders: 2,
  max_replication_slots: 10, // the archive's, one per snapshot being taken, and the users' own
  max_wal_size: '256MB',
  min_wal_size: '8MB',

  // Whoever is killed, process or server, nothing is lost: the kernel has it. Only a power cut could damage a database, and
  // with fsync one busy disk makes each backup and each restore wait for seconds.
  fsync: 'off',
  max_logical_replication_workers: 0,
  unix_socket_directories: '',
  ssl: 'on',
  ssl_min_protocol_version: 'TLSv1.2',
  password_encryption: 'scram-sha-256',
  log_destination: 'stderr',
  log_line_prefix: '%t:%r:%u@%d:[%p]:',
  log_timezone: 'UTC',
  timezone: 'UTC',
} as const;

/** What only newer servers understand. */
function settingsOf(major: number): Record<string, string> {
  return {
    ...(major >= 17 && { allow_alter_system: 'off' }), // as in RDS: settings come from outside the data
    ...(major >= 18 && { io_method: 'sync' }), // spares each server three worker processes
  };
}

const START_PATIENCE_MS = 60_000;
const LOG_ROTATES_AT = 10 * 1024 * 1024;

/** One PostgreSQL server in a folder of its own: `data/`, `conf/` (rules, certificates) and `log/` side by side. */
export class PostgresServer {
  readonly #host: PostgresHost;
  #config: ServerConfig;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  readonly dir: string;

  private constructor(host: PostgresHost, dir: string, config: ServerConfig) {
    this.#host = host;
    this.dir = dir;
    this.#config = config;
  }

  /** Makes a new, empty cluster; it is not started. */
  static async create(host: PostgresHost, dir: string, server: NewServer): Promise<PostgresServer> {
    await ownedFolder(host, dir);
    await initdb(host, join(dir, 'data'));
    return PostgresServer.configure(host, dir, server);
  }

  /** Gives a cluster that lies in `dir/data` (made, copied or restored) an address, a port, rules and a certificate of its own. */
  static async configure(host: PostgresHost, dir: string, server: NewServer): Promise<PostgresServer> {
    const { listen, alsoListen = [], alsoKnownAs = [], names = [], admits = [], settings = {} } = server;
    const authority = server.authority ?? DEFAULT_AUTHORITY;
    const port = await freePort(listen, server.port);
    const config = { listen, alsoListen, alsoKnownAs, port, names, authority, admits, settings };
    const made = new PostgresServer(host, dir, config);
    await ownedFolder(host, join(dir, 'conf'));
    await ownedFolder(host, join(dir, 'log'));
    await ownedFolder(host, join(dir, 'log', 'error'));
    await made.#writeCertificate();
    await made.#writeConfig();
    return made;
  }

  /** A server configured in an earlier life. One that still runs from then is ended first. */
  static async open(host: PostgresHost, dir: string): Promise<PostgresServer> {
    const config = JSON.parse(await readFile(join(dir, 'server.json'), 'utf8')) as ServerConfig;
    await endOrphan(join(dir, 'data'));
    return new PostgresServer(host, dir, config);
  }

  get host(): PostgresHost {
    return this.#host;
  }
  get dataDir(): string {
    return join(this.dir, 'data');
  }
  get logFile(): string {
    return join(this.dir, 'log', 'error', 'postgres.log');
  }
  get address(): string {
    return this.#config.listen;
  }
  get port(): number {
    return this.#config.port;
  }
  get admits(): readonly string[] {
    return this.#config.admits;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }
  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Starts and waits until it accepts connections. A port that was taken meanwhile is replaced, and the new one kept. */
  async start({ patienceMs = START_PATIENCE_MS }: { patienceMs?: number } = {}): Promise<void> {
    if (this.#child) return;
    await endOrphan(this.dataDir);
    await this.#writeConfig();
    for (let attempt = 1; ; attempt++) {
      const from = await this.#logSize();
      const failure = await this.#startOnce(patienceMs);
      if (failure === undefined) return;
      const said = await this.#logSince(from);
      const portTaken = /could not bind .*Address already in use/.test(said);
      if (!portTaken || attempt === 5) throw new StartFailure(this.dir, failure, said);
      this.#config = { ...this.#config, port: await freePort(this.address) };
      await this.#writeConfig();
    }
  }

  /** Ends the server: `fast` rolls open work back and checkpoints, `immediate` is a crash. */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    child.ref(); // else a process with nothing else to do would end before the server has
    if (mode === 'immediate') child.kill('SIGQUIT');
    else await endProcess(child.pid);
    await this.#ended;
  }

  /** Changes who may connect. Sessions that are open stay open, as with a security group. */
  async admit(blocks: readonly string[]): Promise<void> {
    this.#config = { ...this.#config, admits: [...blocks] };
    await this.#writeConfig();
    this.#child?.kill('SIGHUP');
  }

  /** Gives it a certificate of this authority; new sessions meet it at once. */
  async certify(authority: AuthorityName): Promise<void> {
    this.#config = { ...this.#config, authority };
    await this.#writeCertificate();
    await this.#writeConfig();
    this.reload();
  }

  get settings(): ServerConfig['settings'] {
    return this.#config.settings;
  }

  /** Has a running server read its configuration again. */
  reload(): void {
    this.#child?.kill('SIGHUP');
  }

  /** Replaces our `postgresql.conf` settings; they hold from the next start, or those that can from `reload`. */
  async configureSettings(settings: ServerConfig['settings']): Promise<void> {
    this.#config = { ...this.#config, settings };
    await this.#writeConfig();
  }

  /** How the service itself logs in: role `rdsadmin`, by certificate. */
  adminConfig(database = 'postgres'): ClientConfig {
    const { cert, key } = this.#host.admin;
    return {
      host: this.address,
      port: this.port,
      user: ADMIN_ROLE,
      database,
      application_name: 'rdsadmin',
      options: '-c post_auth_delay=0', // which a fault rule may have set for everybody else
      ssl: { ca: this.#host.trusted, cert, key },
    };
  }

  /** Runs `work` on a connection of the service's own superuser. */
  async asAdmin<T>(work: (client: Client) => Promise<T>, database?: string): Promise<T> {
    const client = new Client(this.adminConfig(database));
    client.on('error', () => undefined); // a connection that breaks between queries; the query itself reports it
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  /** One statement as the service's own superuser; returns its rows. */
  admin<R extends Record<string, unknown>>(
    sql: string,
    values: unknown[] = [],
    database?: string,
  ): Promise<R[]> {
    return this.asAdmin(async (client) => (await client.query<R>(sql, values)).rows, database);
  }

  async #startOnce(patienceMs: number): Promise<string | undefined> {
    const { binaries, account, setpriv } = this.#host;
    await this.#rotateLog();
    const log = await open(this.logFile, 'a', 0o640);
    const args = ['-D', this.dataDir, '-c', `config_file=${join(this.dir, 'conf', 'postgresql.conf')}`];
    const program = setpriv ?? binaries.postgres;
    const prefix = setpriv ? ['--pdeathsig=INT', '--', binaries.postgres] : [];
    const child = spawn(program, [...prefix, ...args], {
      cwd: this.dir,
      env: binaries.env,
      stdio: ['ignore', log.fd, log.fd],
      detached: true, // Ctrl-C reaches us, not the servers: we end them in order
      ...(account && { uid: account.uid, gid: account.gid }),
    });
    await log.close();
    let failure: string | undefined;
    this.#ended = new Promise((resolve) => {
      const over = (why: string) => {
        failure = why;
        if (this.#child === child) this.#child = undefined;
        resolve();
      };
      child.once('error', (cause) => over(cause.message));
      child.once('exit', (code, signal) =>
        over(signal ? `it was ended by ${signal}` : `it exited with status ${code ?? '?'}`),
      );
    });
    this.#child = child;
    child.unref();
    // `failure` is set by the listeners above, which the compiler cannot see.
    const failed = () => failure;
    const until = Date.now() + patienceMs;
    while (failed() === undefined) {
      const postmaster = await readPostmaster(this.dataDir);
      if (postmaster?.pid === child.pid && postmaster?.ready === true) return undefined;
      await sleep(5);
      if (Date.now() < until) continue;
      await this.stop('immediate');
      return `it did not accept connections within ${patienceMs / 1000} s`;
    }
    return failed();
  }

  async #writeConfig(): Promise<void> {
    const conf = join(this.dir, 'conf');
    const settings = {
      ...SETTINGS,
      ...settingsOf(this.#host.binaries.major),
      listen_addresses: [this.address, ...(this.#config.alsoListen ?? [])].join(','),
      port: this.port,
      hba_file: join(conf, 'pg_hba.conf'),
      ident_file: join(conf, 'pg_ident.conf'),
      ssl_cert_file: join(conf, 'server.crt'),
      ssl_key_file: join(conf, 'server.key'),
      ssl_ca_file: join(conf, 'service-authority.crt'),
      ...this.#config.settings,
    };
    const lines = Object.entries(settings).map(
      ([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'`,
    );
    await this.#write(join(conf, 'postgresql.conf'), `# Written by the local AWS.\n${lines.join('\n')}\n`);
    await this.#write(join(conf, 'pg_hba.conf'), hbaFile(this.#config.admits));
    await this.#write(join(conf, 'pg_ident.conf'), '');
    await this.#write(join(this.dir, 'server.json'), JSON.stringify(this.#config, null, 2));
  }

  async #writeCertificate(): Promise<void> {
    const { authorities, adminAuthority } = this.#host;
    const { listen, alsoListen = [], alsoKnownAs = [], names, authority = DEFAULT_AUTHORITY } = this.#config;
    const { cert, key } = await authorities[authority].issueServer({
      commonName: names[0] ?? listen,
      addresses: [...new Set([listen, ...alsoListen, ...alsoKnownAs])],
      names,
    });
    await this.#write(join(this.dir, 'conf', 'server.crt'), cert);
    await this.#write(join(this.dir, 'conf', 'server.key'), key);
    await this.#write(join(this.dir, 'conf', 'service-authority.crt'), adminAuthority.pem);
  }

  async #write(path: string, text: string): Promise<void> {
    const unfinished = `${path}.new`;
    await rm(unfinished, { force: true });
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await file.writeFile(text);
      if (this.#host.account) await file.chown(this.#host.account.uid, this.#host.account.gid);
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  }

  async #rotateLog(): Promise<void> {
    if ((await this.#logSize()) > LOG_ROTATES_AT) await rename(this.logFile, `${this.logFile}.1`);
  }

  async #logSize(): Promise<number> {
    return stat(this.logFile).then(
      ({ size }) => size,
      () => 0,
    );
  }

  async #logSince(from: number): Promise<string> {
    return (await readFile(this.logFile)).subarray(from).toString('utf8');
  }
}

/** PostgreSQL did not come up; `log` is what it said. */
export class StartFailure extends Error {
  readonly log: string;
  constructor(dir: string, why: string, log: string) {
    const fatal = log.split('\n').filter((line) => /(FATAL|PANIC|error while loading)/.test(line));
    super(
      `PostgreSQL in ${dir} did not start: ${why}. ${fatal.at(-1) ?? log.trim().split('\n').at(-1) ?? ''}`.trim(),
    );
    this.name = 'StartFailure';
    this.log = log;
  }
}

async function initdb(host: PostgresHost, dataDir: string): Promise<void> {
  const { binaries, account } = host;
  const args = [
    ...['-D', dataDir, '-U', ADMIN_ROLE, '--auth=reject', '--encoding=UTF8', '--no-sync'],
    ...(binaries.major >= 14 ? ['--no-instructions'] : []),
    ...['--wal-segsize=1', '--data-checksums'],
    // Collation that depends on PostgreSQL alone: a snapshot sorts the same on every computer.
    ...(binaries.major >= 17
      ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
      : ['--locale=C']),
  ];
  const ids = account ? { uid: account.uid, gid: account.gid } : {};
  await promisify(execFile)(binaries.initdb, args, { env: binaries.env, cwd: '/', ...ids }).catch(
    (cause: unknown) => {
      const said = (cause as { stderr?: string }).stderr?.trim() ?? '';
      throw new Error(`initdb could not make a database cluster in ${dataDir}: ${said}`, { cause });
    },
  );
  // Ours lies in conf/, outside the data: a snapshot carries no rules and no keys.
  await Promise.all(
    ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf'].map((name) =>
      rm(join(dataDir, name), { force: true }),
    ),
  );
  await writeFile(join(dataDir, 'postgresql.auto.conf'), '', { flag: 'a' });
}
