import { InvalidParameterValueException } from '@aws-sdk/client-backup';
import { fault } from '../faults.ts';

/** Calendar days of a time zone, as the midnight in UTC that has the same date. */

/** @throws InvalidParameterValueException */
export function requireZone(zone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
  } catch {
    throw fault(InvalidParameterValueException, `Unknown time zone: ${zone}.`);
  }
}

export function localDay(at: Date, zone: string): Date {
  const shifted = new Date(at.getTime() + offsetMs(at, zone));
  return new Date(Date.UTC(shifted.getUTCFullYear(), shifted.getUTCMonth(), shifted.getUTCDate()));
}

/** The instant at which the zone's clocks show this time; where they skip it, the one by which they were moved. */
export function instantOf(day: Date, hour: number, minute: number, zone: string): Date {
  const wanted = day.getTime() + (hour * 60 + minute) * 60_000;
  const first = wanted - offsetMs(new Date(wanted), zone);
  return new Date(wanted - offsetMs(new Date(first), zone));
}

function offsetMs(at: Date, zone: string): number {
  if (zone === 'Etc/UTC' || zone === 'UTC') return 0;
  const parts = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  }).formatToParts(at);
  const value = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const [year, month, day] = [value('year'), value('month') - 1, value('day')];
  const shown = Date.UTC(year, month, day, value('hour'), value('minute'), value('second'));
  return shown - Math.floor(at.getTime() / 1000) * 1000;
}
