import { administratorArn } from '../auth/key-store.ts';
import { parsePolicy, type Statement } from '../auth/policy-document.ts';
import type { Call } from '../wire/handlers.ts';
import type { PolicyBook, Tag } from './managed-policies.ts';
import { isServiceLinked, splitSessionArn, type RoleBook, type RoleRecord } from './roles.ts';
import { splitUserArn, type Book, type GroupRecord, type PolicyHolder, type UserRecord } from './users.ts';

type Policies = readonly (readonly Statement[])[];

/** Everything that says what a caller may do by itself. */
export interface Identity {
  readonly policies: Policies;
  readonly boundary: readonly Statement[] | undefined;
  /** Of the session; permissions are the intersection. */
  readonly session: Policies | undefined;
  readonly tags: readonly Tag[];
  readonly userId: string;
  readonly userName: string | undefined;
  readonly isServiceLinked: boolean;
}

export interface Identities {
  /** Undefined when the principal is gone: its credentials may do nothing any more. */
  of(call: Call): Identity | undefined;
  ofRole(role: RoleRecord): Identity;
  ofUser(user: UserRecord): Identity;
  ofGroup(group: GroupRecord): Identity;
}

export interface IdentityBooks {
  readonly roles: RoleBook;
  readonly users: Book<UserRecord>;
  readonly groups: Book<GroupRecord>;
  readonly policies: PolicyBook;
}

const EVERYTHING: Policies = [
  parsePolicy(
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
    'identity',
  ),
];

export function createIdentities({ roles, users, groups, policies }: IdentityBooks): Identities {
  const held = (holder: PolicyHolder): Policies => [
    ...Object.values(holder.policies).map((text) => parsePolicy(text, 'identity')),
    ...(holder.attached ?? []).map((arn) => policies.statements(arn)),
  ];
  const bounded = (arn: string | undefined) => (arn === undefined ? undefined : policies.statements(arn));
  const ofRole = (role: RoleRecord): Identity => ({
    policies: held(role),
    boundary: bounded(role.boundary),
    session: undefined,
    tags: role.tags,
    userId: role.roleId,
    userName: undefined,
    isServiceLinked: isServiceLinked(role),
  });
  const ofUser = (user: UserRecord): Identity => ({
    policies: [
      ...held(user),
      ...user.groups.flatMap((name) => {
        const group = groups.find(user.accountId, name);
        return group ? held(group) : [];
      }),
    ],
    boundary: bounded(user.boundary),
    session: undefined,
    tags: user.tags,
    userId: user.userId,
    userName: user.name,
    isServiceLinked: false,
  });

  return {
    ofRole,
    ofUser,
    ofGroup: (group) => ({
      ...{ policies: held(group), boundary: undefined, session: undefined, tags: [] },
      ...{ userId: group.groupId, userName: undefined, isServiceLinked: false },
    }),
    of(call) {
      const session = splitSessionArn(call.principalArn);
      if (session) {
        const role = roles.find(session.accountId, session.name);
        if (!role) return undefined;
        const own = ofRole(role);
        const tags = withSessionTags(own.tags, call.session?.tags ?? []);
        return {
          ...own,
          tags,
          userId: `${own.userId}:${session.session}`,
          session: sessionPolicies(call, policies),
        };
      }
      if (call.principalArn === administratorArn(call.accountId)) {
        return {
          ...{ policies: EVERYTHING, boundary: undefined, tags: [], isServiceLinked: false },
          ...{ userId: `AIDA${call.accountId}`, userName: 'administrator' },
          session: sessionPolicies(call, policies),
        };
      }
      const name = splitUserArn(call.principalArn);
      const user = name && users.find(name.accountId, name.name);
      return user && { ...ofUser(user), session: sessionPolicies(call, policies) };
    },
  };
}

function sessionPolicies(call: Call, policies: PolicyBook): Policies | undefined {
  const managed = (call.session?.policyArns ?? []).map((arn) => policies.statements(arn));
  const inline = call.sessionPolicy === undefined ? [] : [parsePolicy(call.sessionPolicy, 'identity')];
  return managed.length + inline.length === 0 ? undefined : [...managed, ...inline];
}

/** A tag of the session wins over the role's tag of the same key, whatever its case. */
function withSessionTags(own: readonly Tag[], session: readonly Tag[]): Tag[] {
  const given = new Set(session.map(({ Key }) => Key.toLowerCase()));
  return [...own.filter(({ Key }) => !given.has(Key.toLowerCase())), ...session];
}
