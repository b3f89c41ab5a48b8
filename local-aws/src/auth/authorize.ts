import type { Identities, Identity } from '../iam/identities.ts';
import type { AuthorizeOptions, Clock, ConditionContext, Events } from '../platform.ts';
import { accessDenied } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import { evaluateIdentity, evaluateResource, type Question, type ResourceDecision } from './evaluate.ts';
import type { Organization } from './organization.ts';
import { parsePolicy } from './policy-document.ts';
import { callerOf, standardContext } from './request-context.ts';

export interface Verdict {
  readonly allowed: boolean;
  /** As AWS words it, e.g. `because no identity-based policy allows the s3:GetObject action`. */
  readonly why: string;
  /** The statement that denied. */
  readonly by?: string | undefined;
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

export interface AuthorizerParts {
  readonly identities: Identities;
  readonly organization: Organization;
  readonly events: Events;
  readonly clock: Clock;
}

const DENIED = {
  scp: 'with an explicit deny in a service control policy',
  identity: 'with an explicit deny in an identity-based policy',
  boundary: 'with an explicit deny in a permissions boundary',
  session: 'with an explicit deny in a session policy',
  resource: 'with an explicit deny in a resource-based policy',
} as const;

/** Decides as AWS does: an explicit deny anywhere wins; then the policies of both sides are weighed. */
export function createAuthorizer({ identities, organization, events, clock }: AuthorizerParts): Authorizer {
  const decide: Authorizer['decide'] = (call, action, resource, context = {}, options = {}) => {
    const caller = callerOf(call);
    const identity = identities.of(call);
    const owner = options.ownerAccountId ?? accountOf(resource) ?? call.accountId;
    const standard = standardContext(call, caller, identity, owner, clock);
    const question: Question = { action, resource, context: { ...standard, ...context } };
    const scp = organization.decide(call.accountId, question);
    if (scp.effect === 'deny' && identity?.isServiceLinked !== true) return denied(DENIED.scp, scp.by);
    const own = ownSide(identity, question);
    if (own.denied !== undefined) return denied(DENIED[own.denied], own.by);
    const granted = resourceSide(options, question, caller);
    if (granted.effect === 'deny') return denied(DENIED.resource, granted.by);
    if (options.granted !== undefined) return { allowed: true, why: options.granted };
    const missing = (side: Side): Verdict => denied(`because no ${side} allows the ${action} action`);
    if (owner !== call.accountId || options.resourcePolicyRequired === true) {
      if (granted.effect === 'none') return missing('resource-based policy');
      if (owner === call.accountId && sufficient(granted, own))
        return { allowed: true, why: 'resource policy' };
      return own.lacking === undefined
        ? { allowed: true, why: 'identity and resource policy' }
        : missing(own.lacking);
    }
    if (own.lacking === undefined) return { allowed: true, why: 'identity policy' };
    return sufficient(granted, own) ? { allowed: true, why: 'resource policy' } : missing(own.lacking);
  };
  return {
    decide,
    authorize(call, action, resource, context, options) {
      const { allowed, why, by } = decide(call, action, resource, context, options);
      const { service, operation, accountId, region, principalArn, requestId } = call;
      const who = { service, operation, accountId, region, principalArn, requestId };
      const detail = by === undefined ? why : `${why} (${by})`;
      events.record({ ...who, action, resource, detail, kind: allowed ? 'allowed' : 'denied' });
      if (allowed) return;
      throw accessDenied(
        service,
        `User: ${principalArn} is not authorized to perform: ${action} on resource: ${resource} ${why}`,
      );
    },
  };
}

type Side = 'identity-based policy' | 'permissions boundary' | 'session policy' | 'resource-based policy';

interface OwnSide {
  readonly denied?: 'identity' | 'boundary' | 'session';
  readonly by?: string | undefined;
  /** The first of its policies that does not allow; undefined when all do. */
  readonly lacking?: Exclude<Side, 'resource-based policy'>;
  /** Whether boundary and session policy would let through what a resource policy gives to the role. */
  readonly unbounded: boolean;
}

/** The caller's own policies, their boundary and those of the session: all three must allow. */
function ownSide(identity: Identity | undefined, question: Question): OwnSide {
  if (!identity) return { lacking: 'identity-based policy', unbounded: false };
  const policies = evaluateIdentity(identity.policies, question);
  const boundary = identity.boundary && evaluateIdentity([identity.boundary], question);
  const session = identity.session && evaluateIdentity(identity.session, question);
  const unbounded = (boundary?.effect ?? 'allow') === 'allow' && (session?.effect ?? 'allow') === 'allow';
  if (policies.effect === 'deny') return { denied: 'identity', by: policies.by, unbounded };
  if (boundary?.effect === 'deny') return { denied: 'boundary', by: boundary.by, unbounded };
  if (session?.effect === 'deny') return { denied: 'session', by: session.by, unbounded };
  if (policies.effect !== 'allow') return { lacking: 'identity-based policy', unbounded };
  if (boundary && boundary.effect !== 'allow') return { lacking: 'permissions boundary', unbounded };
  if (session && session.effect !== 'allow') return { lacking: 'session policy', unbounded };
  return { unbounded };
}

function resourceSide(
  { resourcePolicy, isTrust }: AuthorizeOptions,
  question: Question,
  caller: ReturnType<typeof callerOf>,
): ResourceDecision {
  if (resourcePolicy === undefined) return { effect: 'none' };
  return evaluateResource(parsePolicy(resourcePolicy, isTrust ? 'trust' : 'resource'), question, caller);
}

/** Within one account a resource policy that names the caller needs no identity policy beside it. */
function sufficient({ effect }: ResourceDecision, { unbounded }: OwnSide): boolean {
  return effect === 'allow-itself' || (effect === 'allow-role' && unbounded);
}

function denied(why: string, by?: string): Verdict {
  return { allowed: false, why, by };
}

function accountOf(arn: string): string | undefined {
  const account = arn.split(':')[4];
  return account === undefined || account === '' ? undefined : account;
}
