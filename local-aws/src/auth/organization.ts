import { AdminRefusal, type AdminRegistry, type ConditionContext, type Table } from '../platform.ts';
import { evaluateIdentity, type Decision } from './evaluate.ts';
import { parsePolicy, PolicyRefused } from './policy-document.ts';

/** All accounts here belong to one organisation. */
export const ORGANIZATION_ID = 'o-lifeboat01';

/** A service control policy: bounds everything that principals of its accounts may do, administrators included. */
export interface ServiceControlPolicy {
  readonly name: string;
  /** JSON text. */
  readonly document: string;
  /** Account ids; undefined: the whole organisation. */
  readonly accounts: readonly string[] | undefined;
}

export interface Organization {
  /** AWS's FullAWSAccess stays attached, so only denies count. */
  decide(
    accountId: string,
    question: { readonly action: string; readonly resource: string; readonly context: ConditionContext },
  ): Decision;
  list(): ServiceControlPolicy[];
}

/** There is no Organizations API here (501): an administrator of this computer sets the policies through the admin endpoint. */
export function createOrganization(table: Table<ServiceControlPolicy>, admin: AdminRegistry): Organization {
  admin.route('GET', '/organization/policies', async () => ({
    id: ORGANIZATION_ID,
    policies: [...table.values()],
  }));
  admin.route('POST', '/organization/policies', async (input) => {
    const policy = readPolicy(input);
    await table.put(policy.name, policy);
    return policy;
  });
  admin.route('DELETE', '/organization/policies', async ({ name }) => {
    if (typeof name !== 'string' || !table.has(name))
      throw new AdminRefusal(`There is no service control policy '${String(name)}'.`, 404);
    await table.remove(name);
    return { removed: name };
  });
  return {
    list: () => [...table.values()],
    decide(accountId, question) {
      const policies = [...table.values()].filter(({ accounts }) => accounts?.includes(accountId) ?? true);
      return evaluateIdentity(
        policies.map(({ document }) => parsePolicy(document, 'identity')),
        question,
      );
    },
  };
}

function readPolicy({ name, policy, accounts }: Record<string, unknown>): ServiceControlPolicy {
  if (typeof name !== 'string' || name === '') throw new AdminRefusal('The policy needs a name.');
  const document = typeof policy === 'string' ? policy : JSON.stringify(policy ?? null);
  if (
    accounts !== undefined &&
    !(Array.isArray(accounts) && accounts.every((id) => /^\d{12}$/.test(String(id))))
  )
    throw new AdminRefusal('accounts must be a list of account ids of twelve digits.');
  try {
    const statements = parsePolicy(document, 'identity');
    if (statements.some(({ effect }) => effect === 'Allow'))
      throw new AdminRefusal('Only Deny statements are supported: FullAWSAccess stays attached here.');
  } catch (err) {
    if (err instanceof PolicyRefused) throw new AdminRefusal(err.message);
    throw err;
  }
  return { name, document, accounts: accounts as string[] | undefined };
}
