import type { ConditionContext } from '../platform.ts';
import { matchesArn, matchesPattern } from './patterns.ts';
import { escapeWildcards, substitute, unescapeWildcards, type KnownKeys } from './policy-variables.ts';

type Test = (actual: string, wanted: string) => boolean;

const equals: Test = (a, b) => a === unescapeWildcards(b);
const equalsIgnoreCase: Test = (a, b) => a.toLowerCase() === unescapeWildcards(b).toLowerCase();
const like: Test = (a, b) => matchesPattern(b, a);
const arnLike: Test = (a, b) => matchesArn(b, a);
const numeric =
  (test: (a: number, b: number) => boolean): Test =>
  (a, b) =>
    test(Number(a), Number(b));
const dated =
  (test: (a: number, b: number) => boolean): Test =>
  (a, b) =>
    test(instant(a), instant(b));

interface Operator {
  readonly test: Test;
  /** Negated operators hold when no value fits, and when the key is absent. */
  readonly negated: boolean;
}

const positive = (test: Test): Operator => ({ test, negated: false });
const negated = (test: Test): Operator => ({ test, negated: true });

const OPERATORS: Readonly<Record<string, Operator>> = {
  StringEquals: positive(equals),
  StringNotEquals: negated(equals),
  StringEqualsIgnoreCase: positive(equalsIgnoreCase),
  StringNotEqualsIgnoreCase: negated(equalsIgnoreCase),
  StringLike: positive(like),
  StringNotLike: negated(like),
  ArnEquals: positive(arnLike),
  ArnLike: positive(arnLike),
  ArnNotEquals: negated(arnLike),
  ArnNotLike: negated(arnLike),
  BinaryEquals: positive(equals),
  Bool: positive(equalsIgnoreCase),
  NumericEquals: positive(numeric((a, b) => a === b)),
  NumericNotEquals: negated(numeric((a, b) => a === b)),
  NumericLessThan: positive(numeric((a, b) => a < b)),
  NumericLessThanEquals: positive(numeric((a, b) => a <= b)),
  NumericGreaterThan: positive(numeric((a, b) => a > b)),
  NumericGreaterThanEquals: positive(numeric((a, b) => a >= b)),
  DateEquals: positive(dated((a, b) => a === b)),
  DateNotEquals: negated(dated((a, b) => a === b)),
  DateLessThan: positive(dated((a, b) => a < b)),
  DateLessThanEquals: positive(dated((a, b) => a <= b)),
  DateGreaterThan: positive(dated((a, b) => a > b)),
  DateGreaterThanEquals: positive(dated((a, b) => a >= b)),
  IpAddress: positive(inBlock),
  NotIpAddress: negated(inBlock),
};

interface ParsedOperator {
  readonly name: string;
  readonly set: 'all' | 'any' | undefined;
  readonly ifExists: boolean;
}

function parseOperator(text: string): ParsedOperator {
  const set = text.startsWith('ForAllValues:') ? 'all' : text.startsWith('ForAnyValue:') ? 'any' : undefined;
  const bare = set ? text.slice(text.indexOf(':') + 1) : text;
  const ifExists = bare.endsWith('IfExists');
  return { name: ifExists ? bare.slice(0, -'IfExists'.length) : bare, set, ifExists };
}

export function isConditionOperator(text: string): boolean {
  const { name } = parseOperator(text);
  return name === 'Null' || name in OPERATORS;
}

/** Whether all conditions of a statement hold. Keys are compared without regard to case. */
export function conditionsHold(
  conditions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>,
  context: ConditionContext,
  variables = true,
): boolean {
  const operators = Object.entries(conditions);
  if (operators.length === 0) return true;
  const known = knownKeys(context);
  return operators.every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) =>
      holds(
        parseOperator(operator),
        known.get(key),
        variables
          ? wanted.flatMap((text) => substitute(text, known) ?? [])
          : wanted.map((text) => (text.includes('${') ? escapeWildcards(text) : text)),
      ),
    ),
  );
}

export function knownKeys(context: ConditionContext): KnownKeys {
  return new Map(
    Object.entries(context).map(([key, value]) => [
      key.toLowerCase(),
      typeof value === 'string' ? [value] : value,
    ]),
  );
}

function holds(
  { name, set, ifExists }: ParsedOperator,
  actual: readonly string[] | undefined,
  wanted: readonly string[],
): boolean {
  if (name === 'Null') return wanted.some((text) => (text === 'true') === (actual === undefined));
  const operator = OPERATORS[name];
  if (!operator) return false;
  if (actual === undefined || actual.length === 0)
    return ifExists || set === 'all' || (operator.negated && set !== 'any');
  const one = (value: string): boolean =>
    wanted.some((text) => operator.test(value, text)) !== operator.negated;
  if (set === 'any') return actual.some(one);
  return operator.negated || set === 'all' ? actual.every(one) : actual.some(one);
}

function instant(text: string): number {
  return /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
}

function inBlock(address: string, block: string): boolean {
  const [base = '', bits = '32'] = block.split('/');
  const a = ipv4(address);
  const b = ipv4(base);
  if (a === undefined || b === undefined) return address === base;
  const mask = Number(bits) === 0 ? 0 : (0xffffffff << (32 - Number(bits))) >>> 0;
  return (a & mask) >>> 0 === (b & mask) >>> 0;
}

function ipv4(text: string): number | undefined {
  const parts = text.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}
