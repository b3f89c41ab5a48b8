import type { PopulationRow } from './facts.ts';
import type { Policy } from './policy/schema.ts';
import type { Instant } from './units.ts';
import type { Status } from './verdict.ts';

/**
 * The rows for what the night did not run for: databases that the policy excludes with a reason, and databases that nobody
 * decided about. Silence is a row, too.
 */
export function uncoveredRows(
  policy: Policy,
  discovered: readonly { readonly arn: string }[],
  slot: Instant,
): PopulationRow[] {
  const known = new Set(policy.resources.map(({ arn }) => arn));
  const reasons = new Map(policy.exclude.map(({ arn, reason }) => [arn, reason]));
  return discovered
    .filter(({ arn }) => !known.has(arn))
    .map(({ arn }) => {
      const reason = reasons.get(arn);
      const resource = arn.split(':').at(-1) ?? arn;
      return reason === undefined
        ? {
            resource,
            arn,
            slot,
            end: 'not-covered' as const,
            reason: 'the policy neither protects nor excludes it',
          }
        : { resource, arn, slot, end: 'excluded' as const, reason };
    });
}

/** The verdict of a night: one failure fails it; anything that is not a pass, an exclusion or uncovered leaves it inconclusive. */
export function nightVerdict(rows: readonly PopulationRow[]): Status {
  const ran = rows.filter(({ end }) => end !== 'excluded' && end !== 'not-covered');
  if (ran.some(({ end }) => end === 'failed')) return 'failed';
  return ran.length > 0 && ran.every(({ end }) => end === 'passed') ? 'passed' : 'inconclusive';
}
