import { AdminRefusal } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';

export const FAULT_KINDS = [
  'delay',
  'throttle',
  'error',
  'drop-before',
  'drop-after',
  'empty-200',
  'html',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** When to misbehave, and how. Everything that is left out matches all. */
export interface FaultRule {
  readonly kind: FaultKind;
  readonly service?: string;
  readonly operation?: string;
  readonly account?: string;
  readonly region?: string;
  /** Fires at the n-th matching call (1 = the first) and from then on, as often as `times` says. */
  readonly nth?: number;
  /** How often it fires at most; default 1, 0 = without limit. */
  readonly times?: number;
  /** 0 to 1; decided by a generator with `seed`, so a run can be repeated. */
  readonly probability?: number;
  readonly seed?: number;
  readonly delayMs?: number;
  /** For kind `error`: the wire code, HTTP status and message. */
  readonly code?: string;
  readonly status?: number;
  readonly message?: string;
}

export interface LiveRule extends FaultRule {
  readonly id: string;
  seen: number;
  fired: number;
  random: number;
}

/** Counts the call if it matches, and says whether the rule fires for it. */
export function fires(rule: LiveRule, call: Call): boolean {
  const fits =
    (rule.service === undefined || rule.service === call.service) &&
    (rule.operation === undefined || rule.operation === call.operation) &&
    (rule.account === undefined || rule.account === call.accountId) &&
    (rule.region === undefined || rule.region === call.region);
  if (!fits) return false;
  rule.seen += 1;
  const times = rule.times ?? 1;
  if (times !== 0 && rule.fired >= times) return false;
  if (rule.seen < (rule.nth ?? 1)) return false;
  return rule.probability === undefined || nextRandom(rule) < rule.probability;
}

/** mulberry32: small, seeded, good enough to choose calls. */
function nextRandom(rule: LiveRule): number {
  rule.random = (rule.random + 0x6d2b79f5) | 0;
  let t = Math.imul(rule.random ^ (rule.random >>> 15), 1 | rule.random);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
}

const STRINGS = ['service', 'operation', 'account', 'region', 'code', 'message'] as const;
const NUMBERS = ['nth', 'times', 'probability', 'seed', 'delayMs', 'status'] as const;

/** @throws AdminRefusal naming the first member that is wrong or unknown. */
export function parseFaultRule(input: Readonly<Record<string, unknown>>): FaultRule {
  const kind = FAULT_KINDS.find((known) => known === input['kind']);
  if (!kind)
    throw new AdminRefusal(`kind must be one of ${FAULT_KINDS.join(', ')}; got '${String(input['kind'])}'.`);
  const rule: Record<string, string | number> = { kind };
  for (const [name, value] of Object.entries(input)) {
    if (name === 'kind') continue;
    if (STRINGS.some((known) => known === name)) {
      if (typeof value !== 'string') throw new AdminRefusal(`${name} must be a string.`);
      rule[name] = value;
    } else if (NUMBERS.some((known) => known === name)) {
      const number = typeof value === 'string' ? Number(value) : value;
      if (typeof number !== 'number' || Number.isNaN(number) || number < 0)
        throw new AdminRefusal(`${name} must be a number of 0 or more.`);
      rule[name] = number;
    } else throw new AdminRefusal(`A fault rule has no member '${name}'.`);
  }
  return rule as unknown as FaultRule;
}
