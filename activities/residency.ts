import { residencyProblem, type Whereabouts } from '../domain/policy/residency.ts';
import type { Policy } from '../domain/policy/schema.ts';
import { failure } from './failures.ts';

/**
 * The last question before data is put somewhere: a run may be older than the rule, or come from somebody who never validated.
 * @throws ResidencyRefused
 */
export function refuseElsewhere(policy: Policy, doing: string, where: Whereabouts): void {
  const problem = residencyProblem(policy, where);
  if (problem !== null) throw failure('ResidencyRefused', `Refused to ${doing}: ${problem}.`, { ...where });
}
