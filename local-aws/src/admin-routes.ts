import type { Assembly } from './assemble.ts';
import { FAULT_KINDS, parseFaultRule } from './faults/parse.ts';
import { CRASH_POINTS, JOBS, WRITERS } from './faults/points.ts';
import { AdminRefusal } from './platform.ts';

const UNITS = { days: 86_400_000, hours: 3_600_000, minutes: 60_000, seconds: 1000 } as const;

/** The admin routes that belong to no service. */
export function registerAdminRoutes({ platform, admin, faults, keyStore }: Assembly): void {
  const { clock, events } = platform;
  const clockNow = () => ({
    now: clock.now().toISOString(),
    real: clock.real().toISOString(),
    offsetSeconds: clock.offsetMs / 1000,
  });

  admin.status('accounts', () =>
    keyStore.accounts().map(({ id, name, key }) => ({ id, name, accessKeyId: key.accessKeyId })),
  );
  admin.status('clock', clockNow);
  admin.status('pace', () => ({ scale: platform.pace.scale }));
  admin.status('faults', () => ({ rules: faults.list(), file: faults.file() ?? null }));

  admin.route('GET', '/clock', async () => clockNow());
  admin.route('POST', '/clock/advance', async (input) => {
    await clock.advance(readDuration(input));
    const state = clockNow();
    events.record({ kind: 'clock', detail: `advanced to ${state.now}` });
    return state;
  });

  admin.route('GET', '/events', async ({ limit, kind, service, since }) => ({
    events: events.list({
      limit: limit === undefined ? 1000 : Number(limit),
      ...(typeof kind === 'string' ? { kind } : {}),
      ...(typeof service === 'string' ? { service } : {}),
      ...(typeof since === 'string' ? { since } : {}),
    }),
  }));

  admin.route('GET', '/faults', async () => ({ faults: faults.list(), file: faults.file() ?? null }));
  admin.route('GET', '/faults/points', async () => ({
    ...{ kinds: FAULT_KINDS, crashPoints: CRASH_POINTS, jobs: JOBS, writers: WRITERS },
  }));
  admin.route('POST', '/faults', async (input) => faults.add(parseFaultRule(input)));
  admin.route('DELETE', '/faults', async ({ id }) => ({
    cleared: faults.clear(typeof id === 'string' ? id : undefined),
  }));
}

function readDuration(input: Readonly<Record<string, unknown>>): number {
  const given = Object.entries(UNITS).filter(([unit]) => input[unit] !== undefined);
  if (given.length === 0) throw new AdminRefusal('Say how far: days, hours, minutes or seconds.');
  return given.reduce((sum, [unit, ms]) => {
    const amount = Number(input[unit]);
    if (!Number.isFinite(amount) || amount < 0)
      throw new AdminRefusal(`${unit} must be a number of 0 or more: the clock never goes back.`);
    return sum + amount * ms;
  }, 0);
}
