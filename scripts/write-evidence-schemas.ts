// Writes evidence/schemas/*.v1.json, the JSON Schemas of every kind of statement, from the types that the product itself is built with.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import ts from 'typescript';

const ROOT = new URL('../', import.meta.url);
const FACTS = fileURLToPath(new URL('domain/facts.ts', ROOT));
const SEAL = fileURLToPath(new URL('evidence/verifier/seal-format.ts', ROOT));
const TARGET = new URL('evidence/schemas/', ROOT);
const PREDICATES = 'https://lifeboat.dev/evidence/';

type Schema = Record<string, unknown>;

/** One schema for each member of `Fact`, and one for the seal, by file name. */
export async function evidenceSchemas(): Promise<Map<string, string>> {
  const program = ts.createProgram([FACTS, SEAL], {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    exactOptionalPropertyTypes: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  const config = await resolveConfig(FACTS);
  const files = new Map<string, string>();
  const add = async (name: string, type: ts.Type): Promise<void> => {
    const text = JSON.stringify(statementSchema(checker, name, type, recordedBy));
    files.set(`${name}.v1.json`, await format(text, { ...config, parser: 'json' }));
  };
  const facts = exported(program, checker, FACTS, 'Fact');
  const recordedBy = schemaOf(checker, exported(program, checker, FACTS, 'RecordedBy'), new Map(), true);
  for (const fact of facts.isUnion() ? facts.types : [facts]) await add(kindOf(checker, fact), fact);
  await add('seal', exported(program, checker, SEAL, 'SealPredicate'));
  return files;
}

function exported(program: ts.Program, checker: ts.TypeChecker, file: string, name: string): ts.Type {
  const source = program.getSourceFile(file);
  const symbol = source && checker.getSymbolAtLocation(source);
  const found = symbol && checker.getExportsOfModule(symbol).find((one) => one.name === name);
  if (found === undefined) throw new Error(`${file} exports no ${name}`);
  return checker.getDeclaredTypeOfSymbol(found);
}

function kindOf(checker: ts.TypeChecker, fact: ts.Type): string {
  const property = fact.getProperty('type');
  const type = property && checker.getTypeOfSymbol(property);
  if (type?.isStringLiteral() !== true)
    throw new Error(`${checker.typeToString(fact)} has no type of its own`);
  return type.value;
}

/** The predicate's schema inside that of an in-toto statement (v1): what a payload is validated against. */
function statementSchema(checker: ts.TypeChecker, kind: string, type: ts.Type, recordedBy: Schema): Schema {
  const named = new Map<string, Schema>();
  const predicate = schemaOf(checker, type, named, true);
  Object.assign(predicate['properties'] as Schema, { recordedBy });
  const digest = { type: 'object', properties: { sha256: SHA256 }, required: ['sha256'] };
  const subject = {
    type: 'object',
    properties: { name: { type: 'string' }, digest },
    required: ['name', 'digest'],
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `${PREDICATES}${kind}/v1.schema.json`,
    title: `in-toto statement: ${kind}`,
    type: 'object',
    properties: {
      _type: { const: 'https://in-toto.io/Statement/v1' },
      subject: { type: 'array', minItems: 1, items: subject },
      predicateType: { const: `${PREDICATES}${kind}/v1` },
      predicate,
    },
    required: ['_type', 'subject', 'predicateType', 'predicate'],
    ...(named.size > 0 ? { $defs: Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1))) } : {}),
  };
}

const SHA256 = { type: 'string', pattern: '^[0-9a-f]{64}$' };

