import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TASK_QUEUE } from '../../domain/names.ts';
import type { NightRequest } from '../../domain/requests.ts';
import type { nightlyRun } from '../../workflows/index.ts';
import { wholeSite, type WholeSite } from '../support/whole-site.ts';

let site: WholeSite;
beforeAll(async () => {
  site = await wholeSite();
}, 180_000);
afterAll(async () => site?.stop(), 60_000);

async function night(changes: Partial<NightRequest> = {}) {
  const slot = `${new Date().toISOString().slice(0, 19)}Z`;
  return site.client.workflow.start<typeof nightlyRun>('nightlyRun', {
    taskQueue: TASK_QUEUE,
    workflowId: `night/night-${slot}`,
    args: [{ policy: site.zone.policy, policySha256: 'ab'.repeat(32), slot, ...changes }],
  });
}

test('a night on a busy database ends passed and sealed', async () => {
  const handle = await night();
  const result = await handle.result();
  expect(result).toMatchObject({ verdict: 'passed', seal: { sequence: 1 } });
}, 180_000);
