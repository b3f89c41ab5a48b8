import type { Events } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';
import type { WireError } from '../wire/protocol.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { fires, type FaultRule, type LiveRule } from './rule.ts';

/** How the server is to misbehave instead of answering. */
export type Misbehaviour =
  | { readonly kind: 'drop' }
  | { readonly kind: 'answer'; readonly status: number; readonly contentType: string; readonly body: string }
  | { readonly kind: 'error'; readonly error: WireError };

export interface FaultEngine {
  add(rule: FaultRule): LiveRule;
  list(): readonly LiveRule[];
  /** Removes one, or all. Returns how many. */
  clear(id?: string): number;
  /** Evaluated after authentication, before the handler. Delays are waited for here. */
  before(call: Call): Promise<Misbehaviour | undefined>;
  /** Evaluated after the handler's effect, before its answer. */
  after(call: Call): Misbehaviour | undefined;
}

const HTML = '<html><body><h1>502 Bad Gateway</h1></body></html>';
const AFTER: ReadonlySet<FaultRule['kind']> = new Set(['drop-after', 'empty-200', 'html']);

export function createFaults(events: Events): FaultEngine {
  let rules: LiveRule[] = [];
  let nextId = 1;

  const firing = (call: Call, phase: 'before' | 'after'): LiveRule[] => {
    const fired = rules.filter((rule) => AFTER.has(rule.kind) === (phase === 'after') && fires(rule, call));
    for (const rule of fired) {
      rule.fired += 1;
      events.record({
        ...describe(call),
        kind: 'fault',
        detail: `${rule.kind} (rule ${rule.id}, firing ${rule.fired})`,
      });
    }
    return fired;
  };

  return {
    add(rule) {
      const live: LiveRule = { ...rule, id: `fault-${nextId++}`, seen: 0, fired: 0, random: rule.seed ?? 1 };
      rules.push(live);
      return live;
    },
    list: () => rules,
    clear(id) {
      const before = rules.length;
      rules = id === undefined ? [] : rules.filter((rule) => rule.id !== id);
      return before - rules.length;
    },
    async before(call) {
      let result: Misbehaviour | undefined;
      for (const rule of firing(call, 'before')) {
        if (rule.kind === 'delay') await sleep(rule.delayMs ?? 1000);
        else result ??= misbehaviour(rule, call);
      }
      return result;
    },
    after(call) {
      const [rule] = firing(call, 'after');
      return rule ? misbehaviour(rule, call) : undefined;
    },
  };
}

function describe({ service, operation, accountId, region, principalArn, requestId }: Call) {
  return { service, operation, accountId, region, principalArn, requestId };
}

function misbehaviour(rule: LiveRule, call: Call): Misbehaviour {
  switch (rule.kind) {
    case 'drop-before':
    case 'drop-after':
      return { kind: 'drop' };
    case 'empty-200':
      return { kind: 'answer', status: 200, contentType: 'text/plain', body: '' };
    case 'html':
      return { kind: 'answer', status: rule.status ?? 502, contentType: 'text/html', body: HTML };
    case 'throttle':
      return { kind: 'error', error: throttling(call.service) };
    case 'error':
      return {
        kind: 'error',
        error: {
          code: rule.code ?? 'InternalFailure',
          status: rule.status ?? 500,
          message: rule.message ?? 'Injected by a fault rule.',
        },
      };
    case 'delay':
      throw new Error('A delay is waited for, not answered.');
  }
}

function throttling(service: string): WireError {
  const message = 'Rate exceeded';
  switch (service) {
    case 's3':
      return { code: 'SlowDown', status: 503, message: 'Please reduce your request rate.' };
    case 'ec2':
      return { code: 'RequestLimitExceeded', status: 503, message };
    case 'kms':
    case 'secretsmanager':
    case 'backup':
      return { code: 'ThrottlingException', status: 400, message };
    default:
      return { code: 'Throttling', status: 400, message };
  }
}
