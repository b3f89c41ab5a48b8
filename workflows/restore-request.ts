import {
  CancellationScope,
  condition,
  defineQuery,
  defineUpdate,
  patched,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { approvalRules } from '../domain/approvals.ts';
import { checksOf } from '../domain/policy/checks.ts';
import { judgeDrill } from '../domain/drill-verdict.ts';
import { RESTORE_PREFIX, restoredName, slotOf } from '../domain/names.ts';
import type { RestoreFact, StatementRef, TeardownFact } from '../domain/facts.ts';
import type {
  FinishRestore,
  RestoreDecision,
  RestorePhase,
  RestoreRequest,
  RestoreResult,
  RestoreState,
} from '../domain/requests.ts';
import { pointSubjects } from '../domain/subjects.ts';
import { duration, type Instant } from '../domain/units.ts';
import type { Status } from '../domain/verdict.ts';
import { proveAbsence } from './absence.ts';
import { evidence, quick, untilKnown } from './activities.ts';
import { awaitApproval } from './await-approval.ts';
import { withCleanup } from './cleanup.ts';
import { recordProofs } from './proofs.ts';
import { trackProgress } from './progress.ts';
import { unidentified } from './protect-resource.ts';
import { isStepFailure, failureTypeOf, reasonOf, refusal } from './reasons.ts';
import { nothingSeen, verifyCopy, VERIFY_STEPS } from './verify-copy.ts';

export const stateQuery = defineQuery<RestoreState>('state');
export const decideUpdate = defineUpdate<RestoreState, [RestoreDecision]>('decide');
export const finishUpdate = defineUpdate<RestoreState, [FinishRestore]>('finish');

/** Added to the deadline in the copy's expiry tag: the sweeper must not be quicker than the workflow itself. */
const SWEEP_MARGIN_SECONDS = 3600;
/** Access to restored production data ends within a day, whatever was asked for. */
const LONGEST_KEEP_SECONDS = 86_400;
const NOTHING: TeardownFact = { complete: true, removed: [] };

/**
 * The SRE's restore: the steps of a drill, verified before it is handed over, kept until `finish` or its deadline, then taken down
 * and proven gone. Every phase is a statement.
 */
export async function restoreRequest(request: RestoreRequest): Promise<RestoreResult> {
  const { policy, resource } = request;
  const entry = policy.resources.find(({ name }) => name === resource);
  if (entry === undefined)
    throw refusal('ResourceMissing', `The policy "${policy.name}" has no resource "${resource}".`);
  const rules = approvalRules(policy);
  const asked = rules.needed > 0 ? ['approval'] : [];
  const progress = trackProgress([...asked, ...VERIFY_STEPS, 'hand over', 'teardown', 'statement']);
  const seen = nothingSeen();
  let phase: RestorePhase = rules.needed > 0 ? 'awaiting-approval' : 'restoring';
  const judged: { verdict: { status: Status; reasons: readonly string[] } | null } = { verdict: null };
  let deadline: Instant | null = null;
  let finishedBy: string | null = null;

  const state = (): RestoreState => ({
    phase,
    verdict: judged.verdict?.status ?? null,
    reasons: judged.verdict?.reasons ?? [],
    endpoint:
      phase === 'handed-over' && seen.endpoint !== null
        ? `${seen.endpoint.host}:${seen.endpoint.port}`
        : null,
    secretArn: phase === 'handed-over' ? seen.secretArn : null,
    deadline,
    approval: approval.state(),
  });
  const approval = awaitApproval(
    request,
    rules,
    () => phase,
    () => finishedBy !== null,
  );
  setHandler(stateQuery, state);
  setHandler(decideUpdate, (decision) => (approval.decide(decision), state()), {
    validator: approval.validate,
  });
  setHandler(
    finishUpdate,
    ({ by }: FinishRestore): RestoreState => {
      finishedBy = by;
      return state();
    },
    {
      validator: ({ by }: FinishRestore) => {
        if (by.trim() === '') throw refusal('RequestRefused', 'Say who finishes the restore (--as NAME).');
        if (phase === 'taking-down' || phase === 'ended')
          throw refusal('RequestRefused', `The restore is already ${phase}.`);
      },
    },
  );

  const drill = workflowInfo().workflowId;
  const slot = slotOf(workflowInfo().startTime);
  const keepSeconds = Math.min(request.keepSeconds, LONGEST_KEEP_SECONDS);
  let handedOver = false;

  const { ended, teardown: removed } = await withCleanup(async (onExit) => {
    if (rules.needed > 0) {
      await progress.step('approval', approval.wait);
      if (approval.refused() !== null || finishedBy !== null) return;
      phase = 'restoring';
    }
    const verify = {
      policy,
      entry,
      slot,
      drill,
      prefix: RESTORE_PREFIX,
      expiresInSeconds: keepSeconds + duration(policy.drill.expiresAfter) + SWEEP_MARGIN_SECONDS,
      ...(request.at === undefined ? {} : { at: request.at }),
      ...(request.pointArn === undefined ? {} : { pointArn: request.pointArn }),
    };
    await verifyCopy(verify, seen, progress, onExit);
    const verdict = judgeSoFar(null);
    judged.verdict = verdict;
    await record('verified', NOTHING, null);
    if (finishedBy !== null) return;
    // A copy that reaches production is never handed over, whoever accepts it.
    const safe = seen.isolation.failed.length === 0;
    if (!safe || (verdict.status !== 'passed' && !request.acceptUnverified)) return;
    await progress.step('hand over', handOver);
    await condition(() => finishedBy !== null, keepSeconds * 1000);
  }, trackedTeardown());
  if ('error' in ended && !isStepFailure(ended.error)) throw ended.error;
  const copyName = restoredName(RESTORE_PREFIX, resource, slot, drill);
  const { teardown, absence } = await proveAbsence({ policy, drill, copyName }, seen, removed);

  const failure = 'error' in ended ? ended.error : null;
  const refused = approval.refused();
  const final =
    judged.verdict ??
    (refused === null ? judgeSoFar(failure) : { status: 'inconclusive' as const, reasons: [refused] });
  const how = endedHow(failure);
  judged.verdict = final;
  phase = 'ended';
  const statement = await CancellationScope.nonCancellable(() =>
    progress.step('statement', async () => {
      if (handedOver) await recordAccess('ended', how);
      const at = { scope: `restore-${request.request}`, slot, drill, resource: identity() };
      await recordProofs(request, at, seen, teardown, absence);
      return record('ended', teardown, how);
    }),
  );
  return {
    request: request.request,
    verdict: final.status,
    reasons: final.reasons,
    handedOver,
    ended: how,
    cleanedUp: teardown.complete,
    statement,
  };

  async function handOver(): Promise<void> {
    const awsNow = await quick.awsNow({ policy });
    deadline = inSeconds(awsNow, keepSeconds);
    const name = restoredName(RESTORE_PREFIX, resource, slot, drill);
    await untilKnown.extendExpiry({
      policy,
      kind: entry?.kind ?? 'rds-instance',
      name,
      expiresAt: inSeconds(deadline, SWEEP_MARGIN_SECONDS),
    });
    phase = 'handed-over';
    handedOver = true;
    await record('handed-over', NOTHING, null);
    await recordAccess('granted', null);
  }

  function identity() {
    return seen.protection?.identity ?? unidentified(request);
  }

  /** Who could read restored production data, from when and until when. Its end is that of the copy: its secret goes with it. */
  async function recordAccess(action: 'granted' | 'ended', how: string | null): Promise<void> {
    if (!patched('access-statements')) return;
    const at = await quick.awsNow({ policy });
    await evidence.recordStatement({
      policy,
      scope: `restore-${request.request}`,
      name: `access-${action}`,
      subjects: [],
      fact: {
        type: 'access',
        policy: policy.name,
        policySha256: request.policySha256,
        action,
        at,
        request: request.request,
        resource,
        person: request.requestedBy,
        secretArn: seen.secretArn,
        approvedBy: approval
          .given()
          .filter(({ decision }) => decision === 'approved')
          .map(({ by }) => by),
        until: deadline ?? at,
        seen: how,
      },
    });
  }

  /** The same tracker; the phase changes with the step. */
  function trackedTeardown() {
    return {
      ...progress,
      step: <T>(name: string, work: () => Promise<T>, detail?: (result: T) => string): Promise<T> => {
        if (name === 'teardown') phase = 'taking-down';
        return progress.step(name, work, detail);
      },
    };
  }

  function judgeSoFar(error: unknown) {
    return judgeDrill({
      checks: seen.checks,
      required: entry === undefined ? [] : checksOf(entry),
      stopped:
        error === null
          ? null
          : { reason: reasonOf(error), definite: failureTypeOf(error) === 'RestoreFailed' },
      isolation: seen.isolation,
      teardown: NOTHING,
      verifiedAfter: seen.rto.verified,
      rtoSeconds: duration(policy.objectives.rto),
    });
  }

  function endedHow(error: unknown): string {
    const refused = approval.refused();
    if (refused !== null) return refused;
    if (finishedBy !== null) return `finished by ${finishedBy}`;
    if (error !== null) return reasonOf(error);
    return handedOver ? 'its deadline passed' : 'it was not verified, and not handed over';
  }

  function record(at: RestoreFact['phase'], gone: TeardownFact, how: string | null): Promise<StatementRef> {
    return evidence.recordStatement({
      policy,
      scope: `restore-${request.request}`,
      name: at,
      subjects: pointSubjects(
        seen.point === null ? [] : [seen.point.arn],
        seen.protection?.fingerprints?.after ?? null,
      ),
      fact: {
        type: 'restore',
        policy: policy.name,
        policySha256: request.policySha256,
        request: request.request,
        requestedBy: request.requestedBy,
        reason: request.reason,
        phase: at,
        resource: identity(),
        point: seen.point,
        verdict: judged.verdict?.status ?? null,
        checks: seen.checks,
        endpoint: handedOver && seen.endpoint !== null ? `${seen.endpoint.host}:${seen.endpoint.port}` : null,
        deadline,
        ended: how,
        teardown: at === 'ended' ? gone : null,
        approvals: approval.given(),
        approvalsNeeded: rules.needed,
      },
    });
  }
}

function inSeconds(instant: Instant, seconds: number): Instant {
  return new Date(Date.parse(instant) + seconds * 1000).toISOString();
}
