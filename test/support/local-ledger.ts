import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startLocalAws, type LocalAws } from 'lifeboat-local-aws';
import type { LedgerClients } from '../../activities/ledger/index.ts';
import { policySchema, type Policy } from '../../domain/policy/schema.ts';

export const VAULT = '222222222222';
export const REGION = 'us-east-1';
export const BUCKET = 'lifeboat-ledger';

/** A ledger on the AWS of this computer, over the wire: bucket under Object Lock, signing key, and a policy that names them. */
export interface LocalLedger {
  readonly aws: LocalAws;
  readonly s3: S3Client;
  readonly kms: KMSClient;
  readonly clients: LedgerClients;
  readonly policy: Policy;
  /** For whatever the test writes; gone at the end. */
  readonly folder: string;
  /** ARN of another key that may sign. */
  newKey(): Promise<string>;
  close(): Promise<void>;
}

export async function localLedger(): Promise<LocalLedger> {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-'));
  // PostgreSQL refuses root, and its user must be able to enter.
  chmodSync(folder, 0o755);
  const aws = await startLocalAws({
    stateDir: join(folder, 'aws'),
    port: 0,
    adminPort: 0,
    accounts: [{ id: VAULT, name: 'vault' }],
  });
  const config = {
    endpoint: aws.endpoint,
    region: REGION,
    credentials: aws.accounts[VAULT]!,
    forcePathStyle: true,
  };
  const s3 = new S3Client(config);
  const kms = new KMSClient(config);
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET, ObjectLockEnabledForBucket: true }));
  const newKey = async (): Promise<string> => {
    const { KeyMetadata } = await kms.send(
      new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }),
    );
    return KeyMetadata!.Arn!;
  };
  return {
    aws,
    s3,
    kms,
    clients: { s3: () => s3, kms: () => kms, forget: () => undefined },
    policy: samplePolicy(await newKey()),
    folder,
    newKey,
    async close() {
      s3.destroy();
      kms.destroy();
      await aws.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export function samplePolicy(signingKey: string): Policy {
  const role = (account: string): string => `arn:aws:iam::${account}:role/lifeboat`;
  const account = (id: string) => ({ id, role: role(id) });
  const vault = {
    account: 'vault',
    region: REGION,
    name: 'lifeboat',
    serviceRole: role(VAULT),
    lock: 'compliance',
  };
  return policySchema.parse({
    version: 1,
    name: 'sample',
    schedule: { cron: '30 2 * * *' },
    retention: { days: 90 },
    objectives: { rto: '4h', rpo: '1h' },
    accounts: { production: account('111111111111'), vault: account(VAULT), drill: account('333333333333') },
    backup: { ...vault, account: 'production', region: 'eu-central-1' },
    copies: [vault],
    drill: {
      region: REGION,
      transitVault: 'lifeboat-transit',
      restoreRole: role('333333333333'),
      instanceClass: 'db.t4g.medium',
      subnetGroup: 'drill',
      securityGroups: ['sg-0123456789abcdef0'],
    },
    ledger: { region: REGION, bucket: BUCKET, signingKey, keep: '400d' },
    resources: [
      {
        name: 'orders',
        kind: 'rds-instance',
        arn: 'arn:aws:rds:eu-central-1:111111111111:db:orders',
        credentials: 'arn:aws:secretsmanager:eu-central-1:111111111111:secret:orders',
      },
    ],
  });
}
