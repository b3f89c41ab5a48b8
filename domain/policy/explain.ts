import type { z } from 'zod';
import { nearest } from './nearest.ts';
import { pathText } from './problem.ts';
import type { PathSegment, PolicyProblem } from './problem.ts';
import { policySchema } from './schema.ts';
import type { SourceMap } from './source-map.ts';

/** Turns what the schema found into problems with a place in the file. */
export function explain(issues: readonly z.core.$ZodIssue[], map: SourceMap, file: string): PolicyProblem[] {
  const unknown = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => unknownKey([...pathOf(issue), key])) : [],
  );
  // A misspelt key is one mistake, not a key too many and a key too few.
  const misspelt = new Set(unknown.flatMap(({ meant }) => (meant === null ? [] : [pathText(meant)])));
  return [
    ...unknown.map(({ path, message, allowed }) => {
      const given = `the key ${String(path.at(-1))}`;
      return { file, ...map.keyPlace(path), path: pathText(path), given, allowed, message };
    }),
    ...issues.flatMap((issue) => {
      const path = pathOf(issue);
      const missing = !map.has(path);
      if (issue.code === 'unrecognized_keys' || (missing && misspelt.has(pathText(path)))) return [];
      const given = map.given(path);
      const allowed = allowedBy(issue).replace(/,$/, '');
      const message = missing
        ? `is missing; ${allowed} is needed here`
        : `${given} was given; ${allowedBy(issue)} is allowed${didYouMean(issue, given)}`;
      return [{ file, ...map.place(path), path: pathText(path), given, allowed, message }];
    }),
  ];
}

const pathOf = (issue: z.core.$ZodIssue): PathSegment[] =>
  issue.path.filter((segment) => typeof segment !== 'symbol');

interface UnknownKey {
  readonly path: readonly PathSegment[];
  readonly meant: readonly PathSegment[] | null;
  readonly allowed: string;
  readonly message: string;
}

function unknownKey(path: readonly PathSegment[]): UnknownKey {
  const parent = path.slice(0, -1);
  const known = keysAt(policySchema, parent);
  const allowed = `one of the keys ${known.join(', ')}`;
  const meant = nearest(String(path.at(-1)), known);
  if (meant === null) return { path, meant, allowed, message: `there is no such key; allowed is ${allowed}` };
  const message = `there is no such key; did you mean ${meant}? Allowed is ${allowed}`;
  return { path, meant: [...parent, meant], allowed, message };
}

function didYouMean(issue: z.core.$ZodIssue, given: string): string {
  if (issue.code !== 'invalid_value' || issue.values.length < 2) return '';
  const meant = nearest(given, issue.values.map(String));
  return meant === null ? '' : ` (did you mean ${meant}?)`;
}

function allowedBy(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    return values.length === 1 ? `only ${values.join('')}` : `one of ${values.join(', ')}`;
  }
  if (issue.code === 'invalid_type' && issue.expected === 'object') return 'a map of keys and values';
  if (issue.code === 'invalid_type' && issue.expected === 'array') return 'a list';
  return issue.message;
}

/** The keys that the schema knows at `path`; needed because an issue names only those it does not know. */
function keysAt(schema: z.core.$ZodType, path: readonly PathSegment[]): string[] {
  const inner = unwrapped(schema);
  if (inner.def.type === 'array') return keysAt(inner.def.element, path.slice(1));
  if (inner.def.type !== 'object') return [];
  const [key, ...rest] = path;
  if (key === undefined) return Object.keys(inner.def.shape);
  const next = inner.def.shape[key];
  return next === undefined ? [] : keysAt(next, rest);
}

type Unwrapped = z.core.$ZodTypes['_zod'];

function unwrapped(schema: z.core.$ZodType): Unwrapped {
  const inner = schema._zod as Unwrapped;
  const { def } = inner;
  return def.type === 'default' || def.type === 'optional' ? unwrapped(def.innerType) : inner;
}
