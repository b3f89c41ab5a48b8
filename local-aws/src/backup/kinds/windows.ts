import type { InstanceRecord } from '../../rds/records.ts';
import { JobFailure } from '../faults.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const MINUTES_PER_WEEK = 7 * 24 * 60;
/** RDS backups may not begin this close before a window. */
const MARGIN_MINUTES = 60;

/**
 * RDS refuses backup jobs inside its own windows and in the hour before. Only windows that somebody chose count here:
 * AWS makes the others up, and ours would make jobs fail at random hours.
 */
export function requireOutsideWindows(instance: InstanceRecord, now: Date): void {
  const { backupWindow, maintenanceWindow, chosenWindows, backupRetentionPeriod } = instance;
  if (
    chosenWindows.backup &&
    backupRetentionPeriod > 0 &&
    DAYS.some((day) => isNear(onDay(backupWindow, day), now))
  )
    throw refused('automated backup window', backupWindow);
  if (chosenWindows.maintenance && isNear(maintenanceWindow, now))
    throw refused('weekly maintenance window', maintenanceWindow);
}

function refused(which: string, window: string): JobFailure {
  return new JobFailure(
    `Backup job could not start because it is either inside or too close to the ${which} configured in the RDS instance (${window} UTC).`,
  );
}

/** `03:00-03:30` becomes `mon:03:00-mon:03:30`. */
function onDay(window: string, day: string): string {
  return window
    .split('-')
    .map((time) => `${day}:${time}`)
    .join('-');
}

function isNear(window: string, now: Date): boolean {
  const [from = '', to = ''] = window.toLowerCase().split('-');
  const [start, end] = [minuteOfWeek(from), minuteOfWeek(to)];
  const length = (end - start + MINUTES_PER_WEEK) % MINUTES_PER_WEEK || 24 * 60;
  const minute = now.getUTCDay() * 24 * 60 + now.getUTCHours() * 60 + now.getUTCMinutes();
  const since = (minute - (start - MARGIN_MINUTES) + 2 * MINUTES_PER_WEEK) % MINUTES_PER_WEEK;
  // A daily window over midnight ends on the next day; as a week's distance that is nearly a week.
  const minutes = length > MINUTES_PER_WEEK - 24 * 60 ? length - (MINUTES_PER_WEEK - 24 * 60) : length;
  return since < minutes + MARGIN_MINUTES;
}

function minuteOfWeek(text: string): number {
  const [day = '', hour = '0', minute = '0'] = text.split(':');
  return DAYS.indexOf(day) * 24 * 60 + Number(hour) * 60 + Number(minute);
}
