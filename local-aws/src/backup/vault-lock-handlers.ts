import * as Backup from '@aws-sdk/client-backup';
import { parsePolicy, PolicyRefused } from '../auth/policy-document.ts';
import type { Handlers } from '../wire/handlers.ts';
import { vaultFor } from './access.ts';
import type { BackupContext } from './context.ts';
import { fault, required } from './faults.ts';
import { isImmutable } from './locks.ts';
import { keyOf, vaultArn } from './names.ts';
import type { VaultRecord } from './records.ts';

const COOLING_OFF_DAYS = 3;
const DAY_MS = 86_400_000;

/** What protects vaults: access policies and locks. */
export function vaultLockHandlers(context: BackupContext): Handlers<typeof Backup> {
  const { platform, store } = context;
  return {
    async PutBackupVaultAccessPolicy(input, call) {
      const vault = vaultFor(context, call, 'backup:PutBackupVaultAccessPolicy', input.BackupVaultName);
      await change(vault, { policy: policyText(input.Policy) });
      return {};
    },

    async GetBackupVaultAccessPolicy(input, call) {
      const vault = vaultFor(context, call, 'backup:GetBackupVaultAccessPolicy', input.BackupVaultName);
      if (vault.policy === undefined)
        throw fault(Backup.ResourceNotFoundException, `Backup vault ${vault.name} has no access policy.`);
      return { BackupVaultName: vault.name, BackupVaultArn: vaultArn(vault), Policy: vault.policy };
    },

    async DeleteBackupVaultAccessPolicy(input, call) {
      const vault = vaultFor(context, call, 'backup:DeleteBackupVaultAccessPolicy', input.BackupVaultName);
      await change(vault, { policy: undefined });
      return {};
    },

    async PutBackupVaultLockConfiguration(input, call) {
      const vault = vaultFor(context, call, 'backup:PutBackupVaultLockConfiguration', input.BackupVaultName);
      requireChangeable(vault);
      requireOrdinary(vault, 'PutBackupVaultLockConfiguration');
      const { MinRetentionDays: minDays, MaxRetentionDays: maxDays, ChangeableForDays: days } = input;
      requireLimits(minDays, maxDays, days);
      const until = new Date(platform.clock.now().getTime() + (days ?? 0) * DAY_MS).toISOString();
      await change(vault, { lock: { minDays, maxDays, ...(days !== undefined && { lockDate: until }) } });
      return {};
    },

    async DeleteBackupVaultLockConfiguration(input, call) {
      const vault = vaultFor(
        context,
        call,
        'backup:DeleteBackupVaultLockConfiguration',
        input.BackupVaultName,
      );
      requireChangeable(vault);
      await change(vault, { lock: undefined });
      return {};
    },
  };

  async function change(vault: VaultRecord, patch: Partial<VaultRecord>): Promise<void> {
    await store.vaults.put(keyOf(vault, vault.name), { ...vault, ...patch });
  }

  function requireChangeable(vault: VaultRecord): void {
    if (isImmutable(vault, store.now()))
      throw fault(
        Backup.InvalidRequestException,
        `The lock configuration of backup vault ${vault.name} is in compliance mode since ${vault.lock?.lockDate ?? ''} and cannot be changed or deleted.`,
      );
  }
}

/** @throws InvalidRequestException for a vault whose lock is its nature. */
function requireOrdinary(vault: VaultRecord, operation: string): void {
  if (vault.type !== undefined)
    throw fault(
      Backup.InvalidRequestException,
      `${operation} is not possible for the logically air-gapped vault ${vault.name}.`,
    );
}

/** @throws InvalidParameterValueException */
export function requireLimits(
  min: number | undefined,
  max: number | undefined,
  changeable: number | undefined,
): void {
  const invalid = (message: string) => fault(Backup.InvalidParameterValueException, message);
  if (min !== undefined && (min < 1 || min > 36_500))
    throw invalid(`MinRetentionDays must be 1 to 36500; it is ${min}.`);
  if (max !== undefined && (max < 1 || max > 36_500))
    throw invalid(`MaxRetentionDays must be 1 to 36500; it is ${max}.`);
  if (min !== undefined && max !== undefined && min > max)
    throw invalid(`MinRetentionDays (${min}) is above MaxRetentionDays (${max}).`);
  if (changeable !== undefined && changeable < COOLING_OFF_DAYS)
    throw invalid(`ChangeableForDays must be ${COOLING_OFF_DAYS} or more; it is ${changeable}.`);
}

/** A policy that would not be understood when it matters is refused when it is written. @throws InvalidParameterValueException */
function policyText(text: string | undefined): string {
  const given = required(text, 'Policy');
  try {
    parsePolicy(given, 'resource');
    return given;
  } catch (cause) {
    if (!(cause instanceof PolicyRefused)) throw cause;
    throw fault(Backup.InvalidParameterValueException, `The access policy is not valid: ${cause.message}`);
  }
}
