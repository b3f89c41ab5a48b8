import { Context } from '@temporalio/activity';

export interface Polling {
  /** Seconds between two looks; jittered by a fifth, so that a fleet does not ask in step. */
  readonly pollSeconds: number;
}

/** How often a waiting activity tells Temporal that its worker lives; the heartbeat time-outs of the workflows allow several misses. */
const BEAT_SECONDS = 5;

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
    const until = Date.now() + pollSeconds * 1000 * (0.9 + Math.random() * 0.2);
    do {
      context.heartbeat(seen.waiting);
      await context.sleep(Math.max(10, Math.min(BEAT_SECONDS * 1000, until - Date.now())));
    } while (Date.now() < until);
  }
}

/** Heartbeats while one long piece of work runs. */
export async function heartbeating<T>(detail: () => string, work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(detail()), BEAT_SECONDS * 1000);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
