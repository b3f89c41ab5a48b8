import * as IAM from '@aws-sdk/client-iam';
import { randomBytes } from 'node:crypto';
import type { Authorizer } from '../auth/authorize.ts';
import type { KeyStore } from '../auth/key-store.ts';
import { parsePolicy, PolicyRefused, type PolicyKind } from '../auth/policy-document.ts';
import { pageBy } from '../paging.ts';
import type { Clock, Table } from '../platform.ts';
import { awsError } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import type { Identities, IdentityBooks } from './identities.ts';
import type { Tag } from './managed-policies.ts';

export interface IamContext extends IdentityBooks {
  readonly identities: Identities;
  readonly keys: KeyStore;
  /** Account id → alias. */
  readonly aliases: Table<string>;
  readonly clock: Clock;
  readonly authorizer: Authorizer;
}

export function arnOf(call: Call, type: string, name: string, path = '/'): string {
  return `arn:aws:iam::${call.accountId}:${type}${path}${name}`;
}

/** As IAM makes them: a prefix that tells the kind, and 17 characters. */
export function newId(prefix: 'AROA' | 'AIDA' | 'AGPA' | 'ANPA'): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return prefix + [...randomBytes(17)].map((byte) => alphabet.charAt(byte % alphabet.length)).join('');
}

export function checkName(member: string, name: string, longest: number): void {
  if (new RegExp(`^[\\w+=,.@-]{1,${longest}}$`).test(name)) return;
  throw invalid(
    `1 validation error detected: Value '${name}' at '${member}' failed to satisfy constraint: ` +
      (name.length > longest
        ? `Member must have length less than or equal to ${longest}`
        : 'Member must satisfy regular expression pattern: [\\w+=,.@-]+'),
  );
}

export function checkPath(path: string): string {
  if (/^(\/|\/[\u0021-\u007e]*\/)$/.test(path)) return path;
  throw invalid(
    'The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.',
  );
}

/** @throws MalformedPolicyDocumentException, LimitExceededException */
export function checkPolicy(text: string | undefined, kind: PolicyKind, longest?: number): string {
  const document = text ?? '';
  // White space does not count.
  if (longest !== undefined && document.replace(/\s/g, '').length > longest)
    throw limitExceeded(`Cannot exceed quota for PolicySize: ${longest}`);
  try {
    parsePolicy(document, kind);
  } catch (err) {
    if (!(err instanceof PolicyRefused)) throw err;
    throw new IAM.MalformedPolicyDocumentException({ message: err.message, $metadata: {} });
  }
  return document;
}

export function tagsFrom(given: readonly IAM.Tag[] | undefined): Tag[] {
  return mergeTags([], given);
}

/** Keys differ by more than their case; a new value wins. */
export function mergeTags(tags: readonly Tag[], added: readonly IAM.Tag[] | undefined): Tag[] {
  const merged = new Map(tags.map((tag) => [tag.Key.toLowerCase(), tag]));
  for (const { Key = '', Value = '' } of added ?? []) {
    if (Key === '' || Key.length > 128 || Value.length > 256 || /^aws:/i.test(Key))
      throw new IAM.InvalidInputException({ message: `The tag '${Key}' is invalid.`, $metadata: {} });
    merged.set(Key.toLowerCase(), { Key, Value });
  }
  if (merged.size > 50) throw limitExceeded('The number of tags has reached the maximum limit of 50.');
  return [...merged.values()];
}

export function requestTags(given: readonly IAM.Tag[] | undefined, resource: readonly Tag[] = []) {
  const tags = given ?? [];
  return {
    ...Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [`aws:RequestTag/${Key}`, Value])),
    ...Object.fromEntries(resource.map(({ Key, Value }) => [`aws:ResourceTag/${Key}`, Value])),
    ...Object.fromEntries(resource.map(({ Key, Value }) => [`iam:ResourceTag/${Key}`, Value])),
    ...(tags.length > 0 ? { 'aws:TagKeys': tags.map(({ Key = '' }) => Key) } : {}),
  };
}

/** IAM's paging: `Marker`, `MaxItems` 1 to 1000. */
export function paged<T>(
  items: Iterable<T>,
  key: (item: T) => string,
  { Marker, MaxItems = 100 }: { Marker?: string | undefined; MaxItems?: number | undefined },
): { items: T[]; IsTruncated: boolean; Marker?: string } {
  if (MaxItems < 1 || MaxItems > 1000) throw invalid('MaxItems must be between 1 and 1000.');
  const refuse = () => invalid('Invalid Marker.');
  const page = pageBy(items, key, { limit: MaxItems, token: Marker, refuse });
  return {
    items: page.items,
    IsTruncated: page.next !== undefined,
    ...(page.next === undefined ? {} : { Marker: page.next }),
  };
}

export function invalid(message: string): Error {
  return awsError({ code: 'ValidationError', status: 400, message });
}

export function noSuch(message: string): Error {
  return new IAM.NoSuchEntityException({ message, $metadata: {} });
}

export function exists(message: string): Error {
  return new IAM.EntityAlreadyExistsException({ message, $metadata: {} });
}

export function conflict(message: string): Error {
  return new IAM.DeleteConflictException({ message, $metadata: {} });
}

export function limitExceeded(message: string): Error {
  return new IAM.LimitExceededException({ message, $metadata: {} });
}
