import type { Logger } from 'pino';
import type { FaultPoints } from './faults/points.ts';
import type { Call } from './wire/handlers.ts';

/** Where a thing lives: accounts and regions are real partitions. */
export interface Place {
  readonly accountId: string;
  readonly region: string;
}

export interface Clock {
  /** Simulated time: real time plus a persisted offset. Decides retention and all dates in bodies. */
  now(): Date;
  /** The wall clock. Decides session expiry and the HTTP `Date` header. */
  real(): Date;
  /** Milliseconds that `now` is ahead of `real`. */
  readonly offsetMs: number;
  /** What `now` was at a real instant: databases know only those. */
  fromReal(at: Date): Date;
  /** The real instant at which `now` was `at`; when an advance went over it, the moment of that advance. */
  toReal(at: Date): Date;
  /** Moves `now` forward (never back) and persists it; resolves when every expiry sweep has run. */
  advance(byMs: number): Promise<void>;
  /** Registers an expiry sweep: runs after each advance, and every `everyMs` of real time (default 1000). */
  onTick(name: string, sweep: () => Promise<void> | void, everyMs?: number): void;
}

export interface PaceOptions {
  /** AWS's typical duration in seconds; the real wait is this × scale. */
  readonly typicalSeconds: number;
  readonly signal?: AbortSignal | undefined;
  /** Called about ten times with 0 < done ≤ 1. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

export interface Pace {
  /** Real seconds per AWS second, e.g. 1/1500. 0 makes everything immediate. */
  readonly scale: number;
  /** Waits as long as AWS would, scaled. Rejects with the signal's reason when aborted. `name` is for the log and for `overrides`. */
  take(name: string, options: PaceOptions): Promise<void>;
}

/** An append-only file: one JSON entry and its CRC per line; durable when `append` resolves. */
export interface Journal<E> {
  readonly path: string;
  /** Entries found at open, oldest first. Handed out once, so that they can be collected. */
  replay(): E[];
  append(entry: E): Promise<void>;
  /**
   * Replaces the whole content atomically. `entries` is called while nothing is being written; appends that wait then
   * are written after it, even when `entries` already knows them: replaying an entry twice must do no harm.
   */
  compact(entries: () => readonly E[]): Promise<void>;
  readonly lines: number;
  close(): Promise<void>;
}

/**
 * A durable map: reads are from memory, `put` and `remove` change memory at once (so a check and its change
 * cannot be interleaved when there is no `await` between them) and resolve when the change is on disk.
 */
export interface Table<V> {
  get(key: string): V | undefined;
  has(key: string): boolean;
  keys(): IterableIterator<string>;
  values(): IterableIterator<V>;
  entries(): IterableIterator<[string, V]>;
  readonly size: number;
  put(key: string, value: V): Promise<void>;
  remove(key: string): Promise<void>;
  /** A put, for `together`. */
  putting(key: string, value: V): Change;
  /** A removal, for `together`. */
  removing(key: string): Change;
}

/** A change of a table that is not made yet; see `together` in `journal/table.ts`. */
export interface Change {
  /** As it will stand in the journal. */
  readonly line: object;
}

export interface Tables<N extends string> {
  table<V>(name: N): Table<V>;
}

export interface Tasks {
  /** Runs in the background; a failure is logged with its name and never ends the process. Aborted at close. */
  run(name: string, task: (signal: AbortSignal) => Promise<void>): void;
  /** Resolves when nothing is running (for tests). */
  idle(): Promise<void>;
}

export type KeyState = 'Creating' | 'Enabled' | 'Disabled' | 'PendingDeletion';

export interface KeyDescription extends Place {
  readonly arn: string;
  readonly keyId: string;
  readonly manager: 'AWS' | 'CUSTOMER';
  readonly state: KeyState;
  readonly spec: string;
  readonly usage: string;
}

