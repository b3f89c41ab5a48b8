import type { Identity } from '../iam/identities.ts';
import { splitSessionArn } from '../iam/roles.ts';
import type { Clock } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';
import type { Caller } from './evaluate.ts';
import { ORGANIZATION_ID } from './organization.ts';

export function callerOf(call: Call): Caller {
  const session = splitSessionArn(call.principalArn);
  const roleArn = session ? `arn:aws:iam::${session.accountId}:role/${session.name}` : undefined;
  return { accountId: call.accountId, principalArn: call.principalArn, roleArn };
}

/**
 * Condition keys that every request has, before the service adds its own. Loopback stands for the TLS connection that AWS
 * would have: policies that demand TLS hold here, too. Nobody has a second factor here.
 */
export function standardContext(
  call: Call,
  caller: Caller,
  identity: Identity | undefined,
  ownerAccountId: string,
  clock: Clock,
): Record<string, string> {
  const now = clock.now();
  const { session } = call;
  return {
    'aws:PrincipalArn': caller.roleArn ?? call.principalArn,
    'aws:PrincipalAccount': call.accountId,
    'aws:PrincipalOrgID': ORGANIZATION_ID,
    'aws:PrincipalIsAWSService': 'false',
    'aws:PrincipalType': caller.roleArn ? 'AssumedRole' : 'User',
    'aws:ResourceAccount': ownerAccountId,
    'aws:ResourceOrgID': ORGANIZATION_ID,
    'aws:ViaAWSService': 'false',
    'aws:RequestedRegion': call.region,
    'aws:SourceIp': call.sourceIp,
    'aws:SecureTransport': 'true',
    's3:TlsVersion': '1.3',
    'aws:CurrentTime': now.toISOString(),
    'aws:EpochTime': String(Math.floor(now.getTime() / 1000)),
    ...(identity ? { 'aws:userid': identity.userId } : {}),
    ...(identity?.userName === undefined ? {} : { 'aws:username': identity.userName }),
    ...Object.fromEntries((identity?.tags ?? []).map(({ Key, Value }) => [`aws:PrincipalTag/${Key}`, Value])),
    // Long-term keys carry no word about a second factor; sessions do.
    ...(caller.roleArn === undefined && !session ? {} : { 'aws:MultiFactorAuthPresent': 'false' }),
    ...(session ? { 'aws:TokenIssueTime': session.issuedAt } : {}),
    ...(session?.sourceIdentity === undefined ? {} : { 'aws:SourceIdentity': session.sourceIdentity }),
  };
}
