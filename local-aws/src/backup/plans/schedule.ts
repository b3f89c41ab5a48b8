import { InvalidParameterValueException } from '@aws-sdk/client-backup';
import { fault } from '../faults.ts';
import { parseCron, type Cron } from './cron.ts';
import { instantOf, localDay, requireZone } from './zone.ts';

const UNIT_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
const DAY_MS = 86_400_000;
/** A cron expression that names no day within this many is never due. */
const HORIZON_DAYS = 5 * 366;

/** When something is due. */
export interface Schedule {
  /** The first instant after `after`, or undefined when there is none any more. */
  next(after: Date): Date | undefined;
}

/** @throws InvalidParameterValueException for what is neither `cron(…)` nor `rate(…)`, or an unknown time zone. */
export function parseSchedule(expression: string, zone = 'Etc/UTC', since: Date = new Date(0)): Schedule {
  requireZone(zone);
  const [, form, content = ''] = /^(cron|rate)\((.+)\)$/.exec(expression.trim()) ?? [];
  if (form === 'rate') return rate(expression, content, since);
  if (form === 'cron') return cron(parseCron(content), zone);
  throw invalid(expression);
}

function rate(expression: string, content: string, since: Date): Schedule {
  const [, count, unit = ''] = /^(\d+) (minute|hour|day)s?$/.exec(content) ?? [];
  const every = Number(count) * (UNIT_MS[unit] ?? 0);
  if (!(every > 0)) throw invalid(expression);
  return {
    next: (after) => {
      const passed = Math.max(0, Math.floor((after.getTime() - since.getTime()) / every) + 1);
      return new Date(since.getTime() + Math.max(passed, 1) * every);
    },
  };
}

function cron(fields: Cron, zone: string): Schedule {
  return {
    next(after) {
      let day = localDay(after, zone);
      for (let ahead = 0; ahead < HORIZON_DAYS; ahead += 1) {
        if (fields.day(day))
          for (const hour of fields.hours)
            for (const minute of fields.minutes) {
              const at = instantOf(day, hour, minute, zone);
              if (at > after) return at;
            }
        day = new Date(day.getTime() + DAY_MS);
      }
      return undefined;
    },
  };
}

function invalid(expression: string): Error {
  return fault(InvalidParameterValueException, `Invalid schedule expression: ${expression}.`);
}
