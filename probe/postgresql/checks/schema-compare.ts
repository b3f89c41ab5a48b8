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
    if (here === undefined)
      findings.push(failure('object-missing', 'it is at the source and not on the copy', at(key)));
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
  for (const [key, { version }] of copy.objects) {
    if (before.objects.has(key) || after.objects.has(key)) continue;
    const ofTheNight =
      window !== null && isYoung(version, window) && (own === null || !isYoung(version, own));
    if (ofTheNight) moving.push(key);
    else findings.push(failure('object-unknown', 'it is on the copy and was not at the source', at(key)));
  }
  return { findings, exact, moving };
}

function same(a: CatalogueObject, b: CatalogueObject): boolean {
  return a.digest === b.digest && a.version === b.version;
}
