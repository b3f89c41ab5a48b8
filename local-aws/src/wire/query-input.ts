import type { NormalizedSchema } from '@smithy/core/schema';
import { parseTimestamp } from './timestamps.ts';

export type QueryDialect = 'query' | 'ec2';

/** A form body as a tree: `Filters.Filter.1.Name=x` is at Filters → Filter → 1 → Name. */
interface Node {
  value?: string;
  children?: Map<string, Node>;
}

/** Reads the parameters of an awsQuery or ec2Query form into the operation's input. */
export function readQueryInput(
  schema: NormalizedSchema,
  form: URLSearchParams,
  dialect: QueryDialect,
): object {
  const root: Node = {};
  for (const [name, value] of form) {
    if (name === 'Action' || name === 'Version') continue;
    let node = root;
    for (const part of name.split('.')) {
      node.children ??= new Map<string, Node>();
      let next = node.children.get(part);
      if (!next) node.children.set(part, (next = {}));
      node = next;
    }
    node.value = value;
  }
  return readStruct(schema, root, dialect);
}

function read(schema: NormalizedSchema, node: Node, dialect: QueryDialect): unknown {
  if (schema.isStructSchema()) return readStruct(schema, node, dialect);
  if (schema.isListSchema()) return readList(schema, node, dialect);
  if (schema.isMapSchema()) return readMap(schema, node, dialect);
  return readSimple(schema, node.value ?? '');
}

function readStruct(schema: NormalizedSchema, node: Node, dialect: QueryDialect): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, member] of schema.structIterator()) {
    const child = node.children?.get(memberKey(name, member, dialect));
    if (child) result[name] = read(member, child, dialect);
  }
  return result;
}

function memberKey(name: string, member: NormalizedSchema, dialect: QueryDialect): string {
  const { ec2QueryName, xmlName } = member.getMergedTraits() as { ec2QueryName?: string; xmlName?: string };
  if (dialect === 'query') return xmlName ?? name;
  if (ec2QueryName) return ec2QueryName;
  const key = xmlName ?? name;
  return key.charAt(0).toUpperCase() + key.slice(1);
}

/** `Name.1`, or `Name.member.1` where the list is not flattened; an empty list is `Name=`. */
function readList(schema: NormalizedSchema, node: Node, dialect: QueryDialect): unknown[] {
  const item = schema.getValueSchema();
  const flat = dialect === 'ec2' || Boolean(schema.getMergedTraits().xmlFlattened);
  const itemName = (item.getMergedTraits() as { xmlName?: string }).xmlName ?? 'member';
  const holder = flat ? node : (node.children?.get(itemName) ?? node.children?.get('member') ?? {});
  return numbered(holder).map((child) => read(item, child, dialect));
}

function readMap(schema: NormalizedSchema, node: Node, dialect: QueryDialect): Record<string, unknown> {
  const flat = Boolean(schema.getMergedTraits().xmlFlattened);
  const keyName = (schema.getKeySchema().getMergedTraits() as { xmlName?: string }).xmlName ?? 'key';
  const valueName = (schema.getValueSchema().getMergedTraits() as { xmlName?: string }).xmlName ?? 'value';
  const holder = flat ? node : (node.children?.get('entry') ?? {});
  const entries = numbered(holder).map((entry) => {
    const value = entry.children?.get(valueName) ?? {};
    return [
      entry.children?.get(keyName)?.value ?? '',
      read(schema.getValueSchema(), value, dialect),
    ] as const;
  });
  return Object.fromEntries(entries);
}

function numbered(node: Node): Node[] {
  const children = [...(node.children ?? [])].filter(([key]) => /^\d+$/.test(key));
  return children.sort(([a], [b]) => Number(a) - Number(b)).map(([, child]) => child);
}

function readSimple(schema: NormalizedSchema, text: string): unknown {
  if (schema.isBooleanSchema()) return text === 'true';
  if (schema.isBigIntegerSchema()) return BigInt(text);
  if (schema.isNumericSchema()) return Number(text);
  if (schema.isTimestampSchema()) return parseTimestamp(text);
  if (schema.isBlobSchema()) return new Uint8Array(Buffer.from(text, 'base64'));
  return text;
}
