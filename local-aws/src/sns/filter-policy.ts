import { notImplemented } from '../wire/errors.ts';
import { invalid } from './faults.ts';

export interface MessageAttribute {
  readonly DataType?: string | undefined;
  readonly StringValue?: string | undefined;
  readonly BinaryValue?: Uint8Array | undefined;
}

type Attributes = Readonly<Record<string, MessageAttribute>>;
type Rule = string | number | boolean | null | Readonly<Record<string, unknown>>;

const OPERATORS = new Set(['prefix', 'suffix', 'anything-but', 'exists', 'numeric', 'equals-ignore-case']);

/** @throws InvalidParameter, and 501 for operators that are not evaluated here */
export function parseFilterPolicy(text: string): Readonly<Record<string, readonly Rule[]>> {
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch {
    throw invalid('FilterPolicy: failed to parse JSON.');
  }
  if (typeof policy !== 'object' || policy === null || Array.isArray(policy))
    throw invalid('FilterPolicy: Filter policy must be an object.');
  for (const [name, rules] of Object.entries(policy as Record<string, unknown>)) {
    if (name.startsWith('$')) throw notImplemented('sns', `filter policies with ${name}`);
    if (!Array.isArray(rules)) throw invalid(`FilterPolicy: "${name}" must be an object or an array`);
    for (const rule of rules as unknown[]) {
      const odd = isRecord(rule) ? Object.keys(rule).find((key) => !OPERATORS.has(key)) : undefined;
      if (odd !== undefined) throw notImplemented('sns', `filter policies with the operator ${odd}`);
    }
  }
  return policy as Record<string, Rule[]>;
}

/** All names must fit, each by any of its rules. */
export function fits(policy: Readonly<Record<string, readonly Rule[]>>, attributes: Attributes): boolean {
  return Object.entries(policy).every(([name, rules]) => {
    const values = valuesOf(attributes[name]);
    return rules.some((rule) => {
      if (isRecord(rule) && 'exists' in rule) return rule['exists'] === (values !== undefined);
      return values?.some((value) => ruleFits(rule, value)) ?? false;
    });
  });
}

function valuesOf(attribute: MessageAttribute | undefined): (string | number)[] | undefined {
  if (!attribute) return undefined;
  const { DataType = 'String', StringValue = '' } = attribute;
  if (DataType.startsWith('Number')) return [Number(StringValue)];
  if (DataType !== 'String.Array') return [StringValue];
  const parsed = JSON.parse(StringValue) as unknown;
  return Array.isArray(parsed) ? (parsed as (string | number)[]) : [StringValue];
}

function ruleFits(rule: Rule, value: string | number): boolean {
  if (!isRecord(rule)) return rule === value;
  const text = String(value);
  return Object.entries(rule).every(([operator, wanted]) => {
    switch (operator) {
      case 'prefix':
        return text.startsWith(String(wanted));
      case 'suffix':
        return text.endsWith(String(wanted));
      case 'equals-ignore-case':
        return text.toLowerCase() === String(wanted).toLowerCase();
      case 'anything-but':
        if (isRecord(wanted)) return !ruleFits(wanted, value);
        return !(Array.isArray(wanted) ? (wanted as unknown[]) : [wanted]).includes(value);
      case 'numeric':
        return typeof value === 'number' && numericFits(wanted as unknown[], value);
      default:
        return false;
    }
  });
}

/** Pairs of comparison and number, e.g. `[">", 0, "<=", 150]`. */
function numericFits(wanted: readonly unknown[], value: number): boolean {
  for (let index = 0; index < wanted.length; index += 2) {
    const limit = Number(wanted[index + 1]);
    const holds = {
      '=': value === limit,
      '>': value > limit,
      '>=': value >= limit,
      '<': value < limit,
      '<=': value <= limit,
    };
    if (!holds[wanted[index] as keyof typeof holds]) return false;
  }
  return true;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
