import type * as IAM from '@aws-sdk/client-iam';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import {
  arnOf,
  checkName,
  checkPath,
  checkPolicy,
  conflict,
  exists,
  limitExceeded,
  mergeTags,
  newId,
  noSuch,
  paged,
  requestTags,
  tagsFrom,
  type IamContext,
} from './context.ts';
import type { PolicyRecord, PolicyVersion } from './managed-policies.ts';

const CHARACTERS = 6144;
const VERSIONS = 5;

/** Managed policies and their versions. */
export function policyHandlers(context: IamContext): Handlers<typeof IAM> {
  const { policies, clock, authorizer, roles, users, groups } = context;
  const existing = (
    call: Call,
    arn = '',
    conditions: Record<string, string | string[]> = {},
  ): PolicyRecord => {
    const policy = policies.find(arn);
    const seen = policy && (policy.accountId === 'aws' || policy.accountId === call.accountId);
    authorizer.authorize(
      call,
      `iam:${call.operation}`,
      arn,
      { ...requestTags([], policy?.tags), ...conditions },
      { ownerAccountId: call.accountId },
    );
    if (!seen) throw noSuch(`Policy ${arn} was not found.`);
    return policy;
  };
  const own = (...asked: Parameters<typeof existing>): PolicyRecord => {
    const policy = existing(...asked);
    if (policy.accountId !== 'aws') return policy;
    throw noSuch(`Policy ${policy.arn} belongs to AWS and cannot be changed.`);
  };
  const versionOf = (policy: PolicyRecord, id = ''): PolicyVersion => {
    const version = policy.versions.find((each) => each.id === id);
    if (!version) throw noSuch(`Policy ${policy.arn} version ${id} does not exist or is not attachable.`);
    return version;
  };
  const holders = (policy: PolicyRecord, accountId: string) => {
    const uses = ({ attached = [] }: { attached?: readonly string[] }) => attached.includes(policy.arn);
    const bounded = ({ boundary }: { boundary?: string | undefined }) => boundary === policy.arn;
    const [ofRoles, ofUsers] = [roles.list(accountId), users.list(accountId)];
    return {
      roles: ofRoles.filter(uses),
      users: ofUsers.filter(uses),
      groups: groups.list(accountId).filter(uses),
      bounded: ofRoles.filter(bounded).length + ofUsers.filter(bounded).length,
    };
  };
  const describe = (policy: PolicyRecord, call: Call): IAM.Policy => {
    const by = holders(policy, call.accountId);
    return {
      PolicyName: policy.name,
      PolicyId: policy.policyId,
      Arn: policy.arn,
      Path: policy.path,
      DefaultVersionId: policy.defaultVersionId,
      AttachmentCount: by.roles.length + by.users.length + by.groups.length,
      PermissionsBoundaryUsageCount: by.bounded,
      IsAttachable: true,
      CreateDate: new Date(policy.createdAt),
      UpdateDate: new Date(policy.updatedAt),
    };
  };

  return {
    async CreatePolicy({ PolicyName = '', Path, PolicyDocument, Description, Tags }, call) {
      const path = checkPath(Path ?? '/');
      const arn = arnOf(call, 'policy', PolicyName, path);
      authorizer.authorize(call, 'iam:CreatePolicy', arn, requestTags(Tags));
      checkName('policyName', PolicyName, 128);
      const document = checkPolicy(PolicyDocument, 'identity', CHARACTERS);
      const tags = tagsFrom(Tags);
      const taken = policies.list(call.accountId).some(({ name }) => name === PolicyName);
      if (taken)
        throw exists(`A policy called ${PolicyName} already exists. Duplicate names are not allowed.`);
      const createdAt = clock.now().toISOString();
      const policy: PolicyRecord = {
        ...{ accountId: call.accountId, arn, policyId: newId('ANPA'), name: PolicyName, path },
        ...{ description: Description, createdAt, updatedAt: createdAt, tags },
        ...{ versions: [{ id: 'v1', document, createdAt }], defaultVersionId: 'v1', highestVersion: 1 },
      };
      await policies.put(policy);
      return { Policy: { ...describe(policy, call), Description, Tags: [...tags] } };
    },
    async GetPolicy({ PolicyArn }, call) {
      const policy = existing(call, PolicyArn);
      return {
        Policy: { ...describe(policy, call), Description: policy.description, Tags: [...policy.tags] },
      };
    },
    async ListPolicies(
      { Scope = 'All', OnlyAttached, PathPrefix = '/', PolicyUsageFilter, ...paging },
      call,
    ) {
      authorizer.authorize(call, 'iam:ListPolicies', arnOf(call, 'policy', '*'));
      refuseMembers('iam', 'ListPolicies', { PolicyUsageFilter }, ['PolicyUsageFilter']);
      const found = [
        ...(Scope === 'AWS' ? [] : policies.list(call.accountId)),
        ...(Scope === 'Local' ? [] : policies.awsOwned()),
      ].filter(({ path }) => path.startsWith(PathPrefix));
      const shown = found
        .map((policy) => describe(policy, call))
        .filter(({ AttachmentCount = 0 }) => OnlyAttached !== true || AttachmentCount > 0);
      const { items, ...rest } = paged(shown, ({ Arn = '' }) => Arn, paging);
      return { Policies: items, ...rest };
    },
    async DeletePolicy({ PolicyArn }, call) {
      const policy = own(call, PolicyArn);
      const by = holders(policy, call.accountId);
      if (by.roles.length + by.users.length + by.groups.length + by.bounded > 0)
        throw conflict('Cannot delete a policy attached to entities.');
      if (policy.versions.length > 1)
        throw conflict(
          "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
        );
      await policies.remove(policy);
      return {};
    },
    async CreatePolicyVersion({ PolicyArn, PolicyDocument, SetAsDefault }, call) {
      const policy = own(call, PolicyArn);
      const document = checkPolicy(PolicyDocument, 'identity', CHARACTERS);
      if (policy.versions.length >= VERSIONS)
        throw limitExceeded(
          `A managed policy can have up to ${VERSIONS} versions. Before you create a new version, you must delete an existing version.`,
        );
      const createdAt = clock.now().toISOString();
      const version = { id: `v${policy.highestVersion + 1}`, document, createdAt };
      const next: PolicyRecord = {
        ...policy,
        ...{ versions: [version, ...policy.versions], highestVersion: policy.highestVersion + 1 },
        ...(SetAsDefault === true ? { defaultVersionId: version.id, updatedAt: createdAt } : {}),
      };
      await policies.put(next);
      return { PolicyVersion: { ...describeVersion(next, version), Document: undefined } };
    },
    async GetPolicyVersion({ PolicyArn, VersionId }, call) {
      const policy = existing(call, PolicyArn);
      return { PolicyVersion: describeVersion(policy, versionOf(policy, VersionId)) };
    },
    async ListPolicyVersions({ PolicyArn, ...paging }, call) {
      const policy = existing(call, PolicyArn);
      const { items, ...rest } = paged(policy.versions, ({ id }) => id, paging);
      const Versions = items.map((version) => ({ ...describeVersion(policy, version), Document: undefined }));
      return { Versions: Versions.reverse(), ...rest };
    },
    async SetDefaultPolicyVersion({ PolicyArn, VersionId }, call) {
      const policy = own(call, PolicyArn);
      const { id } = versionOf(policy, VersionId);
      await policies.put({ ...policy, defaultVersionId: id, updatedAt: clock.now().toISOString() });
      return {};
    },
    async DeletePolicyVersion({ PolicyArn, VersionId }, call) {
      const policy = own(call, PolicyArn);
      const { id } = versionOf(policy, VersionId);
      if (id === policy.defaultVersionId) throw conflict('Cannot delete the default version of a policy.');
      await policies.put({ ...policy, versions: policy.versions.filter((version) => version.id !== id) });
      return {};
    },
    async ListEntitiesForPolicy({ PolicyArn, EntityFilter, PathPrefix, PolicyUsageFilter, ...paging }, call) {
      refuseMembers('iam', 'ListEntitiesForPolicy', { PathPrefix, PolicyUsageFilter, ...paging }, [
        'PathPrefix',
        'PolicyUsageFilter',
        'Marker',
      ]);
      const by = holders(existing(call, PolicyArn), call.accountId);
      const wanted = (kind: string) => EntityFilter === undefined || EntityFilter === kind;
      return {
        PolicyRoles: wanted('Role')
          ? by.roles.map(({ name, roleId }) => ({ RoleName: name, RoleId: roleId }))
          : [],
        PolicyUsers: wanted('User')
          ? by.users.map(({ name, userId }) => ({ UserName: name, UserId: userId }))
          : [],
        PolicyGroups: wanted('Group')
          ? by.groups.map(({ name, groupId }) => ({ GroupName: name, GroupId: groupId }))
          : [],
        IsTruncated: false,
      };
    },
    async TagPolicy({ PolicyArn, Tags }, call) {
      const policy = own(call, PolicyArn, requestTags(Tags));
      await policies.put({ ...policy, tags: mergeTags(policy.tags, Tags) });
      return {};
    },
    async UntagPolicy({ PolicyArn, TagKeys = [] }, call) {
      const policy = own(call, PolicyArn, { 'aws:TagKeys': TagKeys });
      const gone = new Set(TagKeys.map((key) => key.toLowerCase()));
      await policies.put({ ...policy, tags: policy.tags.filter(({ Key }) => !gone.has(Key.toLowerCase())) });
      return {};
    },
    async ListPolicyTags({ PolicyArn, ...paging }, call) {
      const { items, ...rest } = paged(existing(call, PolicyArn).tags, ({ Key }) => Key, paging);
      return { Tags: items, ...rest };
    },
  };
}

function describeVersion(
  policy: PolicyRecord,
  { id, document, createdAt }: PolicyVersion,
): IAM.PolicyVersion {
  return {
    Document: encodeURIComponent(document),
    VersionId: id,
    IsDefaultVersion: id === policy.defaultVersionId,
    CreateDate: new Date(createdAt),
  };
}
