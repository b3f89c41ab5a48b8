import { duration } from '../../units.ts';
import { problem } from './rule.ts';
import type { Complaint, Rule } from './rule.ts';

/** People are named once each, and a waiver cannot last longer than the evidence that speaks of it. */
export const peopleAreNamedOnce: Rule = ({ reviewers, waivers, restore, holds, ledger }) => {
  const twice = (names: readonly string[], path: readonly (string | number)[]): Complaint[] =>
    names.flatMap((name, i) =>
      names.indexOf(name) < i
        ? [problem([...path, i], 'each person once', `${name} is listed twice; remove one`)]
        : [],
    );
  const complaints = [
    ...twice(restore.approvers, ['restore', 'approvers']),
    ...twice(holds.owners, ['holds', 'owners']),
    ...twice(reviewers, ['reviewers']),
    ...twice(waivers.owners, ['waivers', 'owners']),
  ];
  if (restore.approvals > restore.approvers.length) {
    const message = `${restore.approvals} was given, but restore.approvers names ${restore.approvers.length}: no restore could ever begin`;
    complaints.push(problem(['restore', 'approvals'], 'at most as many as there are approvers', message));
  }
  if (duration(waivers.longest) > duration(ledger.keep)) {
    const message = `${waivers.longest} was given, longer than ledger.keep (${ledger.keep}): the waiver would outlive its own evidence`;
    complaints.push(problem(['waivers', 'longest'], `at most ${ledger.keep}`, message));
  }
  return complaints;
};
