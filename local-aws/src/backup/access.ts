import { InvalidParameterValueException, ResourceNotFoundException } from '@aws-sdk/client-backup';
import type { ConditionContext } from '../platform.ts';
import { accessDenied } from '../wire/errors.ts';
import type { Call } from '../wire/handlers.ts';
import type { BackupContext } from './context.ts';
import { fault, required } from './faults.ts';
import { vaultArn } from './names.ts';
import type { PointRecord, VaultRecord } from './records.ts';

/** Finds a vault of the caller's place and checks the right to `action` on it; the vault's own policy counts. */
export function vaultFor(
  context: BackupContext,
  call: Call,
  action: string,
  name: string | undefined,
): VaultRecord {
  const { platform, store } = context;
  const wanted = required(name, 'BackupVaultName');
  const vault = store.vault(call, wanted);
  const arn = vaultArn({ ...call, name: wanted });
  platform.authorize(call, action, arn, tagsOf(vault?.tags), { resourcePolicy: vault?.policy });
  if (vault) return vault;
  throw missingVault(context, wanted, call);
}

/** Real accounts were seen to deny access to a vault that does not exist; the documents name another error. */
function missingVault({ behaviour }: BackupContext, name: string, call: Call): Error {
  if (behaviour.settings.missingVaultError === 'AccessDeniedException')
    return accessDenied('backup', 'Insufficient privileges to perform this action.');
  return fault(ResourceNotFoundException, `Backup vault ${name} does not exist in ${call.region}.`);
}

/** Finds a recovery point in a named vault and checks the right to `action` on it; the vault's policy counts. */
export function pointFor(
  backup: BackupContext,
  call: Call,
  action: string,
  { vaultName, arn }: { vaultName: string | undefined; arn: string | undefined },
  context: ConditionContext = {},
): { vault: VaultRecord; point: PointRecord } {
  const { platform, store } = backup;
  const wantedVault = required(vaultName, 'BackupVaultName');
  const wanted = required(arn, 'RecoveryPointArn');
  const vault = store.vault(call, wantedVault);
  const point = store.points.get(wanted);
  platform.authorize(
    call,
    action,
    wanted,
    { ...tagsOf(point?.tags), ...context },
    { resourcePolicy: vault?.policy },
  );
  if (!vault) throw missingVault(backup, wantedVault, call);
  if (point?.accountId !== call.accountId || point.region !== call.region || point.vaultName !== wantedVault)
    throw fault(
      ResourceNotFoundException,
      `Recovery point ${wanted} does not exist in backup vault ${wantedVault}.`,
    );
  return { vault, point };
}

/** The role that a job will work as: it must exist, trust AWS Backup, and the caller must be allowed to pass it. */
export function requirePassable(
  { platform }: BackupContext,
  call: Call,
  roleArn: string | undefined,
): string {
  const wanted = required(roleArn, 'IamRoleArn');
  const verdict = platform.roles.passable(call, wanted, 'backup.amazonaws.com');
  if (verdict.ok) return wanted;
  if (/not authorized/.test(verdict.reason)) throw accessDenied('backup', verdict.reason);
  throw fault(
    InvalidParameterValueException,
    `IAM Role ${wanted} cannot be assumed by AWS Backup: ${verdict.reason}`,
  );
}

export function tagsOf(
  tags: Readonly<Record<string, string>> | undefined,
  kind = 'ResourceTag',
): Record<string, string> {
  return Object.fromEntries(Object.entries(tags ?? {}).map(([key, value]) => [`aws:${kind}/${key}`, value]));
}
