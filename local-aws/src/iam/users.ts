import type { Table } from '../platform.ts';
import type { Tag } from './managed-policies.ts';

/** What users, groups and roles have in common: inline and attached policies. */
export interface PolicyHolder {
  readonly accountId: string;
  readonly name: string;
  readonly path: string;
  readonly arn: string;
  readonly createdAt: string;
  /** Inline policies by name, JSON text as given. */
  readonly policies: Readonly<Record<string, string>>;
  /** ARNs of managed policies. Absent in records of older versions. */
  readonly attached?: readonly string[];
}

export interface UserRecord extends PolicyHolder {
  readonly userId: string;
  /** ARN of the managed policy that bounds it. */
  readonly boundary: string | undefined;
  readonly groups: readonly string[];
  readonly tags: readonly Tag[];
}

export interface GroupRecord extends PolicyHolder {
  readonly groupId: string;
}

export interface Book<R extends PolicyHolder> {
  find(accountId: string, name: string): R | undefined;
  list(accountId: string): R[];
  put(record: R): Promise<void>;
  remove(record: R): Promise<void>;
}

/** Names are unique within an account, without regard to case. */
export function createBook<R extends PolicyHolder>(table: Table<R>): Book<R> {
  const key = (accountId: string, name: string): string => `${accountId}/${name.toLowerCase()}`;
  return {
    find: (accountId, name) => table.get(key(accountId, name)),
    list: (accountId) => [...table.values()].filter((record) => record.accountId === accountId).sort(byName),
    put: (record) => table.put(key(record.accountId, record.name), record),
    remove: (record) => table.remove(key(record.accountId, record.name)),
  };
}

export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** `arn:aws:iam::<account>:user/<path><name>` → account and name. */
export function splitUserArn(arn: string): { accountId: string; name: string } | undefined {
  const match = /^arn:aws:iam::(\d{12}):user\/(?:.*\/)?([^/]+)$/.exec(arn);
  return match ? { accountId: match[1] ?? '', name: match[2] ?? '' } : undefined;
}
