import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ControlPlane } from '../../cli/control-plane.ts';
import { CouldNot } from '../../cli/exit-status.ts';
import { loadPolicy } from '../../cli/policy-file.ts';
import { startNight } from '../../cli/runs.ts';
import { applySchedules } from '../../cli/schedules.ts';
import { connectControlPlane } from '../../cli/temporal-control-plane.ts';
import type { DevServer } from '../../scripts/temporal/dev-server.ts';
import { temporalSettings } from '../../worker/temporal-connection.ts';
import { NOW, POLICY_FILE } from '../support/cli-world.ts';
import { devServer } from '../support/temporal.ts';

let server: DevServer;
let plane: ControlPlane;
const loaded = loadPolicy(POLICY_FILE, () => undefined);
const NIGHT = 'lifeboat/night/night';
const SWEEP = 'lifeboat/night/sweep';

beforeAll(async () => {
  server = await devServer();
  plane = await connectControlPlane(temporalSettings({ TEMPORAL_ADDRESS: server.address }));
});

afterAll(async () => {
  await plane.close();
  await server.stop();
});

test('what was applied reads back as the same, so that a second apply changes nothing', async () => {
  const first = await applySchedules(plane, loaded);
  expect(first.map(({ change }) => change)).toEqual(['created', 'created']);

  const second = await applySchedules(plane, loaded);

  expect(second).toEqual([
    { schedule: NIGHT, change: 'unchanged', says: [], paused: false },
    { schedule: SWEEP, change: 'unchanged', says: [], paused: false },
  ]);
  const night = await plane.schedule(NIGHT);
  expect(night).toMatchObject({
    when: { cron: loaded.policy.schedule.cron, timezone: 'UTC' },
    type: 'nightlyRun',
    overlap: 'SKIP',
    catchUpSeconds: 21_600,
  });
  expect(new Date(night?.next ?? 0).toISOString()).toMatch(/T02:30:00\.000Z$/);
  expect(await plane.schedule(SWEEP)).toMatchObject({ when: { everySeconds: 3600 } });
});

test('another zone and another time are noticed and written', async () => {
  const moved = {
    ...loaded,
    policySha256: 'f'.repeat(64),
    policy: {
      ...loaded.policy,
      schedule: { ...loaded.policy.schedule, cron: '15 4 * * 1-5', timezone: 'Europe/Berlin' },
    },
  };
  const [night] = await applySchedules(plane, moved);
  expect(night?.says).toContain('when: "30 2 * * *" (UTC) → "15 4 * * 1-5" (Europe/Berlin)');
  expect(await plane.schedule(NIGHT)).toMatchObject({
    when: { cron: '15 4 * * 1-5', timezone: 'Europe/Berlin' },
  });
  expect((await applySchedules(plane, moved))[0]?.change).toBe('unchanged');
});

test('a schedule that does not exist is null, and so is a run', async () => {
  expect(await plane.schedule('lifeboat/nobody/night')).toBeNull();
  expect(await plane.describe('night/nobody-1')).toBeNull();
});

test('a run can be started once; the second start is refused in words', async () => {
  const { id } = await startNight(plane, loaded, NOW);
  expect(await plane.describe(id)).toMatchObject({ status: 'running', type: 'nightlyRun' });

  const again = startNight(plane, loaded, NOW);

  await expect(again).rejects.toBeInstanceOf(CouldNot);
  await expect(again).rejects.toThrow(`A run with the id ${id} exists already.`);
  expect(await plane.workersOn('lifeboat')).toBe(0);
});

test('a server that is not there, and a namespace that is not there, are said in words', async () => {
  const nobody = connectControlPlane(temporalSettings({ TEMPORAL_ADDRESS: '127.0.0.1:1' }));
  await expect(nobody).rejects.toThrow('Temporal at 127.0.0.1:1 does not answer.');

  const elsewhere = await connectControlPlane(
    temporalSettings({ TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: 'elsewhere' }),
  );
  try {
    await expect(elsewhere.schedule(NIGHT)).rejects.toThrow('has no namespace "elsewhere"');
  } finally {
    await elsewhere.close();
  }
});
