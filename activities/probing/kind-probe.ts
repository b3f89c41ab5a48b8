import type { FingerprintRef } from '../../domain/facts.ts';
import type { CheckResult } from '../../domain/verdict.ts';
import type { FirstQuery, ProbeHooks, Reach, Spoilt } from '../../probe/engine.ts';
import type { Policy } from '../../domain/policy/schema.ts';
import type { ProbedDatabase, RunCheck, SpoilCopy, TakeFingerprint } from '../prober.ts';

/**
 * All that differs between kinds of resources inside a network. One file per kind; the prober knows none of them. `run` names the run of
 * the workflow: what an attempt has read is gone on with, and shared, within one run only.
 */
export interface KindProbe {
  /** Takes a fingerprint and stores it; finds what an earlier attempt stored, and goes on where one was lost. */
  takeFingerprint(ask: TakeFingerprint, run: string, hooks: ProbeHooks): Promise<FingerprintRef>;
  firstQuery(thing: ProbedDatabase, hooks: ProbeHooks): Promise<FirstQuery>;
  runCheck(ask: RunCheck, run: string, hooks: ProbeHooks): Promise<CheckResult>;
  /** Whether the thing lies in the drill account, by what its address and its secret say. */
  isInDrillAccount(policy: Policy, thing: ProbedDatabase): boolean;
  spoil(ask: SpoilCopy, run: string, hooks: ProbeHooks): Promise<Spoilt | null>;
  /** Whether it answers at all from this network; never throws. */
  reach(at: { readonly host: string; readonly port: number }, timeoutMs: number): Promise<Reach>;
}
