import type { ClaimFact } from './claims.ts';
import type { CredentialFacts, NetworkFacts } from './isolation.ts';
import type { CheckResult, Status } from './verdict.ts';
import type { Instant } from './units.ts';

/**
 * What Lifeboat claims, one type per kind of statement. Workflows build facts; the ledger wraps each one in a signed statement.
 * Facts hold no secret and no row content. All instants are AWS's own unless their name says otherwise.
 */
export interface Location {
  readonly accountId: string;
  readonly region: string;
  readonly vault: string;
}

/** Identity of a protected resource: its name in the policy, its ARN and AWS's immutable id (`DbiResourceId`). */
export interface ResourceIdentity {
  readonly name: string;
  readonly kind: string;
  readonly arn: string;
  readonly immutableId: string;
}

/** What was read back from AWS about one recovery point, never what was asked for. */
export interface RecoveryPointFacts {
  readonly arn: string;
  readonly location: Location;
  readonly status: string;
  readonly createdAt: Instant;
  readonly deleteAt: Instant | null;
  readonly encryptionKeyArn: string | null;
  readonly sizeBytes: number | null;
  readonly lock: LockFacts;
  /** What the policy wants the lock to be; absent in older statements, and where a point is only read. */
  readonly wantedLock?: 'compliance' | 'none';
  /** AWS's time when all of this was read; absent in older statements. */
  readonly readAt?: Instant;
  /** Who could delete this point, as the policies of vault and key say it; absent where nobody looked. */
  readonly deletableBy?: readonly string[];
}

/** `pending`: compliance lock that can still be taken off (cooling-off). Only `immutable` may be called WORM. */
export type LockFacts =
  | {
      readonly state: 'immutable';
      readonly since: Instant;
      readonly minDays: number | null;
      readonly maxDays: number | null;
    }
  | { readonly state: 'pending'; readonly immutableFrom: Instant }
  | { readonly state: 'governance' }
  | { readonly state: 'none' }
  | { readonly state: 'unknown'; readonly reason: string };

/** Where a fingerprint is stored in the ledger, and its digest. */
export interface FingerprintRef {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly takenAt: Instant;
  readonly tables: number;
  readonly rows: number;
  readonly blocks: number;
}

/** Which program made a statement. `local`: against the AWS on this computer, so that it proves nothing about a real account. */
export interface RecordedBy {
  readonly tool: string;
  readonly version: string;
  readonly confidence: 'real' | 'local';
}

/** What a resource matters to whom, and where its objectives are written down. */
export interface ScopeFact {
  readonly tier?: string;
  readonly owner?: string;
  readonly objectivesSource?: { readonly document: string; readonly date: string };
}

/** Length of one step, by Temporal's clock. */
export interface Timing {
  readonly step: string;
  readonly startedAt: Instant;
  readonly seconds: number;
}

export interface PolicyAppliedFact {
  readonly type: 'policy-applied';
  readonly policy: string;
  readonly policySha256: string;
  readonly resources: readonly string[];
  readonly schedule?: { readonly cron: string; readonly timezone: string };
  readonly appliedBy?: string;
  /** Slot of the scheduled night that found this policy in force and nothing on record about who applied it; then nobody is named. */
  readonly seenInForce?: Instant;
}

export interface ProtectionFact {
  readonly type: 'protection';
  readonly policy: string;
  readonly policySha256: string;
  readonly slot: Instant;
  readonly resource: ResourceIdentity;
  /** Where the source answered; drills must not reach it. Null when it was never seen. */
  readonly endpoint: { readonly host: string; readonly port: number } | null;
  readonly engineVersion: string;
  /** Absent in statements older than the field. Work by hand needs no row in the population of a night. */
  readonly trigger?: 'night' | 'by-hand';
  readonly outcome: 'protected' | 'failed';
  readonly reason?: string;
  /** The one before the backup, then the one after it. */
  readonly fingerprints: readonly FingerprintRef[];
  /** The source's point first, then one per hop, each as read back. */
  readonly points: readonly RecoveryPointFacts[];
  readonly timings: readonly Timing[];
}

/** Proof that the drill network cannot reach production. `reached` must be false for every target. */
export interface FenceFact {
  readonly attempts: readonly { readonly target: string; readonly reached: boolean; readonly how: string }[];
  readonly settings: Readonly<Record<string, string | boolean>>;
  /** Routes and admissions as EC2 describes them; absent in older statements, and where they could not be read. */
  readonly network?: NetworkFacts;
  /** As whom the drill's prober acts, and the roles of production that it tried to take. */
  readonly credentials?: CredentialFacts;
}

/** Proof that what a drill created is gone: each thing, and how its absence was seen. */
export interface TeardownFact {
  readonly complete: boolean;
  readonly removed: readonly { readonly what: string; readonly absent: boolean; readonly seen: string }[];
}

