import * as STS from '@aws-sdk/client-sts';
import type { Authorizer } from '../auth/authorize.ts';
import { parsePolicy, PolicyRefused } from '../auth/policy-document.ts';
import type { KeyStore } from '../auth/key-store.ts';
import type { PolicyBook, Tag } from '../iam/managed-policies.ts';
import { splitSessionArn, type RoleBook, type RoleRecord } from '../iam/roles.ts';
import type { Clock, ConditionContext, Events } from '../platform.ts';
import { accessDenied, awsError, refuseMembers } from '../wire/errors.ts';
import type { Call, SessionFacts } from '../wire/handlers.ts';
import type { SessionLimit } from './session-limit.ts';

export interface StsParts {
  readonly roles: RoleBook;
  readonly policies: PolicyBook;
  readonly keys: KeyStore;
  readonly clock: Clock;
  readonly events: Events;
  readonly authorizer: Authorizer;
  readonly limit: SessionLimit;
}

/** A role assumed with a role's own credentials lasts an hour at most; asking for more is an error. */
const CHAINED_LIMIT_SECONDS = 3600;
const POLICY_CHARACTERS = 2048;

/** Who asks, for which role, with what: checked in AWS's order, then weighed, then answered with a session. */
export async function assumeRole(
  parts: StsParts,
  input: STS.AssumeRoleCommandInput,
  call: Call,
): Promise<Omit<STS.AssumeRoleCommandOutput, '$metadata'>> {
  refuseMembers('sts', 'AssumeRole', input, ['SerialNumber', 'TokenCode', 'ProvidedContexts']);
  const { RoleArn = '', RoleSessionName = '', ExternalId, Policy, SourceIdentity } = input;
  checkName('roleSessionName', RoleSessionName);
  if (SourceIdentity !== undefined) checkName('sourceIdentity', SourceIdentity);
  if (ExternalId !== undefined && !/^[\w+=,.@:/-]{2,1224}$/.test(ExternalId))
    throw invalid(
      "1 validation error detected: Value at 'externalId' failed to satisfy constraint: " +
        'Member must satisfy regular expression pattern: [\\w+=,.@:\\/-]*',
    );
  if (!/^arn:aws:iam::\d{12}:role\/.+$/.test(RoleArn)) throw invalid(`${RoleArn} is invalid`);
  const policyArns = sessionPolicies(parts, input);
  const tags = sessionTags(input, call);
  const role = parts.roles.byArn(RoleArn);
  weigh(parts, role, input, tags, call);
  if (!role) throw refused(call, 'sts:AssumeRole', RoleArn);
  const asked = duration(input.DurationSeconds, role, splitSessionArn(call.principalArn) !== undefined);
  const now = parts.clock.real().getTime();
  const expiresAt = new Date(Math.floor(now / 1000 + Math.min(asked, parts.limit.seconds())) * 1000);
  const sessionArn = `arn:aws:sts::${role.accountId}:assumed-role/${role.name}/${RoleSessionName}`;
  const sourceIdentity = SourceIdentity ?? call.session?.sourceIdentity;
  const facts: SessionFacts = {
    policyArns,
    tags: [...tags.values()],
    transitiveTagKeys: transitive(input, call),
    sourceIdentity,
    issuedAt: new Date(now).toISOString(),
  };
  const session = await parts.keys.addSession({
    accountId: role.accountId,
    principalArn: sessionArn,
    roleArn: role.arn,
    expiresAt: expiresAt.toISOString(),
    session: facts,
    ...(Policy === undefined ? {} : { sessionPolicy: Policy }),
  });
  const packed = (Policy?.length ?? 0) + tags.size * 20 + policyArns.length * 40;
  return {
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      Expiration: expiresAt,
    },
    AssumedRoleUser: { AssumedRoleId: `${role.roleId}:${RoleSessionName}`, Arn: sessionArn },
    ...(packed > 0 ? { PackedPolicySize: Math.max(1, Math.round((packed / 4096) * 100)) } : {}),
    ...(sourceIdentity === undefined ? {} : { SourceIdentity: sourceIdentity }),
  };
}

/** Trust policy and the caller's own policies; tags and a source identity need rights of their own. */
function weigh(
  { authorizer, events }: StsParts,
  role: RoleRecord | undefined,
  { RoleArn = '', RoleSessionName = '', ExternalId, SourceIdentity }: STS.AssumeRoleCommandInput,
  tags: ReadonlyMap<string, Tag>,
  call: Call,
): void {
  const context: ConditionContext = {
    'sts:RoleSessionName': RoleSessionName,
    ...(ExternalId === undefined ? {} : { 'sts:ExternalId': ExternalId }),
    ...(SourceIdentity === undefined ? {} : { 'sts:SourceIdentity': SourceIdentity }),
    ...Object.fromEntries([...tags.values()].map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value])),
    ...(tags.size > 0 ? { 'aws:TagKeys': [...tags.values()].map(({ Key }) => Key) } : {}),
    ...Object.fromEntries((role?.tags ?? []).map(({ Key, Value }) => [`aws:ResourceTag/${Key}`, Value])),
  };
  const actions = [
    'sts:AssumeRole',
    ...(tags.size > 0 ? ['sts:TagSession'] : []),
    ...(SourceIdentity === undefined ? [] : ['sts:SetSourceIdentity']),
  ];
  const { service, operation, accountId, region, principalArn, requestId } = call;
  const who = { service, operation, accountId, region, principalArn, requestId };
  for (const action of actions) {
    const verdict = role
      ? authorizer.decide(call, action, RoleArn, context, {
          resourcePolicy: role.trustPolicy,
          ownerAccountId: role.accountId,
          resourcePolicyRequired: true,
          isTrust: true,
        })
      : { allowed: false, why: 'because there is no such role' };
    const kind = verdict.allowed ? 'allowed' : 'denied';
    events.record({ ...who, action, resource: RoleArn, kind, detail: verdict.why });
    if (!verdict.allowed) throw refused(call, action, RoleArn);
  }
}

