import type { PopulationRow } from './facts.ts';
import type { KnownBadResult, ResourceOutcome } from './requests.ts';
import type { Instant } from './units.ts';

/**
 * Whose copy is spoilt tonight: the resources whose drill passed, and whose rows were compared, take turns by the day. Undefined when
 * there is none: where nobody asked for rows to be compared, a lost row is nothing that a check has to see.
 */
export function knownBadCandidate(
  resources: readonly ResourceOutcome[],
  slot: Instant,
): ResourceOutcome | undefined {
  const passed = resources.filter(
    ({ drill }) => drill?.verdict === 'passed' && drill.checks.some(({ check }) => check === 'content'),
  );
  const day = Math.floor(Date.parse(slot) / 86_400_000);
  return passed[day % Math.max(1, passed.length)];
}

/**
 * What the known-bad drill means for the night: checks that let spoilt data pass prove nothing, so every pass becomes inconclusive. One
 * that could not be carried out is a row of its own; one that was caught changes nothing.
 */
export function afterKnownBad(
  rows: readonly PopulationRow[],
  { damage, caught, blind, reasons, cleanedUp }: KnownBadResult,
  { policy, slot }: { policy: string; slot: Instant },
): PopulationRow[] {
  const row = (end: 'failed' | 'inconclusive', reason: string): PopulationRow => ({
    resource: 'known-bad',
    arn: policy,
    slot,
    end,
    reason,
  });
  if (damage !== null && blind)
    return [
      ...rows.map((each) =>
        each.end === 'passed'
          ? { ...each, end: 'inconclusive' as const, reason: `the checks did not see that ${damage}` }
          : each,
      ),
      row('failed', `the checks did not see that ${damage}`),
    ];
  if (!caught) {
    const why = damage === null ? 'no copy was spoilt' : `nobody knows whether the checks see that ${damage}`;
    return [...rows, row('inconclusive', [why, ...reasons].join('; '))];
  }
  return cleanedUp ? [...rows] : [...rows, row('failed', 'what it made is not proven gone')];
}
