import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Document, LineCounter, Node, Pair } from 'yaml';
import type { PathSegment } from './problem.ts';

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Where in the file the value of a path is, and what it says there. */
export interface SourceMap {
  /** The value at `path`; the key that holds it when it has none; the nearest enclosing key when `path` is missing. */
  place(path: readonly PathSegment[]): Place;
  /** The key itself, for keys that should not be there. */
  keyPlace(path: readonly PathSegment[]): Place;
  given(path: readonly PathSegment[]): string;
  has(path: readonly PathSegment[]): boolean;
}

interface Found {
  readonly key: Node | null;
  readonly value: Node | null;
}

export function sourceMap(doc: Document.Parsed, lines: LineCounter): SourceMap {
  const find = (path: readonly PathSegment[]): Found | null => {
    let found: Found = { key: null, value: doc.contents };
    for (const segment of path) {
      const next = step(doc, found.value, segment);
      if (next === null) return null;
      found = next;
    }
    return found;
  };
  const placeOf = (node: Node | null): Place | null => {
    const offset = node?.range?.[0];
    if (offset === undefined) return null;
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const nearest = (path: readonly PathSegment[]): Place => {
    const found = find(path);
    const own = found === null ? null : (placeOf(pointAt(found)) ?? placeOf(found.key));
    if (own !== null) return own;
    return path.length === 0 ? { line: 1, column: 1 } : nearest(path.slice(0, -1));
  };
  return {
    place: nearest,
    keyPlace: (path) => placeOf(find(path)?.key ?? null) ?? nearest(path.slice(0, -1)),
    given: (path) => describe(resolved(doc, find(path)?.value ?? null)),
    has: (path) => find(path) !== null,
  };
}

/** For a map or a list the key before it says more to a reader than its first line. */
function pointAt({ key, value }: Found): Node | null {
  return isScalar(value) && value.value !== null ? value : (key ?? value);
}

function step(doc: Document.Parsed, at: Node | null, segment: PathSegment): Found | null {
  const node = resolved(doc, at);
  if (isMap(node)) {
    const pair = (node.items as Pair<Node, Node | null>[]).find(
      ({ key }) => isScalar(key) && String(key.value) === String(segment),
    );
    return pair === undefined ? null : { key: pair.key, value: pair.value };
  }
  if (isSeq(node) && typeof segment === 'number') {
    const item = node.items[segment] as Node | undefined;
    return item === undefined ? null : { key: null, value: item };
  }
  return null;
}

function resolved(doc: Document.Parsed, node: Node | null): Node | null {
  return isAlias(node) ? (node.resolve(doc) ?? null) : node;
}

function describe(node: Node | null): string {
  if (isMap(node)) return 'a map';
  if (isSeq(node)) return node.items.length === 0 ? 'an empty list' : 'a list';
  if (!isScalar(node) || node.value === null) return 'nothing';
  const said = node.source ?? JSON.stringify(node.value);
  return said === '' ? 'an empty text' : said.length > 80 ? `${said.slice(0, 77)}…` : said;
}
