import { Backup } from '@aws-sdk/client-backup';
import { EC2 } from '@aws-sdk/client-ec2';
import { IAM } from '@aws-sdk/client-iam';
import { KMS } from '@aws-sdk/client-kms';
import { type DBInstance, RDS } from '@aws-sdk/client-rds';
import { SecretsManager } from '@aws-sdk/client-secrets-manager';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { pino } from 'pino';
import { type LocalAws, type LocalAwsOptions, startLocalAws } from '../../src/index.ts';
import { eventually } from './eventually.ts';

export const PRODUCTION = '111111111111';
export const VAULT = '222222222222';
export const DRILL = '333333333333';
export const HOME = 'eu-central-1';
export const AWAY = 'us-east-1';
export const PASSWORD = 'only-for-tests';

type Keys = LocalAws['accounts'];

/** One account in one region, through the real SDK clients; nothing is retried behind our back. */
export interface Corner {
  readonly accountId: string;
  readonly region: string;
  readonly rds: RDS;
  readonly backup: Backup;
  readonly kms: KMS;
  readonly ec2: EC2;
  readonly iam: IAM;
  readonly secrets: SecretsManager;
}

export function cornerOf(
  endpoint: string,
  keys: Keys,
  accountId: string,
  region: string,
  maxAttempts = 1,
): Corner {
  const credentials = keys[accountId];
  if (!credentials) throw new Error(`There is no account ${accountId}.`);
  const config = { endpoint, region, credentials, maxAttempts };
  return {
    ...{ accountId, region, rds: new RDS(config), backup: new Backup(config), kms: new KMS(config) },
    ...{ ec2: new EC2(config), iam: new IAM(config), secrets: new SecretsManager(config) },
  };
}

export interface Cloud {
  readonly aws: LocalAws;
  readonly stateDir: string;
  corner(accountId: string, region: string): Corner;
  /** Moves the clock; resolves when the expiry sweeps have run. */
  advance(by: { days?: number; hours?: number }): Promise<void>;
  admin(
    method: 'GET' | 'POST',
    path: string,
    body?: object,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  end(): Promise<void>;
}

/** A local AWS of three accounts in a temporary folder, ten times faster than by default. */
export async function openCloud(options: Partial<LocalAwsOptions> = {}): Promise<Cloud> {
  const stateDir = await temporaryState();
  const aws = await startLocalAws({
    ...{ stateDir, port: 0, adminPort: 0, pace: { scale: 1 / 15_000 }, log: pino({ level: 'silent' }) },
    accounts: [
      { id: PRODUCTION, name: 'production' },
      { id: VAULT, name: 'vault' },
      { id: DRILL, name: 'drill' },
    ],
    ...options,
  });
  const admin: Cloud['admin'] = async (method, path, body) => {
    const init = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const answer = await fetch(aws.adminEndpoint + path, { method, ...init });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  return {
    ...{ aws, stateDir, admin },
    corner: (accountId, region) => cornerOf(aws.endpoint, aws.accounts, accountId, region),
    async advance(by) {
      await admin('POST', '/clock/advance', by);
    },
    end: async () => {
      await aws.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

export async function temporaryState(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-cloud-'));
  await chmod(folder, 0o755);
  return folder;
}

export interface NewInstance {
  readonly id: string;
  readonly kmsKeyId?: string;
  readonly options?: Partial<Parameters<RDS['createDBInstance']>[0]>;
}

/** Creates an instance with a database `shop` and waits until it is available. */
export async function createInstance(
  { rds }: Corner,
  { id, kmsKeyId, options }: NewInstance,
): Promise<DBInstance> {
  await rds.createDBInstance({
    ...{
      DBInstanceIdentifier: id,
      DBInstanceClass: 'db.t4g.micro',
      Engine: 'postgres',
      AllocatedStorage: 20,
    },
    ...{ MasterUsername: 'boss', MasterUserPassword: PASSWORD, DBName: 'shop', BackupRetentionPeriod: 0 },
    ...(kmsKeyId !== undefined && { StorageEncrypted: true, KmsKeyId: kmsKeyId }),
    ...options,
  });
  return whenAvailable(rds, id);
}

export async function whenAvailable(rds: RDS, id: string): Promise<DBInstance> {
  return eventually(`instance ${id} is available`, async () => {
    const { DBInstances: [instance] = [] } = await rds.describeDBInstances({ DBInstanceIdentifier: id });
    if (/failed|error/.test(instance?.DBInstanceStatus ?? ''))
      throw new Error(`${id} is ${instance?.DBInstanceStatus ?? ''}`);
    return instance?.DBInstanceStatus === 'available' ? instance : undefined;
  });
}

export async function whenGone(rds: RDS, id: string): Promise<void> {
  await eventually(`instance ${id} is gone`, async () =>
    rds.describeDBInstances({ DBInstanceIdentifier: id }).then(
      () => undefined,
      (err: unknown) => ((err as Error).name === 'DBInstanceNotFoundFault' ? true : undefined),
    ),
  );
}

/** A client inside the instance's own VPC, unless told to come from elsewhere. */
export async function connect(
  { aws }: Pick<Cloud, 'aws'>,
  instance: DBInstance,
  {
    from,
    password = PASSWORD,
    database = 'shop',
    ca,
  }: { from?: string; password?: string; database?: string; ca?: string } = {},
): Promise<Client> {
  const { Address = '', Port = 0 } = instance.Endpoint ?? {};
  const client = new Client({
    ...{ host: Address, port: Port, user: instance.MasterUsername ?? '', password, database },
    ssl: { ca: ca ?? (await readFile(aws.caBundle, 'utf8')) },
    stream: () => new LocalSocket(from ?? Address),
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export async function query(
  cloud: Pick<Cloud, 'aws'>,
  instance: DBInstance,
  sql: string,
  options: Parameters<typeof connect>[2] = {},
): Promise<Record<string, unknown>[]> {
  const client = await connect(cloud, instance, options);
  try {
    const result = (await client.query(sql)) as { rows?: Record<string, unknown>[] };
    return result.rows ?? [];
  } finally {
    await client.end();
  }
}

/** A socket that leaves from a given loopback address; `pg` calls `connect(port, host)`. */
class LocalSocket extends Socket {
  readonly #from: string;
  constructor(from: string) {
    super();
    this.#from = from;
  }
  override connect(...args: unknown[]): this {
    const [port, host] = args as [number, string];
    return super.connect({ port, host, localAddress: this.#from });
  }
}

/** A role that AWS Backup may assume, with the rights that the managed policies of AWS Backup give. */
export async function backupRole(
  { iam }: Corner,
  name = 'backup-service',
  actions = ['rds:*', 'backup:*', 'kms:*'],
): Promise<string> {
  const trust = { Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const rights = { Effect: 'Allow', Action: actions, Resource: '*' };
  const document = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  const { Role } = await iam.createRole({ RoleName: name, AssumeRolePolicyDocument: document(trust) });
  await iam.putRolePolicy({ RoleName: name, PolicyName: 'rights', PolicyDocument: document(rights) });
  return Role?.Arn ?? '';
}

/** A customer key that the given other accounts may use, too. */
export async function customerKey({ kms, accountId }: Corner, ...others: string[]): Promise<string> {
  const principal = [accountId, ...others].map((account) => `arn:aws:iam::${account}:root`);
  const statement = { Effect: 'Allow', Principal: { AWS: principal }, Action: 'kms:*', Resource: '*' };
  const { KeyMetadata } = await kms.createKey({
    Policy: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }),
  });
  return KeyMetadata?.Arn ?? '';
}