/** @param whole do not refer to the type by name, because this is its definition. */
function schemaOf(checker: ts.TypeChecker, type: ts.Type, named: Map<string, Schema>, whole = false): Schema {
  const name = nameOf(type);
  if (name !== undefined && !whole) {
    if (!named.has(name)) {
      named.set(name, {}); // a type that contains itself finds its name taken
      named.set(name, schemaOf(checker, type, named, true));
    }
    return { $ref: `#/$defs/${name}` };
  }
  if (type.isUnion()) return unionOf(checker, type, named);
  if (type.flags & ts.TypeFlags.Null) return { type: 'null' };
  if (type.flags & ts.TypeFlags.String) return { type: 'string' };
  if (type.flags & ts.TypeFlags.Number) return { type: 'number' };
  if (type.isStringLiteral()) return { const: type.value };
  if (type.flags & ts.TypeFlags.BooleanLiteral) return { const: checker.typeToString(type) === 'true' };
  if (type.flags & ts.TypeFlags.BooleanLike) return { type: 'boolean' };
  if (checker.isArrayType(type)) {
    const [items] = checker.getTypeArguments(type as ts.TypeReference);
    return items === undefined
      ? { type: 'array' }
      : { type: 'array', items: schemaOf(checker, items, named) };
  }
  if (type.flags & ts.TypeFlags.Object) return objectOf(checker, type, named);
  throw new Error(
    `no schema for the type ${checker.typeToString(type)}; teach scripts/write-evidence-schemas.ts`,
  );
}

function unionOf(checker: ts.TypeChecker, type: ts.UnionType, named: Map<string, Schema>): Schema {
  const members = type.types.filter(({ flags }) => !(flags & ts.TypeFlags.Undefined));
  const literals = members.flatMap((member) => (member.isStringLiteral() ? [member.value] : []));
  const booleans = members.filter(({ flags }) => flags & ts.TypeFlags.BooleanLiteral);
  const others = members.filter((member) => !member.isStringLiteral() && !booleans.includes(member));
  const options: Schema[] = [
    ...(literals.length > 0 ? [{ enum: literals.sort() }] : []),
    ...(booleans.length === 2 ? [{ type: 'boolean' }] : booleans.map((one) => schemaOf(checker, one, named))),
    ...others.map((one) => schemaOf(checker, one, named)),
  ];
  const [only] = options;
  return options.length === 1 && only !== undefined ? only : { anyOf: options };
}

function objectOf(checker: ts.TypeChecker, type: ts.Type, named: Map<string, Schema>): Schema {
  const text = describe(checker, type.aliasSymbol ?? type.symbol);
  const properties: [string, Schema][] = [];
  const required: string[] = [];
  for (const property of type.getProperties()) {
    const schema = schemaOf(checker, checker.getTypeOfSymbol(property), named);
    const description = describe(checker, property);
    properties.push([property.name, description === '' ? schema : { description, ...schema }]);
    if (!(property.flags & ts.SymbolFlags.Optional)) required.push(property.name);
  }
  const index = checker.getIndexInfosOfType(type)[0];
  return {
    ...(text === '' ? {} : { description: text }),
    type: 'object',
    ...(properties.length > 0 ? { properties: Object.fromEntries(properties), required } : {}),
    // Later versions of the product may say more; what an old reader does not know it leaves alone.
    additionalProperties: index === undefined ? true : schemaOf(checker, index.type, named),
  };
}

/** Interfaces and aliases of the project have names; what the language brings along (Record, readonly arrays) has none. */
function nameOf(type: ts.Type): string | undefined {
  const symbol = type.aliasSymbol ?? (type.isClassOrInterface() ? type.symbol : undefined);
  const declared = symbol?.declarations?.[0]?.getSourceFile().fileName;
  if (symbol === undefined || declared === undefined || declared.includes('/node_modules/')) return undefined;
  return symbol.name;
}

function describe(checker: ts.TypeChecker, symbol: ts.Symbol | undefined): string {
  return ts.displayPartsToString(symbol?.getDocumentationComment(checker)).replaceAll(/\s+/g, ' ').trim();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(TARGET, { recursive: true });
  for (const [name, text] of await evidenceSchemas()) writeFileSync(new URL(name, TARGET), text);
}
