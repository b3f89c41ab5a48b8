import * as IAM from '@aws-sdk/client-iam';
import { randomBytes } from 'node:crypto';
import type { Clock } from '../platform.ts';
import type { Authorizer } from '../auth/authorize.ts';
import { parsePolicy, PolicyRefused, type PolicyKind } from '../auth/policy-document.ts';
import { awsError, refuseMembers } from '../wire/errors.ts';
import { defineService, type Call, type Service } from '../wire/handlers.ts';
import type { RoleBook, RoleRecord } from './roles.ts';

export interface IamParts {
  readonly roles: RoleBook;
  readonly clock: Clock;
  readonly authorize: Authorizer['authorize'];
}

/** Roles with a trust policy and inline policies: what a drill needs of IAM. */
export function iamService({ roles, clock, authorize }: IamParts): Service {
  const arnOf = (call: Call, name: string, path = '/'): string =>
    `arn:aws:iam::${call.accountId}:role${path}${name}`;
  const existing = (call: Call, name: string | undefined, action: string): RoleRecord => {
    const role = roles.find(call.accountId, name ?? '');
    authorize(call, action, role?.arn ?? arnOf(call, name ?? ''));
    if (!role)
      throw new IAM.NoSuchEntityException({
        message: `The role with name ${name ?? ''} cannot be found.`,
        $metadata: {},
      });
    return role;
  };
  return defineService({
    name: 'iam',
    module: IAM,
    handlers: {
      async CreateRole(input, call) {
        refuseMembers('iam', 'CreateRole', input, ['PermissionsBoundary']);
        const name = input.RoleName ?? '';
        const path = input.Path ?? '/';
        authorize(call, 'iam:CreateRole', arnOf(call, name, path));
        if (!/^[\w+=,.@-]{1,64}$/.test(name))
          throw invalid(`RoleName '${name}' must be 1 to 64 characters of [\\w+=,.@-].`);
        checkPolicy(input.AssumeRolePolicyDocument, 'trust');
        if (roles.find(call.accountId, name)) {
          throw new IAM.EntityAlreadyExistsException({
            message: `Role with name ${name} already exists.`,
            $metadata: {},
          });
        }
        const role: RoleRecord = {
          accountId: call.accountId,
          name,
          path,
          arn: arnOf(call, name, path),
          roleId: `AROA${randomBytes(8).toString('hex').toUpperCase()}0`,
          createdAt: clock.now().toISOString(),
          description: input.Description,
          maxSessionSeconds: sessionLimit(input.MaxSessionDuration),
          trustPolicy: input.AssumeRolePolicyDocument ?? '',
          policies: {},
          tags: (input.Tags ?? []).map(({ Key, Value }) => ({ Key: Key ?? '', Value: Value ?? '' })),
        };
        await roles.put(role);
        return { Role: describe(role) };
      },
      async GetRole({ RoleName }, call) {
        return { Role: describe(existing(call, RoleName, 'iam:GetRole')) };
      },
      async ListRoles({ PathPrefix = '/' }, call) {
        authorize(call, 'iam:ListRoles', arnOf(call, '*'));
        return {
          Roles: roles
            .list(call.accountId)
            .filter(({ path }) => path.startsWith(PathPrefix))
            .map(describe),
          IsTruncated: false,
        };
      },
      async UpdateAssumeRolePolicy({ RoleName, PolicyDocument }, call) {
        const role = existing(call, RoleName, 'iam:UpdateAssumeRolePolicy');
        checkPolicy(PolicyDocument, 'trust');
        await roles.put({ ...role, trustPolicy: PolicyDocument ?? '' });
        return {};
      },
      async PutRolePolicy({ RoleName, PolicyName, PolicyDocument }, call) {
        const role = existing(call, RoleName, 'iam:PutRolePolicy');
        checkPolicy(PolicyDocument, 'identity');
        await roles.put({
          ...role,
          policies: { ...role.policies, [PolicyName ?? '']: PolicyDocument ?? '' },
        });
        return {};
      },
      async GetRolePolicy({ RoleName, PolicyName = '' }, call) {
        const role = existing(call, RoleName, 'iam:GetRolePolicy');
        const document = role.policies[PolicyName];
        if (document === undefined) throw noPolicy(PolicyName);
        return { RoleName: role.name, PolicyName, PolicyDocument: encodeURIComponent(document) };
      },
      async ListRolePolicies({ RoleName }, call) {
        return {
          PolicyNames: Object.keys(existing(call, RoleName, 'iam:ListRolePolicies').policies),
          IsTruncated: false,
        };
      },
      async ListAttachedRolePolicies({ RoleName }, call) {
        existing(call, RoleName, 'iam:ListAttachedRolePolicies');
        return { AttachedPolicies: [], IsTruncated: false };
      },
      async DeleteRolePolicy({ RoleName, PolicyName = '' }, call) {
        const role = existing(call, RoleName, 'iam:DeleteRolePolicy');
        if (!(PolicyName in role.policies)) throw noPolicy(PolicyName);
        const policies = Object.fromEntries(
          Object.entries(role.policies).filter(([name]) => name !== PolicyName),
        );
        await roles.put({ ...role, policies });
        return {};
      },
      async DeleteRole({ RoleName }, call) {
        const role = existing(call, RoleName, 'iam:DeleteRole');
        if (Object.keys(role.policies).length > 0) {
          throw new IAM.DeleteConflictException({
            message: 'Cannot delete entity, must delete policies first.',
            $metadata: {},
          });
        }
        await roles.remove(role);
        return {};
      },
    },
  });
}

function describe(role: RoleRecord): IAM.Role {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.roleId,
    Arn: role.arn,
    CreateDate: new Date(role.createdAt),
    AssumeRolePolicyDocument: encodeURIComponent(role.trustPolicy),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
    Tags: [...role.tags],
  };
}

function sessionLimit(asked: number | undefined): number {
  const seconds = asked ?? 3600;
  if (seconds < 3600 || seconds > 43_200) throw invalid('MaxSessionDuration must be between 3600 and 43200.');
  return seconds;
}

function checkPolicy(text: string | undefined, kind: PolicyKind): void {
  try {
    parsePolicy(text ?? '', kind);
  } catch (err) {
    if (!(err instanceof PolicyRefused)) throw err;
    throw new IAM.MalformedPolicyDocumentException({ message: err.message, $metadata: {} });
  }
}

function noPolicy(name: string): Error {
  return new IAM.NoSuchEntityException({
    message: `The role policy with name ${name} cannot be found.`,
    $metadata: {},
  });
}

function invalid(message: string): Error {
  return awsError({ code: 'ValidationError', status: 400, message });
}