export interface DrillFact {
  readonly type: 'drill';
  readonly policy: string;
  readonly policySha256: string;
  readonly slot: Instant;
  readonly resource: ResourceIdentity;
  readonly trigger: 'night' | 'by-hand' | 'restore-request';
  readonly selection: {
    readonly rule: string;
    readonly candidates: number;
    /** What a random choice was made with, so that it can be repeated. */
    readonly seed?: string;
    /** Slot of the last drill of this resource that passed, rows compared; null when the last 60 days with statements hold none. */
    readonly lastVerifiedAt?: Instant | null;
  };
  readonly point: RecoveryPointFacts | null;
  readonly restoredArn: string | null;
  readonly verdict: Status;
  readonly reasons: readonly string[];
  readonly checks: readonly CheckResult[];
  readonly fence: FenceFact | null;
  readonly teardown: TeardownFact | null;
  readonly objectives: { readonly rtoSeconds: number; readonly rpoSeconds: number };
  /** Seconds from the start of the restore; null when it was not reached. */
  readonly rto: {
    readonly available: number | null;
    readonly firstQuery: number | null;
    readonly verified: number | null;
  };
  /** Age of the newest data at the instant of the backup, from the data itself; null when no freshness rule could tell. */
  readonly rpoSeconds: number | null;
  readonly timings: readonly Timing[];
  readonly requestedBy?: string;
  readonly approvedBy?: readonly string[];
  readonly scope?: ScopeFact;
  readonly engineVersion?: string;
  /** Attempts beyond the first, by step. */
  readonly retries?: readonly {
    readonly step: string;
    readonly attempts: number;
    readonly lastError: string;
  }[];
  /** What a person did by hand on the way. */
  readonly manualSteps?: readonly string[];
  /** What this drill changes about how long points are kept: holds placed or released. */
  readonly retentionEffect?: readonly string[];
  /** Until when this verdict may be relied on. */
  readonly freshUntil?: Instant;
}

export interface RestoreFact {
  readonly type: 'restore';
  readonly policy: string;
  readonly policySha256: string;
  readonly request: string;
  readonly requestedBy: string;
  readonly reason: string;
  readonly phase: 'verified' | 'handed-over' | 'ended';
  readonly resource: ResourceIdentity;
  readonly point: RecoveryPointFacts | null;
  readonly verdict: Status | null;
  readonly checks: readonly CheckResult[];
  readonly endpoint: string | null;
  readonly deadline: Instant | null;
  readonly ended: string | null;
  readonly teardown: TeardownFact | null;
  readonly approvals?: readonly {
    readonly by: string;
    readonly decision: 'approved' | 'denied';
    readonly at: Instant;
  }[];
  /** How many people had to agree; absent in older statements. */
  readonly approvalsNeeded?: number;
  /** AWS's instants of the phases that have been reached; a hand-over is later than the statement of it by seconds at most. */
  readonly startedAt?: Instant;
  readonly handedOverAt?: Instant | null;
  readonly endedAt?: Instant | null;
}

/** What the retention pass saw in one vault. Every point past its date is either proven gone or named as lingering. */
export interface RetentionFact {
  readonly type: 'retention';
  readonly policy: string;
  readonly slot: Instant;
  readonly awsNow: Instant;
  readonly vaults: readonly {
    readonly location: Location;
    readonly live: number;
    readonly provenGone: readonly { readonly arn: string; readonly dueAt: Instant; readonly seen: string }[];
    readonly lingering: readonly { readonly arn: string; readonly dueAt: Instant; readonly status: string }[];
    readonly held: readonly { readonly arn: string; readonly reason: string }[];
    readonly withoutExpiry: readonly string[];
  }[];
}

export interface SweepFact {
  readonly type: 'sweep';
  readonly policy: string;
  readonly slot: Instant;
  readonly removed: readonly { readonly arn: string; readonly why: string; readonly absent: boolean }[];
  readonly refused: readonly { readonly arn: string; readonly why: string }[];
}

/** One row of the population: what became of one resource in one slot. Silence is a row, too. */
export interface PopulationRow {
  readonly resource: string;
  readonly arn: string;
  readonly slot: Instant;
  readonly end: Status | 'missed' | 'excluded' | 'not-covered';
  readonly reason: string;
}

export interface NightFact {
  readonly type: 'night';
  readonly policy: string;
  readonly policySha256: string;
  readonly slot: Instant;
  readonly population: readonly PopulationRow[];
  readonly verdict: Status;
}

export type Fact =
  | PolicyAppliedFact
  | ProtectionFact
  | DrillFact
  | RestoreFact
  | RetentionFact
  | SweepFact
  | NightFact
  | ClaimFact;

/** A fact as its statement holds it: with the program that recorded it. Absent in statements older than the field. */
export type Recorded<F extends Fact = Fact> = F & { readonly recordedBy?: RecordedBy };

/** A statement that lies in the ledger. `sha256` is that of the stored envelope's bytes. */
export interface StatementRef {
  readonly key: string;
  readonly versionId: string;
  readonly sha256: string;
  readonly type: Fact['type'];
}

export interface SealRef {
  readonly key: string;
  readonly sequence: number;
  readonly sha256: string;
  readonly statements: number;
}
