/** A number that carries its unit in its type. */
type Quantity<Unit extends string> = number & { readonly unit: Unit };

export type Seconds = Quantity<'s'>;
export type Milliseconds = Quantity<'ms'>;

/** @throws RangeError below zero, or when `n` is not finite. */
export function seconds(n: number): Seconds {
  return checked(n, 'seconds') as Seconds;
}

/** @throws RangeError below zero, or when `n` is not finite. */
export function milliseconds(n: number): Milliseconds {
  return checked(n, 'milliseconds') as Milliseconds;
}

function checked(n: number, what: string): number {
  if (!Number.isFinite(n) || n < 0) throw new RangeError(`${what} must be a finite number ≥ 0, not ${n}`);
  return n;
}

const IN_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** What a policy may write for a length of time: a whole number and one unit, such as `90s`, `15m`, `4h` or `90d`. */
export const DURATION_PATTERN = /^(\d{1,6})(s|m|h|d)$/;

/** @throws RangeError when `text` is not of the form of {@link DURATION_PATTERN}. */
export function duration(text: string): Seconds {
  const match = DURATION_PATTERN.exec(text);
  if (match === null) throw new RangeError(`"${text}" is not a duration; write for example 15m, 4h or 90d`);
  const [, count, unit] = match as unknown as [string, string, keyof typeof IN_SECONDS];
  return seconds(Number(count) * IN_SECONDS[unit]);
}

/** An instant, RFC 3339 in UTC with a trailing `Z`. Text, because instants travel in histories and evidence. */
export type Instant = string;

/** Seconds from `from` to `to`; negative when `to` is earlier. */
export function elapsed(from: Instant, to: Instant): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}
