import type { ConditionContext } from '../platform.ts';
import { conditionsHold } from './conditions.ts';
import { matchesAction, matchesPattern } from './patterns.ts';
import type { Principals, Statement } from './policy-document.ts';

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
}

export type Decision = { readonly effect: 'allow' | 'deny' | 'none'; readonly by?: string };

/** Explicit deny wins; without an allow there is none. */
export function evaluateIdentity(policies: readonly (readonly Statement[])[], question: Question): Decision {
  return strongest(policies.flat().filter((statement) => applies(statement, question)));
}

/** How a resource policy names the caller: by itself (or anyone), or only through the caller's account. */
export type ResourceDecision = {
  readonly effect: 'allow-direct' | 'allow-account' | 'deny' | 'none';
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
    if (match === 'direct') allowed = { effect: 'allow-direct' };
    else if (allowed.effect === 'none') allowed = { effect: 'allow-account' };
  }
  return allowed;
}

/** Whether a trust policy lets a service principal do `action`. */
export function trustsService(policy: readonly Statement[], service: string, action: string): boolean {
  const fitting = policy.filter(
    (statement) => statement.principals?.services.includes(service) === true && actionFits(statement, action),
  );
  return fitting.some(({ effect }) => effect === 'Allow') && !fitting.some(({ effect }) => effect === 'Deny');
}

function strongest(statements: readonly Statement[]): Decision {
  const denied = statements.find(({ effect }) => effect === 'Deny');
  if (denied) return { effect: 'deny', by: denied.sid ?? 'a Deny statement' };
  return { effect: statements.length > 0 ? 'allow' : 'none' };
}

function applies(statement: Statement, { action, resource, context }: Question): boolean {
  return (
    actionFits(statement, action) &&
    resourceFits(statement, resource) &&
    conditionsHold(statement.conditions, context)
  );
}

function actionFits({ actions, notActions }: Statement, action: string): boolean {
  if (actions) return actions.some((pattern) => matchesAction(pattern, action));
  return !(notActions ?? []).some((pattern) => matchesAction(pattern, action));
}

function resourceFits({ resources, notResources }: Statement, resource: string): boolean {
  if (resources) return resources.some((pattern) => matchesPattern(pattern, resource));
  if (notResources) return !notResources.some((pattern) => matchesPattern(pattern, resource));
  return true; // trust policies name no resource
}

function principalMatch(
  { principals, notPrincipals }: Statement,
  caller: Caller,
): 'direct' | 'account' | 'no' {
  if (notPrincipals) return namesCaller(notPrincipals, caller) === 'no' ? 'direct' : 'no';
  return principals ? namesCaller(principals, caller) : 'no';
}

function namesCaller(principals: Principals, caller: Caller): 'direct' | 'account' | 'no' {
  if (principals.anyone) return 'direct';
  if (principals.aws.includes(caller.principalArn)) return 'direct';
  if (caller.roleArn !== undefined && principals.aws.includes(caller.roleArn)) return 'direct';
  const account = [caller.accountId, `arn:aws:iam::${caller.accountId}:root`];
  return principals.aws.some((name) => account.includes(name)) ? 'account' : 'no';
}
