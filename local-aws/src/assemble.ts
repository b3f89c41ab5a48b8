import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { createAdmin, type Admin } from './admin.ts';
import { createAuthorizer, type Authorizer } from './auth/authorize.ts';
import { createKeyStore, type KeyStore } from './auth/key-store.ts';
import { createOrganization } from './auth/organization.ts';
import { createClock } from './clock/clock.ts';
import { createTrail, type Trail, type TrailEntry } from './cloudtrail/trail.ts';
import { createPace, type PaceSettings } from './clock/pace.ts';
import { createNetworks, EC2_TABLES, type Networks } from './ec2/networks.ts';
import { createEvents } from './events.ts';
import { createFaults, type FaultEngine } from './faults/faults.ts';
import { type FaultPoints, NO_FAULTS } from './faults/points.ts';
import type { IamContext } from './iam/context.ts';
import { createIdentities } from './iam/identities.ts';
import { createPolicyBook } from './iam/managed-policies.ts';
import { createRoleAccess, createRoleBook } from './iam/roles.ts';
import { createBook, type GroupRecord, type UserRecord } from './iam/users.ts';
import { adoptJournals } from './journal/adopt.ts';
import { openJournal, type JournalOptions } from './journal/journal.ts';
import { type GroupLine, openTable, openTables, type TableLine } from './journal/table.ts';
import { createKeyAccess } from './kms/access.ts';
import { createKeyRing, type KeyRing } from './kms/keys.ts';
import type { EventEntry, Journal, Platform, Table, Tables } from './platform.ts';
import { createSecretAccess, createSecretStore, type SecretStore } from './secretsmanager/secrets.ts';
import { createSessionLimit, type SessionLimit } from './sts/session-limit.ts';
import { createTasks } from './tasks.ts';

/** Everything below the services, and the books that only its own services open. */
export interface Assembly {
  readonly platform: Platform;
  /** Set once the server listens. */
  readonly address: { endpoint: string };
  readonly admin: Admin;
  readonly faults: FaultEngine;
  readonly keyStore: KeyStore;
  readonly authorizer: Authorizer;
  readonly iam: IamContext;
  readonly sessionLimit: SessionLimit;
  readonly trail: Trail;
  readonly ring: KeyRing;
  readonly secretStore: SecretStore;
  readonly networks: Networks;
  /** Tells background work to end, so that what the services close afterwards is no failure of it. */
  abort(): void;
  /** Waits for background work to end and closes all journals. */
  stop(): Promise<void>;
}

export function assemble(
  stateDir: string,
  {
    pace = {},
    faultFile,
  }: { readonly pace?: PaceSettings | undefined; readonly faultFile?: string | undefined },
  log: Logger,
): Assembly {
  let faults: FaultPoints = NO_FAULTS;
  // The journals that the rules themselves need are opened before there are any.
  const points: FaultPoints = {
    at: (step, signal) => faults.at(step, signal),
    job: (step, signal, work) => faults.job(step, signal, work),
    crash: (point, file, last) => faults.crash(point, file, last),
    diskFull: (writer, file) => faults.diskFull(writer, file),
    setDatabases: (databases) => faults.setDatabases(databases),
  };
  const journals = new Map<string, Journal<unknown>>();
  const journal = <E>(name: string, options?: JournalOptions): Journal<E> => {
    if (journals.has(name)) throw new Error(`The journal '${name}' is open already.`);
    const path = join(stateDir, `${name}.journal`);
    mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
    const opened = openJournal<E>(path, { ...options, name, faults: points });
    journals.set(name, opened);
    return opened;
  };
  const complain = (name: string) => (err: unknown) =>
    log.error({ err, journal: name }, 'a journal could not be rewritten, and grows until it can');
  const table = <V>(name: string): Table<V> => openTable(journal<TableLine<V>>(name), complain(name));
  const tables = <N extends string>(folder: string, names: readonly N[]): Tables<N> => {
    const pathOf = (name: string): string => join(stateDir, folder, `${name}.journal`);
    adoptJournals(pathOf('all'), new Map(names.map((name) => [name, pathOf(name)])));
    return openTables(journal<GroupLine>(`${folder}/all`), names, complain(folder));
  };

  const clock = createClock(table('clock'), log);
  const tasks = createTasks(log);
  const events = createEvents(journal<EventEntry>('events', { durable: false }), clock, (err) =>
    log.error({ err }, 'events could not be written'),
  );
  const engine = createFaults({
    statePath: join(stateDir, 'faults.json'),
    file: faultFile,
    events,
    clock,
    log,
  });
  faults = engine;
  const keyStore = createKeyStore(table('auth/credentials'), table('auth/accounts'));
  const admin = createAdmin(log);
  const books = {
    roles: createRoleBook(table('iam/roles'), table('iam/deleted-service-linked-roles')),
    users: createBook<UserRecord>(table('iam/users')),
    groups: createBook<GroupRecord>(table('iam/groups')),
    policies: createPolicyBook(table('iam/policies')),
  };
  const identities = createIdentities(books);
  const organization = createOrganization(table('organization/policies'), admin);
  const authorizer = createAuthorizer({ identities, organization, events, clock });
  const aliases = table<string>('iam/account-aliases');
  const iam: IamContext = { ...books, identities, keys: keyStore, aliases, clock, authorizer };
  const ring = createKeyRing(table('kms/keys'), table('kms/aliases'), table('kms/grants'), clock);
  const keys = createKeyAccess(ring, authorizer.decide);
  const secretStore = createSecretStore(table('secretsmanager/secrets'), clock);
  const networks = createNetworks(tables('ec2', EC2_TABLES));
  clock.onTick('kms key deletion', () => ring.sweep(), 5000);
  clock.onTick('secret deletion', () => secretStore.sweep(), 5000);

  const address = { endpoint: '' };
  const platform: Platform = {
    stateDir,
    clock,
    pace: createPace(pace),
    journal,
    table,
    tables,
    tasks,
    faults: points,
    authorize: authorizer.authorize,
    keys,
    secrets: createSecretAccess(secretStore, keys, clock),
    networks,
    roles: createRoleAccess(books.roles, authorizer.authorize),
    events,
    admin,
    log,
    endpoint: () => address.endpoint,
    accountIds: () => keyStore.accounts().map(({ id }) => id),
  };
  return {
    platform,
    address,
    admin,
    faults: engine,
    keyStore,
    authorizer,
    iam,
    sessionLimit: createSessionLimit(keyStore, clock, admin),
    trail: createTrail(journal<TrailEntry>('cloudtrail/history', { durable: false }), clock, (err) =>
      log.error({ err }, 'the event history could not be written'),
    ),
    ring,
    secretStore,
    networks,
    abort: () => tasks.abort(),
    async stop() {
      engine.stop();
      await tasks.stop();
      await clock.stop();
      for (const opened of journals.values()) await opened.close();
    },
  };
}
