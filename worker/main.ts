import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createAwsClients } from '../activities/aws/clients.ts';
import { createControlActivities } from '../activities/index.ts';
import { TASK_QUEUE } from '../domain/names.ts';
import { beating } from './beating.ts';
import { controlPlaneConfig, type ControlPlaneConfig } from './config.ts';
import { createLogger, installRuntime } from './logger.ts';
import { explain, runUntilSignal } from './run.ts';
import { VERSION } from '../domain/version.ts';

/** The control plane: serves the workflows and every activity that talks to AWS. Holds no backup data and no long-lived keys. */
async function main(config: ControlPlaneConfig): Promise<void> {
  const logger = createLogger(config.logLevel, 'control-plane');
  installRuntime(logger);
  const connection = await NativeConnection.connect(config.temporal.connection);
  const client = new Client({ connection, namespace: config.temporal.namespace });
  const clients = createAwsClients({ sessionName: 'lifeboat-control-plane' });
  const worker = await Worker.create({
    connection,
    namespace: config.temporal.namespace,
    taskQueue: TASK_QUEUE,
    ...workflowCode(config),
    activities: createControlActivities({
      clients,
      history: async ({ workflowId, runId }) =>
        (await client.workflow.getHandle(workflowId, runId).fetchHistory()).events ?? [],
      polling: { pollSeconds: config.pollSeconds },
      recordedBy: {
        tool: 'lifeboat',
        version: VERSION,
        confidence: config.local ? 'local' : 'real',
      },
    }),
    // Most activities wait; a thousand resources at eight at once need far fewer than this.
    maxConcurrentActivityTaskExecutions: 200,
    interceptors: { activity: [beating] },
    shutdownGraceTime: '10 seconds',
  });
  logger.info({ taskQueue: TASK_QUEUE, address: config.temporal.address }, 'ready');
  await runUntilSignal(worker, connection, logger);
  clients.destroy();
}

function workflowCode({ workflowBundle }: ControlPlaneConfig) {
  if (workflowBundle !== undefined) return { workflowBundle: { codePath: workflowBundle } };
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return { workflowsPath: fileURLToPath(new URL(`../workflows/index.${extension}`, import.meta.url)) };
}

let address: string | undefined;
try {
  const config = controlPlaneConfig();
  address = config.temporal.address;
  await main(config);
} catch (error) {
  process.stderr.write(`lifeboat control plane: ${explain(error, address)}\n`);
  process.exitCode = 2;
}
