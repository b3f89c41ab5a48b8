import type { Instant } from './units.ts';

export interface Candidate {
  readonly arn: string;
  readonly createdAt: Instant;
}

export interface Choice {
  readonly point: Candidate;
  /** Why this one, in words; part of the evidence. */
  readonly rule: string;
}

/**
 * Which recovery point to start from.
 * @param wanted a point by its ARN, or the newest from `at` or before; neither: the newest of all.
 * @returns null when none fits. Equal instants are decided by ARN, so that two runs choose the same point.
 */
export function choose(
  candidates: readonly Candidate[],
  wanted: { readonly pointArn?: string; readonly at?: Instant },
): Choice | null {
  if (wanted.pointArn !== undefined) {
    const point = candidates.find(({ arn }) => arn === wanted.pointArn);
    return point === undefined ? null : { point, rule: 'named in the request' };
  }
  const { at } = wanted;
  const eligible =
    at === undefined
      ? candidates
      : candidates.filter(({ createdAt }) => Date.parse(createdAt) <= Date.parse(at));
  const [newest] = [...eligible].sort(
    (a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt) || (a.arn < b.arn ? -1 : 1),
  );
  if (newest === undefined) return null;
  return {
    point: newest,
    rule: at === undefined ? 'the newest point in the last vault' : `the newest point from ${at} or before`,
  };
}
