import type { ConditionContext } from '../platform.ts';
import { conditionsHold, knownKeys } from './conditions.ts';
import { matchesAction, matchesPattern } from './patterns.ts';
import type { Principals, Statement } from './policy-document.ts';
import { escapeWildcards, substitute } from './policy-variables.ts';

export interface Question {
  readonly action: string;
  readonly resource: string;
  readonly context: ConditionContext;
}

export interface Caller {
  readonly accountId: string;
  /** The session's or user's own ARN. */
  readonly principalArn: string;
  /** The role behind a session. */
  readonly roleArn: string | undefined;
  /** Set when an AWS service calls for itself, e.g. `export.rds.amazonaws.com`. */
  readonly service?: string | undefined;
}

export type Decision = { readonly effect: 'allow' | 'deny' | 'none'; readonly by?: string };

/** Explicit deny wins; without an allow there is none. */
export function evaluateIdentity(policies: readonly (readonly Statement[])[], question: Question): Decision {
  return strongest(policies.flat().filter((statement) => applies(statement, question)));
}

/**
 * How a resource policy names the caller: the session or user itself, its role (or anyone), or only its account. What is
 * given to the role is still cut by boundaries and session policies; what is given to the account needs an identity policy, too.
 */
export type ResourceDecision = {
  readonly effect: 'allow-itself' | 'allow-role' | 'allow-account' | 'deny' | 'none';
  readonly by?: string;
};

export function evaluateResource(
  policy: readonly Statement[],
  question: Question,
  caller: Caller,
): ResourceDecision {
  let allowed: ResourceDecision = { effect: 'none' };
  for (const statement of policy) {
    if (!applies(statement, question)) continue;
    const match = principalMatch(statement, caller);
    if (match === 'no') continue;
    if (statement.effect === 'Deny') return { effect: 'deny', by: statement.sid ?? 'a Deny statement' };
    if (STRENGTH[match] > STRENGTH[allowed.effect]) allowed = { effect: match };
  }
  return allowed;
}

const STRENGTH = { deny: 0, none: 0, 'allow-account': 1, 'allow-role': 2, 'allow-itself': 3 } as const;

function strongest(statements: readonly Statement[]): Decision {
  const denied = statements.find(({ effect }) => effect === 'Deny');
  if (denied) return { effect: 'deny', by: denied.sid ?? 'a Deny statement' };
  return { effect: statements.length > 0 ? 'allow' : 'none' };
}

function applies(statement: Statement, question: Question): boolean {
  return (
    actionFits(statement, question.action) &&
    resourceFits(statement, question) &&
    conditionsHold(statement.conditions, question.context, statement.variables)
  );
}

function actionFits({ actions, notActions }: Statement, action: string): boolean {
  if (actions) return actions.some((pattern) => matchesAction(pattern, action));
  return !(notActions ?? []).some((pattern) => matchesAction(pattern, action));
}

function resourceFits(
  { resources, notResources, variables }: Statement,
  { resource, context }: Question,
): boolean {
  const fits = (pattern: string): boolean => {
    if (!pattern.includes('${')) return matchesPattern(pattern, resource);
    const filled = variables ? substitute(pattern, knownKeys(context)) : escapeWildcards(pattern);
    return filled !== undefined && matchesPattern(filled, resource);
  };
  if (resources) return resources.some(fits);
  if (notResources) return !notResources.some(fits);
  return true; // trust policies name no resource
}

function principalMatch({ principals, notPrincipals }: Statement, caller: Caller): Match {
  if (notPrincipals) return namesCaller(notPrincipals, caller) === 'no' ? 'allow-role' : 'no';
  return principals ? namesCaller(principals, caller) : 'no';
}

type Match = 'allow-itself' | 'allow-role' | 'allow-account' | 'no';

function namesCaller(principals: Principals, caller: Caller): Match {
  if (caller.service !== undefined) {
    return principals.anyone || principals.services.includes(caller.service) ? 'allow-itself' : 'no';
  }
  if (principals.aws.includes(caller.principalArn)) return 'allow-itself';
  if (principals.anyone) return 'allow-role';
  if (caller.roleArn !== undefined && principals.aws.includes(caller.roleArn)) return 'allow-role';
  const account = [caller.accountId, `arn:aws:iam::${caller.accountId}:root`];
  return principals.aws.some((name) => account.includes(name)) ? 'allow-account' : 'no';
}
