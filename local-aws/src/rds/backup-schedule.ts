import { invalidValue } from './faults.ts';

const DAY_MS = 86_400_000;
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** When the daily window (`03:00-03:30`, UTC) last began. */
export function lastDailyStart(window: string, now: Date): Date {
  const today = new Date(now);
  today.setUTCHours(Number(window.slice(0, 2)), Number(window.slice(3, 5)), 0, 0);
  return today <= now ? today : new Date(today.getTime() - DAY_MS);
}

/** When the weekly window (`sun:06:00-sun:06:30`, UTC) last began. */
export function lastWeeklyStart(window: string, now: Date): Date {
  const day = window.slice(0, 3).toLowerCase();
  const start = lastDailyStart(window.slice(4, 9), now);
  const back = (start.getUTCDay() - DAYS.indexOf(day) + 7) % 7;
  return new Date(start.getTime() - back * DAY_MS);
}

/** `hh24:mi-hh24:mi`, half an hour at least. @throws InvalidParameterValue */
export function dailyWindow(window: string): string {
  if (!/^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/.test(window))
    throw invalidValue(
      `Invalid time range format: ${window}. Should be specified as a range hh24:mi-hh24:mi (24H Clock UTC).`,
    );
  const at = (from: number) =>
    Number(window.slice(from, from + 2)) * 60 + Number(window.slice(from + 3, from + 5));
  const minutes = (at(6) - at(0) + 1440) % 1440 || 1440;
  if (minutes < 30) throw invalidValue(`The backup window must be at least 30 minutes: ${window}.`);
  return window;
}

/** `ddd:hh24:mi-ddd:hh24:mi`, lower case, half an hour at least. @throws InvalidParameterValue */
export function weeklyWindow(window: string): string {
  const lower = window.toLowerCase();
  const part = '(sun|mon|tue|wed|thu|fri|sat):([01]\\d|2[0-3]):([0-5]\\d)';
  const match = new RegExp(`^${part}-${part}$`).exec(lower);
  const [, d1 = '', h1 = '', m1 = '', d2 = '', h2 = '', m2 = ''] = match ?? [];
  if (!match)
    throw invalidValue(
      `Invalid maintenance window format: ${window}. Should be specified as a range ddd:hh24:mi-ddd:hh24:mi.`,
    );
  const at = (day: string, hour: string, minute: string) =>
    DAYS.indexOf(day) * 1440 + Number(hour) * 60 + Number(minute);
  const minutes = (at(d2, h2, m2) - at(d1, h1, m1) + 7 * 1440) % (7 * 1440);
  if (minutes < 30 || minutes > 1440)
    throw invalidValue(`The maintenance window must last from 30 minutes to 24 hours: ${window}.`);
  return lower;
}
