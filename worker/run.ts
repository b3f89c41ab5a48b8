import type { NativeConnection, Worker } from '@temporalio/worker';
import type { Logger } from 'pino';

/** Runs a worker until a signal asks it to stop; it finishes or hands back what it was doing. */
export async function runUntilSignal(
  worker: Worker,
  connection: NativeConnection,
  logger: Logger,
): Promise<void> {
  const stop = (signal: NodeJS.Signals): void => {
    logger.info({ signal }, 'stopping');
    if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await worker.run();
  } finally {
    await connection.close();
    logger.info('stopped');
  }
}

/** What a person at a terminal needs of an error at start: one sentence, no stack. */
export function explain(error: unknown, address: string | undefined): string {
  const said = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && (error.name === 'TransportError' || /connection|transport|tcp/i.test(said)))
    return `Temporal does not answer at ${address ?? 'the address given'}: ${said}. Start it, or set TEMPORAL_ADDRESS.`;
  return said;
}
