import { CancellationScope, isCancellation, patched } from '@temporalio/workflow';
import type { Copy } from '../activities/restores.ts';
import type { ProbedDatabase } from '../activities/prober.ts';
import type { Protection } from '../activities/protections.ts';
import type { CopySize } from '../domain/costs.ts';
import type { Inventory } from '../domain/drill-inventory.ts';
import type { DrillFact, FenceFact, RecoveryPointFacts } from '../domain/facts.ts';
import { restoredName } from '../domain/names.ts';
import type { Policy, ProtectedResource } from '../domain/policy/schema.ts';
import { finalVault, transitVault } from '../domain/route.ts';
import type { Instant } from '../domain/units.ts';
import type { CheckResult } from '../domain/verdict.ts';
import {
  proberIn,
  quick,
  settleRestore,
  settleTransitCopy,
  untilKnown,
  waitForAccess,
  waitForCopy,
  waitForRestore,
  waitUntilAvailable,
  waitUntilCopyGone,
  waitUntilTransitPointGone,
} from './activities.ts';
import { inventoryBefore } from './absence.ts';
import type { OnExit } from './cleanup.ts';
import { proveIsolation } from './isolation.ts';
import { runChecks } from './run-checks.ts';
import { isStepFailure } from './reasons.ts';
import type { Tracker } from './progress.ts';

/** The steps that a drill and a restore by hand have in common, in order; for the progress display. */
export const VERIFY_STEPS = [
  'choose point',
  'transit copy',
  'restore',
  'credentials',
  'isolation',
  'first query',
  'checks',
] as const;

export interface VerifyRequest {
  readonly policy: Policy;
  readonly entry: ProtectedResource;
  readonly slot: Instant;
  /** Id of the workflow; the tag of everything that it makes. */
  readonly drill: string;
  readonly prefix: string;
  readonly pointArn?: string;
  readonly at?: Instant;
  readonly expiresInSeconds: number;
  /** Done to the copy after its first query, before the checks. */
  readonly beforeChecks?: (database: ProbedDatabase) => Promise<void>;
}

/** Filled in step by step, so that whoever stops half-way can say how far it came. */
export interface Seen {
  selection: DrillFact['selection'];
  point: RecoveryPointFacts | null;
  protection: Protection | null;
  restoredArn: string | null;
  endpoint: { host: string; port: number } | null;
  secretArn: string | null;
  fence: FenceFact | null;
  /** Reasons for which the isolation is not as it must be. */
  isolation: { failed: string[]; unknown: string[] };
  checks: CheckResult[];
  rto: { available: number | null; firstQuery: number | null; verified: number | null };
  /** The drill account before anything was made in it; null when it could not be listed. */
  before: Inventory | null;
  /** Things that the drill made, beside the copy itself. */
  made: string[];
  size: CopySize | null;
  /** When the restore began, in milliseconds of the workflow's clock. */
  restoringSince: number | null;
  /** Of the copy, as AWS tells it. */
  engineVersion: string | null;
  /** AWS's time when the point was chosen; null before. */
  awsNow: Instant | null;
  /** As whom the control plane looked at the drill's network. */
  callers: string[];
}

export function nothingSeen(): Seen {
  return {
    selection: { rule: 'none', candidates: 0 },
    point: null,
    protection: null,
    restoredArn: null,
    endpoint: null,
    secretArn: null,
    fence: null,
    isolation: { failed: [], unknown: [] },
    checks: [],
    rto: { available: null, firstQuery: null, verified: null },
    before: null,
    made: [],
    size: null,
    restoringSince: null,
    awsNow: null,
    engineVersion: null,
    callers: [],
  };
}

/**
 * Restores one recovery point into the drill account and asks every check of it. Needs only the recovery region: identity, endpoint
 * and fingerprints of the source come from the ledger, because the production region may be what was lost.
 */
