import type { DrillFact, ScopeFact } from './facts.ts';
import { laterKeys } from './policy/later-keys.ts';
import type { Policy, ProtectedResource } from './policy/schema.ts';
import { duration, type Instant } from './units.ts';

/** What a drill's statement says beside what was seen: whose resource it is, who agreed to what, and how long it counts. */
export function drillContext(
  policy: Pick<Policy, 'objectives' | 'drill'>,
  { tier, owner }: Pick<ProtectedResource, 'tier' | 'owner'>,
  seen: { readonly awsNow: Instant | null; readonly engineVersion: string | null },
): Pick<DrillFact, 'scope' | 'freshUntil' | 'engineVersion' | 'manualSteps' | 'retentionEffect'> {
  const { objectives } = policy;
  const { freshFor } = laterKeys(policy);
  const scope: ScopeFact = {
    ...(tier === undefined ? {} : { tier }),
    ...(owner === undefined ? {} : { owner }),
    ...(objectives.source === undefined ? {} : { objectivesSource: objectives.source }),
  };
  return {
    scope,
    ...(seen.engineVersion === null ? {} : { engineVersion: seen.engineVersion }),
    ...(seen.awsNow === null || freshFor === null
      ? {}
      : { freshUntil: later(seen.awsNow, duration(freshFor)) }),
    // The workflow is the only one that acts, and it neither places nor releases holds.
    manualSteps: [],
    retentionEffect: [],
  };
}

const later = (instant: Instant, seconds: number): Instant =>
  new Date(Date.parse(instant) + seconds * 1000).toISOString();
