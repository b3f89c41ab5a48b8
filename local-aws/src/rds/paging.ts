import type { Filter } from '@aws-sdk/client-rds';
import { invalidValue } from './faults.ts';

interface PageRequest {
  readonly MaxRecords?: number | undefined;
  readonly Marker?: string | undefined;
}

/** One page of `items`, which must be sorted by `key`: a marker survives items that come and go. */
export function page<T>(
  items: readonly T[],
  key: (item: T) => string,
  { MaxRecords = 100, Marker }: PageRequest,
): { items: T[]; Marker: string | undefined } {
  if (MaxRecords < 20 || MaxRecords > 100)
    throw invalidValue(`Invalid value ${MaxRecords} for MaxRecords. Must be between 20 and 100.`);
  const after = Marker === undefined ? undefined : Buffer.from(Marker, 'base64url').toString('utf8');
  const rest = after === undefined ? [...items] : items.filter((item) => key(item) > after);
  const chosen = rest.slice(0, MaxRecords);
  const last = chosen.at(-1);
  const more = rest.length > chosen.length && last !== undefined;
  return { items: chosen, Marker: more ? Buffer.from(key(last)).toString('base64url') : undefined };
}

export function byKey<T>(key: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
}

/** Applies filters by name; all must match, each by any of its values. @throws InvalidParameterValue for unknown names. */
export function applyFilters<T>(
  items: readonly T[],
  filters: readonly Filter[] | undefined,
  known: Readonly<Record<string, (item: T) => readonly (string | undefined)[]>>,
): T[] {
  return (filters ?? []).reduce<T[]>(
    (left, { Name = '', Values = [] }) => {
      const read = known[Name];
      if (!read) throw invalidValue(`Unrecognized filter name: ${Name}`);
      const wanted = new Set(Values.map((value) => value.toLowerCase()));
      return left.filter((item) =>
        read(item).some((value) => value !== undefined && wanted.has(value.toLowerCase())),
      );
    },
    [...items],
  );
}
