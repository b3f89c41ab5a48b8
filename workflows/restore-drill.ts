import { CancellationScope, patched, workflowInfo } from '@temporalio/workflow';
import type { DrillFact } from '../domain/facts.ts';
import { drillContext } from '../domain/drill-context.ts';
import { judgeDrill, measuredDataLoss } from '../domain/drill-verdict.ts';
import { DRILL_PREFIX, restoredName } from '../domain/names.ts';
import { checksOf } from '../domain/policy/checks.ts';
import type { DrillRequest, DrillResult } from '../domain/requests.ts';
import { pointSubjects } from '../domain/subjects.ts';
import { summaryOf } from '../domain/summary.ts';
import { duration } from '../domain/units.ts';
import { proveAbsence } from './absence.ts';
import { evidence, quick } from './activities.ts';
import { withCleanup } from './cleanup.ts';
import { trackProgress } from './progress.ts';
import { unidentified } from './protect-resource.ts';
import { recordProofs } from './proofs.ts';
import { failureTypeOf, isStepFailure, reasonOf, refusal } from './reasons.ts';
import { nothingSeen, verifyCopy, VERIFY_STEPS } from './verify-copy.ts';

/**
 * Proves that one recovery point is restorable and holds what its source held: restores it into the drill account, asks every check,
 * takes it down and proves that it is gone. Always ends in a statement, also when it was cancelled.
 */
export async function restoreDrill(request: DrillRequest): Promise<DrillResult> {
  const { policy, policySha256, slot, resource, trigger } = request;
  const entry = policy.resources.find(({ name }) => name === resource);
  if (entry === undefined)
    throw refusal('ResourceMissing', `The policy "${policy.name}" has no resource "${resource}".`);
  const progress = trackProgress([...VERIFY_STEPS, 'teardown', 'statement']);
  const startedAt = Date.now();
  const seen = nothingSeen();
  const drill = workflowInfo().workflowId;
  const verify = {
    policy,
    entry,
    slot,
    drill,
    prefix: DRILL_PREFIX,
    expiresInSeconds: duration(policy.drill.expiresAfter),
    ...(request.pointArn === undefined ? {} : { pointArn: request.pointArn }),
  };

  const { ended, teardown: removed } = await withCleanup(
    (onExit) => verifyCopy(verify, seen, progress, onExit),
    progress,
  );
  if ('error' in ended && !isStepFailure(ended.error)) throw ended.error;
  const copyName = restoredName(DRILL_PREFIX, entry.name, slot, drill);
  const { teardown, absence } = await proveAbsence({ policy, drill, copyName }, seen, removed);

  const rtoSeconds = duration(policy.objectives.rto);
  const verdict = judgeDrill({
    checks: seen.checks,
    required: checksOf(entry),
    stopped:
      'error' in ended
        ? { reason: reasonOf(ended.error), definite: failureTypeOf(ended.error) === 'RestoreFailed' }
        : null,
    isolation: seen.isolation,
    teardown,
    inventoryUnknown: absence?.unknown ?? [],
    verifiedAfter: seen.rto.verified,
    rtoSeconds,
  });
  const rpoSeconds = measuredDataLoss(seen.checks);
  const scope = `drill-${resource}-${slot}`;
  const identity = seen.protection?.identity ?? unidentified(request);
  const statement = await CancellationScope.nonCancellable(() =>
    progress.step('statement', async () => {
      const retries = await readRetries();
      await recordProofs(request, { scope, slot, drill, resource: identity }, seen, teardown, absence);
      return evidence.recordStatement({
        policy,
        scope,
        name: 'drill',
        subjects: pointSubjects(
          seen.point === null ? [] : [seen.point.arn],
          seen.protection?.fingerprints?.after ?? null,
        ),
        fact: {
          type: 'drill',
          policy: policy.name,
          policySha256,
          slot,
          resource: identity,
          trigger,
          selection: seen.selection,
          point: seen.point,
          restoredArn: seen.restoredArn,
          verdict: verdict.status,
          reasons: verdict.reasons,
          checks: seen.checks,
          fence: seen.fence,
          teardown,
          objectives: { rtoSeconds, rpoSeconds: duration(policy.objectives.rpo) },
          rto: seen.rto,
          rpoSeconds,
          timings: progress.timings(),
          ...(request.requestedBy === undefined ? {} : { requestedBy: request.requestedBy }),
          ...(retries === null ? {} : { retries }),
          ...drillContext(policy, entry, seen),
        },
      });
    }),
  );
  return {
    resource,
    verdict: verdict.status,
    reasons: verdict.reasons,
    checks: seen.checks.map(summaryOf),
    pointArn: seen.point?.arn ?? null,
    rto: seen.rto,
    rpoSeconds,
    cleanedUp: teardown.complete,
    statement,
    seconds: (Date.now() - startedAt) / 1000,
  };
}

/** Null when the history could not be read; the statement says then that they are not recorded. */
async function readRetries(): Promise<NonNullable<DrillFact['retries']> | null> {
  if (!patched('retries-of-drills')) return null;
  try {
    return await quick.readRetries();
  } catch (error) {
    if (!isStepFailure(error)) throw error;
    return null;
  }
}