/** AWS does not say why: the reason would tell strangers whether the role exists. The event journal says it. */
function refused(call: Call, action: string, roleArn: string): Error {
  return accessDenied(
    'sts',
    `User: ${call.principalArn} is not authorized to perform: ${action} on resource: ${roleArn}`,
  );
}

/** Inline and managed session policies. Managed ones belong to the role's account, or to AWS. */
function sessionPolicies(
  { policies }: StsParts,
  { Policy, PolicyArns = [], RoleArn = '' }: STS.AssumeRoleCommandInput,
): string[] {
  if (Policy !== undefined) checkPolicy(Policy);
  if (PolicyArns.length > 10)
    throw invalid(
      "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to 10",
    );
  const account = RoleArn.split(':')[4];
  return PolicyArns.map(({ arn = '' }) => {
    const policy = policies.find(arn);
    if (policy && (policy.accountId === 'aws' || policy.accountId === account)) return arn;
    throw new STS.MalformedPolicyDocumentException({
      message: `The policy ${arn} does not exist in account ${account ?? ''}.`,
      $metadata: {},
    });
  });
}

function checkPolicy(text: string): void {
  if (text.length > POLICY_CHARACTERS)
    throw invalid(
      `1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to ${POLICY_CHARACTERS}`,
    );
  try {
    parsePolicy(text, 'identity');
  } catch (err) {
    if (!(err instanceof PolicyRefused)) throw err;
    throw new STS.MalformedPolicyDocumentException({ message: err.message, $metadata: {} });
  }
}

/** Tags of the request and the transitive ones of the caller's own session, by lower-case key. */
function sessionTags({ Tags = [] }: STS.AssumeRoleCommandInput, call: Call): Map<string, Tag> {
  if (Tags.length > 50) throw parameter('The number of session tags must not exceed 50.');
  const inherited = inheritedTags(call);
  const found = new Map(inherited.map((tag) => [tag.Key.toLowerCase(), tag]));
  const seen = new Set<string>();
  for (const { Key = '', Value = '' } of Tags) {
    const key = Key.toLowerCase();
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u.test(Key) || key.startsWith('aws:'))
      throw parameter(`The tag key '${Key}' is invalid.`);
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u.test(Value))
      throw parameter(`The value of the tag '${Key}' is invalid.`);
    if (seen.has(key))
      throw parameter('Duplicate tag keys found. Please note that Tag keys are case insensitive.');
    if (inherited.some((tag) => tag.Key.toLowerCase() === key))
      throw parameter(
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
      );
    seen.add(key);
    found.set(key, { Key, Value });
  }
  return found;
}

/** What the calling session hands on, whether the role wants it or not. */
function inheritedTags({ session }: Call): Tag[] {
  const keys = new Set((session?.transitiveTagKeys ?? []).map((key) => key.toLowerCase()));
  return (session?.tags ?? []).filter(({ Key }) => keys.has(Key.toLowerCase()));
}

function transitive({ Tags = [], TransitiveTagKeys = [] }: STS.AssumeRoleCommandInput, call: Call): string[] {
  const known = new Set(Tags.map(({ Key = '' }) => Key.toLowerCase()));
  for (const key of TransitiveTagKeys)
    if (!known.has(key.toLowerCase()))
      throw parameter('The specified transitive tag key must be included in the requested tags.');
  return [...TransitiveTagKeys, ...inheritedTags(call).map(({ Key }) => Key)];
}

function checkName(member: string, text: string): void {
  if (/^[\w+=,.@-]{2,64}$/.test(text)) return;
  const constraint =
    text.length < 2
      ? 'Member must have length greater than or equal to 2'
      : text.length > 64
        ? 'Member must have length less than or equal to 64'
        : 'Member must satisfy regular expression pattern: [\\w+=,.@-]*';
  throw invalid(
    `1 validation error detected: Value '${text}' at '${member}' failed to satisfy constraint: ${constraint}`,
  );
}

/** @throws ValidationError */
function duration(asked: number | undefined, role: RoleRecord, chained: boolean): number {
  const seconds = asked ?? 3600;
  if (seconds < 900 || seconds > 43_200)
    throw invalid(
      `1 validation error detected: Value '${seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value ${
        seconds < 900 ? 'greater than or equal to 900' : 'less than or equal to 43200'
      }`,
    );
  if (chained && seconds > CHAINED_LIMIT_SECONDS)
    throw invalid(
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    );
  if (seconds > role.maxSessionSeconds)
    throw invalid('The requested DurationSeconds exceeds the MaxSessionDuration set for this role.');
  return seconds;
}

function invalid(message: string): Error {
  return awsError({ code: 'ValidationError', status: 400, message });
}

function parameter(message: string): Error {
  return awsError({ code: 'InvalidParameterValue', status: 400, message });
}
