import type { Policy } from './schema.ts';

/**
 * Keys that came later. Schedules and open runs hold the policy as it was applied, so a policy of an older version has none of them, and
 * its runs must go on as they began.
 */
export function laterKeys({ drill }: Pick<Policy, 'drill'>): {
  freshFor: string | null;
  mustNotReach: readonly string[];
} {
  const { freshFor, mustNotReach } = drill as Partial<Policy['drill']>;
  return { freshFor: freshFor ?? null, mustNotReach: mustNotReach ?? [] };
}
