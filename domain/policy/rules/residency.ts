import { residencyProblem } from '../residency.ts';
import { problem } from './rule.ts';
import type { PathSegment } from '../problem.ts';
import type { Rule } from './rule.ts';

/** Every place that will hold data must be where the policy says that data may be. The ledger holds digests, never data. */
export const dataStaysWhereItMay: Rule = (policy) => {
  const { residency, backup, copies, drill } = policy;
  if (residency === undefined) return [];
  const places: (readonly [readonly PathSegment[], string])[] = [
    [['backup', 'region'], backup.region],
    ...copies.map(({ region }, i) => [['copies', i, 'region'], region] as const),
    [['drill', 'region'], drill.region],
  ];
  const allowed = residency.regions.join(', ');
  return [
    ...places.flatMap(([path, region]) => {
      const why = residencyProblem(policy, { region });
      return why === null ? [] : [problem(path, allowed, `is ${region}: ${why}`)];
    }),
    ...residency.regions.flatMap((region, i) =>
      residency.regions.indexOf(region) < i
        ? [problem(['residency', 'regions', i], 'each region once', `${region} is listed twice; remove one`)]
        : [],
    ),
  ];
};
