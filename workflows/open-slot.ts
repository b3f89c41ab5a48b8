import { isCancellation, log, patched } from '@temporalio/workflow';
import type { ProtectedResource } from '../domain/policy/schema.ts';
import type { NightRequest } from '../domain/requests.ts';
import type { Instant } from '../domain/units.ts';
import { evidence, quick } from './activities.ts';
import { isStepFailure, reasonOf } from './reasons.ts';

/**
 * On record before anything is done: a night that vanishes later has left a slot without an end. A record that cannot be written does
 * not keep the night from protecting anything.
 */
export async function openSlot(
  {
    policy,
    policySha256,
    slot,
    trigger,
  }: NightRequest & { readonly slot: Instant; readonly trigger: 'night' | 'by-hand' },
  resources: readonly ProtectedResource[],
): Promise<void> {
  if (!patched('slot-opened')) return;
  try {
    const openedAt = await quick.awsNow({ policy });
    await evidence.recordStatement({
      policy,
      scope: `night-${policy.name}-${slot}`,
      name: 'slot-opened',
      subjects: [],
      fact: {
        type: 'slot-opened',
        policy: policy.name,
        policySha256,
        slot,
        openedAt,
        trigger,
        resources: resources.map(({ name, arn }) => ({ name, arn })),
      },
    });
  } catch (error) {
    if (isCancellation(error) || !isStepFailure(error)) throw error;
    log.error('the opening of the slot could not be recorded', { reason: reasonOf(error) });
  }
}
