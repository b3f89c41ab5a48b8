/** The simulated clock of the local AWS, through its admin endpoint. */
export interface LocalClock {
  now(): Promise<Date>;
  advanceDays(days: number): Promise<void>;
}

export function localClock(adminEndpoint: string): LocalClock {
  const ask = async (path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(new URL(path, adminEndpoint), {
      signal: AbortSignal.timeout(60_000),
      ...(body === undefined
        ? {}
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    if (!answer.ok)
      throw new Error(`The local AWS answered ${answer.status} to ${path}: ${await answer.text()}`);
    return answer.json();
  };
  return {
    async now() {
      const { now } = (await ask('/clock')) as { now: string };
      return new Date(now);
    },
    async advanceDays(days) {
      await ask('/clock/advance', { days });
    },
  };
}
