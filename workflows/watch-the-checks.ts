import { executeChild, isCancellation, log, patched } from '@temporalio/workflow';
import type { AlertFact } from '../domain/claims.ts';
import { knownBadCandidate } from '../domain/known-bad.ts';
import { knownBadId } from '../domain/names.ts';
import {
  policyFor,
  type KnownBadResult,
  type ResourceOutcome,
  type UnderPolicy,
} from '../domain/requests.ts';
import type { Instant } from '../domain/units.ts';
import { evidence, quick } from './activities.ts';
import { asChild } from './as-child.ts';
import type { knownBadDrill } from './known-bad-drill.ts';
import type { Tracker } from './progress.ts';
import { isStepFailure, reasonOf } from './reasons.ts';

/**
 * The known-bad drill of a night, and the alert when the checks were blind to it.
 * @returns null when no drill passed, so that there is nothing to doubt, and for nights that began before there was one.
 */
export async function watchTheChecks(
  request: UnderPolicy,
  slot: Instant,
  resources: readonly ResourceOutcome[],
  { step }: Tracker,
): Promise<KnownBadResult | null> {
  if (!patched('known-bad')) return null;
  const { policy, policySha256 } = request;
  const candidate = knownBadCandidate(resources, slot);
  if (candidate === undefined) return null;
  const { resource, drill } = candidate;
  const ask = {
    policy: policyFor(policy, resource),
    policySha256,
    slot,
    resource,
    trigger: 'night' as const,
    ...(drill?.pointArn == null ? {} : { pointArn: drill.pointArn }),
  };
  const child = asChild(knownBadId(policy.name, slot));
  try {
    const result = await step(
      'known bad',
      () => executeChild<typeof knownBadDrill>('knownBadDrill', { ...child, args: [ask] }),
      ({ caught, damage }) => `${damage ?? 'nothing spoilt'}: ${caught ? 'caught' : 'NOT caught'}`,
    );
    if (result.damage !== null && result.blind)
      await alert(ask, {
        state: 'raised',
        message: `The checks did not see that ${result.damage}. No verdict of this night counts as passed.`,
      });
    else if (result.caught) await clearAlert(ask);
    return result;
  } catch (error) {
    if (!isStepFailure(error)) throw error;
    return notRun(resource, reasonOf(error));
  }
}

type OfNight = UnderPolicy & { readonly slot: Instant; readonly resource: string };
const alertOf = (policy: string): string => `known-bad/${policy}`;

/** Checks that see the damage again end the alert of the night in which they were blind; nobody can end it by hand. */
async function clearAlert(ask: OfNight): Promise<void> {
  if (!patched('alerts-cleared')) return;
  try {
    const { policy } = ask;
    const open = await quick.openAlert({ policy, alert: alertOf(policy.name) });
    if (open === null) return;
    await alert(ask, {
      state: 'cleared',
      message: `The checks see what is spoilt again; raised at ${open.raisedAt}.`,
    });
  } catch (error) {
    if (isCancellation(error) || !isStepFailure(error)) throw error;
    log.warn('whether an alert is open could not be looked up; the next night tries again', {
      reason: reasonOf(error),
    });
  }
}

/** On record; nobody is told by other ways yet, and its empty list of deliveries says so. */
async function alert(
  { policy, policySha256, slot, resource }: OfNight,
  { state, message }: Pick<AlertFact, 'state' | 'message'>,
): Promise<void> {
  const at = await quick.awsNow({ policy });
  await evidence.recordStatement({
    policy,
    scope: `known-bad-${policy.name}-${slot}`,
    name: state === 'raised' ? 'alert' : 'alert-cleared',
    subjects: [],
    fact: {
      type: 'alert',
      policy: policy.name,
      policySha256,
      alert: alertOf(policy.name),
      state,
      severity: 'page',
      subject: resource,
      message,
      at,
      deliveries: [],
    },
  });
}

function notRun(resource: string, reason: string): KnownBadResult {
  return {
    resource,
    damage: null,
    caught: false,
    blind: false,
    verdict: 'inconclusive',
    reasons: [reason],
    cleanedUp: true,
    statement: null,
  };
}
