import type { RoleAccess, Table } from '../platform.ts';
import { ORGANIZATION_ID } from '../auth/organization.ts';
import type { Call } from '../wire/handlers.ts';
import { evaluateResource } from '../auth/evaluate.ts';
import { parsePolicy } from '../auth/policy-document.ts';
import type { PolicyHolder } from './users.ts';

export interface RoleRecord extends PolicyHolder {
  readonly roleId: string;
  readonly description: string | undefined;
  readonly maxSessionSeconds: number;
  /** JSON text as given. */
  readonly trustPolicy: string;
  /** ARN of the managed policy that bounds it. */
  readonly boundary?: string | undefined;
  readonly tags: readonly { readonly Key: string; readonly Value: string }[];
}

/** Roles of all accounts, keyed by ARN without path: names are unique within an account. */
export interface RoleBook {
  find(accountId: string, name: string): RoleRecord | undefined;
  byArn(arn: string): RoleRecord | undefined;
  list(accountId: string): RoleRecord[];
  put(role: RoleRecord): Promise<void>;
  remove(role: RoleRecord): Promise<void>;
  /** A service-linked role that somebody deleted. One that nobody ever made counts as there: AWS makes it when a service needs it. */
  isDeleted(accountId: string, name: string): boolean;
}

/** @param deleted service-linked roles that were there once */
export function createRoleBook(table: Table<RoleRecord>, deleted: Table<true>): RoleBook {
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
    async remove(role) {
      const key = `${role.accountId}/${role.name}`;
      if (isServiceLinked(role)) await deleted.put(key, true);
      await table.remove(key);
    },
    isDeleted: (accountId, name) =>
      deleted.has(`${accountId}/${name}`) && find(accountId, name) === undefined,
  };
}

export function isServiceLinked({ path }: Pick<RoleRecord, 'path'>): boolean {
  return path.startsWith('/aws-service-role/');
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

/** What the service works on, when it is not said: something of this service, account and region. */
function sourceOf({ accountId, region }: Call, service: string): string {
  const name =
    service
      .replace(/\.amazonaws\.com$/, '')
      .split('.')
      .at(-1) ?? service;
  return `arn:aws:${name}:${region}:${accountId}:*`;
}

type Authorize = (call: Call, action: string, resource: string, context?: Record<string, string>) => void;

export function createRoleAccess(roles: RoleBook, authorize: Authorize): RoleAccess {
  return {
    passable(call, roleArn, service, sourceArn) {
      const role = roles.byArn(roleArn);
      if (!role) return { ok: false, reason: `The role ${roleArn} does not exist.` };
      if (role.accountId !== call.accountId)
        return { ok: false, reason: `The role ${roleArn} belongs to another account.` };
      try {
        authorize(call, 'iam:PassRole', roleArn, { 'iam:PassedToService': service });
      } catch (err) {
        return { ok: false, reason: err instanceof Error ? err.message : 'iam:PassRole is denied.' };
      }
      // A service says for whom it works: trust policies keep it from being confused about that.
      const context = {
        'aws:SourceAccount': call.accountId,
        'aws:SourceArn': sourceArn ?? sourceOf(call, service),
        'aws:SourceOrgID': ORGANIZATION_ID,
      };
      const question = { action: 'sts:AssumeRole', resource: roleArn, context };
      const caller = { accountId: call.accountId, principalArn: service, roleArn: undefined, service };
      if (
        evaluateResource(parsePolicy(role.trustPolicy, 'trust'), question, caller).effect !== 'allow-itself'
      ) {
        return { ok: false, reason: `The role ${roleArn} does not trust ${service}.` };
      }
      return { ok: true };
    },
    lacksServiceLinked: (accountId, name) => roles.isDeleted(accountId, name),
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
