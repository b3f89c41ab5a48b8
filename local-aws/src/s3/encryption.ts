import type { KeyAccess } from '../platform.ts';
import { notImplemented } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import { fromKms, invalidArgument } from './errors.ts';
import type { BucketRecord, Encryption } from './records.ts';

export interface EncryptionRequest {
  readonly ServerSideEncryption?: string | undefined;
  readonly SSEKMSKeyId?: string | undefined;
  readonly BucketKeyEnabled?: boolean | undefined;
  readonly SSECustomerAlgorithm?: string | undefined;
  readonly SSEKMSEncryptionContext?: string | undefined;
}

/**
 * How a new object is encrypted: as asked for, else by the bucket's default. Bytes on disk stay plain; what matters
 * for recovery is here: without a usable key nobody gets them.
 */
export async function encryptionFor(
  request: EncryptionRequest,
  bucket: BucketRecord,
  call: Call,
  keys: KeyAccess,
): Promise<Encryption> {
  if (request.SSECustomerAlgorithm !== undefined)
    throw notImplemented('s3', 'encryption with keys that the customer sends (SSE-C)');
  const algorithm = request.ServerSideEncryption ?? bucket.encryption.algorithm;
  if (request.SSEKMSEncryptionContext !== undefined)
    throw notImplemented('s3', 'an encryption context for KMS');
  if (request.SSEKMSKeyId !== undefined && !request.ServerSideEncryption?.startsWith('aws:kms'))
    throw invalidArgument(
      'Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms',
      'x-amz-server-side-encryption',
      request.ServerSideEncryption ?? '',
    );
  if (algorithm === 'AES256') return { algorithm, kmsKeyArn: undefined, bucketKey: false };
  if (algorithm !== 'aws:kms' && algorithm !== 'aws:kms:dsse')
    throw invalidArgument(
      'The encryption method specified is not supported',
      'x-amz-server-side-encryption',
      algorithm,
    );
  const reference =
    request.SSEKMSKeyId ?? bucket.encryption.kmsKeyId ?? (await keys.managed('s3', bucket)).arn;
  try {
    const { arn } = keys.requireUsable(reference, call, ['kms:GenerateDataKey']);
    return { algorithm, kmsKeyArn: arn, bucketKey: request.BucketKeyEnabled ?? bucket.encryption.bucketKey };
  } catch (err) {
    throw fromKms(err);
  }
}

/** @throws when the key of an encrypted object cannot be used by the caller. */
export function checkDecryptable({ kmsKeyArn }: Encryption, call: Call, keys: KeyAccess): void {
  if (kmsKeyArn === undefined) return;
  try {
    keys.requireUsable(kmsKeyArn, call, ['kms:Decrypt']);
  } catch (err) {
    throw fromKms(err);
  }
}

export function encryptionHeaders({ algorithm, kmsKeyArn, bucketKey }: Encryption) {
  return {
    ServerSideEncryption: algorithm,
    SSEKMSKeyId: kmsKeyArn,
    ...(bucketKey ? { BucketKeyEnabled: true } : {}),
  };
}
