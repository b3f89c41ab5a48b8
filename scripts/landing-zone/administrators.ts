import { BackupClient } from '@aws-sdk/client-backup';
import { EC2Client } from '@aws-sdk/client-ec2';
import { IAMClient } from '@aws-sdk/client-iam';
import { KMSClient } from '@aws-sdk/client-kms';
import { RDSClient } from '@aws-sdk/client-rds';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { AccountName } from '../../domain/policy/schema.ts';
import type { Place } from './plan.ts';

/** Long-lived keys of an account's administrator. Only the landing zone uses them; the product works under roles. */
export interface AdministratorKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The SDK's clients as the administrator of a place. */
export interface Administrators {
  readonly backup: (place: Place) => BackupClient;
  readonly ec2: (place: Place) => EC2Client;
  readonly iam: (place: Place) => IAMClient;
  readonly kms: (place: Place) => KMSClient;
  readonly rds: (place: Place) => RDSClient;
  readonly s3: (place: Place) => S3Client;
  readonly secrets: (place: Place) => SecretsManagerClient;
  destroy(): void;
}

export function administratorClients(
  endpoint: string,
  keys: Readonly<Record<AccountName, AdministratorKey>>,
): Administrators {
  const open: { destroy(): void }[] = [];
  const client =
    <C extends { destroy(): void }>(make: (config: ReturnType<typeof configOf>) => C) =>
    (place: Place): C => {
      const made = make(configOf(place));
      open.push(made);
      return made;
    };
  const configOf = ({ account, region }: Place) => {
    const { accessKeyId, secretAccessKey } = keys[account];
    return { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
  };
  return {
    backup: client((config) => new BackupClient(config)),
    ec2: client((config) => new EC2Client(config)),
    iam: client((config) => new IAMClient(config)),
    kms: client((config) => new KMSClient(config)),
    rds: client((config) => new RDSClient(config)),
    s3: client((config) => new S3Client({ ...config, forcePathStyle: true })),
    secrets: client((config) => new SecretsManagerClient(config)),
    destroy: () => open.forEach((each) => each.destroy()),
  };
}

/** Whether an SDK error has one of these names; the SDK's names are the shapes', never the wire codes. */
export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}
