import { renameSync, writeFileSync } from 'node:fs';
import { pino } from 'pino';
import type { AccountSpec } from '../auth/key-store.ts';
import { startLocalAws, type LocalAws } from '../index.ts';

export interface StartOptions {
  readonly state: string;
  readonly port: string;
  readonly adminPort: string;
  readonly host: string;
  readonly envFile?: string;
  readonly faults?: string;
  readonly accounts?: string;
  readonly region: string;
  readonly pace?: string;
  readonly logLevel: string;
}

/** Accounts made when none are named: one each for production, vault and drill. */
const DEFAULT_ACCOUNTS: readonly AccountSpec[] = [
  { id: '111111111111', name: 'production' },
  { id: '222222222222', name: 'vault' },
  { id: '333333333333', name: 'drill' },
];

export async function start(options: StartOptions): Promise<void> {
  const accounts = options.accounts === undefined ? DEFAULT_ACCOUNTS : readAccounts(options.accounts);
  requireLoopback(options.host);
  const stopped = stopRequested();
  const aws = await startLocalAws({
    stateDir: options.state,
    port: readPort(options.port, '--port'),
    adminPort: readPort(options.adminPort, '--admin-port'),
    accounts,
    faultFile: options.faults,
    ...(options.pace === undefined ? {} : { pace: { scale: readScale(options.pace) } }),
    log: pino({ name: 'local-aws', level: options.logLevel }, pino.destination(2)),
    pgBinDir: process.env['PG_BIN_DIR'],
  });
  try {
    if (options.envFile !== undefined) writeEnvFile(options.envFile, aws, accounts, options.region);
    const lines = [
      `AWS on this computer: ${aws.endpoint}`,
      `admin: ${aws.adminEndpoint}`,
      ...newKeys(aws, accounts),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
    await stopped;
  } finally {
    await aws.close();
  }
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (): void => {
      if (asked) process.exit(130);
      asked = true;
      resolve();
    };
    process.on('SIGINT', ask);
    process.on('SIGTERM', ask);
  });
}

/** What listens here holds keys and obeys anybody who has them: it is never offered to a network. */
function requireLoopback(host: string): void {
  if (host === '127.0.0.1' || host === 'localhost') return;
  throw new Error(
    `--host: '${host}' is refused. local-aws listens on 127.0.0.1 only; to reach it from elsewhere, tunnel (ssh -L).`,
  );
}

/** Keys are shown at the start that makes them, and never again: after that they are in the env file and in status.json. */
function newKeys({ accounts, newAccounts }: LocalAws, named: readonly AccountSpec[]): string[] {
  return named.flatMap(({ id, name }) => {
    const key = newAccounts.includes(id) ? accounts[id] : undefined;
    return key ? [`${name} ${id}: ${key.accessKeyId} ${key.secretAccessKey}`] : [];
  });
}

function readAccounts(text: string): AccountSpec[] {
  return text.split(',').map((pair) => {
    const [id = '', name = ''] = pair.split('=');
    if (!/^\d{12}$/.test(id) || name === '') {
      throw new Error(
        `--accounts: '${pair}' is not an account. Write twelve digits, = and a name, e.g. 111111111111=production.`,
      );
    }
    return { id, name };
  });
}

function readPort(text: string, option: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`${option}: '${text}' is not a port (0 to 65535).`);
  return port;
}

function readScale(text: string): number {
  const scale = Number(text);
  if (!(scale >= 0)) throw new Error(`--pace: '${text}' is not a number of 0 or more.`);
  return scale;
}

/** The first account's administrator unprefixed; the others by their name, e.g. VAULT_AWS_ACCESS_KEY_ID. */
function writeEnvFile(path: string, aws: LocalAws, accounts: readonly AccountSpec[], region: string): void {
  const lines = [
    `AWS_ENDPOINT_URL=${aws.endpoint}`,
    `AWS_REGION=${region}`,
    `AWS_DEFAULT_REGION=${region}`, // what boto3 and the AWS CLI look for
    `LIFEBOAT_LOCAL_AWS_ADMIN=${aws.adminEndpoint}`,
    `DATABASE_CA_BUNDLE=${aws.caBundle}`,
  ];
  for (const [index, { id, name }] of accounts.entries()) {
    const key = aws.accounts[id];
    if (!key) throw new Error(`The account ${id} has no key.`);
    const prefix = index === 0 ? '' : `${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_`;
    lines.push(
      `${prefix}AWS_ACCESS_KEY_ID=${key.accessKeyId}`,
      `${prefix}AWS_SECRET_ACCESS_KEY=${key.secretAccessKey}`,
    );
  }
  // Written whole under another name first: a reader never sees half of it.
  writeFileSync(`${path}.new`, `${lines.join('\n')}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
