import * as STS from '@aws-sdk/client-sts';
import type { Authorizer } from '../auth/authorize.ts';
import { evaluateResource } from '../auth/evaluate.ts';
import { administratorArn, type KeyStore } from '../auth/key-store.ts';
import { parsePolicy, PolicyRefused } from '../auth/policy-document.ts';
import { splitSessionArn, type RoleBook, type RoleRecord } from '../iam/roles.ts';
import type { Clock, Events } from '../platform.ts';
import { accessDenied, awsError, refuseMembers } from '../wire/errors.ts';
import { defineService, type Call, type Service } from '../wire/handlers.ts';

export interface StsParts {
  readonly roles: RoleBook;
  readonly keys: KeyStore;
  readonly clock: Clock;
  readonly events: Events;
  readonly decide: Authorizer['decide'];
}

/** A role assumed with a role's own credentials lasts an hour at most; asking for more is an error. */
const CHAINED_LIMIT_SECONDS = 3600;

/** Sessions of roles. Their expiry runs on the real clock, since clients compare it with theirs. */
export function stsService(parts: StsParts): Service {
  return defineService({
    name: 'sts',
    module: STS,
    handlers: {
      AssumeRole: (input, call) => assumeRole(parts, input, call),
      async GetCallerIdentity(_input, call) {
        const session = splitSessionArn(call.principalArn);
        const role = session ? parts.roles.find(session.accountId, session.name) : undefined;
        const userId = session ? `${role?.roleId ?? 'AROAGONE'}:${session.session}` : `AIDA${call.accountId}`;
        return { Account: call.accountId, Arn: call.principalArn, UserId: userId };
      },
    },
  });
}

async function assumeRole(
  parts: StsParts,
  input: STS.AssumeRoleCommandInput,
  call: Call,
): Promise<Omit<STS.AssumeRoleCommandOutput, '$metadata'>> {
  refuseMembers('sts', 'AssumeRole', input, [
    'PolicyArns',
    'SerialNumber',
    'TokenCode',
    'ProvidedContexts',
    'Tags',
    'TransitiveTagKeys',
  ]);
  const { RoleArn = '', RoleSessionName = '', ExternalId, Policy, SourceIdentity } = input;
  if (!/^[\w+=,.@-]{2,64}$/.test(RoleSessionName))
    throw invalid(`RoleSessionName '${RoleSessionName}' must be 2 to 64 characters of [\\w+=,.@-].`);
  if (Policy !== undefined) checkSessionPolicy(Policy);
  const role = parts.roles.byArn(RoleArn);
  const context = {
    ...(ExternalId === undefined ? {} : { 'sts:ExternalId': ExternalId }),
    'sts:RoleSessionName': RoleSessionName,
    ...(SourceIdentity === undefined ? {} : { 'sts:SourceIdentity': SourceIdentity }),
  };
  const why = refusal(parts, role, RoleArn, call, context);
  const { service, operation, accountId, region, principalArn, requestId } = call;
  const entry = {
    service,
    operation,
    accountId,
    region,
    principalArn,
    requestId,
    action: 'sts:AssumeRole',
    resource: RoleArn,
  };
  parts.events.record({ ...entry, kind: why === undefined ? 'allowed' : 'denied', detail: why });
  if (!role || why !== undefined) {
    throw accessDenied(
      'sts',
      `User: ${call.principalArn} is not authorized to perform: sts:AssumeRole on resource: ${RoleArn}`,
    );
  }
  const seconds = duration(input.DurationSeconds, role, splitSessionArn(call.principalArn) !== undefined);
  const expiresAt = new Date(Math.floor(parts.clock.real().getTime() / 1000 + seconds) * 1000);
  const sessionArn = `arn:aws:sts::${role.accountId}:assumed-role/${role.name}/${RoleSessionName}`;
  const session = await parts.keys.addSession({
    accountId: role.accountId,
    principalArn: sessionArn,
    roleArn: role.arn,
    expiresAt: expiresAt.toISOString(),
    ...(Policy === undefined ? {} : { sessionPolicy: Policy }),
  });
  return {
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      Expiration: expiresAt,
    },
    AssumedRoleUser: { AssumedRoleId: `${role.roleId}:${RoleSessionName}`, Arn: sessionArn },
    ...(SourceIdentity === undefined ? {} : { SourceIdentity }),
  };
}

/** Why the caller may not assume the role; undefined when it may. */
function refusal(
  parts: StsParts,
  role: RoleRecord | undefined,
  roleArn: string,
  call: Call,
  context: Record<string, string>,
): string | undefined {
  if (!role) return 'no such role';
  const session = splitSessionArn(call.principalArn);
  const caller = {
    accountId: call.accountId,
    principalArn: call.principalArn,
    roleArn: session ? `arn:aws:iam::${session.accountId}:role/${session.name}` : undefined,
  };
  const now = parts.clock.now();
  const standard = {
    'aws:PrincipalArn': caller.roleArn ?? call.principalArn,
    'aws:PrincipalAccount': call.accountId,
    'aws:SourceIp': call.sourceIp,
    'aws:CurrentTime': now.toISOString(),
    'aws:SecureTransport': 'true',
  };
  const question = { action: 'sts:AssumeRole', resource: roleArn, context: { ...standard, ...context } };
  const trust = evaluateResource(parts.roles.trust(role), question, caller);
  if (trust.effect === 'deny') return 'explicit deny in the trust policy';
  if (trust.effect === 'none')
    return 'the trust policy does not allow this caller (principal or condition, e.g. external id)';
  // Named itself in the same account, the trust policy suffices; through its account, the caller needs sts:AssumeRole, too.
  const needsIdentity = trust.effect === 'allow-account' || role.accountId !== call.accountId;
  if (!needsIdentity || call.principalArn === administratorArn(call.accountId)) return undefined;
  const own = parts.decide(call, 'sts:AssumeRole', roleArn, context, { ownerAccountId: call.accountId });
  return own.allowed ? undefined : own.why;
}

function duration(asked: number | undefined, role: RoleRecord, chained: boolean): number {
  const seconds = asked ?? 3600;
  if (seconds < 900) throw invalid('DurationSeconds must be at least 900.');
  if (chained && seconds > CHAINED_LIMIT_SECONDS) {
    throw invalid(
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    );
  }
  if (seconds > role.maxSessionSeconds)
    throw invalid('The requested DurationSeconds exceeds the MaxSessionDuration set for this role.');
  return seconds;
}

function checkSessionPolicy(text: string): void {
  try {
    parsePolicy(text, 'identity');
  } catch (err) {
    if (!(err instanceof PolicyRefused)) throw err;
    throw new STS.MalformedPolicyDocumentException({ message: err.message, $metadata: {} });
  }
}

function invalid(message: string): Error {
  return awsError({ code: 'ValidationError', status: 400, message });
}
