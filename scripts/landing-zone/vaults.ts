import {
  CreateBackupVaultCommand,
  DescribeBackupVaultCommand,
  PutBackupVaultAccessPolicyCommand,
  PutBackupVaultLockConfigurationCommand,
  UpdateRegionSettingsCommand,
} from '@aws-sdk/client-backup';
import { isNamed } from './administrators.ts';
import type { Administrators } from './administrators.ts';
import { ACCOUNT_PLACEHOLDERS } from './keys.ts';
import type { Keys } from './keys.ts';
import { DRILL, PRODUCTION, RELAY, VAULT } from './plan.ts';
import type { Place } from './plan.ts';
import { policyDocument } from './templates.ts';

interface VaultPlan {
  readonly place: Place;
  readonly name: string;
  readonly key: keyof Keys;
  readonly locked: boolean;
  /** Relay and local vaults are written to from their own account only and need no policy to be copied into. */
  readonly policy: boolean;
}

const VAULTS: readonly VaultPlan[] = [
  { place: PRODUCTION, name: 'lifeboat-local', key: 'LOCAL_VAULT_KEY', locked: true, policy: true },
  { place: RELAY, name: 'lifeboat-relay', key: 'RELAY_KEY', locked: false, policy: false },
  { place: VAULT, name: 'lifeboat', key: 'VAULT_KEY', locked: true, policy: true },
  { place: DRILL, name: 'lifeboat-transit', key: 'TRANSIT_KEY', locked: false, policy: true },
];

/** AWS's minimum: so long a compliance lock can still be taken off. Afterwards nobody can, AWS included. */
const COOLING_OFF_DAYS = 3;
const LOCK = { MinRetentionDays: 1, MaxRetentionDays: 400, ChangeableForDays: COOLING_OFF_DAYS } as const;

/** @returns the days that must pass before every lock is immutable; 0 when they all are. */
export async function ensureVaults(
  aws: Administrators,
  keys: Keys,
  now: Date,
): Promise<{ daysUntilImmutable: number }> {
  const lockDates = await Promise.all(VAULTS.map((plan) => ensureVault(aws, keys, plan)));
  await aws
    .backup(PRODUCTION)
    .send(new UpdateRegionSettingsCommand({ ResourceTypeOptInPreference: { RDS: true } }));
  const last = Math.max(
    now.getTime(),
    ...lockDates.flatMap((date) => (date === null ? [] : [date.getTime()])),
  );
  return { daysUntilImmutable: Math.ceil((last - now.getTime()) / 86_400_000) };
}

/** @returns when the lock becomes immutable; null for a vault that is not locked. */
async function ensureVault(aws: Administrators, keys: Keys, plan: VaultPlan): Promise<Date | null> {
  const backup = aws.backup(plan.place);
  const vault = { BackupVaultName: plan.name };
  try {
    await backup.send(new CreateBackupVaultCommand({ ...vault, EncryptionKeyArn: keys[plan.key] }));
  } catch (error) {
    if (!isNamed(error, 'AlreadyExistsException')) throw error;
  }
  if (plan.policy) {
    const Policy = await policyDocument(`vaults/${plan.name}.json`, ACCOUNT_PLACEHOLDERS);
    await backup.send(new PutBackupVaultAccessPolicyCommand({ ...vault, Policy }));
  }
  if (!plan.locked) return null;
  const before = await backup.send(new DescribeBackupVaultCommand(vault));
  if (before.Locked === true && before.LockDate !== undefined) return before.LockDate;
  await backup.send(new PutBackupVaultLockConfigurationCommand({ ...vault, ...LOCK }));
  const { Locked, LockDate } = await backup.send(new DescribeBackupVaultCommand(vault));
  if (Locked !== true || LockDate === undefined)
    throw new Error(`Vault ${plan.name} is not locked although that was asked for`);
  return LockDate;
}
