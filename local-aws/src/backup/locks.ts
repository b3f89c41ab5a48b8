import { InvalidRequestException } from '@aws-sdk/client-backup';
import { accessDenied } from '../wire/errors.ts';
import type { BackupContext } from './context.ts';
import { fault, JobFailure } from './faults.ts';
import type { LifecycleRecord, PointRecord, VaultRecord } from './records.ts';

/** Whether nobody can change the lock any more. */
export function isImmutable(vault: VaultRecord, now: string): boolean {
  return vault.lock?.lockDate !== undefined && vault.lock.lockDate <= now;
}

/** New points only: the retention must lie within the lock's limits, or the job fails. Contract §3.5. */
export function requireRetention(vault: VaultRecord, lifecycle: LifecycleRecord | undefined): void {
  const { minDays, maxDays } = vault.lock ?? {};
  const days = lifecycle?.deleteAfterDays;
  const never = days === undefined || days < 0;
  if (maxDays !== undefined && (never || days > maxDays))
    throw new JobFailure(
      `Retention (${never ? 'always' : `${days} days`}) is above the maximum of ${maxDays} days that the lock of vault ${vault.name} allows.`,
    );
  if (minDays !== undefined && !never && days < minDays)
    throw new JobFailure(
      `Retention (${days} days) is below the minimum of ${minDays} days that the lock of vault ${vault.name} demands.`,
    );
}

/** A locked vault gives no point back before its time, to nobody. @throws InvalidRequestException or AccessDeniedException, as chosen */
export function requireUnlocked(context: BackupContext, point: PointRecord, doing: string): void {
  const { store } = context;
  const vault = store.vault(point, point.vaultName);
  if (!vault?.lock) return;
  const until = store.deleteAt(point);
  if (until !== undefined && until <= store.now()) return;
  throw lockFault(
    context,
    `Recovery point cannot be ${doing}: backup vault ${vault.name} is locked and the point is retained ${until === undefined ? 'for ever' : `until ${until}`}.`,
  );
}

/** AWS's documents do not say which of the two errors a lock gives. */
export function lockFault({ behaviour }: BackupContext, message: string): Error {
  if (behaviour.settings.lockError === 'AccessDeniedException') return accessDenied('backup', message);
  return fault(InvalidRequestException, message);
}

/** @throws InvalidRequestException */
export function requireNoHold({ store }: BackupContext, point: PointRecord, doing: string): void {
  if (store.holdsOn(point).length > 0)
    throw fault(
      InvalidRequestException,
      `The recovery point cannot be ${doing} because it has active legal hold(s)`,
    );
}
