import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateDBInstanceCommand, DescribeDBInstancesCommand } from '@aws-sdk/client-rds';
import type { DBInstance } from '@aws-sdk/client-rds';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
} from '@aws-sdk/client-secrets-manager';
import { connect } from '../sample/connection.ts';
import type { SampleConnection } from '../sample/connection.ts';
import { loadSample } from '../sample/load.ts';
import { READER_ROLE, ensureReader } from '../sample/reader.ts';
import { isNamed } from './administrators.ts';
import type { Administrators } from './administrators.ts';
import type { Network } from './networks.ts';
import { DATABASE_NAME, PRODUCTION, READER_SECRET, RESOURCE_NAME } from './plan.ts';

const AVAILABLE_WITHIN_MS = 120_000;

/** Asks for the source instance, unless it exists: encrypted with a customer key, tagged for protection, master password kept by RDS. */
export async function requestInstance(aws: Administrators, network: Network, keyArn: string): Promise<void> {
  try {
    await aws.rds(PRODUCTION).send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier: RESOURCE_NAME,
        Engine: 'postgres',
        DBInstanceClass: 'db.t4g.medium',
        AllocatedStorage: 20,
        StorageType: 'gp3',
        DBName: DATABASE_NAME,
        MasterUsername: 'shop_owner',
        ManageMasterUserPassword: true,
        StorageEncrypted: true,
        KmsKeyId: keyArn,
        DBSubnetGroupName: network.subnetGroup,
        VpcSecurityGroupIds: [network.securityGroupId],
        PubliclyAccessible: false,
        AutoMinorVersionUpgrade: false,
        DeletionProtection: true,
        Tags: [{ Key: 'lifeboat:protect', Value: 'true' }],
      }),
    );
  } catch (error) {
    if (!isNamed(error, 'DBInstanceAlreadyExistsFault')) throw error;
  }
}

/** @throws Error when the instance is not available in time. */
export async function instanceWhenAvailable(aws: Administrators): Promise<DBInstance> {
  const rds = aws.rds(PRODUCTION);
  const deadline = Date.now() + AVAILABLE_WITHIN_MS;
  for (;;) {
    const { DBInstances } = await rds.send(
      new DescribeDBInstancesCommand({ DBInstanceIdentifier: RESOURCE_NAME }),
    );
    const instance = DBInstances?.[0];
    const status = instance?.DBInstanceStatus ?? 'unknown';
    if (instance !== undefined && ['available', 'backing-up', 'storage-optimization'].includes(status))
      return instance;
    if (Date.now() > deadline) throw new Error(`The sample instance ${RESOURCE_NAME} is still ${status}.`);
    await sleep(100);
  }
}

/** How the shop itself connects: as the owner, with the password that RDS keeps, from inside the production network. */
export async function ownerConnection(
  aws: Administrators,
  instance: DBInstance,
  network: { readonly ca: string; readonly localAddress?: string },
): Promise<SampleConnection> {
  const { SecretString = '{}' } = await aws
    .secrets(PRODUCTION)
    .send(new GetSecretValueCommand({ SecretId: instance.MasterUserSecret?.SecretArn }));
  const { username, password } = JSON.parse(SecretString) as { username: string; password: string };
  const { Address, Port } = instance.Endpoint ?? {};
  if (Address === undefined || Port === undefined)
    throw new Error(`The sample instance ${RESOURCE_NAME} has no endpoint.`);
  return { host: Address, port: Port, user: username, password, database: DATABASE_NAME, ...network };
}

/**
 * Loads the sample and makes the reader.
 * @param now the newest instant in the data, on AWS's clock.
 * @returns the ARN of the reader's secret and the number of rows.
 */
export async function furnish(
  aws: Administrators,
  connection: SampleConnection,
  now: Date,
): Promise<{ readerSecretArn: string; rows: number; loadedNow: boolean }> {
  const client = await connect(connection, 'landing-zone');
  try {
    const { rows, loadedNow } = await loadSample(client, now);
    const known = await readerSecret(aws);
    if (known !== null) {
      await ensureReader(client, known.password);
      return { readerSecretArn: known.arn, rows, loadedNow };
    }
    const password = randomBytes(24).toString('base64url');
    await ensureReader(client, password);
    return { readerSecretArn: await putReaderSecret(aws, password), rows, loadedNow };
  } finally {
    await client.end();
  }
}

async function readerSecret(aws: Administrators): Promise<{ arn: string; password: string } | null> {
  const secrets = aws.secrets(PRODUCTION);
  try {
    const { ARN } = await secrets.send(new DescribeSecretCommand({ SecretId: READER_SECRET }));
    const { SecretString = '{}' } = await secrets.send(
      new GetSecretValueCommand({ SecretId: READER_SECRET }),
    );
    const { password } = JSON.parse(SecretString) as { password?: string };
    return ARN === undefined || password === undefined ? null : { arn: ARN, password };
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) return null;
    throw error;
  }
}

async function putReaderSecret(aws: Administrators, password: string): Promise<string> {
  const secrets = aws.secrets(PRODUCTION);
  const SecretString = JSON.stringify({ username: READER_ROLE, password });
  try {
    const { ARN } = await secrets.send(
      new CreateSecretCommand({
        Name: READER_SECRET,
        Description: 'Role that the prober reads with',
        SecretString,
      }),
    );
    if (ARN !== undefined) return ARN;
  } catch (error) {
    if (!isNamed(error, 'ResourceExistsException')) throw error;
    const { ARN } = await secrets.send(new PutSecretValueCommand({ SecretId: READER_SECRET, SecretString }));
    if (ARN !== undefined) return ARN;
  }
  throw new Error(`Secrets Manager answered without the ARN of ${READER_SECRET}`);
}
