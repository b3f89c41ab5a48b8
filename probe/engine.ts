import type { FreshnessRule } from '../domain/policy/schema.ts';
import type { ApplicationCheck, Assertion } from '../domain/policy/verification-schema.ts';
import type { Instant } from '../domain/units.ts';
import type { CheckResult, DatabaseCheckId } from '../domain/verdict.ts';
import type { Fingerprint } from './postgresql/fingerprint.ts';
import type { ReadingLoad } from './postgresql/load-guard.ts';
import type { KnownNight } from './postgresql/memory.ts';

/** A database server to ask, and how to reach it. TLS is compulsory; the certificate is checked against `ca`. */
export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** PEM bundle of the authorities to trust. */
  readonly ca: string;
  /** The name that the certificate must carry, when it is not `host`. */
  readonly serverName?: string;
  /** Local address to bind the client's socket to: it decides from which network the question comes. */
  readonly localAddress?: string;
  /** The database to connect to first; `postgres` when absent. */
  readonly database?: string;
}

/** What the probe needs from whoever runs it. `heartbeat` is called at least every few seconds with a short sentence. */
export interface ProbeHooks {
  heartbeat(detail: string): void;
  readonly signal: AbortSignal;
  now(): Date;
}

/** What the control plane read about the boot of the copy through the cloud's interface: the engine's own log. */
export interface BootFacts {
  readonly engineVersion: string;
  readonly logLines: number;
  readonly logFindings: readonly { readonly code: string; readonly count: number }[];
  readonly logRead: boolean;
}

export interface CheckContext {
  readonly target: ProbeTarget;
  /** Taken at the source just before the backup. */
  readonly before: Fingerprint;
  /** Taken at the source just after the backup was surely cut. */
  readonly after: Fingerprint;
  readonly boot: BootFacts | null;
  /** Second pass of the last point that was verified; null when there is none, absent when nobody looked. */
  readonly lastVerified?: Fingerprint | null;
  readonly freshness: readonly FreshnessRule[];
  /** The policy's own questions; absent is none. */
  readonly assertions?: readonly Assertion[];
  readonly applicationChecks?: readonly ApplicationCheck[];
  /** The instant of the backup, as AWS tells it. */
  readonly backupAt: Instant;
  readonly rpoSeconds: number;
}

/** `before` is compulsory for the second pass: both passes must look through the same window of transaction ids. */
export interface FingerprintRequest {
  readonly pass: 'before' | 'after';
  /** Secret of this night; digests can be compared only within one seed. */
  readonly seed: string;
  readonly before?: Fingerprint;
  /** Both passes of the last night whose copy was proven: what has provably not changed since is not read again. */
  readonly known?: KnownNight;
  /** How much of the source's strength may be used; absent is all that two sessions take. */
  readonly load?: ReadingLoad;
}

export interface FirstQuery {
  /** From the call until the first row came back, connecting included. */
  readonly seconds: number;
  readonly at: Instant;
  readonly serverVersion: string;
  readonly inRecovery: boolean;
}

/** `reached` is true as soon as the other side would talk to us; `how` says what was seen. */
export interface Reach {
  readonly reached: boolean;
  readonly how: string;
}

/** What was done to a copy on purpose: names and numbers, never content. */
export interface Spoilt {
  readonly what: string;
}

/** One kind of database. Every method throws `DatabaseUnreachable` when it cannot connect, and the signal's reason when aborted. */
export interface Engine {
  fingerprint(target: ProbeTarget, request: FingerprintRequest, hooks: ProbeHooks): Promise<Fingerprint>;
  check(id: DatabaseCheckId, context: CheckContext, hooks: ProbeHooks): Promise<CheckResult>;
  firstQuery(target: ProbeTarget, hooks: ProbeHooks): Promise<FirstQuery>;
  /** Takes the least away from a copy that its checks promise to see. Null when there is nothing to take. */
  spoil(
    target: ProbeTarget,
    request: { readonly before: Fingerprint; readonly after: Fingerprint; readonly seed: string },
    hooks: ProbeHooks,
  ): Promise<Spoilt | null>;
  /** Whether a database answers at all from `localAddress`; never throws. */
  reach(target: Pick<ProbeTarget, 'host' | 'port' | 'localAddress'>, timeoutMs: number): Promise<Reach>;
}
