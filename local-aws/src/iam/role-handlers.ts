import * as IAM from '@aws-sdk/client-iam';
import { notImplemented } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import {
  arnOf,
  checkName,
  checkPath,
  checkPolicy,
  exists,
  invalid,
  mergeTags,
  newId,
  noSuch,
  paged,
  requestTags,
  tagsFrom,
  type IamContext,
} from './context.ts';
import {
  attachable,
  attachedTo,
  inlineOf,
  requireBare,
  withAttached,
  withInline,
  withoutAttached,
  withoutInline,
} from './holders.ts';
import { isServiceLinked, type RoleRecord } from './roles.ts';

/** Roles: trust, inline and attached policies, boundary, tags. */
export function roleHandlers(context: IamContext): Handlers<typeof IAM> {
  const { roles, policies, clock, authorizer } = context;
  const existing = (
    call: Call,
    name: string | undefined,
    conditions: Record<string, string | string[]> = {},
  ): RoleRecord => {
    const role = roles.find(call.accountId, name ?? '');
    const arn = role?.arn ?? arnOf(call, 'role', name ?? '');
    authorizer.authorize(call, `iam:${call.operation}`, arn, {
      ...requestTags([], role?.tags),
      ...conditions,
    });
    if (!role) throw noSuch(`The role with name ${name ?? ''} cannot be found.`);
    return role;
  };
  const changeable = (...asked: Parameters<typeof existing>): RoleRecord => {
    const role = existing(...asked);
    if (!isServiceLinked(role)) return role;
    throw new IAM.UnmodifiableEntityException({
      message: `Cannot perform the operation on the protected role '${role.name}' - this role is only modifiable by AWS`,
      $metadata: {},
    });
  };

  return {
    async CreateRole(input, call) {
      const name = input.RoleName ?? '';
      const path = checkPath(input.Path ?? '/');
      const boundary = input.PermissionsBoundary;
      authorizer.authorize(call, 'iam:CreateRole', arnOf(call, 'role', name, path), {
        ...requestTags(input.Tags),
        ...(boundary === undefined ? {} : { 'iam:PermissionsBoundary': boundary }),
      });
      checkName('roleName', name, 64);
      const trustPolicy = checkPolicy(input.AssumeRolePolicyDocument, 'trust', 4096);
      const maxSessionSeconds = sessionLimit(input.MaxSessionDuration);
      const tags = tagsFrom(input.Tags);
      if (boundary !== undefined) attachable(policies, call.accountId, boundary);
      const taken = roles.list(call.accountId).some((role) => role.name.toLowerCase() === name.toLowerCase());
      if (taken) throw exists(`Role with name ${name} already exists.`);
      const role: RoleRecord = {
        ...{
          accountId: call.accountId,
          name,
          path,
          arn: arnOf(call, 'role', name, path),
          roleId: newId('AROA'),
        },
        ...{ createdAt: clock.now().toISOString(), description: input.Description, maxSessionSeconds },
        ...{ trustPolicy, policies: {}, attached: [], boundary, tags },
      };
      await roles.put(role);
      return { Role: describeRole(role) };
    },
    async GetRole({ RoleName }, call) {
      return { Role: describeRole(existing(call, RoleName)) };
    },
    async ListRoles({ PathPrefix = '/', ...paging }, call) {
      authorizer.authorize(call, 'iam:ListRoles', arnOf(call, 'role', '*'));
      const found = roles.list(call.accountId).filter(({ path }) => path.startsWith(PathPrefix));
      const { items, ...rest } = paged(found, ({ name }) => name, paging);
      // As in IAM, listings leave out tags and boundaries.
      const Roles = items.map((role) => ({
        ...describeRole(role),
        ...{ Tags: undefined, PermissionsBoundary: undefined, RoleLastUsed: undefined },
      }));
      return { Roles, ...rest };
    },
    async UpdateRole({ RoleName, Description, MaxSessionDuration }, call) {
      const role = changeable(call, RoleName);
      await roles.put({
        ...role,
        ...(Description === undefined ? {} : { description: Description }),
        ...(MaxSessionDuration === undefined ? {} : { maxSessionSeconds: sessionLimit(MaxSessionDuration) }),
      });
      return {};
    },
    async UpdateRoleDescription({ RoleName, Description }, call) {
      const role = { ...changeable(call, RoleName), description: Description };
      await roles.put(role);
      return { Role: describeRole(role) };
    },
    async UpdateAssumeRolePolicy({ RoleName, PolicyDocument }, call) {
      const role = changeable(call, RoleName);
      await roles.put({ ...role, trustPolicy: checkPolicy(PolicyDocument, 'trust', 4096) });
      return {};
    },
    async DeleteRole({ RoleName }, call) {
      const role = changeable(call, RoleName);
      requireBare(role);
      await roles.remove(role);
      return {};
    },
    async PutRolePolicy({ RoleName, PolicyName, PolicyDocument }, call) {
      await roles.put(withInline('role', changeable(call, RoleName), PolicyName, PolicyDocument));
      return {};
    },
    async GetRolePolicy({ RoleName, PolicyName }, call) {
      const role = existing(call, RoleName);
      return { RoleName: role.name, PolicyName, PolicyDocument: inlineOf('role', role, PolicyName) };
    },
    async ListRolePolicies({ RoleName, ...paging }, call) {
      const { items, ...rest } = paged(
        Object.keys(existing(call, RoleName).policies),
        (name) => name,
        paging,
      );
      return { PolicyNames: items, ...rest };
    },
    async DeleteRolePolicy({ RoleName, PolicyName }, call) {
      await roles.put(withoutInline('role', changeable(call, RoleName), PolicyName));
      return {};
    },
    async AttachRolePolicy({ RoleName, PolicyArn }, call) {
      const role = changeable(call, RoleName, { 'iam:PolicyARN': PolicyArn ?? '' });
      await roles.put(withAttached('role', role, attachable(policies, call.accountId, PolicyArn)));
      return {};
    },
    async DetachRolePolicy({ RoleName, PolicyArn }, call) {
      const role = changeable(call, RoleName, { 'iam:PolicyARN': PolicyArn ?? '' });
      await roles.put(withoutAttached(role, PolicyArn));
      return {};
    },
    async ListAttachedRolePolicies({ RoleName, PathPrefix, ...paging }, call) {
      const attached = attachedTo(policies, existing(call, RoleName), PathPrefix);
      const { items, ...rest } = paged(attached, ({ PolicyArn }) => PolicyArn, paging);
      return { AttachedPolicies: items, ...rest };
    },
    async PutRolePermissionsBoundary({ RoleName, PermissionsBoundary = '' }, call) {
      const role = changeable(call, RoleName, { 'iam:PermissionsBoundary': PermissionsBoundary });
      await roles.put({ ...role, boundary: attachable(policies, call.accountId, PermissionsBoundary).arn });
      return {};
    },
    async DeleteRolePermissionsBoundary({ RoleName }, call) {
      const role = changeable(call, RoleName);
      if (role.boundary === undefined)
        throw noSuch(`The role with name ${role.name} does not have a permission boundary.`);
      await roles.put({ ...role, boundary: undefined });
      return {};
    },
    async TagRole({ RoleName, Tags }, call) {
      const role = changeable(call, RoleName, requestTags(Tags));
      await roles.put({ ...role, tags: mergeTags(role.tags, Tags) });
      return {};
    },
    async UntagRole({ RoleName, TagKeys = [] }, call) {
      const role = changeable(call, RoleName, { 'aws:TagKeys': TagKeys });
      const gone = new Set(TagKeys.map((key) => key.toLowerCase()));
      await roles.put({ ...role, tags: role.tags.filter(({ Key }) => !gone.has(Key.toLowerCase())) });
      return {};
    },
    async ListRoleTags({ RoleName, ...paging }, call) {
      const { items, ...rest } = paged(existing(call, RoleName).tags, ({ Key }) => Key, paging);
      return { Tags: items, ...rest };
    },
    async ListInstanceProfilesForRole({ RoleName }, call) {
      existing(call, RoleName);
      return { InstanceProfiles: [], IsTruncated: false };
    },
    async CreateServiceLinkedRole({ AWSServiceName = '', CustomSuffix, Description }, call) {
      const name = SERVICE_LINKED[AWSServiceName];
      const path = `/aws-service-role/${AWSServiceName}/`;
      authorizer.authorize(call, 'iam:CreateServiceLinkedRole', arnOf(call, 'role', name ?? '*', path), {
        'iam:AWSServiceName': AWSServiceName,
      });
      if (CustomSuffix !== undefined)
        throw new IAM.InvalidInputException({
          message: `Custom suffix is not allowed for ${AWSServiceName}`,
          $metadata: {},
        });
      if (name === undefined) throw notImplemented('iam', `the service-linked role of '${AWSServiceName}'`);
      if (roles.find(call.accountId, name))
        throw new IAM.InvalidInputException({
          message: `Service role name ${name} has been taken in this account, please try a different suffix.`,
          $metadata: {},
        });
      const trust = { Effect: 'Allow', Action: ['sts:AssumeRole'], Principal: { Service: [AWSServiceName] } };
      const role: RoleRecord = {
        ...{
          accountId: call.accountId,
          name,
          path,
          arn: arnOf(call, 'role', name, path),
          roleId: newId('AROA'),
        },
        ...{ createdAt: clock.now().toISOString(), description: Description, maxSessionSeconds: 3600 },
        trustPolicy: JSON.stringify({ Version: '2012-10-17', Statement: [trust] }),
        ...{ policies: {}, attached: [], tags: [] },
      };
      await roles.put(role);
      return { Role: describeRole(role) };
    },
    async DeleteServiceLinkedRole({ RoleName }, call) {
      const role = existing(call, RoleName);
      if (!isServiceLinked(role))
        throw new IAM.InvalidInputException({
          message: `The role ${role.name} is not a service-linked role.`,
          $metadata: {},
        });
      await roles.remove(role);
      return { DeletionTaskId: `task${role.path}${role.name}/${role.roleId}` };
    },
    async GetServiceLinkedRoleDeletionStatus({ DeletionTaskId = '' }, call) {
      authorizer.authorize(call, 'iam:GetServiceLinkedRoleDeletionStatus', arnOf(call, 'role', '*'));
      if (!/^task\/aws-service-role\//.test(DeletionTaskId))
        throw noSuch(`The deletion task ${DeletionTaskId} cannot be found.`);
      return { Status: 'SUCCEEDED' };
    },
  };
}

const SERVICE_LINKED: Readonly<Record<string, string>> = {
  'rds.amazonaws.com': 'AWSServiceRoleForRDS',
  'backup.amazonaws.com': 'AWSServiceRoleForBackup',
  'reports.backup.amazonaws.com': 'AWSServiceRoleForBackupReports',
  'restore-testing.backup.amazonaws.com': 'AWSServiceRoleForBackupRestoreTesting',
};

export function describeRole(role: RoleRecord): IAM.Role {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.roleId,
    Arn: role.arn,
    CreateDate: new Date(role.createdAt),
    AssumeRolePolicyDocument: encodeURIComponent(role.trustPolicy),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
    ...(role.boundary === undefined
      ? {}
      : {
          PermissionsBoundary: {
            PermissionsBoundaryType: 'Policy' as never,
            PermissionsBoundaryArn: role.boundary,
          },
        }),
    ...(role.tags.length > 0 ? { Tags: [...role.tags] } : {}),
    RoleLastUsed: {},
  };
}

function sessionLimit(asked: number | undefined): number {
  const seconds = asked ?? 3600;
  if (seconds < 3600 || seconds > 43_200)
    throw invalid(
      `1 validation error detected: Value '${seconds}' at 'maxSessionDuration' failed to satisfy constraint: Member must have value ${
        seconds < 3600 ? 'greater than or equal to 3600' : 'less than or equal to 43200'
      }`,
    );
  return seconds;
}
