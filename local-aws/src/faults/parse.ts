import { AdminRefusal } from '../platform.ts';
import { hasOperation, operationsLike, SERVICE_NAMES, wireName } from './errors.ts';
import { CRASH_POINTS, JOBS, WRITERS } from './points.ts';
import { type FaultKind, type FaultRule, pattern } from './rule.ts';

type Read = (value: unknown, name: string) => string | number;

const CALL = ['service', 'operation', 'account', 'region', 'resource'] as const;
const JOB = ['service', 'job', 'account', 'region', 'resource'] as const;
const FIRING = ['nth', 'times', 'probability', 'seed'] as const;

interface Shape {
  readonly conditions: readonly string[];
  /** Members of this kind alone, with their defaults; undefined = none, `required` = it must be given. */
  readonly members?: Readonly<Record<string, string | number | undefined>>;
  readonly times?: number;
}

const REQUIRED = 'required';
const SHAPES: Readonly<Record<FaultKind, Shape>> = {
  delay: { conditions: CALL, members: { delayMs: 1000 } },
  throttle: { conditions: CALL },
  error: { conditions: CALL, members: { code: REQUIRED, status: undefined, message: undefined } },
  'drop-before': { conditions: CALL },
  'drop-after': { conditions: CALL },
  'cut-off': { conditions: CALL },
  'empty-200': { conditions: CALL },
  html: { conditions: CALL, members: { status: 502 } },
  'expired-token': { conditions: CALL },
  'region-down': { conditions: ['service', 'account', 'region'], members: { mode: 'timeout' }, times: 0 },
  'clock-skew': { conditions: ['service', 'account', 'region'], members: { seconds: REQUIRED }, times: 0 },
  'clock-jump': { conditions: CALL, members: { seconds: REQUIRED } },
  'kill-postgres': { conditions: CALL, members: { instance: '*' } },
  'stall-job': { conditions: JOB, members: { seconds: undefined } },
  'fail-job': {
    conditions: JOB,
    members: { message: 'An internal failure occurred. Please try again.', outcome: undefined },
  },
  crash: { conditions: [...CALL, 'job'], members: { point: REQUIRED } },
  'disk-full': { conditions: ['resource'], members: { writer: REQUIRED }, times: 0 },
};
export const FAULT_KINDS = Object.keys(SHAPES) as FaultKind[];

const READERS: Readonly<Record<string, Read>> = {
  nth: number(1),
  times: number(0),
  probability: number(0, 1),
  seed: number(0),
  delayMs: number(0),
  status: number(100, 599),
  seconds: number(),
  mode: oneOf('timeout', 'refuse'),
  point: oneOf(...Object.keys(CRASH_POINTS)),
  writer: oneOf(...WRITERS),
  service: oneOf(...SERVICE_NAMES),
  account: (value, name) => {
    if (/^\d{12}$/.test(String(value))) return String(value);
    throw new AdminRefusal(`${name} must be twelve digits; got '${String(value)}'.`);
  },
};

/** @throws AdminRefusal naming the first member that is wrong, unknown or missing. */
export function parseFaultRule(input: Readonly<Record<string, unknown>>): FaultRule {
  const kind = FAULT_KINDS.find((known) => known === input['kind']);
  if (!kind)
    throw new AdminRefusal(
      `kind must be one of ${FAULT_KINDS.join(', ')}; got ${JSON.stringify(input['kind'])}.`,
    );
  const { conditions, members = {}, times = 1 } = SHAPES[kind];
  const allowed = [...conditions, ...Object.keys(members), ...FIRING];
  const rule: Record<string, string | number> = { kind, times };
  for (const [name, value] of Object.entries(input)) {
    if (name === 'kind' || value === undefined) continue;
    if (!allowed.includes(name))
      throw new AdminRefusal(
        `A fault of kind ${kind} has no member '${name}'. It may have: ${allowed.join(', ')}.`,
      );
    rule[name] = (READERS[name] ?? text)(value, name);
  }
  for (const [name, fallback] of Object.entries(members)) {
    if (rule[name] !== undefined || fallback === undefined) continue;
    if (fallback === REQUIRED) throw new AdminRefusal(`A fault of kind ${kind} needs ${name}.`);
    rule[name] = fallback;
  }
  const parsed = rule as unknown as FaultRule;
  requireSense(parsed);
  return parsed;
}

function requireSense(rule: FaultRule): void {
  const { service, operation, job } = rule;
  if (operation !== undefined) {
    if (service === undefined) throw new AdminRefusal('operation needs service: names are not unique.');
    if (!hasOperation(service, operation)) {
      const like = operationsLike(service, operation);
      const hint = like.length === 0 ? '' : ` Did you mean ${like.join(', ')}?`;
      throw new AdminRefusal(`${service} has no operation '${operation}'.${hint}`);
    }
  }
  if (job !== undefined && service !== undefined) {
    const jobs: readonly string[] = Object.hasOwn(JOBS, service) ? JOBS[service as keyof typeof JOBS] : [];
    if (!jobs.some(pattern(job)))
      throw new AdminRefusal(`${service} has no job '${job}'. It has: ${jobs.join(', ') || 'none'}.`);
  } else if (job !== undefined && !Object.values(JOBS).flat().some(pattern(job)))
    throw new AdminRefusal(`No service has a job '${job}'. See \`fault points\`.`);
  switch (rule.kind) {
    case 'error': {
      if (service === undefined)
        throw new AdminRefusal('A fault of kind error needs service: its errors are looked up there.');
      const { found, known } = wireName(service, operation, rule.code);
      if (found) return;
      const who = operation === undefined ? service : `${service} ${operation}`;
      throw new AdminRefusal(`${who} has no error '${rule.code}'. It has: ${known.join(', ')}.`);
    }
    case 'region-down':
      if ((rule.region as string | undefined) === undefined)
        throw new AdminRefusal('A fault of kind region-down needs region.');
      return;
    case 'crash': {
      const [family = ''] = rule.point.split('.');
      const refused =
        family === 'call' ? ['job'] : family === 'job' ? ['operation'] : ['service', 'operation', 'job'];
      for (const name of refused)
        if (name in rule) throw new AdminRefusal(`A crash at ${rule.point} cannot be limited by ${name}.`);
      return;
    }
    case 'clock-jump':
      if (rule.seconds < 0) throw new AdminRefusal('The simulated clock never goes back.');
      return;
    default:
  }
}

function text(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number') return String(value); // an id of digits, from the command line
  throw new AdminRefusal(`${name} must be text.`);
}

function number(least?: number, most?: number): Read {
  return (value, name) => {
    const read = typeof value === 'string' && value !== '' ? Number(value) : value;
    const fits =
      typeof read === 'number' &&
      Number.isFinite(read) &&
      read >= (least ?? -Infinity) &&
      read <= (most ?? Infinity);
    if (fits) return read;
    const limits =
      most === undefined
        ? least === undefined
          ? ''
          : ` of ${least} or more`
        : ` from ${least ?? 0} to ${most}`;
    throw new AdminRefusal(`${name} must be a number${limits}; got '${String(value)}'.`);
  };
}

function oneOf(...known: string[]): Read {
  return (value, name) => {
    if (typeof value === 'string' && known.includes(value)) return value;
    throw new AdminRefusal(`${name} must be one of ${known.join(', ')}; got '${String(value)}'.`);
  };
}
