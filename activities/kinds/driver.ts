import type { ResourceIdentity } from '../../domain/facts.ts';
import type { Placement } from '../network-isolation.ts';
import type { Policy, ProtectedResource, ResourceKind } from '../../domain/policy/schema.ts';
import type { CopySize } from '../../domain/costs.ts';
import type { Condition } from '../../domain/requests.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What AWS says about a protected resource. */
export interface Source {
  readonly identity: ResourceIdentity;
  readonly endpoint: Endpoint;
  readonly engineVersion: string;
  readonly status: string;
}

/** `ready` may be used, `waiting` may become ready, `dead` never will, `absent` does not exist. */
export interface RestoredState {
  readonly state: 'ready' | 'waiting' | 'dead' | 'absent';
  readonly status: string;
  readonly endpoint?: Endpoint;
}

/** Facts about the first start of a restored engine, read through AWS and never through the database. */
export interface BootFacts {
  readonly engineVersion: string;
  readonly logRead: boolean;
  readonly logLines: number;
  readonly logFindings: readonly { readonly code: string; readonly count: number }[];
}

/** A copy's settings as read back, what is wrong with them, where it stands, and what it is billed by. */
export interface CopySettings {
  readonly facts: Readonly<Record<string, string | boolean>>;
  readonly problems: readonly string[];
  /** Null for what stands in no network. */
  readonly placement: Placement | null;
  /** Null where it is not billed by the hour. */
  readonly size: CopySize | null;
}

/** A thing in the drill account that carries one of our names; `tags` is null when they could not be read. */
export interface DrillLeftover {
  readonly name: string;
  readonly arn: string;
  readonly tags: Readonly<Record<string, string>> | null;
  readonly createdAt: string | null;
}

/**
 * All that differs between kinds of resources on the AWS side. One file per kind; the workflows know none of them.
 * Every call is safe to repeat.
 */
export interface ResourceDriver {
  readonly kind: ResourceKind;
  /** `ResourceType` of AWS Backup's restore jobs and of its opt-in settings. */
  readonly backupResourceType: string;

  /** @throws ResourceMissing when it does not exist. */
  describeSource(policy: Policy, resource: ProtectedResource): Promise<Source>;
  /** Every resource of this kind in the production account, for the population. */
  discover(policy: Policy): Promise<readonly { readonly arn: string; readonly immutableId: string }[]>;
  /** Conditions that are special to this kind; the vaults' and keys' are common. */
  conditions(policy: Policy, resource: ProtectedResource): Promise<readonly Condition[]>;
  /** What the restore job gets: the recovery point's own metadata, changed so that nothing of production is left in it. */
  restoreMetadata(
    policy: Policy,
    recorded: Readonly<Record<string, string>>,
    name: string,
  ): Record<string, string>;

  restoredArn(policy: Policy, name: string): string;
  restoredState(policy: Policy, name: string): Promise<RestoredState>;
  tagRestored(policy: Policy, name: string, tags: Readonly<Record<string, string>>): Promise<void>;
  /** Asks AWS for new credentials, kept in the drill account's Secrets Manager; nothing where the prober's role opens the copy. */
  resetAccess(policy: Policy, name: string): Promise<void>;
  /** The secret once the new credentials are in force, with no ARN where none are needed; null while they are not in force. */
  accessReady(policy: Policy, name: string): Promise<{ readonly secretArn: string | null } | null>;
  /** Settings that must not let the copy be reached from anywhere but the drill network, as read back. */
  settings(policy: Policy, name: string): Promise<CopySettings>;
  bootFacts(policy: Policy, name: string): Promise<BootFacts>;
  /** Asks for deletion; harmless when it is gone. Checks account, ARN, tag and name before. */
  deleteRestored(policy: Policy, name: string, drill: string): Promise<void>;
  /** What a deleted copy may leave behind, each proven absent by a describe call. */
  leftovers(
    policy: Policy,
    name: string,
  ): Promise<readonly { what: string; absent: boolean; seen: string }[]>;
  /** Every copy in the drill account that carries one of our prefixes. */
  listRestored(policy: Policy): Promise<readonly DrillLeftover[]>;
}