export async function verifyCopy(
  request: VerifyRequest,
  seen: Seen,
  { step }: Tracker,
  onExit: OnExit,
): Promise<void> {
  const { policy, entry, slot, drill, prefix } = request;
  const from = finalVault(policy);
  const to = transitVault(policy);
  const copy: Copy = { policy, kind: entry.kind, name: restoredName(prefix, entry.name, slot, drill) };

  const { pointArn, awsNow } = await step('choose point', choose, () => seen.selection.rule);
  seen.before = await inventoryBefore(policy);
  const startedAt = Date.now();
  const since = (): number => (Date.now() - startedAt) / 1000;

  let copyJobId: string | null = null;
  let transitArn: string | null = null;
  onExit('point in the transit vault', async () => {
    if (copyJobId === null) return [];
    transitArn ??= await settleTransitCopy({ policy, copyJobId });
    if (transitArn === null) return [];
    await untilKnown.deleteTransitPoint({ policy, pointArn: transitArn });
    return waitUntilTransitPointGone({ policy, pointArn: transitArn });
  });
  const restorable = await step('transit copy', async () => {
    // A copy keeps its source's creation date, and retention counts from there (contract §3.3).
    const ageDays = Math.ceil(
      (Date.parse(awsNow) - Date.parse(seen.point?.createdAt ?? awsNow)) / 86_400_000,
    );
    const ask = { policy, from, to, pointArn, deleteAfterDays: Math.max(0, ageDays) + 2, purpose: drill };
    copyJobId = await known(() => untilKnown.startCopy(ask));
    transitArn = await waitForCopy({ policy, from, to, copyJobId });
    seen.made.push(transitArn);
    return transitArn;
  });

  let jobId: string | null = null;
  onExit(`restored copy ${copy.name}`, async () => {
    if (jobId === null) return [];
    await settleRestore({ policy, jobId });
    await untilKnown.deleteCopy({ ...copy, drill });
    return waitUntilCopyGone({ ...copy, secretArn: seen.secretArn });
  });
  const endpoint = await step('restore', async () => {
    seen.restoringSince = Date.now();
    jobId = await known(() => untilKnown.startRestore({ ...copy, pointArn: restorable, drill }));
    const expiresAt = new Date(Date.parse(awsNow) + request.expiresInSeconds * 1000).toISOString();
    seen.restoredArn = await waitForRestore({ ...copy, jobId, drill, resource: entry.name, expiresAt });
    return (seen.endpoint = await waitUntilAvailable(copy));
  });
  seen.rto.available = since();

  const database: ProbedDatabase = await step('credentials', async () => {
    await quick.resetAccess(copy);
    seen.secretArn = await waitForAccess(copy);
    if (seen.secretArn !== null) seen.made.push(seen.secretArn);
    return { kind: entry.kind, ...endpoint, secretArn: seen.secretArn, region: policy.drill.region };
  });
  await step(
    'isolation',
    () => proveIsolation(copy, entry.name, seen),
    () => (seen.isolation.failed.length === 0 ? 'fenced' : 'NOT fenced'),
  );
  // A copy that can reach production is taken down at once, unread.
  if (seen.isolation.failed.length > 0) return;

  await step('first query', () => proberIn(policy, 'drill').firstQuery({ database }));
  seen.rto.firstQuery = since();
  await request.beforeChecks?.(database);
  await step(
    'checks',
    () => runChecks(request, copy, database, seen),
    () => `${seen.checks.length} checks`,
  );
  seen.rto.verified = since();

  async function choose() {
    const now = await quick.awsNow({ policy });
    seen.awsNow = now;
    const { pointArn: chosen, ...selection } = await quick.choosePoint({
      policy,
      resourceArn: entry.arn,
      ...(request.pointArn === undefined ? {} : { pointArn: request.pointArn }),
      ...(request.at === undefined ? {} : { at: request.at }),
    });
    seen.selection = selection;
    const point = await quick.readBackPoint({ policy, vault: from, pointArn: chosen, awsNow: now });
    seen.point = point;
    seen.protection = await quick.findProtection({
      policy,
      resource: entry.name,
      pointArn: chosen,
      createdAt: point.createdAt,
    });
    const lastVerifiedAt = await verifiedBefore(policy, entry.name, seen);
    seen.selection = { ...selection, ...(lastVerifiedAt === undefined ? {} : { lastVerifiedAt }) };
    return { pointArn: chosen, awsNow: now };
  }
}

/** When this resource was verified before; undefined when nobody could tell, which does not keep it from being drilled. */
async function verifiedBefore(
  policy: Policy,
  resource: string,
  { protection, awsNow }: Seen,
): Promise<Instant | null | undefined> {
  if (protection === null || awsNow === null || !patched('selection-last-verified')) return undefined;
  const { immutableId } = protection.identity;
  try {
    const found = await quick.findLastVerified({ policy, resource, immutableId, before: awsNow });
    return found?.slot ?? null;
  } catch (error) {
    if (isCancellation(error) || !isStepFailure(error)) throw error;
    return undefined;
  }
}

/** "Perhaps started" cannot be cleaned up: a start is waited for even while the run is being cancelled. */
function known<T>(start: () => Promise<T>): Promise<T> {
  return CancellationScope.nonCancellable(start);
}
