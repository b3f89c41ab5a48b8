import { beforeAll, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { workflowBundle } from '../support/temporal.ts';

/** Runs that were open when the code changed must go on under the new code. Histories are added, and never taken away. */
const folder = join(import.meta.dirname, 'histories');
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const types = [
  'nightlyRun',
  'protectResource',
  'restoreDrill',
  'restoreRequest',
  'retentionPass',
  'sweepOrphans',
];

interface Event {
  activityTaskScheduledEventAttributes?: { activityType: { name: string } };
}

beforeAll(() => {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { forward: {}, filter: 'ERROR' } },
  });
});

function history(file: string): { events: Event[] } {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as { events: Event[] };
}

async function replay(recorded: object): Promise<void> {
  await Worker.runReplayHistory({ workflowBundle: workflowBundle() }, recorded);
}

test.each(types)('there is a history of %s to replay', (type) => {
  expect(files.filter((name) => name.endsWith(`.${type}.json`))).not.toHaveLength(0);
});

test.each(files)('%s replays under the code of today', async (file) => {
  await replay(history(file));
});

test('a history in which another activity was scheduled is refused', async () => {
  const altered = history(files.find((name) => name.endsWith('.restoreDrill.json')) ?? '');
  const scheduled = altered.events.filter(
    (event) => event.activityTaskScheduledEventAttributes !== undefined,
  );
  const first = scheduled[0]?.activityTaskScheduledEventAttributes;
  expect(first).toBeDefined();
  if (first !== undefined) first.activityType.name = 'deleteEverything';
  await expect(replay(altered)).rejects.toThrow(/[Nn]ondeterminism/);
});
