import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import { judgeDrill } from '../domain/drill-verdict.ts';
import { DRILL_PREFIX, restoredName } from '../domain/names.ts';
import { checksOf } from '../domain/policy/checks.ts';
import type { DrillRequest, KnownBadResult } from '../domain/requests.ts';
import { pointSubjects } from '../domain/subjects.ts';
import { duration } from '../domain/units.ts';
import { proveAbsence } from './absence.ts';
import { evidence, proberIn } from './activities.ts';
import { withCleanup } from './cleanup.ts';
import { trackProgress } from './progress.ts';
import { unidentified } from './protect-resource.ts';
import { failureTypeOf, isStepFailure, reasonOf, refusal } from './reasons.ts';
import { nothingSeen, verifyCopy, VERIFY_STEPS } from './verify-copy.ts';

/**
 * Who watches the checks: restores a point as every drill does, takes one row away from the copy, and asks the same checks. They must
 * fail. If they do not, nothing that they passed this night is worth anything.
 */
export async function knownBadDrill(request: DrillRequest): Promise<KnownBadResult> {
  const { policy, policySha256, slot, resource } = request;
  const entry = policy.resources.find(({ name }) => name === resource);
  if (entry === undefined)
    throw refusal('ResourceMissing', `The policy "${policy.name}" has no resource "${resource}".`);
  const progress = trackProgress([...VERIFY_STEPS, 'teardown', 'statement']);
  const seen = nothingSeen();
  const drill = workflowInfo().workflowId;
  let damage: string | null = null;

  const verify = {
    policy,
    entry,
    slot,
    drill,
    prefix: DRILL_PREFIX,
    expiresInSeconds: duration(policy.drill.expiresAfter),
    ...(request.pointArn === undefined ? {} : { pointArn: request.pointArn }),
    beforeChecks: async (database: Parameters<ReturnType<typeof proberIn>['spoilCopy']>[0]['database']) => {
      const fingerprints = seen.protection?.fingerprints ?? null;
      if (fingerprints === null)
        throw refusal('FingerprintMissing', 'No fingerprint of the source belongs to this recovery point.');
      const source = seen.protection?.endpoint ?? null;
      damage = await proberIn(policy, 'drill').spoilCopy({
        policy,
        database,
        ...fingerprints,
        seed: slot,
        source,
      });
    },
  };
  const { ended, teardown: removed } = await withCleanup(
    (onExit) => verifyCopy(verify, seen, progress, onExit),
    progress,
  );
  if ('error' in ended && !isStepFailure(ended.error)) throw ended.error;
  const copyName = restoredName(DRILL_PREFIX, entry.name, slot, drill);
  const { teardown, absence } = await proveAbsence({ policy, drill, copyName }, seen, removed);

  const { status: verdict, reasons } = judgeDrill({
    checks: seen.checks,
    required: checksOf(entry),
    stopped:
      'error' in ended
        ? { reason: reasonOf(ended.error), definite: failureTypeOf(ended.error) === 'RestoreFailed' }
        : null,
    isolation: seen.isolation,
    teardown,
    inventoryUnknown: absence?.unknown ?? [],
    verifiedAfter: null,
    rtoSeconds: duration(policy.objectives.rto),
  });
  const done = damage as string | null; // set by a callback, which the compiler does not follow
  const compared = seen.checks.find(({ check }) => check === 'content')?.status;
  const caught = done !== null && compared === 'failed';
  const blind = done !== null && compared === 'passed';
  const statement = await CancellationScope.nonCancellable(() =>
    progress.step('statement', () =>
      evidence.recordStatement({
        policy,
        scope: `known-bad-${policy.name}-${slot}`,
        name: 'known-bad',
        subjects: pointSubjects(
          seen.point === null ? [] : [seen.point.arn],
          seen.protection?.fingerprints?.after ?? null,
        ),
        fact: {
          type: 'known-bad',
          policy: policy.name,
          policySha256,
          slot,
          resource: seen.protection?.identity ?? unidentified(request),
          damage: done ?? 'none: it did not come that far, or there was nothing to spoil',
          verdict,
          caught,
          reasons,
        },
      }),
    ),
  );
  return {
    resource,
    damage: done,
    caught,
    blind,
    verdict,
    reasons: reasons.slice(0, 5),
    cleanedUp: teardown.complete,
    statement,
  };
}
