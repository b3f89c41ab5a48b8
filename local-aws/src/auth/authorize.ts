import type { AuthorizeOptions, Clock, ConditionContext, Events } from '../platform.ts';
import { splitSessionArn, type RoleBook } from '../iam/roles.ts';
import { accessDenied } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import { evaluateIdentity, evaluateResource, type Caller, type Decision, type Question } from './evaluate.ts';
import { administratorArn } from './key-store.ts';
import { parsePolicy } from './policy-document.ts';

export interface Verdict {
  readonly allowed: boolean;
  readonly why: string;
}

export interface Authorizer {
  readonly decide: (
    call: Call,
    action: string,
    resource: string,
    context?: ConditionContext,
    options?: AuthorizeOptions,
  ) => Verdict;
  /** Decides, records, and throws the service's AccessDenied. */
  readonly authorize: (
    call: Call,
    action: string,
    resource: string,
    context?: ConditionContext,
    options?: AuthorizeOptions,
  ) => void;
}

export function createAuthorizer(roles: RoleBook, events: Events, clock: Clock): Authorizer {
  const decide: Authorizer['decide'] = (call, action, resource, context = {}, options = {}) => {
    const caller = callerOf(call);
    const question: Question = {
      action,
      resource,
      context: { ...standardContext(call, caller, clock), ...context },
    };
    const identity = identityDecision(call, question, roles);
    if (identity.effect === 'deny')
      return { allowed: false, why: `explicit deny in an identity policy (${identity.by ?? ''})` };
    const owner = options.ownerAccountId ?? accountOf(resource) ?? call.accountId;
    const policy =
      options.resourcePolicy === undefined ? undefined : parsePolicy(options.resourcePolicy, 'resource');
    const granted = policy ? evaluateResource(policy, question, caller) : { effect: 'none' as const };
    if (granted.effect === 'deny')
      return { allowed: false, why: `explicit deny in the resource policy (${granted.by ?? ''})` };
    const fromResource = granted.effect !== 'none';
    const fromIdentity = identity.effect === 'allow';
    if (owner !== call.accountId) {
      if (!fromResource)
        return {
          allowed: false,
          why: `no policy of the resource allows ${action} to account ${call.accountId}`,
        };
      return fromIdentity ? { allowed: true, why: 'identity and resource policy' } : denied(action);
    }
    if (options.resourcePolicyRequired) {
      if (granted.effect === 'allow-direct') return { allowed: true, why: 'resource policy' };
      if (!fromResource)
        return { allowed: false, why: `no resource-based policy allows the ${action} action` };
      return fromIdentity ? { allowed: true, why: 'resource and identity policy' } : denied(action);
    }
    if (fromIdentity) return { allowed: true, why: 'identity policy' };
    return granted.effect === 'allow-direct' ? { allowed: true, why: 'resource policy' } : denied(action);
  };
  return {
    decide,
    authorize(call, action, resource, context, options) {
      const { allowed, why } = decide(call, action, resource, context, options);
      const { service, operation, accountId, region, principalArn, requestId } = call;
      const entry = {
        service,
        operation,
        accountId,
        region,
        principalArn,
        requestId,
        action,
        resource,
        detail: why,
      };
      events.record({ ...entry, kind: allowed ? 'allowed' : 'denied' });
      if (allowed) return;
      throw accessDenied(
        service,
        `User: ${principalArn} is not authorized to perform: ${action} on resource: ${resource} because ${why}`,
      );
    },
  };
}

function denied(action: string): Verdict {
  return { allowed: false, why: `no identity-based policy allows the ${action} action` };
}

function callerOf(call: Call): Caller {
  const session = splitSessionArn(call.principalArn);
  const roleArn = session ? `arn:aws:iam::${session.accountId}:role/${session.name}` : undefined;
  return { accountId: call.accountId, principalArn: call.principalArn, roleArn };
}

function identityDecision(call: Call, question: Question, roles: RoleBook): Decision {
  if (call.principalArn === administratorArn(call.accountId)) return { effect: 'allow' };
  const session = splitSessionArn(call.principalArn);
  const role = session ? roles.find(session.accountId, session.name) : undefined;
  if (!role) return { effect: 'none' };
  const own = evaluateIdentity(roles.identityPolicies(role), question);
  if (own.effect !== 'allow' || call.sessionPolicy === undefined) return own;
  return evaluateIdentity([parsePolicy(call.sessionPolicy, 'identity')], question);
}

/** Loopback stands for the TLS connection that AWS would have: policies that demand TLS hold here, too. */
function standardContext(call: Call, caller: Caller, clock: Clock): Record<string, string> {
  return {
    'aws:PrincipalArn': caller.roleArn ?? call.principalArn,
    'aws:PrincipalAccount': call.accountId,
    'aws:RequestedRegion': call.region,
    'aws:SourceIp': call.sourceIp,
    'aws:SecureTransport': 'true',
    's3:TlsVersion': '1.3',
    'aws:CurrentTime': clock.now().toISOString(),
    'aws:EpochTime': String(Math.floor(clock.now().getTime() / 1000)),
    'aws:PrincipalType': caller.roleArn ? 'AssumedRole' : 'User',
  };
}

function accountOf(arn: string): string | undefined {
  const account = arn.split(':')[4];
  return account === undefined || account === '' ? undefined : account;
}
