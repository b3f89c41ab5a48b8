import type { HoldRequest } from '../domain/holds.ts';
import type { StatementRef } from '../domain/facts.ts';
import { evidence, quick } from './activities.ts';

/** Has a hold placed on a recovery point, or sees that one was released; either is a statement. */
export async function changeHold(request: HoldRequest): Promise<StatementRef> {
  const { policy, policySha256, hold, by, reason } = request;
  const about = { type: 'hold', policy: policy.name, policySha256, hold, by } as const;
  const record = { policy, scope: `hold-${policy.name}-${hold}`, subjects: [] };
  if (request.action === 'place') {
    const awsNow = await quick.awsNow({ policy });
    const placed = await quick.placeHold({ ...request, awsNow });
    return evidence.recordStatement({
      ...record,
      name: 'placed',
      fact: { ...about, ...placed, action: 'placed', at: awsNow, reason, until: request.until },
    });
  }
  const { at, said, ...released } = await quick.seeHoldReleased(request);
  return evidence.recordStatement({
    ...record,
    name: 'released',
    fact: {
      ...about,
      ...released,
      action: 'released',
      at,
      reason: said === '' || said === reason ? reason : `${reason} (AWS was told: ${said})`,
    },
  });
}
