import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { BootFacts } from '../activities/kinds/driver.ts';
import type { Copy } from '../activities/restores.ts';
import type { ProbedDatabase } from '../activities/prober.ts';
import type { Protection } from '../activities/protections.ts';
import type { FenceFact, RecoveryPointFacts } from '../domain/facts.ts';
import { restoredName } from '../domain/names.ts';
import type { Policy, ProtectedResource } from '../domain/policy/schema.ts';
import { finalVault, transitVault } from '../domain/route.ts';
import { duration, type Instant } from '../domain/units.ts';
import { couldNotRun, type CheckResult } from '../domain/verdict.ts';
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
import type { OnExit } from './cleanup.ts';
import type { Tracker } from './progress.ts';
import { isStepFailure, reasonOf } from './reasons.ts';

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
}

/** Filled in step by step, so that whoever stops half-way can say how far it came. */
export interface Seen {
  selection: { rule: string; candidates: number };
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
    return (transitArn = await waitForCopy({ policy, from, to, copyJobId }));
  });

  let jobId: string | null = null;
  onExit(`restored copy ${copy.name}`, async () => {
    if (jobId === null) return [];
    await settleRestore({ policy, jobId });
    await untilKnown.deleteCopy({ ...copy, drill });
    return waitUntilCopyGone({ ...copy, secretArn: seen.secretArn });
  });
  const endpoint = await step('restore', async () => {
    jobId = await known(() => untilKnown.startRestore({ ...copy, pointArn: restorable, drill }));
    const expiresAt = new Date(Date.parse(awsNow) + request.expiresInSeconds * 1000).toISOString();
    seen.restoredArn = await waitForRestore({ ...copy, jobId, drill, resource: entry.name, expiresAt });
    return (seen.endpoint = await waitUntilAvailable(copy));
  });
  seen.rto.available = since();

  const database: ProbedDatabase = await step('credentials', async () => {
    await quick.resetAccess(copy);
    seen.secretArn = await waitForAccess(copy);
    return { kind: entry.kind, ...endpoint, secretArn: seen.secretArn, region: policy.drill.region };
  });
  await step(
    'isolation',
    () => proveIsolation(copy, entry, seen),
    () => (seen.isolation.failed.length === 0 ? 'fenced' : 'NOT fenced'),
  );
  // A copy that can reach production is taken down at once, unread.
  if (seen.isolation.failed.length > 0) return;

  await step('first query', () => proberIn(policy, 'drill').firstQuery({ database }));
  seen.rto.firstQuery = since();
  await step(
    'checks',
    () => runChecks(request, copy, database, seen),
    () => `${seen.checks.length} checks`,
  );
  seen.rto.verified = since();

  async function choose() {
    const now = await quick.awsNow({ policy });
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
    return { pointArn: chosen, awsNow: now };
  }
}

/** "Perhaps started" cannot be cleaned up: a start is waited for even while the run is being cancelled. */
function known<T>(start: () => Promise<T>): Promise<T> {
  return CancellationScope.nonCancellable(start);
}

/** The settings as AWS shows them, and a live attempt from the drill network to reach production. */
async function proveIsolation(copy: Copy, entry: ProtectedResource, seen: Seen): Promise<void> {
  const { facts, problems } = await quick.readSettings(copy);
  const production = seen.protection?.endpoint ?? null;
  const targets =
    production === null ? [] : [{ kind: entry.kind, name: `production ${entry.name}`, ...production }];
  const attempts = targets.length === 0 ? [] : await proberIn(copy.policy, 'drill').probeFence({ targets });
  seen.fence = { attempts, settings: facts };
  seen.isolation.failed.push(
    ...problems,
    ...attempts.filter(({ reached }) => reached).map(({ target }) => `the drill network reaches ${target}`),
  );
  if (attempts.length === 0)
    seen.isolation.unknown.push('no address of production is known, so that nothing could be tried to reach');
}

async function runChecks(
  request: VerifyRequest,
  copy: Copy,
  database: ProbedDatabase,
  seen: Seen,
): Promise<void> {
  const { policy, entry } = request;
  const boot = await bootFacts(copy);
  for (const check of entry.checks) {
    const startedAt = new Date().toISOString();
    const fingerprints = seen.protection?.fingerprints ?? null;
    if (fingerprints === null || seen.point === null) {
      const reason = 'no fingerprint of the source belongs to this recovery point';
      seen.checks.push(couldNotRun(check, `the ${check} check`, reason, startedAt));
      continue;
    }
    try {
      const result = await proberIn(policy, 'drill').runCheck({
        policy,
        check,
        database,
        ...fingerprints,
        boot,
        freshness: entry.freshness,
        backupAt: seen.point.createdAt,
        rpoSeconds: duration(policy.objectives.rpo),
      });
      seen.checks.push(result);
    } catch (error) {
      if (isCancellation(error) || !isStepFailure(error)) throw error;
      seen.checks.push(couldNotRun(check, `the ${check} check`, reasonOf(error), startedAt));
    }
  }
}

/** The log is one source of the boot check among others: when it cannot be read, the check says so itself. */
async function bootFacts(copy: Copy): Promise<BootFacts | null> {
  try {
    return await quick.readBootFacts(copy);
  } catch (error) {
    if (isCancellation(error) || !isStepFailure(error)) throw error;
    return null;
  }
}
