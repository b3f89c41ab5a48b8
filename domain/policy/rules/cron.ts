const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of the month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of the week', min: 0, max: 7, names: WEEKDAYS },
];

/** February counts its leap day: what runs only then still runs. */
const LONGEST = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** @returns null when `expression` is a cron expression of five fields that comes true at some time; otherwise what is wrong, in words. */
export function cronProblem(expression: string): string | null {
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) {
    return `${parts.length} field${parts.length === 1 ? '' : 's'} found; five are needed: minute, hour, day of the month, month, day of the week`;
  }
  const values: number[][] = [];
  for (const [i, field] of FIELDS.entries()) {
    const expanded = expand(parts[i] ?? '', field);
    if (typeof expanded === 'string') return expanded;
    values.push(expanded);
  }
  const [, , days = [], months = []] = values;
  const possible = months.some((month) => days.some((day) => day <= (LONGEST[month - 1] ?? 0)));
  if (!possible) return 'no such day exists, so it would never run';
  return null;
}

/** The values that one field stands for, or what is wrong with it. */
function expand(text: string, field: Field): number[] | string {
  const values: number[] = [];
  for (const item of text.split(',')) {
    const found = range(item, field);
    if (typeof found === 'string') return found;
    values.push(...found);
  }
  return values;
}

function range(item: string, field: Field): number[] | string {
  const wrong = `"${item}" is not ${field.name === 'hour' ? 'an' : 'a'} ${field.name} (${field.min} to ${field.max})`;
  const match = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(item);
  if (match === null) return wrong;
  const [, first = '', last, stepText] = match;
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step < 1) return `"${item}": a step must be at least 1`;
  if (first === '*' && last !== undefined) return wrong;
  const from = first === '*' ? field.min : number(first, field);
  const until =
    last === undefined ? (first === '*' || stepText !== undefined ? field.max : from) : number(last, field);
  if (from === null || until === null) return wrong;
  if (until < from) return `"${item}": the range runs backwards`;
  return Array.from({ length: Math.floor((until - from) / step) + 1 }, (_, i) => from + i * step);
}

function number(text: string, { min, max, names }: Field): number | null {
  const named = names?.indexOf(text.toUpperCase()) ?? -1;
  const value = named >= 0 ? named + min : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : null;
}

/** Classic cron runs when the day of the month *or* of the week fits; Temporal wants both. */
export function namesBothDays(expression: string): boolean {
  const [, , dayOfMonth = '*', , dayOfWeek = '*'] = expression.trim().split(/\s+/);
  return dayOfMonth !== '*' && dayOfWeek !== '*';
}
