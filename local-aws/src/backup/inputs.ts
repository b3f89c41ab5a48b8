import { InvalidParameterValueException, type Lifecycle } from '@aws-sdk/client-backup';
import { notImplemented } from '../wire/errors.ts';
import { fault } from './faults.ts';
import type { BackupJobRecord, LifecycleRecord } from './records.ts';

const COLD_DAYS = 90;
const MINUTE_MS = 60_000;
const SHORTEST_START_WINDOW = 60;
export const DEFAULT_START_WINDOW = 480;
export const DEFAULT_COMPLETE_WINDOW = 7 * 24 * 60;

/**
 * Reads a lifecycle. No type of resource here has a cold tier: AWS checks the rule and then ignores it for those.
 * @throws InvalidParameterValueException, 501 for deletion after an event
 */
export function lifecycleFrom(operation: string, given: Lifecycle | undefined): LifecycleRecord | undefined {
  if (!given) return undefined;
  const { DeleteAfterDays, MoveToColdStorageAfterDays, OptInToArchiveForSupportedResources } = given;
  if (given.DeleteAfterEvent !== undefined)
    throw notImplemented('backup', `${operation} with Lifecycle.DeleteAfterEvent`);
  requireDays('DeleteAfterDays', DeleteAfterDays, 1);
  requireDays('MoveToColdStorageAfterDays', MoveToColdStorageAfterDays, 0);
  const cold = MoveToColdStorageAfterDays ?? -1;
  if (cold >= 0 && DeleteAfterDays !== undefined && DeleteAfterDays > 0 && DeleteAfterDays < cold + COLD_DAYS)
    throw fault(
      InvalidParameterValueException,
      `DeleteAfterDays cannot be less than ${COLD_DAYS} days apart from MoveToColdStorageAfterDays; they are ${DeleteAfterDays} and ${cold}.`,
    );
  const lifecycle: LifecycleRecord = {
    ...(DeleteAfterDays !== undefined && { deleteAfterDays: DeleteAfterDays }),
    ...(MoveToColdStorageAfterDays !== undefined && { moveToColdAfterDays: MoveToColdStorageAfterDays }),
    ...(OptInToArchiveForSupportedResources !== undefined && {
      optInToArchive: OptInToArchiveForSupportedResources,
    }),
  };
  return Object.keys(lifecycle).length === 0 ? undefined : lifecycle;
}

function requireDays(name: string, days: number | undefined, least: number): void {
  if (days === undefined || days === -1 || (Number.isInteger(days) && days >= least && days <= 36_500))
    return;
  throw fault(
    InvalidParameterValueException,
    `${name} must be ${least} to 36500, or -1 for never; it is ${days}.`,
  );
}

/** When a job must have begun and be complete, from windows in minutes. @throws InvalidParameterValueException */
export function windowsFrom(
  now: Date,
  start: number = DEFAULT_START_WINDOW,
  complete?: number,
): Pick<BackupJobRecord, 'startBy' | 'completeBy'> {
  if (start < SHORTEST_START_WINDOW)
    throw fault(
      InvalidParameterValueException,
      `StartWindowMinutes must be ${SHORTEST_START_WINDOW} or more; it is ${start}.`,
    );
  if (complete !== undefined && complete <= start)
    throw fault(
      InvalidParameterValueException,
      `The completion window (${complete} minutes) must be longer than the start window (${start} minutes).`,
    );
  const after = (minutes: number) => new Date(now.getTime() + minutes * MINUTE_MS).toISOString();
  return { startBy: after(start), completeBy: after(Math.max(complete ?? DEFAULT_COMPLETE_WINDOW, start)) };
}
