import type * as IAM from '@aws-sdk/client-iam';
import { evaluateIdentity, evaluateResource, type Decision } from '../auth/evaluate.ts';
import { parsePolicy, type Statement } from '../auth/policy-document.ts';
import type { ConditionContext } from '../platform.ts';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { checkPolicy, invalid, noSuch, type IamContext } from './context.ts';
import type { Identity } from './identities.ts';
import { splitUserArn } from './users.ts';

type Input = IAM.SimulatePrincipalPolicyCommandInput;

/** The policy simulator: what would be allowed, by the same evaluation that calls go through. Nothing is called. */
export function simulateHandlers({
  roles,
  users,
  groups,
  identities,
  policies,
  authorizer,
}: IamContext): Handlers<typeof IAM> {
  const identityOf = (call: Call, arn = ''): Identity => {
    const [, accountId = '', kind, rest = ''] =
      /^arn:aws:iam::(\d{12}):(role|user|group)\/(.+)$/.exec(arn) ?? [];
    if (kind === undefined) throw invalid(`Invalid Entity Arn: ${arn}`);
    const name = rest.split('/').at(-1) ?? '';
    const role = kind === 'role' ? roles.find(accountId, name) : undefined;
    const user = kind === 'user' ? users.find(accountId, name) : undefined;
    const group = kind === 'group' ? groups.find(accountId, name) : undefined;
    const found = role ?? user ?? group;
    if (found?.accountId !== call.accountId) throw noSuch(`The ${kind} with name ${name} cannot be found.`);
    if (role) return identities.ofRole(role);
    if (user) return identities.ofUser(user);
    return identities.ofGroup(group as NonNullable<typeof group>);
  };

  return {
    async SimulatePrincipalPolicy(input, call) {
      authorizer.authorize(
        call,
        'iam:SimulatePrincipalPolicy',
        input.PolicySourceArn ?? '*',
        {},
        {
          ownerAccountId: call.accountId,
        },
      );
      const isAdministrator = splitUserArn(input.PolicySourceArn ?? '')?.name === 'administrator';
      const own = isAdministrator
        ? [policies.statements('arn:aws:iam::aws:policy/AdministratorAccess')]
        : identityOf(call, input.PolicySourceArn).policies;
      const boundary = isAdministrator ? undefined : identityOf(call, input.PolicySourceArn).boundary;
      const extra = (input.PolicyInputList ?? []).map((text) => parsed(text));
      return simulate(input, [...own, ...extra], boundary && [boundary]);
    },
    async SimulateCustomPolicy(input, call) {
      authorizer.authorize(call, 'iam:SimulateCustomPolicy', '*', {}, { ownerAccountId: call.accountId });
      return simulate(
        input,
        (input.PolicyInputList ?? []).map((text) => parsed(text)),
        undefined,
      );
    },
  };
}

function parsed(text: string): Statement[] {
  return parsePolicy(checkPolicy(text, 'identity'), 'identity');
}

function simulate(
  input: Omit<Input, 'PolicySourceArn'>,
  policies: readonly (readonly Statement[])[],
  ownBoundary: readonly (readonly Statement[])[] | undefined,
): IAM.SimulatePolicyResponse {
  refuseMembers('iam', 'SimulatePolicy', input, ['ResourceHandlingOption', 'Marker']);
  const given = input.PermissionsBoundaryPolicyInputList?.map(parsed);
  const boundary = given ?? ownBoundary;
  const context = contextOf(input.ContextEntries ?? []);
  const resourcePolicy =
    input.ResourcePolicy === undefined ? undefined : checkPolicy(input.ResourcePolicy, 'resource');
  const results = (input.ActionNames ?? []).flatMap((action) => {
    if (!/^[a-z0-9-]+:[A-Za-z*]+$/.test(action)) throw invalid(`Invalid Action Name: ${action}`);
    return (input.ResourceArns ?? ['*']).map((resource) => {
      const question = { action, resource, context };
      const identity = evaluateIdentity(policies, question);
      const bounded = boundary && evaluateIdentity(boundary, question);
      const granted =
        resourcePolicy === undefined ? undefined : granting(resourcePolicy, input.CallerArn, question);
      return {
        EvalActionName: action,
        EvalResourceName: resource,
        EvalDecision: outcome(identity, bounded, granted),
        MatchedStatements: [],
        MissingContextValues: missing([...policies, ...(boundary ?? [])], context),
        ...(bounded
          ? {
              PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: bounded.effect === 'allow' },
            }
          : {}),
      };
    });
  });
  return { EvaluationResults: results, IsTruncated: false };
}

function outcome(
  identity: Decision,
  boundary: Decision | undefined,
  granted: 'allow' | 'deny' | 'none' | undefined,
): 'allowed' | 'explicitDeny' | 'implicitDeny' {
  if (identity.effect === 'deny' || boundary?.effect === 'deny' || granted === 'deny') return 'explicitDeny';
  if (granted === 'allow') return 'allowed';
  return identity.effect === 'allow' && (boundary?.effect ?? 'allow') === 'allow'
    ? 'allowed'
    : 'implicitDeny';
}

function granting(
  policy: string,
  callerArn = '',
  question: { action: string; resource: string; context: ConditionContext },
): 'allow' | 'deny' | 'none' {
  const accountId = callerArn.split(':')[4] ?? '';
  const caller = { accountId, principalArn: callerArn, roleArn: undefined };
  const { effect } = evaluateResource(parsePolicy(policy, 'resource'), question, caller);
  return effect === 'deny' || effect === 'none' ? effect : 'allow';
}

function contextOf(entries: readonly IAM.ContextEntry[]): ConditionContext {
  return Object.fromEntries(
    entries.map(({ ContextKeyName = '', ContextKeyValues = [] }) => [ContextKeyName, ContextKeyValues]),
  );
}

/** Keys that conditions ask for and the request did not give. */
function missing(policies: readonly (readonly Statement[])[], context: ConditionContext): string[] {
  const known = new Set(Object.keys(context).map((key) => key.toLowerCase()));
  const asked = policies
    .flat()
    .flatMap(({ conditions }) => Object.values(conditions).flatMap((keys) => Object.keys(keys)));
  return [...new Set(asked)].filter((key) => !known.has(key)).sort();
}
