import type { StatementRef } from '../domain/facts.ts';
import type { RecordPolicy } from '../domain/requests.ts';
import { evidence } from './activities.ts';

/** Puts on record which policy is in force from now on, and who applied it. */
export async function recordPolicy({
  policy,
  policySha256,
  appliedBy,
  appliedAt,
}: RecordPolicy): Promise<StatementRef> {
  return evidence.recordStatement({
    policy,
    scope: `policy-${policy.name}-${appliedAt}`,
    name: 'policy-applied',
    subjects: [{ name: `policy:${policy.name}`, sha256: policySha256 }],
    fact: {
      type: 'policy-applied',
      policy: policy.name,
      policySha256,
      resources: policy.resources.map(({ name }) => name),
      schedule: { cron: policy.schedule.cron, timezone: policy.schedule.timezone },
      appliedBy,
    },
  });
}
