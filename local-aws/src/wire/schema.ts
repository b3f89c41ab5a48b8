import { NormalizedSchema } from '@smithy/core/schema';

/** The SDK exports each operation as the tuple `[9, namespace, name, traits, input, output]`. */
const OPERATION = 9;

export interface HttpBinding {
  readonly method: string;
  /** Path segments; labels are `{Name}` or `{Name+}`. */
  readonly segments: readonly string[];
  /** Static query parameters of the template, without `x-id`; `undefined` = any value. */
  readonly query: ReadonlyMap<string, string | undefined>;
  readonly id: string | undefined;
  readonly status: number;
}

export interface Operation {
  readonly name: string;
  readonly input: NormalizedSchema;
  readonly output: NormalizedSchema;
  readonly http: HttpBinding | undefined;
}

type Tuple = readonly [number, string, string, number | Record<string, unknown>, () => never, () => never];

/** Operations of an SDK client module by name. Schemas are resolved when first used. */
export function operationsOf(module: object): ReadonlyMap<string, Operation> {
  const found = new Map<string, Operation>();
  for (const [key, value] of Object.entries(module) as [string, unknown][]) {
    if (!key.endsWith('$') || !Array.isArray(value) || value[0] !== OPERATION) continue;
    const [, , name, traits, input, output] = value as unknown as Tuple;
    const resolved: { input?: NormalizedSchema; output?: NormalizedSchema } = {};
    found.set(name, {
      name,
      get input() {
        return (resolved.input ??= NormalizedSchema.of(input()));
      },
      get output() {
        return (resolved.output ??= NormalizedSchema.of(output()));
      },
      http: typeof traits === 'object' ? httpBinding(traits['http']) : undefined,
    });
  }
  return found;
}

function httpBinding(trait: unknown): HttpBinding | undefined {
  if (!Array.isArray(trait)) return undefined;
  const [method, uri, status] = trait as [string, string, number];
  const [path = '', queryText = ''] = uri.split('?');
  const query = new Map<string, string | undefined>();
  let id: string | undefined;
  for (const pair of queryText.split('&').filter(Boolean)) {
    const [name = '', value] = pair.split('=');
    if (name === 'x-id') id = value;
    else query.set(name, value);
  }
  return { method, segments: segmentsOf(path), query, id, status };
}

/** Path segments without empty ends: `/backup/plans/` and `/backup/plans` are the same. */
export function segmentsOf(path: string): string[] {
  const trimmed = path.replace(/^\//, '').replace(/\/$/, '');
  return trimmed === '' ? [] : trimmed.split('/');
}

/** Names of the members that the model requires: the tuple's seventh element counts them from the start. */
export function requiredMembers(schema: NormalizedSchema): string[] {
  const tuple: unknown = schema.getSchema();
  if (!Array.isArray(tuple) || !schema.isStructSchema()) return [];
  const names = (tuple[4] ?? []) as string[];
  return names.slice(0, (tuple[6] as number | undefined) ?? 0);
}

export interface ErrorModel {
  readonly schema: NormalizedSchema;
  readonly httpStatus: number;
  /** The code on a Query wire, when it differs from the class name. */
  readonly query: readonly [code: string, status: number] | undefined;
}

/** The model of an error class of the module, by class name. */
export function errorModel(module: object, className: string): ErrorModel | undefined {
  const tuple: unknown = (module as Record<string, unknown>)[`${className}$`];
  if (!Array.isArray(tuple) || tuple[0] !== -3) return undefined;
  const schema = NormalizedSchema.of(tuple as never);
  const traits = schema.getMergedTraits() as Record<string, unknown>;
  const fallback = traits['error'] === 'server' ? 500 : 400;
  return {
    schema,
    httpStatus: (traits['httpError'] as number | undefined) ?? fallback,
    query: traits['awsQueryError'] as [string, number] | undefined,
  };
}

/** Services that speak awsJson answer every mistake of a caller with 400, whatever status the model has for it. */
export function statusInJson({ httpStatus }: ErrorModel): number {
  return httpStatus < 500 ? 400 : 500;
}
