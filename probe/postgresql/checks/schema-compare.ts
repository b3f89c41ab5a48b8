import type { Finding } from '../../../domain/verdict.ts';
import type { Catalogue, CatalogueObject } from '../fingerprint.ts';
import { type XidWindow, isYoung } from '../window.ts';
import { failure } from './check.ts';

export interface CatalogueComparison {
  readonly findings: readonly Finding[];
  /** Objects equal in both fingerprints, and so compared exactly. */
  readonly exact: number;
  /** Objects that changed, came or went between the fingerprints: any state in between is right. */
  readonly moving: readonly string[];
}

const NOTHING: Catalogue = { digest: '', objects: new Map() };

/**
 * Objects that are the same before and after the backup must be the same on the copy. What is on the copy and in neither fingerprint may
 * only have come and gone in between; then the transaction that made it is one of the night.
 */
export function compareCatalogues(
  where: string,
  before: Catalogue = NOTHING,
  after: Catalogue = NOTHING,
  copy: Catalogue,
  window: XidWindow | null,
  own: XidWindow | null,
): CatalogueComparison {
  const findings: Finding[] = [];
  const missing: string[] = [];
  const moving: string[] = [];
  let exact = 0;
  const at = (key: string) => (where === '' ? key : `${where}: ${key}`);
  for (const key of new Set([...before.objects.keys(), ...after.objects.keys()])) {
    const [first, second, here] = [before.objects.get(key), after.objects.get(key), copy.objects.get(key)];
    if (first === undefined || second === undefined || !same(first, second)) {
      moving.push(key);
      continue;
    }
    exact += 1;
    if (here === undefined) missing.push(key);
    else if (here.digest !== first.digest)
      findings.push(failure('object-differs', 'it is defined otherwise than at the source', at(key)));
    else if (here.version !== first.version) {
      findings.push(
        failure(
          'object-replaced',
          'it reads the same, but another transaction wrote it than at the source',
          at(key),
        ),
      );
    }
  }
  findings.push(
    ...missingInWords(missing).map(({ key, message }) => failure('object-missing', message, at(key))),
  );
  for (const [key, { version }] of copy.objects) {
    if (before.objects.has(key) || after.objects.has(key)) continue;
    const ofTheNight =
      window !== null && isYoung(version, window) && (own === null || !isYoung(version, own));
    if (ofTheNight) moving.push(key);
    else findings.push(failure('object-unknown', 'it is on the copy and was not at the source', at(key)));
  }
  return { findings, exact, moving };
}

const RELATION = /^(?:table|view|materialized view|foreign table|sequence|composite type) (.+)$/;

/** A missing relation takes its columns, indexes and triggers with it: they are counted and not listed. */
function missingInWords(missing: readonly string[]): { key: string; message: string }[] {
  const parts = new Map<string, number>();
  for (const key of missing) {
    const relation = RELATION.exec(key)?.[1];
    if (relation !== undefined) parts.set(relation, 0);
  }
  const alone = missing.filter((key) => {
    const owner = RELATION.test(key) ? undefined : ownerIn(parts, key);
    if (owner !== undefined) parts.set(owner, (parts.get(owner) ?? 0) + 1);
    return owner === undefined;
  });
  return alone.map((key) => {
    const taken = parts.get(RELATION.exec(key)?.[1] ?? '') ?? 0;
    const along = taken === 0 ? '' : `, nor are ${taken} objects that belong to it`;
    return { key, message: `it is at the source and not on the copy${along}` };
  });
}

/** `column public.city.name` belongs to `public.city`: the longest leading part of the name that is a missing relation. */
function ownerIn(relations: ReadonlyMap<string, number>, key: string): string | undefined {
  const words = key.split(' ');
  for (let from = 1; from < words.length; from += 1) {
    const name = words.slice(from).join(' ');
    for (let end = name.length; end > 0; end = name.lastIndexOf('.', end - 1)) {
      const candidate = name.slice(0, end);
      if (relations.has(candidate)) return candidate;
    }
  }
  return undefined;
}

function same(a: CatalogueObject, b: CatalogueObject): boolean {
  return a.digest === b.digest && a.version === b.version;
}
