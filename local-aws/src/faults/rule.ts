import type { CrashPoint, Writer } from './points.ts';

/** What decides whether a call or a job is meant. Everything that is left out matches all. */
export interface Conditions {
  readonly service?: string;
  readonly operation?: string;
  /** Background work by name, a pattern with `*`; see `fault points`. */
  readonly job?: string;
  /** Twelve digits. */
  readonly account?: string;
  readonly region?: string;
  /** A pattern with `*`: an id, a name or an ARN among the call's parameters, `bucket/key` for S3, or a file of the state folder. */
  readonly resource?: string;
}

/** How often, and when. */
export interface Firing {
  /** Fires at the n-th match (1 = the first) and from then on, as often as `times` says. */
  readonly nth?: number;
  /** How often it fires at most; 0 = without limit. */
  readonly times?: number;
  /** 0 to 1; decided by a generator with `seed`, so a run can be repeated. */
  readonly probability?: number;
  readonly seed?: number;
}

type Kinds =
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'throttle' | 'drop-before' | 'drop-after' | 'cut-off' | 'empty-200' | 'expired-token' }
  | { readonly kind: 'html'; readonly status: number }
  | {
      readonly kind: 'error';
      readonly service: string;
      /** Of the SDK (`DBSnapshotNotFoundFault`) or of the wire (`DBSnapshotNotFound`). */
      readonly code: string;
      readonly status?: number;
      readonly message?: string;
    }
  /** `timeout`: the call hangs until its caller gives up or the rule is cleared; `refuse`: its connection is closed. */
  | { readonly kind: 'region-down'; readonly region: string; readonly mode: 'timeout' | 'refuse' }
  /** The server's wall clock is so many seconds ahead (below 0: behind), as far as signatures and `Date` are concerned. */
  | { readonly kind: 'clock-skew'; readonly seconds: number }
  /** Moves the simulated clock: at once when no call is named, else when the call comes. */
  | { readonly kind: 'clock-jump'; readonly seconds: number }
  /** Ends PostgreSQL as kill -9 would: at once when no call is named, else when the call comes. `instance` is a pattern. */
  | { readonly kind: 'kill-postgres'; readonly instance: string }
  | { readonly kind: 'stall-job'; readonly seconds?: number }
  | { readonly kind: 'fail-job'; readonly message: string; readonly outcome?: string }
  | { readonly kind: 'crash'; readonly point: CrashPoint }
  | { readonly kind: 'disk-full'; readonly writer: Writer };

/** When to misbehave, and how. */
export type FaultRule = Kinds & Conditions & Firing & { readonly times: number };
export type FaultKind = FaultRule['kind'];
export type RuleOf<K extends FaultKind> = Extract<FaultRule, { readonly kind: K }>;

/** What a rule has seen and done; kept over restarts. */
export interface Count {
  seen: number;
  fired: number;
  random: number;
}

export type LiveRule = FaultRule & { readonly id: string; readonly count: Count };

/** What is happening: a call, a job, a write. Names are what its `resource` may be called. */
export interface Occasion {
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  readonly job?: string | undefined;
  readonly accountId?: string | undefined;
  readonly region?: string | undefined;
  readonly names: () => readonly string[];
}

export function newCount(rule: FaultRule): Count {
  return { seen: 0, fired: 0, random: rule.seed ?? 1 };
}

export function isSpent({ times, count }: LiveRule): boolean {
  return times !== 0 && count.fired >= times;
}

/** Counts the occasion if it matches, and says whether the rule fires for it. */
export function fires(rule: LiveRule, occasion: Occasion): boolean {
  if (!matches(rule, occasion)) return false;
  const { count } = rule;
  count.seen += 1;
  if (isSpent(rule) || count.seen < (rule.nth ?? 1)) return false;
  if (rule.probability !== undefined && nextRandom(count) >= rule.probability) return false;
  count.fired += 1;
  return true;
}

/** Jobs that go on while an instance is available. */
const ONLY_BY_NAME: ReadonlySet<string> = new Set(['run-instance', 'load-blocks']);

function matches(rule: LiveRule, occasion: Occasion): boolean {
  const fits = (wanted: string | undefined, actual: string | undefined): boolean =>
    wanted === undefined || wanted === actual;
  return (
    fits(rule.service, occasion.service) &&
    fits(rule.operation, occasion.operation) &&
    (rule.job === undefined
      ? !(occasion.job !== undefined && ONLY_BY_NAME.has(occasion.job))
      : occasion.job !== undefined && pattern(rule.job)(occasion.job)) &&
    fits(rule.account, occasion.accountId) &&
    fits(rule.region, occasion.region) &&
    (rule.resource === undefined || occasion.names().some(pattern(rule.resource)))
  );
}

/** `*` is any text; case does not matter, since RDS stores ids in lower case. */
export function pattern(text: string): (name: string) => boolean {
  const parts = text.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const expression = new RegExp(`^${parts.join('.*')}$`, 'is');
  return (name) => expression.test(name);
}

/** mulberry32: small, seeded, good enough to choose calls. */
function nextRandom(count: Count): number {
  count.random = (count.random + 0x6d2b79f5) | 0;
  let t = Math.imul(count.random ^ (count.random >>> 15), 1 | count.random);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
}
