import type { BucketLocationConstraint } from '@aws-sdk/client-s3';
import type { BucketRecord, Tag } from '../../s3/records.ts';
import type { S3Service } from '../../s3/service.ts';
import type { Call } from '../../wire/handlers.ts';
import { JobFailure } from '../faults.ts';

const MOST_ITEMS = 5;
const ENCRYPTIONS = ['original', 'SSE-S3', 'SSE-KMS'] as const;
const KNOWN = new Set([
  ...['DestinationBucketName', 'NewBucket', 'Encrypted', 'EncryptionType', 'KMSKey', 'ItemsToRestore'],
  'CreationToken',
]);

/** What the metadata of a restore job ask for. */
export interface S3Restore {
  readonly bucket: string;
  readonly isNew: boolean;
  readonly encryption: (typeof ENCRYPTIONS)[number];
  readonly keyId: string | undefined;
  /** Keys; undefined means all. */
  readonly items: readonly string[] | undefined;
}

/** @throws JobFailure for missing, unknown or malformed keys: the job fails, not the call. */
export function readRestore(metadata: Readonly<Record<string, string>>): S3Restore {
  if (metadata['RestoreTime'] !== undefined)
    throw new JobFailure('RestoreTime is valid for continuous backups only, which are not made here.');
  const unknown = Object.keys(metadata).find((key) => !KNOWN.has(key));
  if (unknown !== undefined) throw new JobFailure(`Restore metadata contains the unknown key ${unknown}.`);
  const {
    DestinationBucketName: bucket = '',
    KMSKey,
    EncryptionType = 'original',
    ItemsToRestore,
  } = metadata;
  if (bucket === '') throw new JobFailure('Restore metadata lacks the required key DestinationBucketName.');
  const encryption = ENCRYPTIONS.find((known) => known.toLowerCase() === EncryptionType.toLowerCase());
  if (!encryption)
    throw new JobFailure(
      `Restore metadata: EncryptionType must be one of ${ENCRYPTIONS.join(', ')}, not ${EncryptionType}.`,
    );
  const keyId = KMSKey === '' ? undefined : KMSKey;
  if (encryption !== 'SSE-KMS' && keyId !== undefined)
    throw new JobFailure('Restore metadata: KMSKey needs EncryptionType SSE-KMS.');
  requireTruth('Encrypted', metadata['Encrypted']);
  requireTruth('NewBucket', metadata['NewBucket']);
  const items = ItemsToRestore === undefined ? undefined : readItems(ItemsToRestore);
  return { bucket, isNew: metadata['NewBucket'] === 'true', encryption, keyId, items };
}

function requireTruth(key: string, value: string | undefined): void {
  if (value !== undefined && value !== 'true' && value !== 'false')
    throw new JobFailure(`Restore metadata: ${key} must be "true" or "false", not "${value}".`);
}

/** One to five objects, as S3 URIs or as keys. */
function readItems(text: string): string[] {
  const items = parsed(text);
  if (items.length === 0 || items.length > MOST_ITEMS)
    throw new JobFailure(
      `Restore metadata: ItemsToRestore must be a JSON list of 1 to ${MOST_ITEMS} objects, not ${text}.`,
    );
  return items.map((item) => item.replace(/^s3:\/\/[^/]+\//, ''));
}

/** Empty when it is no list of strings. */
function parsed(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : [];
  } catch {
    return [];
  }
}

interface Target {
  readonly wanted: S3Restore;
  readonly call: Call;
  /** Of a new bucket. */
  readonly tags: readonly Tag[];
  /** When the job was created: a bucket that is younger was made by it, before a crash. */
  readonly since: string;
}

/** The bucket to restore to, made when it is to be new. @throws JobFailure */
export async function targetBucket(
  { store, operations }: S3Service,
  { wanted, call, tags, since }: Target,
): Promise<BucketRecord> {
  const existing = store.buckets.get(wanted.bucket);
  const ours = existing?.accountId === call.accountId && existing.region === call.region;
  if (existing && wanted.isNew && !(ours && existing.createdAt >= since))
    throw new JobFailure(`The bucket ${wanted.bucket} exists already; NewBucket must not be true.`);
  if (!wanted.isNew && !ours)
    throw new JobFailure(
      `The bucket ${wanted.bucket} does not exist in ${call.region} of account ${call.accountId}: restores go to the recovery point's own region.`,
    );
  if (existing && !wanted.isNew) return existing;
  if (!existing) await create(operations, wanted.bucket, call);
  const made = store.buckets.get(wanted.bucket);
  if (!made) throw new JobFailure(`The bucket ${wanted.bucket} was deleted while it was being restored.`);
  const complete: BucketRecord = { ...made, versioning: 'Enabled', tags };
  await store.buckets.put(made.name, complete);
  return complete;
}

async function create(operations: S3Service['operations'], Bucket: string, call: Call): Promise<void> {
  const LocationConstraint = call.region as BucketLocationConstraint;
  const CreateBucketConfiguration = call.region === 'us-east-1' ? {} : { LocationConstraint };
  try {
    await operations.CreateBucket?.({ Bucket, CreateBucketConfiguration }, call);
  } catch (cause) {
    throw new JobFailure(cause instanceof Error ? cause.message : String(cause));
  }
}
