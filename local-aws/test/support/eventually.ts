import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again until the answer is not `undefined`. @throws what was asked for and never came. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  patienceMs = 120_000,
  everyMs = 15,
): Promise<T> {
  const until = Date.now() + patienceMs;
  while (Date.now() < until) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(everyMs);
  }
  throw new Error(`It never came to this: ${what}`);
}
