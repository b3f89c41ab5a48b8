import { InvalidParameterValueException, type Lifecycle } from '@aws-sdk/client-backup';
import { notImplemented } from '../wire/errors.ts';
import { fault } from './faults.ts';
import type { LifecycleRecord } from './records.ts';

/** RDS has no cold storage, and deletion after an event is not made here. @throws InvalidParameterValueException, 501 */
export function lifecycleFrom(operation: string, given: Lifecycle | undefined): LifecycleRecord | undefined {
  if (!given) return undefined;
  const { DeleteAfterDays, MoveToColdStorageAfterDays, DeleteAfterEvent } = given;
  if (MoveToColdStorageAfterDays !== undefined && MoveToColdStorageAfterDays >= 0)
    throw notImplemented(
      'backup',
      `${operation} with Lifecycle.MoveToColdStorageAfterDays (RDS has no cold tier)`,
    );
  if (DeleteAfterEvent !== undefined)
    throw notImplemented('backup', `${operation} with Lifecycle.DeleteAfterEvent`);
  if (DeleteAfterDays === undefined) return undefined;
  if (!Number.isInteger(DeleteAfterDays) || (DeleteAfterDays < 1 && DeleteAfterDays !== -1))
    throw fault(
      InvalidParameterValueException,
      `DeleteAfterDays must be 1 or more, or -1 for never; it is ${DeleteAfterDays}.`,
    );
  return { deleteAfterDays: DeleteAfterDays };
}
