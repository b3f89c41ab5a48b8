import type {
  FenceFact,
  FingerprintRef,
  Location,
  LockFacts,
  RecoveryPointFacts,
  ResourceIdentity,
  TeardownFact,
} from './facts.ts';
import type { Instant } from './units.ts';
import type { Status } from './verdict.ts';

/**
 * Further kinds of statements: single steps that the larger ones (protection, drill, restore) tell as a whole, and what people decide.
 * docs/evidence.md says which of them the product writes today.
 */
interface Claim {
  readonly policy: string;
  readonly policySha256: string;
}

interface OfSlot extends Claim {
  readonly slot: Instant;
}

/** A night has begun, and these resources must each have an end in it. */
export interface SlotOpenedFact extends OfSlot {
  readonly type: 'slot-opened';
  readonly openedAt: Instant;
  readonly trigger: 'night' | 'by-hand';
  readonly resources: readonly { readonly name: string; readonly arn: string }[];
}

/** What became of one resource in one slot; the seal of the night says it for all of them. */
export interface SlotEndedFact extends OfSlot {
  readonly type: 'slot-ended';
  readonly resource: string;
  readonly arn: string;
  readonly end: Status | 'missed' | 'excluded' | 'not-covered';
  readonly reason: string;
  readonly endedAt: Instant;
}

/** A backup was made, as read back from AWS. */
export interface RecoveryPointFact extends OfSlot {
  readonly type: 'recovery-point';
  readonly resource: ResourceIdentity;
  readonly point: RecoveryPointFacts;
}

/** One hop of a copy. */
export interface CopyFact extends OfSlot {
  readonly type: 'copy';
  readonly resource: ResourceIdentity;
  /** 1 for the first copy of a backup. */
  readonly hop: number;
  readonly fromArn: string;
  readonly point: RecoveryPointFacts;
  readonly startedAt: Instant;
  readonly endedAt: Instant;
}

/** The lock of a vault or of an object, read back from AWS at some instant. */
export interface LockFact extends Claim {
  readonly type: 'lock';
  readonly at: Instant;
  readonly wanted: 'compliance' | 'none';
  readonly location: Location;
  readonly lock: LockFacts;
}

/** A snapshot exported to a bucket with Object Lock, so that it can be read without AWS's restore path. */
export interface ArchiveFact extends OfSlot {
  readonly type: 'archive';
  readonly resource: ResourceIdentity;
  readonly pointArn: string;
  readonly bucket: string;
  readonly region: string;
  readonly prefix: string;
  readonly objects: number;
  readonly bytes: number;
  /** SHA-256 of the list of objects, their versions and digests. */
  readonly manifestSha256: string;
  readonly lock: { readonly mode: string; readonly until: Instant } | null;
}

/** A fingerprint was taken. It holds digests and counts, never content. */
export interface FingerprintFact extends OfSlot {
  readonly type: 'fingerprint';
  readonly resource: ResourceIdentity;
  readonly moment: 'before' | 'after';
  readonly fingerprint: FingerprintRef;
}

/** What kept a restored copy apart: attempts that had to fail, settings as AWS describes them, and the roles in use. */
export interface IsolationFact extends OfSlot {
  readonly type: 'isolation';
  readonly resource: ResourceIdentity;
  readonly drill: string;
  readonly fence: FenceFact;
  readonly roles: readonly string[];
  /** Production credentials that the drill could have used. Must be empty. */
  readonly productionCredentials: readonly string[];
}

/** What existed before and after a drill, by inventories that the drill did not write to. */
export interface TeardownProofFact extends OfSlot {
  readonly type: 'teardown';
  readonly resource: ResourceIdentity;
  readonly drill: string;
  readonly teardown: TeardownFact;
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly leftovers: readonly string[];
  readonly cost: { readonly amount: number; readonly currency: string; readonly ratesOf: string } | null;
}

/** A legal hold, placed or released. It ends by nothing but its release. */
export interface HoldFact extends Claim {
  readonly type: 'hold';
  /** Its name; absent in older statements. */
  readonly hold?: string;
  readonly action: 'placed' | 'released';
  readonly at: Instant;
  readonly resource: string;
  readonly points: readonly string[];
  readonly holdArn: string | null;
  /** Who answers for it. */
  readonly by: string;
  readonly reason: string;
  /** When somebody wants to look at it again. */
  readonly until?: Instant;
}

/** A named person agreed or refused. */
export interface ApprovalFact extends Claim {
  readonly type: 'approval';
  readonly request: string;
  readonly by: string;
  readonly decision: 'approved' | 'denied';
  readonly at: Instant;
  readonly reason: string;
}

/** Access to restored production data: granted until an instant, or ended. Holds the ARN of the secret, never the secret. */
export interface AccessFact extends Claim {
  readonly type: 'access';
  readonly action: 'granted' | 'ended';
  readonly at: Instant;
  readonly request: string;
  readonly resource: string;
  readonly person: string;
  readonly secretArn: string | null;
  /** Who agreed to the restore; absent in older statements. */
  readonly approvedBy?: readonly string[];
  readonly until: Instant;
  /** How its end was seen, for example the refusal of the database. */
  readonly seen: string | null;
}

/** Somebody answers for something that is not as it should be, until a day. */
export interface WaiverFact extends Claim {
  readonly type: 'waiver';
  readonly waiver: string;
  readonly owner: string;
  /** Name of a resource, or null for all of them. */
  readonly resource: string | null;
  /** What is waived: a check, a promise or a row of the population, by name. */
  readonly what: string;
  readonly reason: string;
  readonly grantedAt: Instant;
  readonly expires: Instant;
}

/** A reviewer who did not run the drill has looked at its statement. */
export interface SignOffFact extends Claim {
  readonly type: 'sign-off';
  readonly statement: { readonly key: string; readonly versionId: string; readonly sha256: string };
  readonly reviewer: string;
  readonly decision: 'accepted' | 'rejected';
  readonly note: string;
  readonly signedAt: Instant;
}

/** A deliberately damaged restore went through the live path; unless it was caught, no green of that night counts. */
export interface KnownBadFact extends OfSlot {
  readonly type: 'known-bad';
  readonly resource: ResourceIdentity;
  readonly damage: string;
  readonly verdict: Status;
  readonly caught: boolean;
  readonly reasons: readonly string[];
}

export interface AlertFact extends Claim {
  readonly type: 'alert';
  readonly alert: string;
  readonly state: 'raised' | 'cleared';
  readonly severity: 'page' | 'warning' | 'information';
  readonly subject: string;
  readonly message: string;
  readonly at: Instant;
  readonly deliveries: readonly {
    readonly to: string;
    readonly confirmed: boolean;
    readonly seen: string;
  }[];
}

export type ClaimFact =
  | SlotOpenedFact
  | SlotEndedFact
  | RecoveryPointFact
  | CopyFact
  | LockFact
  | ArchiveFact
  | FingerprintFact
  | IsolationFact
  | TeardownProofFact
  | HoldFact
  | ApprovalFact
  | AccessFact
  | WaiverFact
  | SignOffFact
  | KnownBadFact
  | AlertFact;
