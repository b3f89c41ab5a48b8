import { DescribeBackupVaultCommand, DescribeRegionSettingsCommand } from '@aws-sdk/client-backup';
import { GetObjectLockConfigurationCommand } from '@aws-sdk/client-s3';
import { DescribeKeyCommand } from '@aws-sdk/client-kms';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { ACCOUNT_NAMES, type AccountName, type Policy } from '../domain/policy/schema.ts';
import { routeOf, transitVault, type Vault } from '../domain/route.ts';
import type { Condition } from '../domain/requests.ts';
import { inAccount, type AwsClients } from './aws/clients.ts';
import { nameOf } from './aws/errors.ts';
import type { Drivers } from './kinds/index.ts';

/**
 * Everything that must hold before a night can work, each with what to do when it does not. `lifeboat doctor` prints the same list.
 * Read only. What could not be seen is `unknown`, never `ok`.
 */
export function createPreflight(clients: AwsClients, drivers: Drivers) {
  return {
    /** All conditions of a policy: roles, vaults, locks, keys, opt-in, ledger and every resource in it. */
    async conditions(policy: Policy): Promise<Condition[]> {
      const roles = await Promise.all(
        ACCOUNT_NAMES.map((account) => roleCondition(clients, policy, account)),
      );
      // With a role that cannot be assumed every other question would only repeat that answer.
      if (roles.some(({ state }) => state !== 'ok')) return roles;
      const groups = await Promise.all([
        ...[...routeOf(policy), transitVault(policy)].map((vault) => vaultConditions(clients, policy, vault)),
        optIn(clients, policy, drivers),
        ledgerConditions(clients, policy),
        ...policy.resources.map((resource) => drivers[resource.kind].conditions(policy, resource)),
      ]);
      return [...roles, ...groups.flat()];
    },
  };
}

async function roleCondition(clients: AwsClients, policy: Policy, account: AccountName): Promise<Condition> {
  const { role, id } = policy.accounts[account];
  const about = { subject: `${account} account`, question: `Can ${role} be assumed, in account ${id}?` };
  try {
    const region = account === 'production' ? policy.backup.region : policy.drill.region;
    const { Account } = await clients
      .sts(inAccount(policy, account, region))
      .send(new GetCallerIdentityCommand({}));
    if (Account === id) return { ...about, state: 'ok', saw: `account ${Account}`, action: '' };
    return {
      ...about,
      state: 'problem',
      saw: `account ${Account ?? 'unknown'}`,
      action: 'The role belongs to another account: correct accounts in the policy.',
    };
  } catch (error) {
    const action =
      'Check the credentials of this process, the role and external id in the policy, and the trust policy of the role.';
    return { ...about, state: 'problem', saw: said(error), action };
  }
}

async function vaultConditions(clients: AwsClients, policy: Policy, vault: Vault): Promise<Condition[]> {
  const subject = `vault ${vault.name} (${vault.account}, ${vault.region})`;
  const question = 'Does the vault exist, locked as the policy says, with a retention that its lock allows?';
  try {
    const backup = clients.backup(inAccount(policy, vault.account, vault.region));
    const seen = await backup.send(new DescribeBackupVaultCommand({ BackupVaultName: vault.name }));
    const { Locked = false, LockDate, MinRetentionDays: min, MaxRetentionDays: max } = seen;
    const saw = Locked
      ? `locked (${LockDate === undefined ? 'governance' : `compliance from ${LockDate.toISOString()}`}), ${min ?? 'no min'}–${max ?? 'no max'} days`
      : 'not locked';
    const bad = (action: string): Condition[] => [{ subject, question, state: 'problem', saw, action }];
    if (vault.lock === 'compliance' && (!Locked || LockDate === undefined))
      return bad(
        'Put a vault lock in compliance mode on it (PutBackupVaultLockConfiguration with ChangeableForDays); until then nothing in it is WORM.',
      );
    if (vault.lock === 'none' && Locked)
      return bad('A drill and a relay vault must be able to give points back: use a vault without a lock.');
    if (min !== undefined && vault.keepDays < min)
      return bad(
        `The lock wants at least ${min} days, the policy keeps ${vault.keepDays}: raise the retention.`,
      );
    if (max !== undefined && vault.keepDays > max)
      return bad(
        `The lock allows at most ${max} days, the policy keeps ${vault.keepDays}: lower the retention.`,
      );
    return [{ subject, question, state: 'ok', saw, action: '' }];
  } catch (error) {
    const missing = nameOf(error) === 'ResourceNotFoundException';
    const action = missing
      ? 'Create the vault, or correct its name in the policy.'
      : 'Give the role backup:DescribeBackupVault on it, then ask again.';
    return [{ subject, question, state: missing ? 'problem' : 'unknown', saw: said(error), action }];
  }
}

