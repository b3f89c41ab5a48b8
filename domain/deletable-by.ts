import type { LockFacts } from './facts.ts';
import type { Instant } from './units.ts';

/** A policy document as AWS gives it back; null when there is none; `unknown` when it could not be read. */
export type ReadPolicy = string | null | { readonly unknown: string };

export interface PointGuards {
  readonly accountId: string;
  readonly lock: LockFacts;
  readonly deleteAt: Instant | null;
  readonly vaultPolicy: ReadPolicy;
  /** Null when the point has no key of a customer. */
  readonly keyPolicy: ReadPolicy;
}

interface Statement {
  readonly Effect: string;
  readonly Principal?: string | Readonly<Record<string, string | readonly string[]>>;
  readonly NotPrincipal?: unknown;
  readonly Action?: string | readonly string[];
  readonly NotAction?: unknown;
  readonly Condition?: unknown;
}

/**
 * Who could take a recovery point away, in sentences: by deleting it, or by deleting the key without which it cannot be read. Read out of
 * lock and policies of vault and key; identity policies of the account are not read, and that is said.
 */
export function deletableBy({ accountId, lock, deleteAt, vaultPolicy, keyPolicy }: PointGuards): string[] {
  const locked =
    lock.state === 'immutable'
      ? `the point: nobody${deleteAt === null ? '' : ` before ${deleteAt}`}, under a compliance lock that nobody can take off`
      : `the point: ${byPolicy('backup:DeleteRecoveryPoint', vaultPolicy, accountId, 'vault')}`;
  return [
    locked,
    keyPolicy === null
      ? 'its key: none of a customer was read back'
      : `its key, without which it cannot be read: ${byPolicy('kms:ScheduleKeyDeletion', keyPolicy, accountId, 'key')}`,
  ];
}

function byPolicy(action: string, policy: ReadPolicy, accountId: string, of: 'vault' | 'key'): string {
  const identities = `whom the identity policies of account ${accountId} allow it`;
  // Without a statement of its own, a vault leaves it to the identity policies of its account; a key admits nobody.
  const otherwise = of === 'vault' ? [identities] : [];
  if (policy === null) return of === 'vault' ? `${identities}; the vault has no policy` : 'not known';
  if (typeof policy !== 'string')
    return `not known: the policy of the ${of} could not be read (${policy.unknown})`;
  const statements = statementsOf(policy);
  if (statements === null) return `not known: the policy of the ${of} is not understood`;
  const about = statements.filter((statement) => speaksOf(statement, action));
  const denied = about.filter(({ Effect }) => Effect === 'Deny');
  const everybody = denied.some(
    ({ Principal, NotPrincipal, Condition }) =>
      NotPrincipal === undefined && Condition === undefined && principalsOf(Principal).includes('*'),
  );
  if (everybody) return `nobody while the policy of the ${of} stays as it is; whoever may change that policy`;
  const allowed = about
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap(({ Principal, Condition }) =>
      principalsOf(Principal).map((principal) =>
        principal === `arn:aws:iam::${accountId}:root` || principal === accountId
          ? identities
          : `${principal}${Condition === undefined ? '' : ', under conditions'}`,
      ),
    );
  const who = [...new Set([...otherwise, ...allowed])];
  const but = denied.length === 0 ? '' : '; the policy denies it to some, or under conditions';
  return `${who.length === 0 ? 'nobody whom its policy names' : who.join('; ')}${but}`;
}

function statementsOf(policy: string): Statement[] | null {
  try {
    const { Statement: found } = JSON.parse(policy) as { Statement?: Statement | Statement[] };
    return found === undefined ? null : Array.isArray(found) ? found : [found];
  } catch {
    return null;
  }
}

/** `NotAction` may mean this action as well; then the statement counts as speaking of it. */
function speaksOf({ Action, NotAction }: Statement, action: string): boolean {
  if (NotAction !== undefined) return true;
  return listOf(Action).some((pattern) => {
    const parts = pattern
      .toLowerCase()
      .split('*')
      .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`).test(action.toLowerCase());
  });
}

function principalsOf(principal: Statement['Principal']): readonly string[] {
  if (principal === undefined || typeof principal === 'string') return listOf(principal);
  return Object.values(principal).flatMap((value) => listOf(value));
}

const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;
