import type { ProbeHooks } from './engine.ts';

const EVERY_MS = 2_000;

/** Heartbeats while `work` runs, with the last thing it said. */
export async function keepAlive<T>(
  hooks: ProbeHooks,
  firstDetail: string,
  work: (say: (detail: string) => void) => Promise<T>,
): Promise<T> {
  let detail = firstDetail;
  hooks.heartbeat(detail);
  const timer = setInterval(() => hooks.heartbeat(detail), EVERY_MS);
  try {
    return await work((next) => (detail = next));
  } finally {
    clearInterval(timer);
  }
}
