import { existsSync } from 'node:fs';
import { findTemporal } from '../../scripts/temporal/resolve.ts';
import { cachedWorkflowBundle } from '../../scripts/workflow-bundle.ts';

/**
 * Once per run of jest: finds both Temporal servers and bundles the workflows, and passes the paths on in the environment. What cannot
 * be had fails the tests that ask for it, with the reason, and no others.
 */
export default async function globalSetup(): Promise<void> {
  await Promise.all([
    offer('LIFEBOAT_TEST_TEMPORAL', async () => (await findTemporal('dev-server')).path),
    offer('LIFEBOAT_TEST_TEMPORAL_TEST_SERVER', async () => (await findTemporal('test-server')).path),
    offer('LIFEBOAT_TEST_WORKFLOW_BUNDLE', cachedWorkflowBundle),
  ]);
}

async function offer(variable: string, get: () => Promise<string>): Promise<void> {
  try {
    process.env[variable] = await get();
  } catch (err) {
    process.env[`${variable}_PROBLEM`] = err instanceof Error ? err.message : String(err);
  }
}

/** @throws Error with the reason for which the global setup could not offer `variable`. */
export function offered(variable: string): string {
  const path = process.env[variable];
  if (path !== undefined && existsSync(path)) return path;
  throw new Error(
    process.env[`${variable}_PROBLEM`] ?? `${variable} is not set: is jest's global setup configured?`,
  );
}
