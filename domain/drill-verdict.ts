import type { TeardownFact } from './facts.ts';
import { judge, type CheckId, type CheckResult, type Status } from './verdict.ts';

export interface DrillEvidence {
  readonly checks: readonly CheckResult[];
  readonly required: readonly CheckId[];
  /** Why the restore stopped before the checks; `definite` when it is known that the point cannot be restored. */
  readonly stopped: { readonly reason: string; readonly definite: boolean } | null;
  readonly isolation: { readonly failed: readonly string[]; readonly unknown: readonly string[] };
  readonly teardown: TeardownFact;
  /** Inventories that nobody could read, so that leftovers would not have been seen. */
  readonly inventoryUnknown?: readonly string[];
  /** Seconds from the start of the restore until the data was verified, and the objective. */
  readonly verifiedAfter: number | null;
  readonly rtoSeconds: number;
}

/**
 * The verdict of one drill. It passes only when the data was proven, in isolation, within the objective, and everything that the
 * drill made is proven gone. What is known to be wrong fails it; what is not known leaves it inconclusive.
 */
export function judgeDrill(evidence: DrillEvidence): {
  readonly status: Status;
  readonly reasons: readonly string[];
} {
  const { checks, required, stopped, isolation, teardown, verifiedAfter, rtoSeconds } = evidence;
  const { inventoryUnknown = [] } = evidence;
  const failed: string[] = [];
  const unknown: string[] = [];
  if (stopped !== null) (stopped.definite ? failed : unknown).push(stopped.reason);
  failed.push(...isolation.failed.map((reason) => `isolation: ${reason}`));
  unknown.push(...isolation.unknown.map((reason) => `isolation: ${reason}`));
  const data = judge(checks, required);
  // Checks that did not run because nothing was restored would only repeat why it stopped.
  if (stopped === null || checks.length > 0)
    (data.status === 'failed' ? failed : unknown).push(...data.reasons);
  if (verifiedAfter !== null && verifiedAfter > rtoSeconds)
    failed.push(`RTO: verified after ${Math.round(verifiedAfter)} s, the objective is ${rtoSeconds} s`);
  for (const { what, absent, seen } of teardown.removed)
    if (!absent) failed.push(`teardown: ${what} is not proven gone (${seen})`);
  unknown.push(...inventoryUnknown.map((reason) => `teardown: ${reason}`));
  const status: Status =
    failed.length > 0 ? 'failed' : unknown.length > 0 || data.status !== 'passed' ? 'inconclusive' : 'passed';
  return { status, reasons: [...failed, ...unknown] };
}

/** RPO from the data itself: the worst that any freshness rule measured, in seconds; null when none could tell. */
export function measuredDataLoss(checks: readonly CheckResult[]): number | null {
  const found = checks
    .map(({ measured }) => measured['dataLossSeconds'])
    .filter((n) => typeof n === 'number');
  return found.length === 0 ? null : Math.max(...found);
}
