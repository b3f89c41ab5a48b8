import { randomUUID } from 'node:crypto';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, Runtime, Worker, type NativeConnection } from '@temporalio/worker';
import { TASK_QUEUE } from '../../domain/names.ts';
import type { FakeSite } from '../support/fake-site.ts';
import { workflowBundle } from '../support/temporal.ts';
import type * as workflows from '../../workflows/index.ts';

type Workflows = typeof workflows;
type Name = keyof Workflows;

/** Where the workflows run: a time-skipping test environment, or connections to any server. */
export interface Serving {
  readonly nativeConnection: NativeConnection;
  readonly client: Client;
}

export function quietRuntime(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { forward: {}, filter: 'ERROR' } },
  });
}

/**
 * Serves the real workflows, with the fake site behind every activity, on the control plane's and both probers' queues, and hands
 * `use` a way to start them.
 */
export async function serving<T>(
  env: Serving,
  site: FakeSite,
  use: (
    start: <N extends Name>(
      name: N,
      request: Parameters<Workflows[N]>[0],
      workflowId?: string,
    ) => Promise<WorkflowHandle<Workflows[N]>>,
  ) => Promise<T>,
): Promise<T> {
  const { nativeConnection: connection, client } = env;
  const activities = site.activities as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const control = await Worker.create({
    connection,
    taskQueue: TASK_QUEUE,
    workflowBundle: workflowBundle(),
    activities,
  });
  const probers = await Promise.all(
    ['production', 'drill'].map((network) =>
      Worker.create({ connection, taskQueue: `lifeboat-prober-${network}`, activities }),
    ),
  );
  const running = [control, ...probers].map((worker) => worker.run());
  try {
    return await use(async (name, request, workflowId) =>
      client.workflow.start<Workflows[typeof name]>(name, {
        taskQueue: TASK_QUEUE,
        workflowId: workflowId ?? `${name}/${randomUUID()}`,
        args: [request] as never,
      }),
    );
  } finally {
    for (const worker of [control, ...probers]) worker.shutdown();
    await Promise.all(running);
  }
}
