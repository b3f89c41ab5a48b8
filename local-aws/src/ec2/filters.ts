import type { Filter, TagSpecification } from '@aws-sdk/client-ec2';
import { awsError, notImplemented } from '../wire/errors.ts';
import { matchesPattern } from '../auth/patterns.ts';
import type { Tag } from './networks.ts';

/** Keeps what fits all filters. A filter that is not known here answers 501: ignoring it would show too much. */
export function applyFilters<T extends { readonly tags: readonly Tag[] }>(
  items: readonly T[],
  filters: readonly Filter[] | undefined,
  fields: Readonly<Record<string, (item: T) => string | readonly string[]>>,
  operation: string,
): T[] {
  return items.filter((item) => (filters ?? []).every((filter) => fits(item, filter, fields, operation)));
}

function fits<T extends { readonly tags: readonly Tag[] }>(
  item: T,
  { Name = '', Values = [] }: Filter,
  fields: Readonly<Record<string, (item: T) => string | readonly string[]>>,
  operation: string,
): boolean {
  const actual = Name.startsWith('tag:')
    ? item.tags.filter(({ Key }) => Key === Name.slice(4)).map(({ Value }) => Value)
    : Name === 'tag-key'
      ? item.tags.map(({ Key }) => Key)
      : fields[Name]?.(item);
  if (actual === undefined) throw notImplemented('ec2', `${operation} with the filter '${Name}'`);
  const list = typeof actual === 'string' ? [actual] : actual;
  return Values.some((wanted) => list.some((value) => matchesPattern(wanted, value)));
}

/** Picks by ids, in the order of the table; unknown ids are an error, as in EC2. */
export function pickIds<T extends { readonly id: string }>(
  items: readonly T[],
  ids: readonly string[] | undefined,
  code: string,
  what: string,
): T[] {
  if (!ids || ids.length === 0) return [...items];
  for (const id of ids) {
    if (!items.some((item) => item.id === id)) throw missing(code, what, id);
  }
  return items.filter(({ id }) => ids.includes(id));
}

export function missing(code: string, what: string, id: string | undefined): Error {
  return awsError({ code, status: 400, message: `The ${what} '${id ?? ''}' does not exist` });
}

export function tagsFor(
  resourceType: string,
  specifications: readonly TagSpecification[] | undefined,
): Tag[] {
  return (specifications ?? [])
    .filter(({ ResourceType }) => ResourceType === resourceType)
    .flatMap(({ Tags = [] }) => Tags.map(({ Key, Value }) => ({ Key: Key ?? '', Value: Value ?? '' })));
}
