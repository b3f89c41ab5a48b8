import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again until the answer is not `undefined`. @throws what was asked for and never came. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  patienceMs = 30_000,
): Promise<T> {
  for (const until = Date.now() + patienceMs; Date.now() < until; await sleep(15)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  throw new Error(`It never came to this: ${what}`);
}
