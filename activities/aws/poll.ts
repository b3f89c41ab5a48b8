import { Context } from '@temporalio/activity';

export interface Polling {
  /** Seconds between two looks; jittered by a fifth, so that a fleet does not ask in step. */
  readonly pollSeconds: number;
}

/**
 * Looks again and again until `look` returns something. Own loop instead of SDK waiters, which take every exception for "not yet"
 * (contract §6.3). Ends by itself when the activity is cancelled or its worker shuts down.
 * @param look returns undefined for "keep waiting"; what it throws ends the wait.
 */
export async function pollUntil<T>(
  { pollSeconds }: Polling,
  look: () => Promise<{ done: T } | { waiting: string }>,
): Promise<T> {
  const context = Context.current();
  for (;;) {
    const seen = await look();
    if ('done' in seen) return seen.done;
    context.heartbeat(seen.waiting);
    await context.sleep(Math.max(10, pollSeconds * 1000 * (0.9 + Math.random() * 0.2)));
  }
}
