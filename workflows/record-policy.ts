import { isCancellation, log, patched } from '@temporalio/workflow';
import type { PolicyAppliedFact, StatementRef } from '../domain/facts.ts';
import type { ProtectedResource } from '../domain/policy/schema.ts';
import type { RecordPolicy, UnderPolicy } from '../domain/requests.ts';
import type { Instant } from '../domain/units.ts';
import { evidence, quick } from './activities.ts';
import { isStepFailure, reasonOf } from './reasons.ts';

/** Puts on record which policy is in force from now on, and who applied it. */
export async function recordPolicy({ appliedBy, appliedAt, ...under }: RecordPolicy): Promise<StatementRef> {
  return record(under, appliedAt, under.policy.resources, { appliedBy });
}

/**
 * A schedule may have been changed by somebody whose command died before the change was on record. The next scheduled night finds that,
 * and puts the policy that it runs under on record, without a name. What cannot be looked up is left to the night after.
 */
export async function putPolicyOnRecord(
  under: UnderPolicy,
  slot: Instant,
  resources: readonly ProtectedResource[],
): Promise<void> {
  if (!patched('policy-on-record')) return;
  try {
    if (await quick.policyOnRecord(under)) return;
    await record(under, slot, resources, { seenInForce: slot });
  } catch (error) {
    if (isCancellation(error) || !isStepFailure(error)) throw error;
    log.error('the policy in force could not be put on record', { reason: reasonOf(error) });
  }
}

function record(
  { policy, policySha256 }: UnderPolicy,
  at: Instant,
  resources: readonly ProtectedResource[],
  how: Pick<PolicyAppliedFact, 'appliedBy' | 'seenInForce'>,
): Promise<StatementRef> {
  return evidence.recordStatement({
    policy,
    scope: `policy-${policy.name}-${at}`,
    name: 'policy-applied',
    subjects: [{ name: `policy:${policy.name}`, sha256: policySha256 }],
    fact: {
      type: 'policy-applied',
      policy: policy.name,
      policySha256,
      resources: resources.map(({ name }) => name),
      schedule: { cron: policy.schedule.cron, timezone: policy.schedule.timezone },
      ...how,
    },
  });
}
