import {
  CancellationScope,
  continueAsNew,
  executeChild,
  isCancellation,
  log,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { PopulationRow, SealRef } from '../domain/facts.ts';
import { afterKnownBad } from '../domain/known-bad.ts';
import { drillId, protectId, retentionId, slotOf } from '../domain/names.ts';
import type { ProtectedResource } from '../domain/policy/schema.ts';
import { nightVerdict, uncoveredRows } from '../domain/population.ts';
import {
  policyFor,
  type NightRequest,
  type NightResult,
  type ProtectResult,
  type ResourceOutcome,
} from '../domain/requests.ts';
import type { Instant } from '../domain/units.ts';
import type { Status } from '../domain/verdict.ts';
import { evidence, quick } from './activities.ts';
import { asChild } from './as-child.ts';
import { openSlot } from './open-slot.ts';
import { putPolicyOnRecord } from './record-policy.ts';
import { trackProgress } from './progress.ts';
import { isStepFailure, reasonOf } from './reasons.ts';
import type { protectResource } from './protect-resource.ts';
import type { restoreDrill } from './restore-drill.ts';
import type { retentionPass } from './retention-pass.ts';
import { slidingWindow } from './sliding-window.ts';
import { watchTheChecks } from './watch-the-checks.ts';

/** How many resources are worked on at once; AWS queues one backup and one copy job per resource anyway. */
const AT_ONCE = 8;
/** Resources per run of this workflow: two children each keep the history far below Temporal's limits. */
const PER_RUN = 200;

const SCHEDULED_START = defineSearchAttributeKey('TemporalScheduledStartTime', SearchAttributeType.DATETIME);

type Result = { readonly row: PopulationRow; readonly outcome: ResourceOutcome };

/**
 * One night: protects and drills every resource of the policy, proves retention, and always ends in a seal that has a row for every
 * resource, also when it was cancelled or half of it failed.
 */
export async function nightlyRun(request: NightRequest): Promise<NightResult> {
  const { policy, policySha256, only } = request;
  const slot = request.slot ?? scheduledSlot();
  const watched = policy.knownBad === 'nightly' && only !== 'protect';
  const progress = trackProgress([
    'discover',
    'resources',
    ...(watched ? ['known bad'] : []),
    'retention',
    'seal',
  ]);
  const first = request.progress?.next ?? 0;
  const batch = policy.resources.slice(first, first + PER_RUN);
  const rows: PopulationRow[] = [...(request.progress?.rows ?? [])];
  const resources: ResourceOutcome[] = [...(request.progress?.resources ?? [])];
  /** Activities that need no resource get one only, so that histories of large fleets stay small. */
  const ofOneResource = { ...policy, resources: policy.resources.slice(0, 1), exclude: [] };
  let cancelled: unknown = null;

  try {
    if (first === 0) {
      const trigger = request.slot === undefined ? 'night' : 'by-hand';
      await openSlot({ ...request, policy: ofOneResource, slot, trigger }, policy.resources);
      if (trigger === 'night')
        await putPolicyOnRecord({ ...request, policy: ofOneResource }, slot, policy.resources);
      rows.push(...(await progress.step('discover', discover)));
    }
    const detail = () =>
      `${Math.min(first + PER_RUN, policy.resources.length)} of ${policy.resources.length}`;
    for (const { row, outcome } of await progress.step(
      'resources',
      () => slidingWindow(batch, AT_ONCE, oneResource),
      detail,
    )) {
      rows.push(row);
      resources.push(outcome);
    }
  } catch (error) {
    if (!isCancellation(error)) throw error;
    cancelled = error;
  }

  const next = first + PER_RUN;
  if (cancelled === null && next < policy.resources.length)
    return continueAsNew<typeof nightlyRun>({ ...request, slot, progress: { next, rows, resources } });

  const retention =
    cancelled === null ? await progress.step('retention', passRetention) : 'the night was cancelled';
  if (retention !== null)
    rows.push({ resource: 'retention', arn: policy.name, slot, end: 'inconclusive', reason: retention });
  const knownBad =
    cancelled === null && watched ? await watchTheChecks(request, slot, resources, progress) : null;
  const known = knownBad === null ? rows : afterKnownBad(rows, knownBad, { policy: policy.name, slot });
  const population = [...known, ...missedRows()];
  const verdict = nightVerdict(population);
  const sealed = await CancellationScope.nonCancellable(() =>
    progress.step('seal', () => seal(population, verdict)),
  );
  if (cancelled !== null) throw cancelled as Error;
  return { slot, verdict, population, resources, ...(knownBad === null ? {} : { knownBad }), ...sealed };

  /** A night whose inventory cannot be read still protects what the policy names; that nobody looked is a row. */
  async function discover(): Promise<PopulationRow[]> {
    try {
      const kinds = [...new Set(policy.resources.map(({ kind }) => kind))];
      const found = await quick.discover({ policy: { ...policy, resources: [] }, kinds });
      return uncoveredRows(policy, found, slot);
    } catch (error) {
      if (isCancellation(error) || !isStepFailure(error)) throw error;
      return [
        {
          resource: 'inventory',
          arn: policy.accounts.production.id,
          slot,
          end: 'inconclusive',
          reason: reasonOf(error),
        },
      ];
    }
  }

  async function oneResource({ name, arn }: ProtectedResource): Promise<Result> {
    const child = { policy: policyFor(policy, name), policySha256, slot, resource: name };
    const row = (end: Status, reason: string): PopulationRow => ({ resource: name, arn, slot, end, reason });
    let protection: ProtectResult | null = null;
    const small = () => (protection === null ? null : withoutLists(protection));
    try {
      if (only !== 'drill') {
        protection = await executeChild<typeof protectResource>('protectResource', {
          ...asChild(protectId(name, slot)),
          args: [{ ...child, trigger: 'night' }],
        });
        if (protection.outcome === 'failed')
          return {
            row: row('failed', `not protected: ${protection.reason ?? 'no reason given'}`),
            outcome: { resource: name, protection: small(), drill: null },
          };
        if (only === 'protect')
          return {
            row: row('inconclusive', 'protected; its drill is not part of this run'),
            outcome: { resource: name, protection: small(), drill: null },
          };
      }
      const pointArn = protection?.points.at(-1)?.arn;
      const drill = await executeChild<typeof restoreDrill>('restoreDrill', {
        ...asChild(drillId(name, slot)),
        args: [{ ...child, trigger: 'night', ...(pointArn === undefined ? {} : { pointArn }) }],
      });
      return {
        row: row(drill.verdict, drill.reasons.join('; ')),
        outcome: { resource: name, protection: small(), drill },
      };
    } catch (error) {
      if (isCancellation(error) || !isStepFailure(error)) throw error;
      log.warn('resource ended without a verdict', { resource: name });
      return {
        row: row('inconclusive', reasonOf(error)),
        outcome: { resource: name, protection: small(), drill: null },
      };
    }
  }

  /** @returns why retention could not be proven; null when it was. */
  async function passRetention(): Promise<string | null> {
    try {
      const result = await executeChild<typeof retentionPass>('retentionPass', {
        ...asChild(retentionId(policy.name, slot)),
        args: [{ policy: ofOneResource, policySha256, slot }],
      });
      if (result.lingering.length > 0)
        return `${result.lingering.length} points are past their date and still there`;
      return result.withoutExpiry.length > 0
        ? `${result.withoutExpiry.length} points would never expire`
        : null;
    } catch (error) {
      if (isCancellation(error)) return 'the night was cancelled';
      if (!isStepFailure(error)) throw error;
      return reasonOf(error);
    }
  }

  /** Every resource has a row. What was not reached was missed. */
  function missedRows(): PopulationRow[] {
    const seen = new Set(rows.map(({ arn }) => arn));
    return policy.resources
      .filter(({ arn }) => !seen.has(arn))
      .map(({ name, arn }) => ({
        resource: name,
        arn,
        slot,
        end: 'missed' as const,
        reason: 'the night ended before it was reached',
      }));
  }

  async function seal(
    population: readonly PopulationRow[],
    verdict: Status,
  ): Promise<{ seal: SealRef | null; sealProblem?: string }> {
    const night = { type: 'night' as const, policy: policy.name, policySha256, slot, population, verdict };
    try {
      return {
        seal: await evidence.sealNight({
          policy: ofOneResource,
          slot,
          night,
        }),
      };
    } catch (error) {
      if (!isStepFailure(error)) throw error;
      return { seal: null, sealProblem: reasonOf(error) };
    }
  }
}

/** The night's own history keeps no lists: they are in the statement. */
function withoutLists({
  resource,
  outcome,
  reason,
  identity,
  statement,
  seconds,
}: ProtectResult): ResourceOutcome['protection'] {
  return { resource, outcome, ...(reason === undefined ? {} : { reason }), identity, statement, seconds };
}

/** The instant for which Temporal's schedule started this run, not the one at which it really began. */
function scheduledSlot(): Instant {
  const { typedSearchAttributes, startTime } = workflowInfo();
  return slotOf(typedSearchAttributes.get(SCHEDULED_START) ?? startTime);
}
