import { CouldNot } from './exit-status.ts';

/** The end of a day, in UTC. @throws CouldNot when it is not one. */
export function endOfDay(flag: string, day: string): string {
  const end = Date.parse(`${day}T23:59:59Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || Number.isNaN(end) || !new Date(end).toISOString().startsWith(day))
    throw new CouldNot(`${flag} "${day}" is not a day.`, 'Write it as 2026-12-31.');
  return `${day}T23:59:59Z`;
}