/** Thrown by KeyAccess; each service translates it into its own error (KMSKeyNotAccessibleFault, KMS.DisabledException…). */
export class KeyNotUsable extends Error {
  readonly reason: 'not-found' | 'disabled' | 'pending-deletion' | 'denied';
  readonly keyRef: string;

  constructor(reason: KeyNotUsable['reason'], keyRef: string, message: string) {
    super(message);
    this.name = 'KeyNotUsable';
    this.reason = reason;
    this.keyRef = keyRef;
  }
}

export interface KeyAccess {
  /** By ARN, key id, alias or alias ARN; ids and aliases are looked up in `where`. */
  describe(keyRef: string, where: Place): KeyDescription | undefined;
  /** The AWS-managed key `aws/<service>`, made at first use. */
  managed(service: 'rds' | 's3' | 'backup' | 'secretsmanager', where: Place): Promise<KeyDescription>;
  /**
   * @param actions what the caller is about to do, default `['kms:DescribeKey', 'kms:CreateGrant']`; key policy and,
   * across accounts, the caller's own policies must allow all of them.
   * @throws KeyNotUsable
   */
  requireUsable(keyRef: string, call: Call, actions?: readonly string[]): KeyDescription;
}

export interface SecretAccess {
  /** Makes or replaces a managed secret; the name has the form `rds!db-<resource id>`. Resolves to its ARN. */
  putManaged(
    accountId: string,
    region: string,
    name: string,
    value: object,
    kmsKeyArn?: string,
  ): Promise<string>;
  /** The current value, or undefined when there is no such secret. */
  read(arn: string): string | undefined;
  /** Deletes at once, without recovery window; unknown ARNs are ignored. */
  delete(arn: string): Promise<void>;
}

export interface IngressRule {
  /** CIDR as EC2 knows it, e.g. 10.10.0.0/16. */
  readonly cidr: string;
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
}

export interface SecurityGroupFacts extends Place {
  readonly id: string;
  readonly name: string;
  readonly vpcId: string;
  /** Rules that name a peer group are resolved to the CIDR of that group's VPC. */
  readonly ingress: readonly IngressRule[];
}

export interface SubnetFacts extends Place {
  readonly id: string;
  readonly vpcId: string;
  readonly cidr: string;
  readonly availabilityZone: string;
}

export interface VpcFacts extends Place {
  readonly id: string;
  readonly cidr: string;
  readonly isDefault: boolean;
}

/** A network interface that a service has put into a subnet. */
export interface InterfaceFacts extends Place {
  readonly id: string;
  readonly vpcId: string;
  readonly subnetId: string;
  /** As EC2 knows it, e.g. 10.10.1.4. */
  readonly privateIp: string;
  readonly groupIds: readonly string[];
  readonly description: string;
}

export interface NetworkAccess {
  vpc(id: string): VpcFacts | undefined;
  subnet(id: string): SubnetFacts | undefined;
  /** Undefined entries are left out: compare lengths, or use `subnet`. */
  subnets(ids: readonly string[]): SubnetFacts[];
  securityGroup(id: string): SecurityGroupFacts | undefined;
  /** The account's default VPC of that region (172.31-like, here 10.x/16), with two subnets and a default group. Made at first use. */
  defaultVpc(where: Place): Promise<{ vpc: VpcFacts; subnets: SubnetFacts[]; securityGroupId: string }>;
  onSecurityGroupChanged(listener: (securityGroupId: string) => void): void;
  /** Something that keeps a group, subnet or VPC from being deleted; the text is for the DependencyViolation. */
  addDependency(inUse: (id: string) => string | undefined): void;
  /** Says which network interfaces a service has, for DescribeNetworkInterfaces. */
  addInterfaces(list: () => readonly InterfaceFacts[]): void;
}

