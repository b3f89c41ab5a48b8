import { isConditionOperator } from './conditions.ts';

export interface Statement {
  readonly sid: string | undefined;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[] | undefined;
  readonly notActions: readonly string[] | undefined;
  readonly resources: readonly string[] | undefined;
  readonly notResources: readonly string[] | undefined;
  readonly principals: Principals | undefined;
  readonly notPrincipals: Principals | undefined;
  /** operator → key → values */
  readonly conditions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** Policy variables exist since version 2012-10-17; in older documents `${…}` is plain text. */
  readonly variables: boolean;
}

export interface Principals {
  readonly anyone: boolean;
  readonly aws: readonly string[];
  readonly services: readonly string[];
}

export type PolicyKind = 'identity' | 'trust' | 'resource';

/** Why a document is refused; services wrap it in their own error class. */
export class PolicyRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PolicyRefused';
  }
}

const MEMBERS = new Set([
  'Sid',
  'Effect',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Principal',
  'NotPrincipal',
  'Condition',
]);

const parsed = new Map<string, Statement[]>();

/** Parses and checks a policy. What the evaluator does not understand is refused here, so that it is never ignored. */
export function parsePolicy(text: string, kind: PolicyKind): Statement[] {
  const key = `${kind} ${text}`;
  let statements = parsed.get(key);
  if (!statements) {
    statements = parseDocument(text, kind);
    if (parsed.size > 2000) parsed.clear();
    parsed.set(key, statements);
  }
  return statements;
}

function parseDocument(text: string, kind: PolicyKind): Statement[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new PolicyRefused(
      `The policy is not valid JSON: ${cause instanceof Error ? cause.message : 'unreadable'}.`,
    );
  }
  if (typeof document !== 'object' || document === null || !('Statement' in document)) {
    throw new PolicyRefused('The policy has no Statement.');
  }
  const version = 'Version' in document ? document.Version : '2008-10-17';
  if (version !== '2012-10-17' && version !== '2008-10-17')
    throw new PolicyRefused(`Version must be 2012-10-17 or 2008-10-17, not ${String(version)}.`);
  const list = Array.isArray(document.Statement) ? (document.Statement as unknown[]) : [document.Statement];
  const statements = list.map((statement) => parseStatement(statement, kind, version === '2012-10-17'));
  const sids = statements.flatMap(({ sid }) => sid ?? []);
  const twice = sids.find((sid, index) => sids.indexOf(sid) !== index);
  if (twice !== undefined)
    throw new PolicyRefused(`Statement IDs (SID) in a single policy must be unique: ${twice}.`);
  return statements;
}

function parseStatement(value: unknown, kind: PolicyKind, variables: boolean): Statement {
  if (typeof value !== 'object' || value === null) throw new PolicyRefused('A Statement must be an object.');
  const raw = value as Record<string, unknown>;
  for (const name of Object.keys(raw))
    if (!MEMBERS.has(name)) throw new PolicyRefused(`Syntax errors in policy: unknown element ${name}.`);
  const effect = raw['Effect'];
  if (effect !== 'Allow' && effect !== 'Deny') throw new PolicyRefused("Effect must be 'Allow' or 'Deny'.");
  const statement: Statement = {
    sid: typeof raw['Sid'] === 'string' ? raw['Sid'] : undefined,
    effect,
    actions: strings(raw['Action'], 'Action'),
    notActions: strings(raw['NotAction'], 'NotAction'),
    resources: strings(raw['Resource'], 'Resource'),
    notResources: strings(raw['NotResource'], 'NotResource'),
    principals: principals(raw['Principal']),
    notPrincipals: principals(raw['NotPrincipal']),
    conditions: conditions(raw['Condition']),
    variables,
  };
  if (!statement.actions === !statement.notActions)
    throw new PolicyRefused('A Statement needs Action or NotAction.');
  if (kind !== 'trust' && !statement.resources === !statement.notResources)
    throw new PolicyRefused('A Statement needs Resource or NotResource.');
  const hasPrincipal = statement.principals !== undefined || statement.notPrincipals !== undefined;
  if (kind === 'identity' && hasPrincipal)
    throw new PolicyRefused('Policy document should not specify a principal.');
  if (kind !== 'identity' && !hasPrincipal) throw new PolicyRefused('Missing required field Principal.');
  return statement;
}

function strings(value: unknown, name: string): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const list = Array.isArray(value) ? (value as unknown[]) : [value];
  if (list.length === 0 || !list.every((item) => typeof item === 'string'))
    throw new PolicyRefused(`${name} must be a string or a list of strings.`);
  return list;
}

function principals(value: unknown): Principals | undefined {
  if (value === undefined) return undefined;
  if (value === '*') return { anyone: true, aws: [], services: [] };
  if (typeof value !== 'object' || value === null)
    throw new PolicyRefused('Principal must be "*" or an object.');
  const raw = value as Record<string, unknown>;
  for (const name of Object.keys(raw))
    if (name !== 'AWS' && name !== 'Service')
      throw new PolicyRefused(`Principals of the kind ${name} are not supported here.`);
  const aws = strings(raw['AWS'], 'Principal.AWS') ?? [];
  for (const name of aws)
    if (!/^(\*|\d{12}|arn:aws:(iam|sts)::\d{12}:[^*?]+|A(IDA|ROA)[A-Z0-9]+)$/.test(name))
      throw new PolicyRefused(`Invalid principal in policy: "AWS":"${name}"`);
  return { anyone: aws.includes('*'), aws, services: strings(raw['Service'], 'Principal.Service') ?? [] };
}

function conditions(value: unknown): Statement['conditions'] {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw new PolicyRefused('Condition must be an object.');
  const parsed: Record<string, Record<string, readonly string[]>> = {};
  for (const [operator, keys] of Object.entries(value as Record<string, unknown>)) {
    if (!isConditionOperator(operator)) throw new PolicyRefused(`Unknown condition operator ${operator}.`);
    if (typeof keys !== 'object' || keys === null)
      throw new PolicyRefused(`Condition ${operator} must be an object.`);
    parsed[operator] = Object.fromEntries(
      Object.entries(keys as Record<string, unknown>).map(([key, wanted]) => {
        const list = Array.isArray(wanted) ? (wanted as unknown[]) : [wanted];
        return [key.toLowerCase(), list.map(String)];
      }),
    );
  }
  return parsed;
}
