import { BackupClient } from '@aws-sdk/client-backup';
import { EC2Client } from '@aws-sdk/client-ec2';
import { KMSClient } from '@aws-sdk/client-kms';
import { RDSClient } from '@aws-sdk/client-rds';
import { ResourceGroupsTaggingAPIClient } from '@aws-sdk/client-resource-groups-tagging-api';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { STSClient } from '@aws-sdk/client-sts';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import type { AccountName, Policy } from '../../domain/policy/schema.ts';

/** Where and as whom to call: a role to assume (none: the process's own credentials) and a region. */
export interface At {
  readonly role?: string;
  readonly externalId?: string;
  readonly region: string;
}

/** One client per (service, role, region), kept for the life of the worker. */
export interface AwsClients {
  readonly rds: (at: At) => RDSClient;
  readonly backup: (at: At) => BackupClient;
  readonly s3: (at: At) => S3Client;
  readonly kms: (at: At) => KMSClient;
  readonly sts: (at: At) => STSClient;
  readonly secrets: (at: At) => SecretsManagerClient;
  readonly ec2: (at: At) => EC2Client;
  readonly tagging: (at: At) => ResourceGroupsTaggingAPIClient;
  /** Forgets every client, so that the next call assumes its role anew (expired or revoked credentials). */
  readonly forget: () => void;
  readonly destroy: () => void;
}

/** The role that the policy names for one of its accounts. */
export function inAccount(policy: Policy, account: AccountName, region: string): At {
  const { role, externalId } = policy.accounts[account];
  return externalId === undefined ? { role, region } : { role, externalId, region };
}

/**
 * The SDK has no time-outs of its own (contract §6.1); a socket that says nothing for half a minute is given up, and the activity's
 * retry decides. Sub-second faults are the SDK's to retry, minutes are Temporal's.
 */
const TRANSPORT = {
  maxAttempts: 3,
  requestHandler: {
    connectionTimeout: 3_000,
    socketTimeout: 30_000,
    requestTimeout: 60_000,
    throwOnRequestTimeout: true,
  },
} as const;

/** @param sessionName shows in the other account's CloudTrail; 2–64 characters. */
export function createAwsClients({ sessionName }: { sessionName: string }): AwsClients {
  const cache = new Map<string, { destroy(): void }>();

  function config({ role, externalId, region }: At) {
    if (role === undefined) return { region, ...TRANSPORT };
    const params = {
      RoleArn: role,
      RoleSessionName: sessionName,
      DurationSeconds: 3600,
      ...(externalId === undefined ? {} : { ExternalId: externalId }),
    };
    return {
      region,
      ...TRANSPORT,
      credentials: fromTemporaryCredentials({ params, clientConfig: { region, ...TRANSPORT } }),
    };
  }

  function cached<C extends { destroy(): void }>(
    service: string,
    at: At,
    make: (settings: ReturnType<typeof config>) => C,
  ): C {
    const key = [service, at.role ?? '', at.externalId ?? '', at.region].join('|');
    const found = cache.get(key);
    if (found !== undefined) return found as C;
    const client = make(config(at));
    cache.set(key, client);
    return client;
  }
  function forget(): void {
    for (const client of cache.values()) client.destroy();
    cache.clear();
  }

  return {
    rds: (at) => cached('rds', at, (c) => new RDSClient(c)),
    backup: (at) => cached('backup', at, (c) => new BackupClient(c)),
    s3: (at) => cached('s3', at, (c) => new S3Client(c)),
    kms: (at) => cached('kms', at, (c) => new KMSClient(c)),
    sts: (at) => cached('sts', at, (c) => new STSClient(c)),
    secrets: (at) => cached('secrets', at, (c) => new SecretsManagerClient(c)),
    ec2: (at) => cached('ec2', at, (c) => new EC2Client(c)),
    tagging: (at) => cached('tagging', at, (c) => new ResourceGroupsTaggingAPIClient(c)),
    forget,
    destroy: forget,
  };
}
