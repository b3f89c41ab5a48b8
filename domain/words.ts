/** How lengths, ages, sizes and counts are said, in terminals and in reports. All functions are pure. */
import type { LockFacts } from './facts.ts';

/** `0.4 s`, `12.3 s`, `4 min 05 s`, `3 h 12 min`, `12 d 4 h`. */
export function howLong(seconds: number): string {
  if (seconds < 0) return `-${howLong(-seconds)}`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (n: number): string => String(n).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 2 * 86_400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** As {@link howLong}, without parts that are nothing: `4 h`, `400 d`. */
export function wholeLength(seconds: number): string {
  return howLong(seconds)
    .replace(/ 0+ (s|min|h)$/, '')
    .replace(/\.0 s$/, ' s');
}

/** `just now`, `4 min ago`, `in 3 h 10 min`: seen from `now`. */
export function howFar(instant: string | Date, now: Date): string {
  const seconds = (now.getTime() - new Date(instant).getTime()) / 1000;
  if (Math.abs(seconds) < 60) return seconds >= 0 ? 'just now' : 'in less than a minute';
  const minutes = Math.floor(Math.abs(seconds) / 60) * 60;
  const length = howLong(minutes)
    .replace(/ 00 s$/, '')
    .replace(/ 00 min$/, '');
  return seconds > 0 ? `${length} ago` : `in ${length}`;
}

/** `2026-11-21 02:30:00 UTC`. */
export function when(instant: string | Date): string {
  return `${new Date(instant).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `138,398`: the same in every locale, so that output can be compared. */
export function count(n: number): string {
  return Math.trunc(n)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 row`, `138,398 rows`. Words that do not end in a plain s are given whole. */
export function some(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** `812 B`, `1.6 MiB`. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
  let unit = 0;
  let n = bytes;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? n : n.toFixed(1)} ${units[unit] ?? 'B'}`;
}

/** A lock as it was read back; only `immutable` is called so. */
export function lockText(lock: LockFacts): string {
  switch (lock.state) {
    case 'immutable':
      return `immutable since ${when(lock.since)}, ${daysText(lock.minDays, lock.maxDays)}`;
    case 'pending':
      return `pending: becomes immutable at ${when(lock.immutableFrom)}`;
    case 'governance':
      return 'governance: can be taken off';
    case 'none':
      return 'not locked';
    case 'unknown':
      return `unknown: ${lock.reason}`;
  }
}

const daysText = (min: number | null, max: number | null): string =>
  `keeps ${min === null ? 'any' : `${min}`} to ${max === null ? 'any number of' : `${max}`} days`;
