import { awsError } from './errors.ts';
import { requiredMembers, segmentsOf, type HttpBinding, type Operation } from './schema.ts';
import type { WireRequest } from './protocol.ts';

export interface RestMatch {
  readonly operation: Operation;
  readonly labels: ReadonlyMap<string, string>;
}

/**
 * Chooses by method, path template, static query (`?versions`), required query parameters and headers
 * (`uploadId`, `x-amz-copy-source`); `x-id` decides when the client sends it, but not every client does.
 */
export function matchRest(
  operations: Iterable<Operation>,
  request: WireRequest,
  bucketInPath: boolean,
): RestMatch | undefined {
  const path = bucketInPath ? splitBucket(request.path) : { bucket: undefined, rest: request.path };
  const query = new Map(request.query);
  let best: { match: RestMatch; score: number } | undefined;
  for (const operation of operations) {
    const { http } = operation;
    if (http?.method !== request.method || !staticQueryFits(http, query)) continue;
    const labels = matchPath(http, path.rest);
    if (!labels) continue;
    if (bucketInPath) {
      const wantsBucket = requiredMembers(operation.input).includes('Bucket');
      if (wantsBucket !== (path.bucket !== undefined)) continue;
      if (path.bucket !== undefined) labels.set('Bucket', path.bucket);
    }
    const required = requiredPresent(operation, request, query);
    if (required === undefined) continue;
    const literal = http.segments.filter((segment) => !segment.startsWith('{')).length;
    const score =
      http.query.size * 1000 +
      (http.id !== undefined && query.get('x-id') === http.id ? 500 : 0) +
      required * 50 +
      literal;
    if (!best || score > best.score) best = { match: { operation, labels }, score };
  }
  return best?.match;
}

function splitBucket(path: string): { bucket: string | undefined; rest: string } {
  const trimmed = path.replace(/^\//, '');
  const slash = trimmed.indexOf('/');
  const bucket = slash === -1 ? trimmed : trimmed.slice(0, slash);
  return {
    bucket: bucket === '' ? undefined : decoded(bucket),
    rest: slash === -1 ? '/' : trimmed.slice(slash),
  };
}

function staticQueryFits(http: HttpBinding, query: ReadonlyMap<string, string>): boolean {
  const id = query.get('x-id');
  if (id !== undefined && http.id !== undefined && id !== http.id) return false;
  for (const [name, value] of http.query) {
    if (!query.has(name) || (value !== undefined && query.get(name) !== value)) return false;
  }
  return true;
}

function matchPath(http: HttpBinding, path: string): Map<string, string> | undefined {
  const labels = new Map<string, string>();
  const last = http.segments.at(-1);
  const greedy = last?.endsWith('+}') ? last.slice(1, -2) : undefined;
  if (greedy !== undefined) {
    const fixed = http.segments.length - 1;
    const parts = path.replace(/^\//, '').split('/');
    if (parts.length <= fixed || parts.join('/') === '') return undefined;
    if (!matchSegments(http.segments.slice(0, -1), parts.slice(0, fixed), labels)) return undefined;
    labels.set(greedy, decoded(parts.slice(fixed).join('/')));
    return labels;
  }
  const parts = segmentsOf(path);
  return parts.length === http.segments.length && matchSegments(http.segments, parts, labels)
    ? labels
    : undefined;
}

function matchSegments(
  template: readonly string[],
  parts: readonly string[],
  labels: Map<string, string>,
): boolean {
  return template.every((segment, index) => {
    const part = parts[index] ?? '';
    if (!segment.startsWith('{')) return segment === part;
    labels.set(segment.slice(1, -1), decoded(part));
    return part !== '';
  });
}

/** How many required query parameters and headers there are; undefined when one is missing. */
function requiredPresent(
  operation: Operation,
  request: WireRequest,
  query: ReadonlyMap<string, string>,
): number | undefined {
  let present = 0;
  for (const name of requiredMembers(operation.input)) {
    const { httpHeader, httpQuery } = operation.input.getMemberSchema(name).getMergedTraits() as {
      httpHeader?: string;
      httpQuery?: string;
    };
    if (httpHeader !== undefined && request.headers[httpHeader.toLowerCase()] === undefined) return undefined;
    if (httpQuery !== undefined && !query.has(httpQuery)) return undefined;
    if (httpHeader !== undefined || httpQuery !== undefined) present += 1;
  }
  return present;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw awsError({ code: 'InvalidURI', status: 400, message: "Couldn't parse the specified URI." });
  }
}
