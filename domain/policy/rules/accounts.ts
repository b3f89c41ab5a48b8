import { parseArn } from '../arn.ts';
import type { PathSegment } from '../problem.ts';
import { ACCOUNT_NAMES } from '../schema.ts';
import type { AccountName, Policy } from '../schema.ts';
import { problem } from './rule.ts';
import type { Complaint, Rule } from './rule.ts';

/**
 * Whoever takes over production must not thereby hold the copies, and a drill must not be able to touch either: three different
 * accounts, and every role in the account that it is written under.
 */
export const accountsAreApart: Rule = (policy) => [
  ...ACCOUNT_NAMES.flatMap((name, i) => {
    const twin = ACCOUNT_NAMES.slice(0, i).find(
      (other) => policy.accounts[other].id === policy.accounts[name].id,
    );
    if (twin === undefined) return [];
    const allowed = 'an account of its own';
    const message = `is the account of ${twin}, too; production, vault and drill must be three different accounts, so that losing one is not losing all`;
    return [problem(['accounts', name, 'id'], allowed, message)];
  }),
  ...ACCOUNT_NAMES.flatMap((name) =>
    roleIn(policy, name, ['accounts', name, 'role'], policy.accounts[name].role),
  ),
];

/** Complains when `arn` is not a role of the account called `name`. */
export function roleIn(
  policy: Policy,
  name: AccountName,
  path: readonly PathSegment[],
  arn: string,
): Complaint[] {
  const { account, resource } = parseArn(arn);
  const { id } = policy.accounts[name];
  const allowed = `the ARN of a role in account ${id}`;
  if (!resource.startsWith('role/'))
    return [problem(path, allowed, `${arn} was given; ${allowed} is allowed`)];
  if (account === id) return [];
  return [
    problem(
      path,
      allowed,
      `is a role of account ${account === '' ? '(none)' : account}, but ${name} is account ${id}; give a role of that account`,
    ),
  ];
}
