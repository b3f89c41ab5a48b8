import type { Policy } from './policy/schema.ts';
import type {
  FingerprintRef,
  PopulationRow,
  RecoveryPointFacts,
  ResourceIdentity,
  SealRef,
  StatementRef,
} from './facts.ts';
import type { CheckResult, Status } from './verdict.ts';
import type { Instant } from './units.ts';

/**
 * Inputs and results of the workflows. One readonly object each, so that fields can be added while runs are open.
 * `policy` is the validated policy; children get it cut down to their own resource (`policyFor`).
 */
export interface UnderPolicy {
  readonly policy: Policy;
  /** SHA-256 of the canonical policy as applied: whole, even when `policy` is cut down. */
  readonly policySha256: string;
}

/** A policy that was just applied. */
export interface RecordPolicy extends UnderPolicy {
  readonly appliedBy: string;
  /** Part of the statement's name, so that a policy that comes back after another one is on record again. */
  readonly appliedAt: Instant;
}

export interface NightRequest extends UnderPolicy {
  /** Default: the instant for which the schedule started this run. */
  readonly slot?: Instant;
  /**
   * What to do for each resource; default: both. A run with `drill` alone drills the newest point in the last vault; one with `protect`
   * alone proves nothing yet, and its rows say so. Either way the night ends in a seal.
   */
  readonly only?: 'protect' | 'drill';
  /** Set when a run for a large fleet continues as new: what the earlier parts have finished. */
  readonly progress?: {
    readonly next: number;
    readonly rows: readonly PopulationRow[];
    readonly resources: readonly ResourceOutcome[];
  };
}

export interface NightResult {
  readonly slot: Instant;
  readonly verdict: Status;
  readonly population: readonly PopulationRow[];
  readonly resources: readonly ResourceOutcome[];
  /** Absent when no drill of the night passed, so that there was nothing to doubt. */
  readonly knownBad?: KnownBadResult;
  readonly seal: SealRef | null;
  /** Why the night could not be sealed, when it could not. */
  readonly sealProblem?: string;
}

/** What one night did for one resource; small, because it stays in the night's history. */
export interface ResourceOutcome {
  readonly resource: string;
  readonly protection: Omit<ProtectResult, 'points' | 'fingerprints'> | null;
  readonly drill: DrillResult | null;
}

export interface ProtectRequest extends UnderPolicy {
  readonly slot: Instant;
  readonly resource: string;
  readonly trigger: 'night' | 'by-hand';
}

export interface ProtectResult {
  readonly resource: string;
  readonly outcome: 'protected' | 'failed';
  readonly reason?: string;
  readonly identity: ResourceIdentity | null;
  readonly points: readonly RecoveryPointFacts[];
  readonly fingerprints: { readonly before: FingerprintRef; readonly after: FingerprintRef } | null;
  readonly statement: StatementRef | null;
  readonly seconds: number;
}

export interface DrillRequest extends UnderPolicy {
  readonly slot: Instant;
  readonly resource: string;
  readonly trigger: 'night' | 'by-hand';
  /** ARN of the recovery point in the last vault; default: the newest one there. */
  readonly pointArn?: string;
  /** The person behind a drill by hand. */
  readonly requestedBy?: string;
}

/** The drill of a copy that was spoilt on purpose. */
export interface KnownBadResult {
  readonly resource: string;
  /** What was done to the copy; null when it did not come that far. */
  readonly damage: string | null;
  /** The comparison of the rows failed, as it must. */
  readonly caught: boolean;
  /** It passed, although a row was gone: whatever else the drill says, it looks no longer. */
  readonly blind: boolean;
  readonly verdict: Status;
  readonly reasons: readonly string[];
  readonly cleanedUp: boolean;
  readonly statement: StatementRef | null;
}

export interface DrillResult {
  readonly resource: string;
  readonly verdict: Status;
  readonly reasons: readonly string[];
  readonly checks: readonly CheckSummary[];
  readonly pointArn: string | null;
  /** Seconds from the start of the restore until the API said available, the first query answered, the data was verified. */
  readonly rto: {
    readonly available: number | null;
    readonly firstQuery: number | null;
    readonly verified: number | null;
  };
  readonly rpoSeconds: number | null;
  readonly cleanedUp: boolean;
  readonly statement: StatementRef | null;
  readonly seconds: number;
}

export type CheckSummary = Pick<CheckResult, 'check' | 'status' | 'examined' | 'coverage' | 'durationMs'> & {
  /** The first findings in words, for terminals; all of them are in the statement. */
  readonly says: readonly string[];
};

export interface RestoreRequest extends UnderPolicy {
  /** Chosen by the caller; the workflow's id is `restore/<request>`. */
  readonly request: string;
  readonly resource: string;
  readonly requestedBy: string;
  readonly reason: string;
  /** The newest point from this instant or before; default: the newest point. */
  readonly at?: Instant;
  readonly pointArn?: string;
  /** How long the restored resource is kept after hand-over, at most 24 h. */
  readonly keepSeconds: number;
  /** Hand over although verification failed or is inconclusive. Recorded in the evidence. */
  readonly acceptUnverified: boolean;
}

export type RestorePhase =
  'awaiting-approval' | 'restoring' | 'verifying' | 'handed-over' | 'taking-down' | 'ended';

/** Answer to the `state` query of a restore request. Holds the ARN of the secret, never the secret. */
export interface RestoreState {
  readonly phase: RestorePhase;
  readonly verdict: Status | null;
  readonly reasons: readonly string[];
  readonly endpoint: string | null;
  readonly secretArn: string | null;
  readonly deadline: Instant | null;
  /** Null when the policy wants nobody to agree. */
  readonly approval: {
    readonly needed: number;
    readonly approvers: readonly string[];
    readonly decisions: readonly RestoreDecision[];
    /** By Temporal's clock. */
    readonly until: Instant;
  } | null;
}

export interface RestoreResult {
  readonly request: string;
  readonly verdict: Status;
  readonly reasons: readonly string[];
  readonly handedOver: boolean;
  readonly ended: string;
  readonly cleanedUp: boolean;
  readonly statement: StatementRef | null;
}

/** Payload of the `decide` update of a restore request. */
export interface RestoreDecision {
  readonly by: string;
  readonly decision: 'approved' | 'denied';
  /** Must not be empty when it is denied. */
  readonly reason: string;
}

/** Payload of the `finish` update of a restore request. */
export interface FinishRestore {
  readonly by: string;
}

export interface RetentionRequest extends UnderPolicy {
  readonly slot: Instant;
}

export interface RetentionResult {
  readonly awsNow: Instant;
  readonly live: number;
  readonly provenGone: number;
  readonly lingering: readonly string[];
  readonly held: readonly string[];
  readonly withoutExpiry: readonly string[];
  readonly statement: StatementRef | null;
}

export interface SweepRequest extends UnderPolicy {
  readonly slot?: Instant;
}

export interface SweepResult {
  readonly removed: readonly string[];
  readonly refused: readonly string[];
  readonly statement: StatementRef | null;
}

/** One condition of preflight and of `lifeboat doctor`. */
export interface Condition {
  readonly subject: string;
  readonly question: string;
  readonly state: 'ok' | 'problem' | 'unknown';
  readonly saw: string;
  /** What to do; empty when `state` is `ok`. */
  readonly action: string;
}

/** The same policy with one resource only: what a child workflow gets, so that histories stay small. */
export function policyFor(policy: Policy, resource: string): Policy {
  return { ...policy, resources: policy.resources.filter(({ name }) => name === resource), exclude: [] };
}
