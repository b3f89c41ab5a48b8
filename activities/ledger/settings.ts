import { DescribeKeyCommand } from '@aws-sdk/client-kms';
import { GetBucketVersioningCommand, GetObjectLockConfigurationCommand } from '@aws-sdk/client-s3';
import { instantOf } from './aws-time.ts';
import { inLedger } from './ledger.ts';
import { readLock } from './worm.ts';
import type { KMSClient } from '@aws-sdk/client-kms';
import type { LedgerSettings } from '../../evidence/verifier/seal-format.ts';
import type { Ledger } from './ledger.ts';
import type { StoredSeal } from './seals.ts';

/**
 * Reads back what signing key and bucket are set to. It never keeps a night from being sealed: what cannot be read is
 * `unknown`, with the reason.
 */
export async function readSettings(
  ledger: Ledger,
  kms: KMSClient,
  keyArn: string,
  previous: StoredSeal | undefined,
): Promise<LedgerSettings> {
  const [signingKey, bucket, previousSeal] = await Promise.all([
    orUnknown(() => keySettings(kms, keyArn)),
    orUnknown(() => bucketSettings(ledger)),
    previous === undefined ? null : orUnknown(() => lockOf(ledger, previous)),
  ]);
  return { signingKey, bucket, previousSeal };
}

async function orUnknown<T>(read: () => Promise<T>): Promise<T | { unknown: string }> {
  try {
    return await read();
  } catch (error) {
    const { name, message } = error as Error;
    return { unknown: `${name}: ${message}` };
  }
}

async function keySettings(kms: KMSClient, keyArn: string) {
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: keyArn }));
  return {
    source: KeyMetadata?.Arn ?? keyArn,
    spec: KeyMetadata?.KeySpec ?? 'not said',
    usage: KeyMetadata?.KeyUsage ?? 'not said',
    state: KeyMetadata?.KeyState ?? 'not said',
    origin: KeyMetadata?.Origin ?? 'not said',
  };
}

async function bucketSettings(ledger: Ledger) {
  const [lock, versioning] = await Promise.all([
    ledger.s3.send(new GetObjectLockConfigurationCommand(inLedger(ledger))),
    ledger.s3.send(new GetBucketVersioningCommand(inLedger(ledger))),
  ]);
  return {
    objectLock: lock.ObjectLockConfiguration?.ObjectLockEnabled ?? 'off',
    versioning: versioning.Status ?? 'off',
  };
}

async function lockOf(ledger: Ledger, { key, versionId }: StoredSeal) {
  const { mode, until } = await readLock(ledger, key, versionId);
  return { mode: mode ?? 'none', until: instantOf(until) };
}
