import type { ObjectVersion, Version } from './records.ts';
import type { VersionIndex } from './version-index.ts';

export interface ListingRequest {
  readonly prefix: string;
  /** Empty = none. */
  readonly delimiter: string;
  /** List what comes after this key or common prefix. */
  readonly after: string;
  readonly limit: number;
}

export interface Listing<T> {
  readonly items: T[];
  readonly prefixes: string[];
  /** The last key or common prefix on the page. */
  readonly last: string | undefined;
  readonly truncated: boolean;
}

/** The common prefix that a key falls into, or undefined. */
export function groupOf(
  key: string,
  { prefix, delimiter }: Pick<ListingRequest, 'prefix' | 'delimiter'>,
): string | undefined {
  if (delimiter === '') return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at === -1 ? undefined : key.slice(0, at + delimiter.length);
}

/** Keys with the prefix in order; `skip` of a common prefix goes on behind it, without looking at what is in it. */
function* walk(
  index: VersionIndex,
  start: string,
  prefix: string,
): Generator<string, void, string | undefined> {
  let from: string | undefined = start;
  while (from !== undefined) {
    let skip: string | undefined;
    for (const key of index.keys(prefix, from)) {
      skip = yield key;
      if (skip !== undefined) break;
    }
    if (skip === undefined) return;
    from = index.sorted.firstPast(skip);
  }
}

/** Current objects; keys whose newest version is a marker are not there. */
export function listCurrent(index: VersionIndex, asked: ListingRequest): Listing<ObjectVersion> {
  const items: ObjectVersion[] = [];
  const prefixes: string[] = [];
  let last: string | undefined;
  const keys = walk(index, asked.after, asked.prefix);
  for (let next = keys.next(); !next.done;) {
    const key = next.value;
    const current = key === asked.after ? undefined : index.current(key);
    if (!current || current.marker) {
      next = keys.next();
      continue;
    }
    const group = groupOf(key, asked);
    if (group !== undefined && asked.after.startsWith(group)) {
      next = keys.next(group);
      continue;
    }
    if (items.length + prefixes.length >= asked.limit)
      return { items, prefixes, last, truncated: asked.limit > 0 };
    if (group === undefined) items.push(current);
    else prefixes.push(group);
    last = group ?? key;
    next = keys.next(group);
  }
  return { items, prefixes, last, truncated: false };
}

export interface VersionListing extends Listing<Version> {
  readonly lastVersionId: string | undefined;
}

/** All versions and markers, newest first per key. With `versionMarker` the key `after` itself is gone on with. */
export function listVersions(
  index: VersionIndex,
  asked: ListingRequest,
  versionMarker: string | undefined,
): VersionListing {
  const items: Version[] = [];
  const prefixes: string[] = [];
  let last: string | undefined;
  let lastVersionId: string | undefined;
  const done = (truncated: boolean) => ({ items, prefixes, last, lastVersionId, truncated });
  const isFull = (): boolean => items.length + prefixes.length >= asked.limit;
  const keys = walk(index, asked.after, asked.prefix);
  for (let next = keys.next(); !next.done;) {
    const key = next.value;
    const resumes = key === asked.after;
    const group = groupOf(key, asked);
    if (group !== undefined && asked.after.startsWith(group)) {
      next = keys.next(group);
      continue;
    }
    if (group !== undefined) {
      if (isFull()) return done(asked.limit > 0);
      prefixes.push(group);
      last = group;
      lastVersionId = undefined;
    } else if (!resumes || versionMarker !== undefined) {
      const versions = index.versionsOf(key);
      const start = resumes ? versions.findIndex(({ versionId }) => versionId === versionMarker) + 1 : 0;
      for (let i = start; i < versions.length; i += 1) {
        const version = versions[i];
        if (!version) continue;
        if (isFull()) return done(asked.limit > 0);
        items.push(version);
        last = key;
        lastVersionId = version.versionId;
      }
    }
    next = keys.next(group);
  }
  return done(false);
}
