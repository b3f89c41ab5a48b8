import type * as STS from '@aws-sdk/client-sts';
import { accessDenied, awsError, refuseMembers } from '../wire/errors.ts';
import { defineService, type Service } from '../wire/handlers.ts';
import type { Identities } from '../iam/identities.ts';
import { splitSessionArn } from '../iam/roles.ts';
import { assumeRole, type StsParts } from './assume-role.ts';

const USER_SESSION = { shortest: 900, longest: 129_600, usual: 43_200 } as const;

/** Sessions of roles and users. Their expiry runs on the real clock, since clients compare it with theirs. */
export function stsService(parts: StsParts & { readonly identities: Identities }): Service {
  const { keys, clock, identities, limit } = parts;
  return defineService({
    name: 'sts',
    load: () => import('@aws-sdk/client-sts'),
    handlers: {
      AssumeRole: (input, call) => assumeRole(parts, input, call),
      async GetCallerIdentity(_input, call) {
        const session = splitSessionArn(call.principalArn);
        const gone = session ? `AROAGONE:${session.session}` : 'AIDAGONE';
        return {
          Account: call.accountId,
          Arn: call.principalArn,
          UserId: identities.of(call)?.userId ?? gone,
        };
      },
      async GetSessionToken(input, call) {
        refuseMembers('sts', 'GetSessionToken', input, ['SerialNumber', 'TokenCode']);
        if (call.session || splitSessionArn(call.principalArn))
          throw accessDenied('sts', 'Cannot call GetSessionToken with session credentials');
        const seconds = input.DurationSeconds ?? USER_SESSION.usual;
        if (seconds < USER_SESSION.shortest || seconds > USER_SESSION.longest)
          throw awsError({
            code: 'ValidationError',
            status: 400,
            message: `1 validation error detected: Value '${seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value between ${USER_SESSION.shortest} and ${USER_SESSION.longest}`,
          });
        const now = clock.real().getTime();
        const lives = Math.min(seconds, limit.seconds());
        const expiresAt = new Date(Math.floor(now / 1000 + lives) * 1000);
        const session = await keys.addSession({
          accountId: call.accountId,
          principalArn: call.principalArn,
          expiresAt: expiresAt.toISOString(),
          session: {
            ...{ policyArns: [], tags: [], transitiveTagKeys: [], sourceIdentity: undefined },
            issuedAt: new Date(now).toISOString(),
          },
        });
        return { Credentials: credentialsOf(session, expiresAt) };
      },
      async GetAccessKeyInfo({ AccessKeyId = '' }, call) {
        const known = keys.find(AccessKeyId);
        parts.authorizer.authorize(call, 'sts:GetAccessKeyInfo', '*');
        if (!known)
          throw awsError({
            code: 'ValidationError',
            status: 400,
            message: `The access key '${AccessKeyId}' is unknown to local-aws, so its account is, too.`,
          });
        return { Account: known.accountId };
      },
    },
  });
}

function credentialsOf(
  session: { accessKeyId: string; secretAccessKey: string; sessionToken: string },
  expiresAt: Date,
): STS.Credentials {
  return {
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secretAccessKey,
    SessionToken: session.sessionToken,
    Expiration: expiresAt,
  };
}
