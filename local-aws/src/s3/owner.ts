import { createHash } from 'node:crypto';
import type { ObjectVersion } from './records.ts';

/** S3 names owners by a canonical id of 64 hex digits, not by the account's number. */
export function canonicalUser(accountId: string): { readonly ID: string } {
  return { ID: createHash('sha256').update(`canonical-user:${accountId}`).digest('hex') };
}

export function storageClassOf({ storageClass }: Pick<ObjectVersion, 'storageClass'>): string {
  return storageClass ?? 'STANDARD';
}
