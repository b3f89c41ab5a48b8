import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { startDevServer } from '../../scripts/temporal/dev-server.ts';
import type { DevServer } from '../../scripts/temporal/dev-server.ts';
import { offered } from './global-setup.ts';

/** For `Worker.create({ workflowBundle, … })`: the workflows as they are now, bundled once per run of jest. */
export function workflowBundle(): { codePath: string } {
  return { codePath: offered('LIFEBOAT_TEST_WORKFLOW_BUNDLE') };
}

/** Temporal's test server, on which a wait of 90 days takes 0.1 s. End it with `teardown()`. */
export async function timeSkippingEnvironment(): Promise<TestWorkflowEnvironment> {
  const path = offered('LIFEBOAT_TEST_TEMPORAL_TEST_SERVER');
  return TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
}

/** A real development server on free ports, with its state in a temporary folder unless one is given. End it with `stop()`. */
export async function devServer(options: { stateDir?: string; namespace?: string } = {}): Promise<DevServer> {
  const executable = offered('LIFEBOAT_TEST_TEMPORAL');
  if (options.stateDir !== undefined)
    return startDevServer({ ...options, stateDir: options.stateDir, executable });
  const stateDir = await mkdtemp(join(tmpdir(), 'lifeboat-temporal-state-'));
  const server = await startDevServer({ ...options, stateDir, executable });
  // Nobody reads its state again, so it need not take its time to close it.
  const stop = async (): Promise<void> => {
    await server.kill();
    await rm(stateDir, { recursive: true, force: true });
  };
  return { ...server, stop, kill: stop };
}
