import type * as IAM from '@aws-sdk/client-iam';
import type { Call, Handlers } from '../wire/handlers.ts';
import {
  arnOf,
  checkName,
  checkPath,
  conflict,
  exists,
  newId,
  noSuch,
  paged,
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
import { describeUser, userFinder } from './user-handlers.ts';
import type { GroupRecord } from './users.ts';

/** Groups of users, which hand their policies to their members. */
export function groupHandlers(context: IamContext): Handlers<typeof IAM> {
  const { users, groups, policies, clock, authorizer } = context;
  const { existing: existingUser } = userFinder(context);
  const existing = (call: Call, name = '', conditions: Record<string, string> = {}): GroupRecord => {
    const group = groups.find(call.accountId, name);
    authorizer.authorize(call, `iam:${call.operation}`, group?.arn ?? arnOf(call, 'group', name), conditions);
    if (!group) throw noSuch(`The group with name ${name} cannot be found.`);
    return group;
  };
  const member = (call: Call, name = '') => {
    const user = users.find(call.accountId, name);
    if (!user) throw noSuch(`The user with name ${name} cannot be found.`);
    return user;
  };
  const membersOf = (group: GroupRecord) =>
    users.list(group.accountId).filter((user) => user.groups.includes(group.name));

  return {
    async CreateGroup({ GroupName = '', Path }, call) {
      const path = checkPath(Path ?? '/');
      const arn = arnOf(call, 'group', GroupName, path);
      authorizer.authorize(call, 'iam:CreateGroup', arn);
      checkName('groupName', GroupName, 128);
      if (groups.find(call.accountId, GroupName))
        throw exists(`Group with name ${GroupName} already exists.`);
      const group: GroupRecord = {
        ...{ accountId: call.accountId, name: GroupName, path, arn, groupId: newId('AGPA') },
        ...{ createdAt: clock.now().toISOString(), policies: {}, attached: [] },
      };
      await groups.put(group);
      return { Group: describeGroup(group) };
    },
    async GetGroup({ GroupName, ...paging }, call) {
      const group = existing(call, GroupName);
      const { items, ...rest } = paged(membersOf(group), ({ name }) => name, paging);
      return { Group: describeGroup(group), Users: items.map(describeUser), ...rest };
    },
    async ListGroups({ PathPrefix = '/', ...paging }, call) {
      authorizer.authorize(call, 'iam:ListGroups', arnOf(call, 'group', '*'));
      const found = groups.list(call.accountId).filter(({ path }) => path.startsWith(PathPrefix));
      const { items, ...rest } = paged(found, ({ name }) => name, paging);
      return { Groups: items.map(describeGroup), ...rest };
    },
    async ListGroupsForUser({ UserName, ...paging }, call) {
      const user = existingUser(call, UserName);
      const own = user.groups.flatMap((name) => groups.find(call.accountId, name) ?? []);
      const { items, ...rest } = paged(own, ({ name }) => name, paging);
      return { Groups: items.map(describeGroup), ...rest };
    },
    async DeleteGroup({ GroupName }, call) {
      const group = existing(call, GroupName);
      requireBare(group);
      if (membersOf(group).length > 0)
        throw conflict('Cannot delete entity, must remove users from group first.');
      await groups.remove(group);
      return {};
    },
    async AddUserToGroup({ GroupName, UserName }, call) {
      const group = existing(call, GroupName);
      const user = member(call, UserName);
      if (!user.groups.includes(group.name))
        await users.put({ ...user, groups: [...user.groups, group.name] });
      return {};
    },
    async RemoveUserFromGroup({ GroupName, UserName }, call) {
      const group = existing(call, GroupName);
      const user = member(call, UserName);
      await users.put({ ...user, groups: user.groups.filter((name) => name !== group.name) });
      return {};
    },
    async PutGroupPolicy({ GroupName, PolicyName, PolicyDocument }, call) {
      await groups.put(withInline('group', existing(call, GroupName), PolicyName, PolicyDocument));
      return {};
    },
    async GetGroupPolicy({ GroupName, PolicyName }, call) {
      const group = existing(call, GroupName);
      return { GroupName: group.name, PolicyName, PolicyDocument: inlineOf('group', group, PolicyName) };
    },
    async ListGroupPolicies({ GroupName, ...paging }, call) {
      const { items, ...rest } = paged(
        Object.keys(existing(call, GroupName).policies),
        (name) => name,
        paging,
      );
      return { PolicyNames: items, ...rest };
    },
    async DeleteGroupPolicy({ GroupName, PolicyName }, call) {
      await groups.put(withoutInline('group', existing(call, GroupName), PolicyName));
      return {};
    },
    async AttachGroupPolicy({ GroupName, PolicyArn }, call) {
      const group = existing(call, GroupName, { 'iam:PolicyARN': PolicyArn ?? '' });
      await groups.put(withAttached('group', group, attachable(policies, call.accountId, PolicyArn)));
      return {};
    },
    async DetachGroupPolicy({ GroupName, PolicyArn }, call) {
      await groups.put(
        withoutAttached(existing(call, GroupName, { 'iam:PolicyARN': PolicyArn ?? '' }), PolicyArn),
      );
      return {};
    },
    async ListAttachedGroupPolicies({ GroupName, PathPrefix, ...paging }, call) {
      const attached = attachedTo(policies, existing(call, GroupName), PathPrefix);
      const { items, ...rest } = paged(attached, ({ PolicyArn }) => PolicyArn, paging);
      return { AttachedPolicies: items, ...rest };
    },
  };
}

function describeGroup({ path, name, groupId, arn, createdAt }: GroupRecord): IAM.Group {
  return { Path: path, GroupName: name, GroupId: groupId, Arn: arn, CreateDate: new Date(createdAt) };
}