/** AWS Backup skips resource types that are not opted in, silently (contract row 10). */
async function optIn(clients: AwsClients, policy: Policy, drivers: Drivers): Promise<Condition[]> {
  const types = [...new Set(policy.resources.map(({ kind }) => drivers[kind].backupResourceType))];
  const subject = `AWS Backup (production, ${policy.backup.region})`;
  const question = `Are the resource types ${types.join(', ')} opted in?`;
  try {
    const backup = clients.backup(inAccount(policy, 'production', policy.backup.region));
    const { ResourceTypeOptInPreference: optedIn = {} } = await backup.send(
      new DescribeRegionSettingsCommand({}),
    );
    const out = types.filter((type) => optedIn[type] !== true);
    if (out.length === 0) return [{ subject, question, state: 'ok', saw: 'opted in', action: '' }];
    return [
      {
        subject,
        question,
        state: 'problem',
        saw: `${out.join(', ')} not opted in`,
        action: 'Opt in with UpdateRegionSettings.',
      },
    ];
  } catch (error) {
    return [
      {
        subject,
        question,
        state: 'unknown',
        saw: said(error),
        action: 'Give the production role backup:DescribeRegionSettings.',
      },
    ];
  }
}

async function ledgerConditions(clients: AwsClients, policy: Policy): Promise<Condition[]> {
  const { bucket, region, signingKey } = policy.ledger;
  const at = inAccount(policy, 'vault', region);
  const lock = {
    subject: `ledger bucket ${bucket}`,
    question: 'Is Object Lock on, so that evidence cannot be changed?',
  };
  const key = { subject: `signing key ${signingKey}`, question: 'Can it sign (ECC_NIST_P256, enabled)?' };
  const [bucketCondition, keyCondition] = await Promise.all([
    clients
      .s3(at)
      .send(
        new GetObjectLockConfigurationCommand({
          Bucket: bucket,
          ExpectedBucketOwner: policy.accounts.vault.id,
        }),
      )
      .then(({ ObjectLockConfiguration: found }): Condition =>
        found?.ObjectLockEnabled === 'Enabled'
          ? { ...lock, state: 'ok', saw: 'enabled', action: '' }
          : {
              ...lock,
              state: 'problem',
              saw: 'not enabled',
              action: 'Create the bucket with Object Lock; evidence is written in COMPLIANCE mode.',
            },
      )
      .catch((error: unknown): Condition => {
        const missing = ['NoSuchBucket', 'ObjectLockConfigurationNotFoundError'].includes(nameOf(error));
        const action = missing
          ? 'Create the bucket with Object Lock enabled.'
          : 'Give the vault role s3:GetBucketObjectLockConfiguration on it.';
        return { ...lock, state: missing ? 'problem' : 'unknown', saw: said(error), action };
      }),
    clients
      .kms(at)
      .send(new DescribeKeyCommand({ KeyId: signingKey }))
      .then(({ KeyMetadata }): Condition => {
        const { KeySpec = 'unknown', KeyUsage = 'unknown', KeyState = 'unknown' } = KeyMetadata ?? {};
        const saw = `${KeySpec}, ${KeyUsage}, ${KeyState}`;
        return KeySpec === 'ECC_NIST_P256' && KeyUsage === 'SIGN_VERIFY' && KeyState === 'Enabled'
          ? { ...key, state: 'ok', saw, action: '' }
          : {
              ...key,
              state: 'problem',
              saw,
              action: 'Use an enabled asymmetric key: ECC_NIST_P256 for SIGN_VERIFY.',
            };
      })
      .catch((error: unknown): Condition => ({
        ...key,
        state: 'unknown',
        saw: said(error),
        action: 'Give the vault role kms:DescribeKey on it.',
      })),
  ]);
  return [bucketCondition, keyCondition];
}

function said(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
