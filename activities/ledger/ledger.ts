import { inAccount } from '../aws/clients.ts';
import { duration } from '../../domain/units.ts';
import type { S3Client } from '@aws-sdk/client-s3';
import type { AwsClients } from '../aws/clients.ts';
import type { Policy } from '../../domain/policy/schema.ts';

/** The WORM bucket that holds statements and seals, with the client that may write to it. */
export interface Ledger {
  readonly s3: S3Client;
  readonly bucket: string;
  readonly region: string;
  /** Account that must own the bucket: a bucket of the same name in another account is refused by S3 itself. */
  readonly owner: string;
  readonly keepSeconds: number;
}

export type LedgerClients = Pick<AwsClients, 's3' | 'kms' | 'forget'>;

export function ledgerOf(policy: Policy, clients: Pick<AwsClients, 's3'>): Ledger {
  const { bucket, region, keep } = policy.ledger;
  return {
    s3: clients.s3(inAccount(policy, 'vault', region)),
    bucket,
    region,
    owner: policy.accounts.vault.id,
    keepSeconds: duration(keep),
  };
}

/** Names the ledger in every S3 request. */
export const inLedger = ({ bucket, owner }: Ledger): { Bucket: string; ExpectedBucketOwner: string } => ({
  Bucket: bucket,
  ExpectedBucketOwner: owner,
});
