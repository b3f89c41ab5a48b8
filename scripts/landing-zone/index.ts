import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccountName, Policy } from '../../domain/policy/schema.ts';
import type { SampleConnection } from '../sample/connection.ts';
import { administratorClients } from './administrators.ts';
import type { Administrators, AdministratorKey } from './administrators.ts';
import { localClock } from './clock.ts';
import { furnish, instanceWhenAvailable, ownerConnection, requestInstance } from './database.ts';
import { localAddresses, writeIdentities } from './identities.ts';
import type { Environments } from './identities.ts';
import { ACCOUNT_PLACEHOLDERS, ensureKeys } from './keys.ts';
import type { Keys } from './keys.ts';
import { ensureLedgerBucket } from './ledger-bucket.ts';
import { ensureNetwork } from './networks.ts';
import { ACCOUNTS, LEDGER_BUCKET, LEDGER_KEEP_DAYS, PRODUCTION_REGION, RECOVERY_REGION } from './plan.ts';
import { ensurePolicyFile } from './policy-file.ts';
import { ensureRoles } from './roles.ts';
import type { Placeholders } from './templates.ts';
import { ensureVaults } from './vaults.ts';

export { ACCOUNTS } from './plan.ts';
export { withoutAws } from './without-aws.ts';
export type { Environments, ProgramName } from './identities.ts';

export interface LandingZoneOptions {
  /** Of the local AWS, for `AWS_ENDPOINT_URL`. */
  readonly endpoint: string;
  readonly adminEndpoint: string;
  readonly administrators: Readonly<Record<AccountName, AdministratorKey>>;
  /** Gets `lifeboat.yaml` and the programs' AWS configurations. */
  readonly stateDir: string;
  /** PEM file of the authority that signs the databases' certificates. */
  readonly databaseCa: string;
  readonly onStep?: (what: string) => void;
}

export interface LandingZone {
  readonly policyFile: string;
  readonly policy: Policy;
  /** Variables for each program, on top of an environment `withoutAws`. Those of the probers are complete but for Temporal's. */
  readonly environments: Environments;
  /** For the writer of the sample. */
  readonly sample: SampleConnection;
  readonly rows: number;
  /** True when the sample was loaded by this call. */
  readonly loadedNow: boolean;
  /** False where this computer has only one loopback address, so that networks cannot be kept apart (macOS without aliases). */
  readonly fenced: boolean;
}

/**
 * Makes everything that a customer's platform team makes before Lifeboat comes: keys, networks, roles, vaults, the ledger bucket and a
 * database with data in it. Through the SDK only, so it proves the documents of infra/iam on the way. What exists is found, not made again.
 */
export async function prepareLandingZone(options: LandingZoneOptions): Promise<LandingZone> {
  const { endpoint, administrators, stateDir, onStep = () => undefined } = options;
  const aws = administratorClients(endpoint, administrators);
  try {
    const [addresses, ca] = await Promise.all([localAddresses(), readFile(options.databaseCa, 'utf8')]);
    onStep('keys and networks');
    const [keys, production, drill] = await Promise.all([
      ensureKeys(aws),
      ensureNetwork(aws, 'production'),
      ensureNetwork(aws, 'drill'),
    ]);
    onStep('database, roles, vaults and ledger');
    await requestInstance(aws, production, keys.SOURCE_KEY);
    const [instance] = await Promise.all([instanceWhenAvailable(aws), ensureProtection(aws, keys, options)]);
    const shop = addresses.shop === undefined ? {} : { localAddress: addresses.shop };
    const sample = await ownerConnection(aws, instance, { ca, ...shop });
    onStep('sample data');
    const clock = localClock(options.adminEndpoint);
    const { readerSecretArn, rows, loadedNow } = await furnish(aws, sample, await clock.now());
    onStep('policy and identities');
    const policyFile = join(stateDir, 'lifeboat.yaml');
    const policy = await ensurePolicyFile(policyFile, { keys, drill, readerSecretArn });
    const environments = await writeIdentities(join(stateDir, 'identities'), endpoint, administrators);
    return {
      ...{ policyFile, policy, sample, rows, loadedNow },
      environments: withProbers(environments, policy, options, addresses),
      fenced: addresses.production !== undefined,
    };
  } finally {
    aws.destroy();
  }
}

/** Roles, then what their ARNs stand in. Locks are made immutable by letting their cooling-off pass on the simulated clock, once. */
async function ensureProtection(
  aws: Administrators,
  keys: Keys,
  { adminEndpoint }: LandingZoneOptions,
): Promise<void> {
  const values = placeholders(keys);
  const clock = localClock(adminEndpoint);
  await ensureRoles(aws, values);
  const [{ daysUntilImmutable }] = await Promise.all([
    ensureVaults(aws, keys, await clock.now()),
    ensureLedgerBucket(aws, values),
  ]);
  // One day more than needed: "immutable since a day ago" leaves no doubt about clocks.
  if (daysUntilImmutable > 0) await clock.advanceDays(daysUntilImmutable + 1);
}

function placeholders(keys: Keys): Placeholders {
  return {
    ...ACCOUNT_PLACEHOLDERS,
    ...keys,
    PRODUCTION_REGION,
    RECOVERY_REGION,
    LEDGER_BUCKET,
    // A day for the slack that the ledger adds and for clocks.
    LEDGER_MAX_DAYS: String(LEDGER_KEEP_DAYS + 2),
    // On this computer the account's administrator stands for the instance or pod that a program runs on.
    PRODUCTION_COMPUTE: `arn:aws:iam::${ACCOUNTS.production}:user/administrator`,
    VAULT_COMPUTE: `arn:aws:iam::${ACCOUNTS.vault}:user/administrator`,
    DRILL_COMPUTE: `arn:aws:iam::${ACCOUNTS.drill}:user/administrator`,
  };
}

function withProbers(
  environments: Environments,
  { probers }: Policy,
  { databaseCa, stateDir }: Pick<LandingZoneOptions, 'databaseCa' | 'stateDir'>,
  addresses: Awaited<ReturnType<typeof localAddresses>>,
): Environments {
  const prober = (queue: string, address: string | undefined): Record<string, string> => ({
    PROBER_TASK_QUEUE: queue,
    DATABASE_CA_BUNDLE: databaseCa,
    PROBER_FOLDER: join(stateDir, queue),
    ...(address === undefined ? {} : { PROBER_LOCAL_ADDRESS: address }),
  });
  return {
    ...environments,
    proberProduction: {
      ...environments.proberProduction,
      ...prober(probers.production, addresses.production),
    },
    proberDrill: { ...environments.proberDrill, ...prober(probers.drill, addresses.drill) },
  };
}
