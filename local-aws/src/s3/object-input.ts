import type * as S3 from '@aws-sdk/client-s3';
import type { Call } from '../wire/handlers.ts';
import type { S3Access } from './access.ts';
import { invalidArgument, noAccessLists, s3Error } from './errors.ts';
import { remainingDays } from './lock.ts';
import type { BucketRecord } from './records.ts';

/** What the three ways of making an object have in common: put, copy, upload in parts. */

export type NewObjectInput =
  S3.PutObjectCommandInput | S3.CreateMultipartUploadCommandInput | S3.CopyObjectCommandInput;

export const MAX_OBJECT_BYTES = 5 * 1024 ** 3;
const MAX_KEY_BYTES = 1024;
const MAX_METADATA_BYTES = 2048;

const STORAGE_CLASSES = new Set([
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER',
  'DEEP_ARCHIVE',
  'GLACIER_IR',
]);

/** @throws KeyTooLongError, MetadataTooLarge, InvalidStorageClass, AccessControlListNotSupported */
export function checkNewObject(input: NewObjectInput): void {
  checkKey(input.Key ?? '');
  checkMetadata(input.Metadata ?? {});
  checkStorageClass(input.StorageClass);
  refuseAccessLists(input);
}

export function checkKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes > MAX_KEY_BYTES)
    throw s3Error('KeyTooLongError', 400, 'Your key is too long', {
      MaxSizeAllowed: String(MAX_KEY_BYTES),
      Size: String(bytes),
    });
}

function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  const size = Object.entries(metadata).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value, 'latin1'),
    0,
  );
  if (size > MAX_METADATA_BYTES)
    throw s3Error('MetadataTooLarge', 400, 'Your metadata headers exceed the maximum allowed metadata size', {
      Size: String(size),
      MaxSizeAllowed: String(MAX_METADATA_BYTES),
    });
}

function checkStorageClass(name: string | undefined): void {
  if (name !== undefined && !STORAGE_CLASSES.has(name))
    throw s3Error('InvalidStorageClass', 400, 'The storage class you specified is not valid', {
      StorageClassRequested: name,
    });
}

interface AccessListInput {
  readonly ACL?: string | undefined;
  readonly GrantFullControl?: string | undefined;
  readonly GrantRead?: string | undefined;
  readonly GrantReadACP?: string | undefined;
  readonly GrantWriteACP?: string | undefined;
}

/** Only the list that says what holds anyway is accepted. */
export function refuseAccessLists(input: AccessListInput): void {
  const grants = [input.GrantFullControl, input.GrantRead, input.GrantReadACP, input.GrantWriteACP];
  if (grants.some((grant) => grant !== undefined)) throw noAccessLists();
  if (input.ACL !== undefined && input.ACL !== 'bucket-owner-full-control') throw noAccessLists();
}

export function storedExtras(input: NewObjectInput): { storageClass?: string; websiteRedirect?: string } {
  const { StorageClass, WebsiteRedirectLocation } = input;
  if (WebsiteRedirectLocation !== undefined && !/^(\/|https?:\/\/)/.test(WebsiteRedirectLocation))
    throw s3Error(
      'InvalidRedirectLocation',
      400,
      "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
    );
  return {
    ...(StorageClass === undefined ? {} : { storageClass: StorageClass }),
    ...(WebsiteRedirectLocation === undefined ? {} : { websiteRedirect: WebsiteRedirectLocation }),
  };
}

/** Condition keys of s3:PutObject. */
export function putContext(input: NewObjectInput, now: Date): Record<string, string> {
  const context: Record<string, string> = {};
  if (input.ObjectLockMode !== undefined) context['s3:object-lock-mode'] = input.ObjectLockMode;
  if (input.ObjectLockRetainUntilDate !== undefined) {
    const until = input.ObjectLockRetainUntilDate.toISOString();
    context['s3:object-lock-retain-until-date'] = until;
    context['s3:object-lock-remaining-retention-days'] = String(
      remainingDays({ mode: 'COMPLIANCE', until }, now),
    );
  }
  if (input.ObjectLockLegalHoldStatus !== undefined)
    context['s3:object-lock-legal-hold'] = input.ObjectLockLegalHoldStatus;
  if (input.ServerSideEncryption !== undefined)
    context['s3:x-amz-server-side-encryption'] = input.ServerSideEncryption;
  if (input.SSEKMSKeyId !== undefined)
    context['s3:x-amz-server-side-encryption-aws-kms-key-id'] = input.SSEKMSKeyId;
  if (input.ACL !== undefined) context['s3:x-amz-acl'] = input.ACL;
  if (input.StorageClass !== undefined) context['s3:x-amz-storage-class'] = input.StorageClass;
  if ('CopySource' in input && input.CopySource !== undefined)
    context['s3:x-amz-copy-source'] = input.CopySource;
  if ('MetadataDirective' in input && input.MetadataDirective !== undefined)
    context['s3:x-amz-metadata-directive'] = input.MetadataDirective;
  if ('IfNoneMatch' in input && input.IfNoneMatch !== undefined)
    context['s3:if-none-match'] = input.IfNoneMatch;
  if ('IfMatch' in input && input.IfMatch !== undefined) context['s3:if-match'] = input.IfMatch;
  return context;
}

/** Setting a lock or tags while writing needs the same rights as setting them afterwards. */
export function authorizeAttachments(
  access: S3Access,
  call: Call,
  bucket: BucketRecord,
  key: string,
  input: NewObjectInput,
): void {
  if (input.ObjectLockMode !== undefined) access.authorize(call, bucket, 's3:PutObjectRetention', key);
  if (input.ObjectLockLegalHoldStatus !== undefined)
    access.authorize(call, bucket, 's3:PutObjectLegalHold', key);
  if (input.Tagging !== undefined) access.authorize(call, bucket, 's3:PutObjectTagging', key);
}

export function oneOf<T extends string>(
  value: string | undefined,
  name: string,
  ...known: T[]
): T | undefined {
  if (value === undefined) return undefined;
  const found = known.find((each) => each === value);
  if (found === undefined)
    throw invalidArgument(`Unknown ${name.replaceAll('-', ' ')}.`, `x-amz-${name}`, value);
  return found;
}
