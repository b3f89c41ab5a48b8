import type { Policy } from './schema.ts';

export interface Whereabouts {
  readonly region: string;
  readonly accountId?: string;
}

/**
 * Says why data must not be there, or null when it may. For validation, and again at run time, just before a copy or a restore starts:
 * what a policy said when it was validated is not what somebody may ask for by hand.
 */
export function residencyProblem(
  { residency, accounts }: Pick<Policy, 'residency' | 'accounts'>,
  { region, accountId }: Whereabouts,
): string | null {
  if (residency === undefined) return null;
  if (!residency.regions.includes(region))
    return `data would be in ${region}; residency.regions allows ${residency.regions.join(', ')}`;
  const known = Object.values(accounts).map(({ id }) => id);
  if (accountId !== undefined && !known.includes(accountId))
    return `data would be in the account ${accountId}, which is none of the policy's accounts`;
  return null;
}
