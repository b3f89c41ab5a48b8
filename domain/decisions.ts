import type { Policy } from './policy/schema.ts';

/** A reviewer's word about a drill or a restore. */
export interface SignOffDecision {
  readonly kind: 'sign-off';
  readonly policySha256: string;
  /** Key of a statement, or the name of a resource: its newest drill. */
  readonly which: string;
  readonly reviewer: string;
  readonly decision: 'accepted' | 'rejected';
  readonly note: string;
}

/** Somebody answers for an exception until a day. */
export interface WaiverDecision {
  readonly kind: 'waiver';
  readonly policySha256: string;
  readonly waiver: string;
  readonly owner: string;
  readonly resource: string | null;
  readonly what: string;
  readonly reason: string;
  /** Instant, later than AWS's time. */
  readonly expires: string;
}

export type Decision = SignOffDecision | WaiverDecision;

/** Input of the workflow `recordDecision`, and of the activity of the same name. */
export interface RecordDecision {
  readonly policy: Policy;
  readonly decision: Decision;
}
