import { duration } from '../../units.ts';
import type { Rule } from './rule.ts';
import { problem } from './rule.ts';
import { roleIn } from './accounts.ts';

/** The place where copies are restored: beside the last copy, and with time enough to finish. */
export const drillIsApart: Rule = (policy) => {
  const { drill, copies, objectives, probers } = policy;
  const last = copies.at(-1);
  const complaints = [...roleIn(policy, 'drill', ['drill', 'restoreRole'], drill.restoreRole)];
  if (last !== undefined && drill.region !== last.region) {
    const message = `is ${drill.region}, but the last copy lies in ${last.region}; drills restore in the region of the last copy, as the disaster would make you do`;
    complaints.push(problem(['drill', 'region'], last.region, message));
  }
  if (duration(drill.expiresAfter) < duration(objectives.rto)) {
    const message = `${drill.expiresAfter} was given, less than objectives.rto (${objectives.rto}): the sweeper would remove a drill that is still within its time; allow at least the RTO`;
    complaints.push(problem(['drill', 'expiresAfter'], `at least ${objectives.rto}`, message));
  }
  drill.securityGroups.forEach((group, i) => {
    if (drill.securityGroups.indexOf(group) < i)
      complaints.push(
        problem(['drill', 'securityGroups', i], 'each group once', `${group} is listed twice; remove one`),
      );
  });
  if (probers.production === probers.drill) {
    const message = `is ${probers.drill}, the queue of the production prober, too; each network needs a queue of its own, or a prober would get work that it cannot reach`;
    complaints.push(problem(['probers', 'drill'], 'a queue of its own', message));
  }
  return complaints;
};
