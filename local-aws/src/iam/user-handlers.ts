import * as IAM from '@aws-sdk/client-iam';
import { administratorArn } from '../auth/key-store.ts';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import {
  arnOf,
  checkName,
  checkPath,
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
import { splitUserArn, type UserRecord } from './users.ts';

export const ADMINISTRATOR = 'administrator';

export type FindUser = (
  call: Call,
  name: string | undefined,
  conditions?: Record<string, string | string[]>,
) => UserRecord;

/** Finds a user and checks the right to the call's operation on it; without a name it is the caller. */
export function userFinder({ users, authorizer, clock }: IamContext): {
  existing: FindUser;
  changeable: FindUser;
  administrator: (call: Call) => UserRecord;
} {
  const administrator = (call: Call): UserRecord => ({
    ...{ accountId: call.accountId, name: ADMINISTRATOR, path: '/', arn: administratorArn(call.accountId) },
    ...{
      userId: `AIDA${call.accountId}`,
      createdAt: new Date(Math.min(0, clock.now().getTime())).toISOString(),
    },
    ...{ policies: {}, attached: ['arn:aws:iam::aws:policy/AdministratorAccess'] },
    ...{ boundary: undefined, groups: [], tags: [] },
  });
  const existing: FindUser = (call, name, conditions = {}) => {
    const wanted = name ?? splitUserArn(call.principalArn)?.name;
    if (wanted === undefined)
      throw new IAM.InvalidInputException({
        message: 'Must specify userName when calling with non-User credentials',
        $metadata: {},
      });
    const user = wanted === ADMINISTRATOR ? administrator(call) : users.find(call.accountId, wanted);
    authorizer.authorize(call, `iam:${call.operation}`, user?.arn ?? arnOf(call, 'user', wanted), {
      ...requestTags([], user?.tags),
      ...conditions,
    });
    if (!user) throw noSuch(`The user with name ${wanted} cannot be found.`);
    return user;
  };
  return {
    administrator,
    existing,
    changeable(...asked) {
      const user = existing(...asked);
      if (user.name !== ADMINISTRATOR) return user;
      throw conflict(`The user ${ADMINISTRATOR} belongs to local-aws itself and cannot be changed.`);
    },
  };
}

/** Users: policies, boundary, tags. */
export function userHandlers(context: IamContext): Handlers<typeof IAM> {
  const { users, policies, keys, clock, authorizer } = context;
  const { existing, changeable, administrator } = userFinder(context);

  return {
    async CreateUser({ UserName = '', Path, PermissionsBoundary, Tags }, call) {
      const path = checkPath(Path ?? '/');
      const arn = arnOf(call, 'user', UserName, path);
      authorizer.authorize(call, 'iam:CreateUser', arn, {
        ...requestTags(Tags),
        ...(PermissionsBoundary === undefined ? {} : { 'iam:PermissionsBoundary': PermissionsBoundary }),
      });
      checkName('userName', UserName, 64);
      const tags = tagsFrom(Tags);
      if (PermissionsBoundary !== undefined) attachable(policies, call.accountId, PermissionsBoundary);
      if (UserName.toLowerCase() === ADMINISTRATOR || users.find(call.accountId, UserName))
        throw exists(`User with name ${UserName} already exists.`);
      const user: UserRecord = {
        ...{ accountId: call.accountId, name: UserName, path, arn, userId: newId('AIDA') },
        ...{ createdAt: clock.now().toISOString(), policies: {}, attached: [] },
        ...{ boundary: PermissionsBoundary, groups: [], tags },
      };
      await users.put(user);
      return { User: describeUser(user) };
    },
    async GetUser({ UserName }, call) {
      return { User: describeUser(existing(call, UserName)) };
    },
    async ListUsers({ PathPrefix = '/', ...paging }, call) {
      authorizer.authorize(call, 'iam:ListUsers', arnOf(call, 'user', '*'));
      const all = [administrator(call), ...users.list(call.accountId)];
      const { items, ...rest } = paged(
        all.filter(({ path }) => path.startsWith(PathPrefix)),
        ({ name }) => name,
        paging,
      );
      return {
        Users: items.map((user) => ({
          ...describeUser(user),
          Tags: undefined,
          PermissionsBoundary: undefined,
        })),
        ...rest,
      };
    },
    async DeleteUser({ UserName }, call) {
      const user = changeable(call, UserName);
      requireBare(user);
      if (user.groups.length > 0) throw conflict('Cannot delete entity, must remove users from group first.');
      if (keys.keysOf(user.arn).length > 0)
        throw conflict('Cannot delete entity, must delete access keys first.');
      await users.remove(user);
      return {};
    },
    async UpdateUser(input, call) {
      refuseMembers('iam', 'UpdateUser', input, ['NewPath', 'NewUserName']);
      changeable(call, input.UserName);
      return {};
    },
    async PutUserPolicy({ UserName, PolicyName, PolicyDocument }, call) {
      await users.put(withInline('user', changeable(call, UserName), PolicyName, PolicyDocument));
      return {};
    },
    async GetUserPolicy({ UserName, PolicyName }, call) {
      const user = existing(call, UserName);
      return { UserName: user.name, PolicyName, PolicyDocument: inlineOf('user', user, PolicyName) };
    },
    async ListUserPolicies({ UserName, ...paging }, call) {
      const { items, ...rest } = paged(
        Object.keys(existing(call, UserName).policies),
        (name) => name,
        paging,
      );
      return { PolicyNames: items, ...rest };
    },
    async DeleteUserPolicy({ UserName, PolicyName }, call) {
      await users.put(withoutInline('user', changeable(call, UserName), PolicyName));
      return {};
    },
    async AttachUserPolicy({ UserName, PolicyArn }, call) {
      const user = changeable(call, UserName, { 'iam:PolicyARN': PolicyArn ?? '' });
      await users.put(withAttached('user', user, attachable(policies, call.accountId, PolicyArn)));
      return {};
    },
    async DetachUserPolicy({ UserName, PolicyArn }, call) {
      const user = changeable(call, UserName, { 'iam:PolicyARN': PolicyArn ?? '' });
      await users.put(withoutAttached(user, PolicyArn));
      return {};
    },
    async ListAttachedUserPolicies({ UserName, PathPrefix, ...paging }, call) {
      const attached = attachedTo(policies, existing(call, UserName), PathPrefix);
      const { items, ...rest } = paged(attached, ({ PolicyArn }) => PolicyArn, paging);
      return { AttachedPolicies: items, ...rest };
    },
    async PutUserPermissionsBoundary({ UserName, PermissionsBoundary = '' }, call) {
      const user = changeable(call, UserName, { 'iam:PermissionsBoundary': PermissionsBoundary });
      await users.put({ ...user, boundary: attachable(policies, call.accountId, PermissionsBoundary).arn });
      return {};
    },
    async DeleteUserPermissionsBoundary({ UserName }, call) {
      const user = changeable(call, UserName);
      if (user.boundary === undefined)
        throw noSuch(`The user with name ${user.name} does not have a permission boundary.`);
      await users.put({ ...user, boundary: undefined });
      return {};
    },
    async TagUser({ UserName, Tags }, call) {
      const user = changeable(call, UserName, requestTags(Tags));
      await users.put({ ...user, tags: mergeTags(user.tags, Tags) });
      return {};
    },
    async UntagUser({ UserName, TagKeys = [] }, call) {
      const user = changeable(call, UserName, { 'aws:TagKeys': TagKeys });
      const gone = new Set(TagKeys.map((key) => key.toLowerCase()));
      await users.put({ ...user, tags: user.tags.filter(({ Key }) => !gone.has(Key.toLowerCase())) });
      return {};
    },
    async ListUserTags({ UserName, ...paging }, call) {
      const { items, ...rest } = paged(existing(call, UserName).tags, ({ Key }) => Key, paging);
      return { Tags: items, ...rest };
    },
    async CreateAccessKey({ UserName }, call) {
      const user = changeable(call, UserName);
      if (keys.keysOf(user.arn).length >= 2)
        throw limitExceeded('Cannot exceed quota for AccessKeysPerUser: 2');
      const key = await keys.addUserKey(call.accountId, user.arn, clock.now().toISOString());
      return {
        AccessKey: {
          UserName: user.name,
          AccessKeyId: key.accessKeyId,
          SecretAccessKey: key.secretAccessKey,
          Status: 'Active',
          CreateDate: new Date(key.createdAt ?? 0),
        },
      };
    },
    async ListAccessKeys({ UserName, ...paging }, call) {
      const user = existing(call, UserName);
      const { items, ...rest } = paged(keys.keysOf(user.arn), ({ accessKeyId }) => accessKeyId, paging);
      const AccessKeyMetadata = items.map(({ accessKeyId, inactive, createdAt }) => ({
        UserName: user.name,
        AccessKeyId: accessKeyId,
        Status: inactive === true ? ('Inactive' as const) : ('Active' as const),
        CreateDate: new Date(createdAt ?? user.createdAt),
      }));
      return { AccessKeyMetadata, ...rest };
    },
    async UpdateAccessKey({ UserName, AccessKeyId, Status }, call) {
      const key = keyOf(changeable(call, UserName), AccessKeyId);
      await keys.put({ ...key, inactive: Status !== 'Active' });
      return {};
    },
    async DeleteAccessKey({ UserName, AccessKeyId }, call) {
      await keys.remove(keyOf(changeable(call, UserName), AccessKeyId).accessKeyId);
      return {};
    },
  };

  function keyOf(user: UserRecord, id = '') {
    const key = keys.keysOf(user.arn).find(({ accessKeyId }) => accessKeyId === id);
    if (!key) throw noSuch(`The Access Key with id ${id} cannot be found.`);
    return key;
  }
}

export function describeUser(user: UserRecord): IAM.User {
  return {
    Path: user.path,
    UserName: user.name,
    UserId: user.userId,
    Arn: user.arn,
    CreateDate: new Date(user.createdAt),
    ...(user.boundary === undefined
      ? {}
      : {
          PermissionsBoundary: {
            PermissionsBoundaryType: 'Policy' as never,
            PermissionsBoundaryArn: user.boundary,
          },
        }),
    ...(user.tags.length > 0 ? { Tags: [...user.tags] } : {}),
  };
}
