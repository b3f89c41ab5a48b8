import { FromStringShapeDeserializer, ToStringShapeSerializer } from '@smithy/core/protocols';
import type { NormalizedSchema } from '@smithy/core/schema';
import { Readable } from 'node:stream';
import type { WireRequest } from './protocol.ts';
import { parseTimestamp } from './timestamps.ts';

interface BindingTraits {
  readonly httpLabel?: unknown;
  readonly httpHeader?: string;
  readonly httpQuery?: string;
  readonly httpPrefixHeaders?: string;
  readonly httpQueryParams?: unknown;
  readonly httpPayload?: unknown;
  readonly httpResponseCode?: unknown;
}

const SETTINGS = { httpBindings: true, timestampFormat: { useTrait: true, default: 7 as const } };

export function bindingOf(member: NormalizedSchema): BindingTraits {
  return member.getMergedTraits();
}

export function isInBody(traits: BindingTraits): boolean {
  return !(
    traits.httpLabel ||
    traits.httpHeader ||
    traits.httpQuery ||
    typeof traits.httpPrefixHeaders === 'string' ||
    traits.httpQueryParams ||
    traits.httpPayload ||
    traits.httpResponseCode
  );
}

export interface PayloadReader {
  read(schema: NormalizedSchema, text: string): Promise<unknown>;
}

/** Fills the input from path labels, query, headers and body, as the model binds them. */
export async function readRestInput(
  schema: NormalizedSchema,
  request: WireRequest,
  labels: ReadonlyMap<string, string>,
  payload: PayloadReader,
): Promise<Record<string, unknown>> {
  const input: Record<string, unknown> = {};
  if (schema.isUnitSchema()) return input;
  let hasBody = false;
  for (const [name, member] of schema.structIterator()) {
    const traits = bindingOf(member);
    if (traits.httpPayload) input[name] = await readPayload(member, request, payload);
    else if (isInBody(traits)) hasBody = true;
    else {
      const value = readBound(name, member, traits, request, labels);
      if (value !== undefined) input[name] = value;
    }
  }
  if (hasBody) {
    const text = (await request.body()).toString('utf8');
    if (text.trim() !== '') Object.assign(input, pickBody(schema, await payload.read(schema, text)));
  }
  return input;
}

function pickBody(schema: NormalizedSchema, body: unknown): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  for (const [name, member] of schema.structIterator()) {
    const value = (body as Record<string, unknown>)[name];
    if (value !== undefined && isInBody(bindingOf(member))) picked[name] = value;
  }
  return picked;
}

async function readPayload(
  member: NormalizedSchema,
  request: WireRequest,
  payload: PayloadReader,
): Promise<unknown> {
  if (member.isStreaming()) return request.stream();
  const body = await request.body();
  if (member.isBlobSchema()) return new Uint8Array(body);
  const text = body.toString('utf8');
  if (member.isStringSchema()) return text;
  return text.trim() === '' ? undefined : payload.read(member, text);
}

function readBound(
  name: string,
  member: NormalizedSchema,
  traits: BindingTraits,
  request: WireRequest,
  labels: ReadonlyMap<string, string>,
): unknown {
  if (traits.httpLabel) return readText(member, labels.get(name));
  if (traits.httpHeader) return readText(member, request.headers[traits.httpHeader.toLowerCase()]);
  if (typeof traits.httpPrefixHeaders === 'string')
    return readPrefixed(traits.httpPrefixHeaders, request.headers);
  if (traits.httpQuery) {
    const values = request.query.filter(([key]) => key === traits.httpQuery).map(([, value]) => value);
    if (!member.isListSchema()) return readText(member, values[0]);
    return values.length === 0 ? undefined : values.map((value) => readText(member.getValueSchema(), value));
  }
  return undefined;
}

function readText(member: NormalizedSchema, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  if (member.isTimestampSchema()) return parseTimestamp(text);
  return new FromStringShapeDeserializer(SETTINGS).read(member, text) as unknown;
}

function readPrefixed(
  prefix: string,
  headers: Readonly<Record<string, string>>,
): Record<string, string> | undefined {
  const found = Object.entries(headers).filter(([name]) => name.startsWith(prefix.toLowerCase()));
  if (found.length === 0) return undefined;
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), value]));
}

export interface RestOutput {
  readonly headers: Record<string, string>;
  readonly status: number | undefined;
  /** Members that go into the body document. */
  readonly document: Record<string, unknown>;
  readonly payload: { readonly member: NormalizedSchema; readonly value: unknown } | undefined;
}

/** Sorts an output into headers, status, payload and body members. */
export function splitRestOutput(
  schema: NormalizedSchema,
  output: Readonly<Record<string, unknown>>,
): RestOutput {
  const headers: Record<string, string> = {};
  const document: Record<string, unknown> = {};
  let status: number | undefined;
  let payload: RestOutput['payload'];
  for (const [name, member] of schema.structIterator()) {
    const value = output[name];
    const traits = bindingOf(member);
    if (traits.httpPayload) payload = { member, value };
    if (value === undefined || value === null || traits.httpPayload) continue;
    if (traits.httpResponseCode) status = value as number;
    else if (typeof traits.httpPrefixHeaders === 'string') {
      for (const [key, text] of Object.entries(value as Record<string, string>))
        headers[traits.httpPrefixHeaders + key] = text;
    } else if (traits.httpHeader) headers[traits.httpHeader.toLowerCase()] = writeText(member, value);
    else if (isInBody(traits)) document[name] = value;
  }
  return { headers, status, document, payload };
}

function writeText(member: NormalizedSchema, value: unknown): string {
  const serializer = new ToStringShapeSerializer(SETTINGS);
  serializer.write(member, value);
  return serializer.flush();
}

export function isStream(value: unknown): value is Readable {
  return value instanceof Readable;
}
