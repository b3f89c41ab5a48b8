import { rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { pino, type Logger } from 'pino';
import { registerAdminRoutes } from './admin-routes.ts';
import { assemble, type Assembly } from './assemble.ts';
import type { AccessKey, AccountSpec } from './auth/key-store.ts';
import type { PaceSettings } from './clock/pace.ts';
import { backupHook } from './faults/backup-hook.ts';
import { cloudTrailService } from './cloudtrail/service.ts';
import { cloudWatchService } from './cloudwatch/service.ts';
import { databaseInterfaces } from './ec2/database-interfaces.ts';
import { ec2Service } from './ec2/service.ts';
import { iamService } from './iam/service.ts';
import { kmsService } from './kms/service.ts';
import { secretsService } from './secretsmanager/service.ts';
import { createBackup } from './backup/index.ts';
import { throughSns } from './backup/through-sns.ts';
import { createRds } from './rds/index.ts';
import { s3Service } from './s3/service.ts';
import { createAwsServer, listenOnLoopback } from './server.ts';
import { snsService } from './sns/service.ts';
import { openStateFolder, STATUS_FILE } from './state-folder.ts';
import { stsService } from './sts/service.ts';
import { taggingService } from './tagging/service.ts';
import { Endpoints } from './wire/dispatch.ts';
import type { Service } from './wire/handlers.ts';

export interface LocalAwsOptions {
  readonly stateDir: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly adminPort: number;
  readonly accounts: readonly AccountSpec[];
  /** Real seconds per AWS second and single durations; default: a restore takes less than a second. */
  readonly pace?: PaceSettings;
  /** A JSON file of fault rules, read at start and again whenever it changes. */
  readonly faultFile?: string | undefined;
  readonly log?: Logger;
  /** PostgreSQL programs to use instead of the embedded ones. */
  readonly pgBinDir?: string | undefined;
}

export interface LocalAws {
  /** For AWS_ENDPOINT_URL. */
  readonly endpoint: string;
  readonly adminEndpoint: string;
  /** Administrator keys by account id; the same after a restart. */
  readonly accounts: Readonly<Record<string, AccessKey>>;
  /** Ids of the accounts that this start made. */
  readonly newAccounts: readonly string[];
  /** PEM file of the authority that signs the databases' certificates, as RDS's global bundle. */
  readonly caBundle: string;
  /** What is implemented, by service, of how many operations in the model. Loads all models. */
  operations(): Promise<Readonly<Record<string, Coverage>>>;
  close(): Promise<void>;
}

export interface Coverage {
  readonly implemented: readonly string[];
  readonly inModel: number;
}

/** Starts AWS on this computer, with the state that it finds in `stateDir`. */
export async function startLocalAws(options: LocalAwsOptions): Promise<LocalAws> {
  const log = options.log ?? pino({ name: 'local-aws', level: 'warn' });
  const folder = openStateFolder(options.stateDir);
  let assembly: Assembly | undefined;
  let services: readonly Service[] = [];
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(stopServer));
    assembly?.abort();
    for (const service of services) await service.close?.();
    await assembly?.stop();
    rmSync(join(folder.path, STATUS_FILE), { force: true });
    folder.release();
  };
  try {
    assembly = assemble(folder.path, options, log);
    const known = new Set(assembly.keyStore.accounts().map(({ id }) => id));
    await assembly.keyStore.ensureAccounts(options.accounts);
    const built = await createServices(assembly, options.pgBinDir);
    services = built.services;
    registerAdminRoutes(assembly);
    const { keyStore, faults, platform, admin } = assembly;
    const endpoints = new Endpoints(services);
    const server = createAwsServer({
      endpoints,
      keys: keyStore,
      clock: platform.clock,
      events: platform.events,
      faults,
      trail: assembly.trail,
      log,
    });
    servers.push(server, admin.server);
    const endpoint = await listenOnLoopback(server, options.port, 'AWS endpoint');
    assembly.address.endpoint = endpoint;
    const adminEndpoint = await listenOnLoopback(admin.server, options.adminPort, 'admin endpoint');
    const accounts = Object.fromEntries(keyStore.accounts().map(({ id, key }) => [id, key]));
    admin.status('server', () => ({ endpoint, adminEndpoint, pid: process.pid, stateDir: folder.path }));
    const status = JSON.stringify(
      { endpoint, adminEndpoint, pid: process.pid, accounts: keyStore.accounts() },
      undefined,
      2,
    );
    writeFileSync(join(folder.path, STATUS_FILE), `${status}\n`, { mode: 0o600 });
    let closing: Promise<void> | undefined;
    return {
      endpoint,
      adminEndpoint,
      accounts,
      newAccounts: Object.keys(accounts).filter((id) => !known.has(id)),
      caBundle: built.caBundle,
      operations: () => coverageOf(endpoints),
      close: () => (closing ??= close()),
    };
  } catch (err) {
    await close();
    throw err;
  }
}

async function createServices(
  { platform, iam, sessionLimit, trail, keyStore, authorizer, ring, secretStore, networks }: Assembly,
  binDir: string | undefined,
): Promise<{ services: readonly Service[]; caBundle: string }> {
  const { clock, events, keys } = platform;
  const { authorize } = authorizer;
  const s3 = await s3Service(platform, authorizer);
  const rds = await createRds(platform, { binDir, storage: s3 });
  const sns = await snsService(platform);
  const hook = backupHook(platform.faults);
  networks.addInterfaces(() => databaseInterfaces(rds.context));
  const services = [
    stsService({ ...iam, keys: keyStore, events, limit: sessionLimit }),
    iamService(iam),
    kmsService({ ring, clock, authorizer }),
    secretsService({ store: secretStore, keys, clock, authorize }),
    ec2Service({ networks, authorize, clock }),
    cloudTrailService({ trail, authorize }),
    sns,
    cloudWatchService(platform),
    s3,
    rds.service,
    await createBackup(platform, { rds, s3, hook, publish: throughSns(sns) }),
  ];
  return { services: [...services, taggingService(platform, services)], caBundle: rds.caBundle };
}

async function coverageOf(endpoints: Endpoints): Promise<Readonly<Record<string, Coverage>>> {
  const found: Record<string, Coverage> = {};
  for (const { name, handlers } of endpoints.services) {
    const inModel = (await endpoints.find(name))?.operations.size ?? 0;
    found[name] = { implemented: Object.keys(handlers).sort(), inModel };
  }
  return found;
}

async function stopServer(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    // Answers under way get a moment; then their connections are cut.
    setTimeout(() => server.closeAllConnections(), 500).unref();
  });
}
