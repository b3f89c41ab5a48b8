import { duration } from './units.ts';
import type { AccountName, Policy, VaultLocation } from './policy/schema.ts';
import type { Location } from './facts.ts';

/** A vault as the workflows pass it around: where it is, and which of the policy's accounts that is. */
export interface Vault {
  readonly account: AccountName;
  readonly region: string;
  readonly name: string;
  /** Role that AWS Backup uses for jobs that start here; null where no job starts. */
  readonly serviceRole: string | null;
  readonly lock: VaultLocation['lock'];
  /** Days that a point made by the night is kept here, counted from its creation (a copy keeps its source's date). */
  readonly keepDays: number;
}

/** The vaults of the nightly point in the order in which it travels: beside the resource first, the one that drills start from last. */
export function routeOf(policy: Policy): readonly [Vault, ...Vault[]] {
  return [vaultOf(policy, policy.backup), ...policy.copies.map((copy) => vaultOf(policy, copy))];
}

export function finalVault(policy: Policy): Vault {
  return routeOf(policy).at(-1) ?? vaultOf(policy, policy.backup);
}

/** The vault that holds a point only while it is being restored. */
export function transitVault({ drill }: Policy): Vault {
  return {
    account: 'drill',
    region: drill.region,
    name: drill.transitVault,
    serviceRole: null,
    lock: 'none',
    keepDays: 1,
  };
}

export function locationOf(policy: Policy, { account, region, name }: Vault): Location {
  return { accountId: policy.accounts[account].id, region, vault: name };
}

export function vaultArn(policy: Policy, { account, region, name }: Vault): string {
  return `arn:aws:backup:${region}:${policy.accounts[account].id}:backup-vault:${name}`;
}

function vaultOf(policy: Policy, { account, region, name, serviceRole, lock, keep }: VaultLocation): Vault {
  const keepDays =
    keep === undefined ? policy.retention.days : Math.max(1, Math.ceil(duration(keep) / 86_400));
  return { account, region, name, serviceRole, lock, keepDays };
}
