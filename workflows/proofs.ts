import type { Absence } from './absence.ts';
import type { TeardownFact } from '../domain/facts.ts';
import type { ResourceIdentity } from '../domain/facts.ts';
import type { UnderPolicy } from '../domain/requests.ts';
import { pointSubjects } from '../domain/subjects.ts';
import type { Instant } from '../domain/units.ts';
import { evidence } from './activities.ts';
import type { Seen } from './verify-copy.ts';

/** Statements of what kept a copy apart and of what is left of it, each on its own: other people ask for one than for the other. */
export async function recordProofs(
  { policy, policySha256 }: UnderPolicy,
  at: { scope: string; slot: Instant; drill: string; resource: ResourceIdentity },
  seen: Seen,
  teardown: TeardownFact,
  absence: Absence | null,
): Promise<void> {
  if (absence === null) return;
  const { scope, slot, drill, resource } = at;
  const common = { policy: policy.name, policySha256, slot, resource, drill };
  const subjects = pointSubjects(
    seen.point === null ? [] : [seen.point.arn],
    seen.protection?.fingerprints?.after ?? null,
  );
  if (seen.fence !== null) {
    const { credentials } = seen.fence;
    const usable = (credentials?.attempts ?? []).filter(({ refused }) => !refused).map(({ role }) => role);
    const roles = [...seen.callers, ...(credentials === undefined ? [] : [credentials.caller])];
    await evidence.recordStatement({
      policy,
      scope,
      name: 'isolation',
      subjects,
      fact: { type: 'isolation', ...common, fence: seen.fence, roles, productionCredentials: usable },
    });
  }
  const { before, after, leftovers, cost } = absence;
  await evidence.recordStatement({
    policy,
    scope,
    name: 'teardown',
    subjects,
    fact: { type: 'teardown', ...common, teardown, before, after, leftovers, cost },
  });
}
