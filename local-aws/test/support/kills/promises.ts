import type { Clients, Thing } from './things.ts';

/** What one writer was told about one thing. */
interface Told {
  readonly thing: Thing;
  readonly name: string;
  /** The last value that was answered 2xx; undefined = it is not there. */
  settled: string | undefined;
  /** What the call that was cut off would have made of it. */
  asked: { readonly value: string | undefined } | undefined;
}

/** Everything that clients were told, to be compared with what is there. */
export class Promises {
  readonly #told = new Map<string, Told>();
  /** Things that never change again: made, and answered 2xx. */
  readonly #forever: {
    readonly what: string;
    readonly holds: (clients: Clients) => Promise<string | undefined>;
  }[] = [];
  answered = 0;

  of(thing: Thing, name: string): Told {
    const key = `${thing.kind}/${name}`;
    let told = this.#told.get(key);
    if (!told) this.#told.set(key, (told = { thing, name, settled: undefined, asked: undefined }));
    return told;
  }

  /** @param holds what is wrong, or undefined. */
  forever(what: string, holds: (clients: Clients) => Promise<string | undefined>): void {
    this.#forever.push({ what, holds });
    this.answered += 1;
  }

  /** Reads everything back. What a cut off call left behind counts as settled from now on. @returns what is not as it was told. */
  async check(clients: Clients): Promise<string[]> {
    const broken: string[] = [];
    for (const told of this.#told.values()) {
      const { thing, name, settled, asked } = told;
      const found = await thing.read(clients, name);
      if (found !== settled && !(asked && found === asked.value)) {
        const allowed = [settled, ...(asked ? [asked.value] : [])].map(String).join(' or ');
        broken.push(`${thing.kind} ${name} is ${String(found)}; its writer was told ${allowed}`);
      }
      told.settled = found;
      told.asked = undefined;
    }
    for (const { what, holds } of this.#forever) {
      const wrong = await holds(clients);
      if (wrong !== undefined) broken.push(`${what}: ${wrong}`);
    }
    return broken;
  }
}
