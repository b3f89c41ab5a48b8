import * as Backup from '@aws-sdk/client-backup';
import { KeyNotUsable } from '../platform.ts';
import { refuseMembers } from '../wire/errors.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { tagsOf, vaultFor } from './access.ts';
import type { BackupContext } from './context.ts';
import { describeVault } from './describe.ts';
import { fault, required } from './faults.ts';
import { keyOf, samePlace, vaultArn } from './names.ts';
import { page } from './paging.ts';
import type { VaultRecord } from './records.ts';
import { requireLimits } from './vault-lock-handlers.ts';

const MOST_VAULTS = 300;
const SHORTEST_AIR_GAPPED = 7;

/** Vaults of both kinds. */
export function vaultHandlers(context: BackupContext): Handlers<typeof Backup> {
  const { platform, store } = context;
  return {
    async CreateBackupVault(input, call) {
      const { vault, arn } = newVault(input, call, 'backup:CreateBackupVault');
      requireNewVault(call, vault.name);
      requireRoom(call);
      const keyArn = await keyFor(input.EncryptionKeyArn, call);
      requireNewVault(call, vault.name);
      await store.vaults.put(keyOf(call, vault.name), { ...vault, keyArn });
      return {
        BackupVaultName: vault.name,
        BackupVaultArn: arn,
        CreationDate: new Date(vault.createdAt),
      };
    },

    /** Locked in compliance mode from its first moment, without cooling-off. */
    async CreateLogicallyAirGappedBackupVault(input, call) {
      const minDays = required(input.MinRetentionDays, 'MinRetentionDays');
      const maxDays = required(input.MaxRetentionDays, 'MaxRetentionDays');
      if (minDays < SHORTEST_AIR_GAPPED)
        throw fault(
          Backup.InvalidParameterValueException,
          `MinRetentionDays of a logically air-gapped vault must be ${SHORTEST_AIR_GAPPED} or more; it is ${minDays}.`,
        );
      requireLimits(minDays, maxDays, undefined);
      const { vault, arn } = newVault(input, call, 'backup:CreateLogicallyAirGappedBackupVault');
      requireNewVault(call, vault.name);
      requireRoom(call);
      const keyArn = await keyFor(input.EncryptionKeyArn, call);
      requireNewVault(call, vault.name);
      const lock = { minDays, maxDays, lockDate: vault.createdAt };
      const complete: VaultRecord = { ...vault, keyArn, lock, type: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT' };
      await store.vaults.put(keyOf(call, vault.name), complete);
      return {
        ...{ BackupVaultName: vault.name, BackupVaultArn: arn, VaultState: 'AVAILABLE' as const },
        CreationDate: new Date(vault.createdAt),
      };
    },

    async DescribeBackupVault(input, call) {
      refuseOtherAccount('DescribeBackupVault', input.BackupVaultAccountId, call);
      return describeVault(
        context,
        vaultFor(context, call, 'backup:DescribeBackupVault', input.BackupVaultName),
      );
    },

    async ListBackupVaults(input, call) {
      refuseMembers('backup', 'ListBackupVaults', input, ['ByShared']);
      platform.authorize(call, 'backup:ListBackupVaults', '*');
      const here = [...store.vaults.values()].filter((vault) => samePlace(vault, call));
      const listed = here.filter(
        ({ type = 'BACKUP_VAULT' }) => input.ByVaultType === undefined || input.ByVaultType === type,
      );
      const { items, NextToken } = page(listed, ({ name }) => name, input);
      return { BackupVaultList: items.map((vault) => describeVault(context, vault)), NextToken };
    },

    async DeleteBackupVault(input, call) {
      const vault = vaultFor(context, call, 'backup:DeleteBackupVault', input.BackupVaultName);
      if (store.pointsIn(vault).length > 0)
        throw fault(
          Backup.InvalidRequestException,
          'Backup vault cannot be deleted because it contains recovery points.',
        );
      await store.vaults.remove(keyOf(vault, vault.name));
      return {};
    },
  };

  /** What kinds of vaults have in common. Their key is not decided yet. */
  function newVault(
    input: Pick<Backup.CreateBackupVaultInput, 'BackupVaultName' | 'BackupVaultTags' | 'CreatorRequestId'>,
    call: Call,
    action: string,
  ): { vault: Omit<VaultRecord, 'keyArn'>; arn: string } {
    const name = required(input.BackupVaultName, 'BackupVaultName');
    if (!/^[\w-]{2,50}$/.test(name))
      throw fault(
        Backup.InvalidParameterValueException,
        `Backup vault name ${name} must be 2 to 50 letters, digits, - or _.`,
      );
    const tags = input.BackupVaultTags ?? {};
    const arn = vaultArn({ ...call, name });
    platform.authorize(call, action, arn, tagsOf(tags, 'RequestTag'));
    const { accountId, region } = call;
    const vault = { accountId, region, name, tags, createdAt: store.now() };
    return { vault: { ...vault, creatorRequestId: input.CreatorRequestId }, arn };
  }

  function requireRoom(call: Call): void {
    if ([...store.vaults.values()].filter((vault) => samePlace(vault, call)).length < MOST_VAULTS) return;
    throw fault(
      Backup.LimitExceededException,
      `There can be ${MOST_VAULTS} backup vaults in a region at most.`,
    );
  }

  function requireNewVault(call: Call, name: string): void {
    const existing = store.vault(call, name);
    if (existing)
      throw new Backup.AlreadyExistsException({
        message: `Backup vault with the same name already exists: ${name}`,
        Arn: vaultArn(existing),
        $metadata: {},
      });
  }

  async function keyFor(keyRef: string | undefined, call: Call): Promise<string> {
    if (keyRef === undefined) return (await platform.keys.managed('backup', call)).arn;
    try {
      return platform.keys.requireUsable(keyRef, call).arn;
    } catch (cause) {
      if (!(cause instanceof KeyNotUsable)) throw cause;
      throw fault(
        Backup.InvalidParameterValueException,
        `The key ${keyRef} cannot be used: ${cause.message}`,
      );
    }
  }
}

export function refuseOtherAccount(operation: string, accountId: string | undefined, call: Call): void {
  if (accountId !== undefined && accountId !== call.accountId)
    refuseMembers('backup', operation, { BackupVaultAccountId: accountId }, ['BackupVaultAccountId']);
}
