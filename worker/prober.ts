import { readFileSync } from 'node:fs';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createAwsClients } from '../activities/aws/clients.ts';
import { createFingerprintStore } from '../activities/ledger/fingerprints.ts';
import { createProberActivities } from '../activities/prober.ts';
import { beating } from './beating.ts';
import { proberConfig, type ProberConfig } from './config.ts';
import { createLogger, installRuntime } from './logger.ts';
import { explain, runUntilSignal } from './run.ts';

/**
 * A prober: runs inside one network, on its own task queue, with its own role. It reads databases and lets only digests, counts and
 * timings out. It serves no workflows.
 */
async function main(config: ProberConfig): Promise<void> {
  const logger = createLogger(config.logLevel, config.taskQueue);
  installRuntime(logger);
  const connection = await NativeConnection.connect(config.temporal.connection);
  const clients = createAwsClients({ sessionName: 'lifeboat-prober' });
  const activities = createProberActivities({
    clients,
    store: createFingerprintStore(clients),
    ca: readFileSync(config.caBundle, 'utf8'),
    folder: config.folder,
    now: () => new Date(),
    ...(config.localAddress === undefined ? {} : { localAddress: config.localAddress }),
  });
  const worker = await Worker.create({
    connection,
    namespace: config.temporal.namespace,
    taskQueue: config.taskQueue,
    activities: { ...activities },
    // The load on a source is bounded by policy; two at a time keep one slow database from holding up another.
    maxConcurrentActivityTaskExecutions: 2,
    interceptors: { activity: [beating] },
    shutdownGraceTime: '10 seconds',
  });
  logger.info({ taskQueue: config.taskQueue, address: config.temporal.address }, 'ready');
  await runUntilSignal(worker, connection, logger);
  clients.destroy();
}

let address: string | undefined;
try {
  const config = proberConfig();
  address = config.temporal.address;
  await main(config);
} catch (error) {
  process.stderr.write(`lifeboat prober: ${explain(error, address)}\n`);
  process.exitCode = 2;
}
