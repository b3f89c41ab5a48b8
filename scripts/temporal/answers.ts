import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';

/**
 * Waits until the Temporal server at `address` knows `namespace`.
 * @returns false when it did not within `timeoutMs`, or when `gaveUp` resolved first.
 */
export async function answers(
  address: string,
  namespace: string,
  { timeoutMs, gaveUp }: { timeoutMs: number; gaveUp: Promise<void> },
): Promise<boolean> {
  let over = false;
  const stopAsking = (): void => {
    over = true;
  };
  void gaveUp.then(stopAsking);
  const timer = setTimeout(stopAsking, timeoutMs);
  // It asks again by itself: the SDK's own repetitions would outlive the connection.
  const connection = Connection.lazy({ address, interceptors: [] });
  const stillAsking = (): boolean => !over; // `over` changes behind the type checker's back
  try {
    while (stillAsking()) {
      try {
        await accepts(address); // first, since gRPC waits a whole second after a refused connection
        await connection.withDeadline(Date.now() + 2_000, () =>
          connection.workflowService.describeNamespace({ namespace }),
        );
        return true;
      } catch {
        await sleep(50); // refused, or up but still creating the namespace: ask again until time is up
      }
    }
    return false;
  } finally {
    clearTimeout(timer);
    await connection.close();
  }
}

async function accepts(address: string): Promise<void> {
  const { hostname, port } = new URL(`tcp://${address}`);
  await new Promise<void>((resolve, reject) => {
    const socket = createConnection({ host: hostname, port: Number(port) }, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
