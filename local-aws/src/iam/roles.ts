import type { RoleAccess, Table } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';
import { parsePolicy, type Statement } from '../auth/policy-document.ts';
import { trustsService } from '../auth/evaluate.ts';

export interface RoleRecord {
  readonly accountId: string;
  readonly name: string;
  readonly path: string;
  readonly arn: string;
  readonly roleId: string;
  readonly createdAt: string;
  readonly description: string | undefined;
  readonly maxSessionSeconds: number;
  /** JSON text as given. */
  readonly trustPolicy: string;
  /** Inline policies by name, JSON text as given. */
  readonly policies: Readonly<Record<string, string>>;
  readonly tags: readonly { readonly Key: string; readonly Value: string }[];
}

/** Roles of all accounts, keyed by ARN without path: names are unique within an account. */
export interface RoleBook {
  find(accountId: string, name: string): RoleRecord | undefined;
  byArn(arn: string): RoleRecord | undefined;
  list(accountId: string): RoleRecord[];
  put(role: RoleRecord): Promise<void>;
  remove(role: RoleRecord): Promise<void>;
  /** Parsed inline policies; cached until the role changes. */
  identityPolicies(role: RoleRecord): Statement[][];
  trust(role: RoleRecord): Statement[];
}

export function createRoleBook(table: Table<RoleRecord>): RoleBook {
  const parsed = new WeakMap<RoleRecord, { identity: Statement[][]; trust: Statement[] }>();
  const parse = (role: RoleRecord) => {
    let found = parsed.get(role);
    if (!found) {
      const identity = Object.values(role.policies).map((text) => parsePolicy(text, 'identity'));
      parsed.set(role, (found = { identity, trust: parsePolicy(role.trustPolicy, 'trust') }));
    }
    return found;
  };
  const find = (accountId: string, name: string) => table.get(`${accountId}/${name}`);
  return {
    find,
    byArn(arn) {
      const { accountId, name } = splitRoleArn(arn);
      const role = find(accountId, name);
      return role?.arn === arn ? role : undefined;
    },
    list: (accountId) => [...table.values()].filter((role) => role.accountId === accountId),
    put: (role) => table.put(`${role.accountId}/${role.name}`, role),
    remove: (role) => table.remove(`${role.accountId}/${role.name}`),
    identityPolicies: (role) => parse(role).identity,
    trust: (role) => parse(role).trust,
  };
}

export function splitRoleArn(arn: string): { accountId: string; name: string } {
  const match = /^arn:aws:iam::(\d{12}):role\/(?:.*\/)?([^/]+)$/.exec(arn);
  return { accountId: match?.[1] ?? '', name: match?.[2] ?? '' };
}

/** `arn:aws:sts::<account>:assumed-role/<role>/<session>` → account and role name. */
export function splitSessionArn(
  arn: string,
): { accountId: string; name: string; session: string } | undefined {
  const match = /^arn:aws:sts::(\d{12}):assumed-role\/([^/]+)\/(.+)$/.exec(arn);
  return match ? { accountId: match[1] ?? '', name: match[2] ?? '', session: match[3] ?? '' } : undefined;
}

type Authorize = (call: Call, action: string, resource: string, context?: Record<string, string>) => void;

export function createRoleAccess(roles: RoleBook, authorize: Authorize): RoleAccess {
  return {
    passable(call, roleArn, service) {
      const role = roles.byArn(roleArn);
      if (!role) return { ok: false, reason: `The role ${roleArn} does not exist.` };
      if (role.accountId !== call.accountId)
        return { ok: false, reason: `The role ${roleArn} belongs to another account.` };
      try {
        authorize(call, 'iam:PassRole', roleArn, { 'iam:PassedToService': service });
      } catch (err) {
        return { ok: false, reason: err instanceof Error ? err.message : 'iam:PassRole is denied.' };
      }
      if (!trustsService(roles.trust(role), service, 'sts:AssumeRole')) {
        return { ok: false, reason: `The role ${roleArn} does not trust ${service}.` };
      }
      return { ok: true };
    },
    callAs(roleArn, region, service, operation) {
      const role = roles.byArn(roleArn);
      if (!role) return undefined;
      const principalArn = `arn:aws:sts::${role.accountId}:assumed-role/${role.name}/${service}`;
      return {
        accountId: role.accountId,
        region,
        principalArn,
        requestId: 'service',
        sourceIp: '127.0.0.1',
        service,
        operation,
      };
    },
  };
}
