import { join } from 'node:path';
import { type PostgresHost, PostgresServer, type ServerConfig } from '../pg/index.ts';
import { endOrphan } from '../pg/orphans.ts';
import { defined } from './defined.ts';
import { authorityNamed } from './certificate-handlers.ts';
import { admits } from './loopback.ts';
import { settingsOf } from './parameters.ts';
import type { InstanceRecord } from './records.ts';
import type { RdsStore } from './store.ts';

/** How a new server of an instance is reached, and what its parameter group says. */
export type Reach = Pick<ServerConfig, 'listen' | 'names' | 'authority' | 'admits' | 'settings'> & {
  readonly port?: number;
};

/** The PostgreSQL servers behind instances, by the instances' keys. */
export class InstanceServers {
  readonly #store: RdsStore;
  readonly host: PostgresHost;
  readonly #servers = new Map<string, PostgresServer>();

  constructor(store: RdsStore, host: PostgresHost) {
    this.#store = store;
    this.host = host;
    store.platform.networks.onSecurityGroupChanged((id) => this.#readmitAll(id));
  }

  running(key: string): PostgresServer | undefined {
    const server = this.#servers.get(key);
    return server?.running === true ? server : undefined;
  }

  /** A server that is there, and does not run. */
  dead(key: string): PostgresServer | undefined {
    const server = this.#servers.get(key);
    return server?.running === false ? server : undefined;
  }

  /** Running or not. @throws when there is none */
  required(key: string): PostgresServer {
    const server = this.#servers.get(key);
    if (!server) throw new Error(`Instance ${key} has no server.`);
    return server;
  }

  keep(key: string, server: PostgresServer): void {
    this.#servers.set(key, server);
  }

  /** Starts a server, and stops it again when it is no longer wanted by then. */
  async begin(key: string, server: PostgresServer, signal: AbortSignal): Promise<void> {
    await server.start();
    if (signal.aborted) await server.stop('immediate');
    signal.throwIfAborted();
    this.keep(key, server);
  }

  /** The server of an instance, opened when it was down as this life began. What its parameter group says now holds from its next start. */
  async reopened(key: string): Promise<PostgresServer> {
    const record = this.#store.instances.get(key);
    if (!record) throw new Error(`Instance ${key} is gone.`);
    const server =
      this.#servers.get(key) ?? (await PostgresServer.open(this.host, this.#store.instanceDir(record)));
    this.keep(key, server);
    await server.admit(admits(this.#store.platform.networks, record));
    if (!server.running) await server.configureSettings(settingsOf(this.#store, record));
    return server;
  }

  async stop(key: string): Promise<void> {
    await this.#servers.get(key)?.stop();
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.stop()));
  }

  /** Ends a server whose data nobody will need again. */
  async bury(key: string, record: InstanceRecord): Promise<void> {
    await this.#servers.get(key)?.stop('immediate');
    this.#servers.delete(key);
    await endOrphan(join(this.#store.instanceDir(record), 'data'));
    await this.#store.discard(this.#store.instanceDir(record));
  }

  reach(record: InstanceRecord): Reach {
    const name = `${record.id}.${record.dbiResourceId.slice(3, 15).toLowerCase()}.${record.region}.rds.amazonaws.com`;
    return {
      ...{ listen: record.address, names: [name] },
      ...(record.port > 0 && { port: record.port }),
      authority: authorityNamed(record.caIdentifier),
      admits: admits(this.#store.platform.networks, record),
      settings: settingsOf(this.#store, record),
    };
  }

  /** Writes down who may connect, after a change of the groups or of their rules. */
  async readmit(key: string): Promise<void> {
    const record = this.#store.instances.get(key);
    if (record) await this.#servers.get(key)?.admit(admits(this.#store.platform.networks, record));
  }

  /** Sets what a running server can take over at once; `undefined` brings the engine's default back. */
  async applySettings(key: string, changes: Readonly<Record<string, string | undefined>>): Promise<void> {
    const server = this.running(key);
    if (!server) return;
    await server.configureSettings(defined({ ...server.settings, ...changes }) as ServerConfig['settings']);
    server.reload();
  }

  /** @param caIdentifier as it was checked when it was asked for */
  async certify(key: string, caIdentifier: string): Promise<void> {
    await this.#servers.get(key)?.certify(authorityNamed(caIdentifier));
  }

  /** Folders without a record: left by a crash between the two, perhaps with a server running in them. */
  async endStrays(): Promise<void> {
    const known = [...this.#store.instances.values()].map((record) => this.#store.instanceDir(record));
    for (const dir of await this.#store.strays('instances', known)) {
      await endOrphan(join(dir, 'data'));
      await this.#store.discard(dir);
    }
  }

  #readmitAll(groupId: string): void {
    for (const [key, record] of this.#store.instances.entries()) {
      if (!record.securityGroupIds.includes(groupId)) continue;
      this.#store.platform.tasks.run(`rds: admit ${key}`, () => this.readmit(key));
    }
  }
}
