import type { Seeded } from '../../../src/pg/seeded.ts';
import type { Promises } from './promises.ts';
import type { Clients, Thing } from './things.ts';

const NAMES_PER_WRITER = 2;

/** Writes until the server is gone. */
export async function change(
  clients: Clients,
  promises: Promises,
  thing: Thing,
  writer: number,
  lot: Seeded,
): Promise<void> {
  for (;;) {
    const told = promises.of(thing, `w${writer}-${lot.below(NAMES_PER_WRITER)}`);
    const remove = thing.remove !== undefined && told.settled !== undefined && lot.below(5) === 0;
    const value = remove ? undefined : String(1 + lot.below(1_000_000));
    told.asked = { value };
    try {
      if (value === undefined) await thing.remove?.(clients, told.name);
      else await thing.write(clients, told.name, value, told.settled);
    } catch (err) {
      if (isAnswer(err)) throw new Error(`${thing.kind} ${told.name} was refused`, { cause: err });
      return;
    }
    told.settled = value;
    told.asked = undefined;
    promises.answered += 1;
  }
}

/** Whether a server answered; a connection that broke is no answer. */
export function isAnswer(err: unknown): boolean {
  return (err as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode !== undefined;
}
