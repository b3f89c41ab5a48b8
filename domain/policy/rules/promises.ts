import {
  isUnproven,
  PARAMETER_OF,
  PREDICATE_PARAMETERS,
  predicateText,
  WHY_UNPROVEN,
} from '../../promises.ts';
import { duration } from '../../units.ts';
import { problem, warning } from './rule.ts';
import type { Predicate } from '../../promises.ts';
import type { PathSegment } from '../problem.ts';
import type { Policy } from '../schema.ts';
import type { Complaint, Rule } from './rule.ts';

/** Promises can be asked of evidence, are about resources that exist, and are not broken by the policy itself. */
export const promisesCanBeKept: Rule = (policy) =>
  policy.promises.flatMap(({ name, resources, holds }, i) => {
    const path = ['promises', i];
    const twin = policy.promises.findIndex((other) => other.name === name) < i;
    const known = new Set(policy.resources.map((resource) => resource.name));
    return [
      ...(twin
        ? [
            problem(
              [...path, 'name'],
              'a name of its own',
              `${name} is the name of another promise above; reports go by it`,
            ),
          ]
        : []),
      ...(resources ?? []).flatMap((resource, n) =>
        known.has(resource)
          ? []
          : [
              problem(
                [...path, 'resources', n],
                [...known].join(', '),
                `${resource} is not the name of a resource of this policy`,
              ),
            ],
      ),
      ...holds.flatMap((predicate, n) => [
        ...parameters(predicate, [...path, 'holds', n]),
        ...contradictions(policy, predicate, [...path, 'holds', n]),
      ]),
    ];
  });

/** Each kind has its own parameter, and no other one. */
export function parameters(predicate: Predicate, path: readonly PathSegment[]): Complaint[] {
  const needed = PARAMETER_OF[predicate.kind];
  const complaints: Complaint[] = [];
  if (needed !== null && predicate[needed] === undefined)
    complaints.push(problem(path, needed, `is of the kind ${predicate.kind}, which needs ${needed}; add it`));
  for (const name of PREDICATE_PARAMETERS)
    if (name !== needed && predicate[name] !== undefined)
      complaints.push(
        problem(
          [...path, name],
          needed ?? 'no parameter',
          `means nothing for the kind ${predicate.kind}; ${needed === null ? 'leave it out' : `only ${needed} does`}`,
        ),
      );
  return complaints;
}

/** What the policy itself would break each night is said before the first one. */
function contradictions(policy: Policy, predicate: Predicate, path: readonly PathSegment[]): Complaint[] {
  const { kind, atLeast, within, regions, atMost } = predicate;
  const { retention, copies, backup, drill, objectives } = policy;
  const last = copies.at(-1);
  const says = predicateText(predicate);
  const breaks = (why: string): Complaint[] => [
    problem(path, 'a promise that this policy keeps', `promises "${says}", but ${why}`),
  ];
  if (isUnproven(kind)) {
    const message = `cannot be proven yet ("${says}"): ${WHY_UNPROVEN[kind]}; reports will say "not provable"`;
    return [warning([...path, 'kind'], 'a kind with statements', message)];
  }
  if (kind === 'kept' && atLeast !== undefined && duration(atLeast) > retention.days * 86_400)
    return breaks(`retention.days is ${retention.days}`);
  if (kind === 'removed' && within !== undefined && duration(within) < retention.days * 86_400)
    return breaks(`retention.days keeps points for ${retention.days} days`);
  if (kind === 'other-region' && copies.every(({ region }) => region === backup.region))
    return breaks(`every copy lies in ${backup.region}`);
  if (kind === 'other-account' && copies.every(({ account }) => account === backup.account))
    return breaks(`every copy lies in the account ${backup.account}`);
  if (kind === 'immutable' && last?.lock !== 'compliance') return breaks('the last copy has no such lock');
  if (kind === 'rto' && atMost !== undefined && duration(atMost) < duration(objectives.rto))
    return breaks(`objectives.rto is ${objectives.rto}: a drill that takes longer than promised would pass`);
  if (kind === 'rpo' && atMost !== undefined && duration(atMost) < duration(objectives.rpo))
    return breaks(`objectives.rpo is ${objectives.rpo}: a drill that lost more than promised would pass`);
  if (kind === 'residency' && regions !== undefined) {
    const outside = [backup.region, ...copies.map(({ region }) => region), drill.region].find(
      (region) => !regions.includes(region),
    );
    if (outside !== undefined) return breaks(`this policy puts data into ${outside}`);
  }
  return [];
}
