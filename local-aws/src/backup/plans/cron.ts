import { InvalidParameterValueException } from '@aws-sdk/client-backup';
import { notImplemented } from '../../wire/errors.ts';
import { fault } from '../faults.ts';

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/** AWS's cron expressions: minutes, hours, day of month, month, day of week, year. */
export interface Cron {
  /** Ascending. */
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /** Whether a calendar day is named; given as its midnight in UTC. */
  day(date: Date): boolean;
}

/** @throws InvalidParameterValueException, 501 for the letter W */
export function parseCron(text: string): Cron {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 6) throw invalid(text);
  const [minutes = '', hours = '', dayOfMonth = '', month = '', dayOfWeek = '', year = ''] = fields;
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) throw invalid(text); // exactly one says "whatever"
  const [inMonth, inYear] = [set(month, 1, 12, MONTHS), set(year, 1970, 2199)];
  const matchesDay = dayOfWeek === '?' ? daysOfMonth(dayOfMonth) : daysOfWeek(dayOfWeek);
  return {
    minutes: [...set(minutes, 0, 59)].sort((a, b) => a - b),
    hours: [...set(hours, 0, 23)].sort((a, b) => a - b),
    day: (date) =>
      inYear.has(date.getUTCFullYear()) && inMonth.has(date.getUTCMonth() + 1) && matchesDay(date),
  };
}

function daysOfMonth(field: string): (date: Date) => boolean {
  if (field.includes('W')) throw notImplemented('backup', `cron expressions with W (${field})`);
  if (field === 'L') return (date) => date.getUTCDate() === daysIn(date);
  const days = set(field, 1, 31);
  return (date) => days.has(date.getUTCDate());
}

/** 1 is Sunday. `6L` is the last Friday of the month, `6#3` the third. */
function daysOfWeek(field: string): (date: Date) => boolean {
  const weekday = (date: Date) => date.getUTCDay() + 1;
  const [, nth, which] = /^(\w+)#([1-5])$/.exec(field) ?? [];
  if (nth !== undefined && which !== undefined) {
    const [day] = set(nth, 1, 7, DAYS);
    return (date) => weekday(date) === day && Math.ceil(date.getUTCDate() / 7) === Number(which);
  }
  const [, last] = /^(\w+)L$/.exec(field) ?? [];
  if (last !== undefined) {
    const [day] = set(last, 1, 7, DAYS);
    return (date) => weekday(date) === day && date.getUTCDate() + 7 > daysIn(date);
  }
  const days = set(field === 'L' ? '7' : field, 1, 7, DAYS);
  return (date) => days.has(weekday(date));
}

function daysIn(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}

/** The values of a field: `*`, `5`, `1-5`, `0/15`, `MON,WED`. */
function set(field: string, low: number, high: number, names: readonly string[] = []): Set<number> {
  const value = (text: string): number => {
    const named = names.indexOf(text.toUpperCase());
    const number = named >= 0 ? named + low : Number(text);
    if (!Number.isInteger(number) || number < low || number > high) throw invalid(field);
    return number;
  };
  const found = new Set<number>();
  for (const part of field.split(',')) {
    const [range = '', step] = part.split('/');
    const [first = '', last] = range.split('-');
    const open = range === '*' || range === '?';
    const from = open || first === '' ? low : value(first);
    const until = last === undefined ? (open || step !== undefined ? high : from) : value(last);
    const by = step === undefined ? 1 : Number(step);
    if (!Number.isInteger(by) || by < 1 || until < from) throw invalid(field);
    for (let at = from; at <= until; at += by) found.add(at);
  }
  return found;
}

function invalid(what: string): Error {
  return fault(InvalidParameterValueException, `Invalid cron expression or field: ${what}.`);
}
