import { parsePolicy, type Statement } from '../auth/policy-document.ts';
import type { Table } from '../platform.ts';
import { AWS_POLICIES } from './aws-policies.ts';

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export interface PolicyVersion {
  /** `v1`, `v2`… */
  readonly id: string;
  /** JSON text as given. */
  readonly document: string;
  readonly createdAt: string;
}

/** A managed policy with up to five versions, one of which is in force. */
export interface PolicyRecord {
  readonly accountId: string;
  readonly arn: string;
  readonly policyId: string;
  readonly name: string;
  readonly path: string;
  readonly description: string | undefined;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Newest first. */
  readonly versions: readonly PolicyVersion[];
  readonly defaultVersionId: string;
  readonly highestVersion: number;
  readonly tags: readonly Tag[];
}

/** Customer managed policies by ARN, and the few of AWS's own that services here are used with. */
export interface PolicyBook {
  find(arn: string): PolicyRecord | undefined;
  list(accountId: string): PolicyRecord[];
  readonly awsOwned: () => readonly PolicyRecord[];
  put(policy: PolicyRecord): Promise<void>;
  remove(policy: PolicyRecord): Promise<void>;
  /** The version in force; a policy that is gone grants nothing. */
  statements(arn: string): readonly Statement[];
}

export function createPolicyBook(table: Table<PolicyRecord>): PolicyBook {
  const own = new Map(AWS_POLICIES.map((policy) => [policy.arn, policy]));
  const find = (arn: string) => own.get(arn) ?? table.get(arn);
  return {
    find,
    list: (accountId) => [...table.values()].filter((policy) => policy.accountId === accountId),
    awsOwned: () => AWS_POLICIES,
    put: (policy) => table.put(policy.arn, policy),
    remove: (policy) => table.remove(policy.arn),
    statements(arn) {
      const policy = find(arn);
      return policy ? parsePolicy(documentOf(policy), 'identity') : [];
    },
  };
}

/** The text in force. */
export function documentOf({ versions, defaultVersionId }: PolicyRecord): string {
  return versions.find(({ id }) => id === defaultVersionId)?.document ?? '{"Statement":[]}';
}