export interface RoleAccess {
  /** Whether somebody deleted this service-linked role, e.g. `AWSServiceRoleForRDS`: what the service does by it is refused. */
  lacksServiceLinked(accountId: string, name: string): boolean;
  /** Whether `call` may pass the role to `service` (e.g. `backup.amazonaws.com`) and the role trusts it. */
  passable(
    call: Call,
    roleArn: string,
    service: string,
    /** What the service works on, for `aws:SourceArn` in the trust policy. */
    sourceArn?: string,
  ): { ok: true } | { ok: false; reason: string };
  /** A call in the name of a role that a service assumed, for `authorize`. Undefined when the role is gone. */
  callAs(roleArn: string, region: string, service: string, operation: string): Call | undefined;
}

/** One decision or happening, readable at GET /events. */
export interface EventEntry {
  readonly at: string;
  readonly kind: 'call' | 'allowed' | 'denied' | 'fault' | 'clock' | 'damage' | 'service';
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  readonly accountId?: string | undefined;
  readonly region?: string | undefined;
  readonly principalArn?: string | undefined;
  readonly requestId?: string | undefined;
  /** Outcome: HTTP status for calls, free text otherwise. */
  readonly status?: number | undefined;
  readonly errorCode?: string | undefined;
  readonly action?: string | undefined;
  readonly resource?: string | undefined;
  readonly detail?: string | undefined;
}

export interface Events {
  record(entry: Omit<EventEntry, 'at'>): void;
  /** Newest last. */
  list(filter?: { limit?: number; kind?: string; service?: string; since?: string }): EventEntry[];
}

/** Routes and status blocks of the admin endpoint. */
export interface AdminRegistry {
  /** `handle` gets the JSON body (or query as strings) and returns JSON; throw AdminRefusal for a 4xx. */
  route(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    handle: (input: Record<string, unknown>) => Promise<unknown>,
  ): void;
  /** Adds `name` to GET /status. */
  status(name: string, describe: () => unknown): void;
}

export class AdminRefusal extends Error {
  readonly statusCode: number;

  constructor(message: string, statusCode = 400) {
    super(message);
    this.name = 'AdminRefusal';
    this.statusCode = statusCode;
  }
}

export interface AuthorizeOptions {
  /** Policy document (JSON) attached to the resource itself: bucket, key or vault policy. */
  readonly resourcePolicy?: string | undefined;
  /** Account that owns the resource; default: the account in the ARN, else the caller's. */
  readonly ownerAccountId?: string | undefined;
  /** KMS semantics: without an allowing resource policy nobody may, not even in the same account. */
  readonly resourcePolicyRequired?: boolean | undefined;
  /** The resource policy is a role's trust policy, whose statements name no resource. */
  readonly isTrust?: boolean | undefined;
  /** Set when something of its own allows it, as a KMS grant does: only an explicit deny can then refuse. */
  readonly granted?: string | undefined;
}

export type ConditionContext = Readonly<Record<string, string | readonly string[]>>;

/** What every service is given. */
export interface Platform {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly pace: Pace;
  /** `name` is a path below the state directory without extension, e.g. `rds/instances`. */
  readonly journal: <E>(name: string) => Journal<E>;
  readonly table: <V>(name: string) => Table<V>;
  /** Tables of one journal, `<folder>/all`: what several of them change together is changed whole or not at all. */
  readonly tables: <N extends string>(folder: string, names: readonly N[]) => Tables<N>;
  readonly tasks: Tasks;
  readonly faults: FaultPoints;
  /** Throws the service's AccessDenied; every decision is recorded. `action` is `service:Operation`. */
  readonly authorize: (
    call: Call,
    action: string,
    resourceArn: string,
    context?: ConditionContext,
    options?: AuthorizeOptions,
  ) => void;
  readonly keys: KeyAccess;
  readonly secrets: SecretAccess;
  readonly networks: NetworkAccess;
  readonly roles: RoleAccess;
  readonly events: Events;
  readonly admin: AdminRegistry;
  readonly log: Logger;
  /** For links in messages: the AWS endpoint's own URL. */
  readonly endpoint: () => string;
  /** Account ids that exist. */
  readonly accountIds: () => readonly string[];
}
