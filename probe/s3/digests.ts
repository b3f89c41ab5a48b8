import { createHash, createHmac } from 'node:crypto';

const KEY_BYTES = 16;
const OTHER_BYTES = 8;

/**
 * Digests under the secret seed of one night: the same thing has the same digest on both sides, and tells nothing to who does not have
 * the seed. Each use has a label of its own, so that a key and a tag of the same text differ.
 */
export class Digests {
  readonly #seed: string;

  constructor(seed: string) {
    if (seed === '') throw new RangeError('a manifest needs a seed');
    this.#seed = seed;
  }

  /** 32 hex digits. What reports call the object. */
  key(key: string): string {
    return this.#of('key', KEY_BYTES, key);
  }

  versionId(versionId: string): string {
    return this.#of('version', OTHER_BYTES, versionId);
  }

  /** Of names and values, whatever their order. 16 hex digits. */
  pairs(label: 'metadata' | 'tags', pairs: Readonly<Record<string, string>>): string {
    const sorted = Object.entries(pairs).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return this.#of(label, OTHER_BYTES, JSON.stringify(sorted));
  }

  /** Of a checksum's value, 32 hex digits. */
  reference(kind: string, value: string): string {
    return this.#of(`reference ${kind}`, KEY_BYTES, value);
  }

  /** To be fed a whole body; `reference('body', …)` of its hex digest is what is kept. */
  body(): ReturnType<typeof createHmac> {
    return createHmac('sha256', this.#seed).update('body\0');
  }

  #of(label: string, bytes: number, text: string): string {
    const digest = createHmac('sha256', this.#seed).update(`${label}\0`).update(text).digest();
    return digest.toString('hex', 0, bytes);
  }
}

/** Whether an object has its turn tonight. By its key alone and without the seed, so that all of them have had it after `every` nights. */
export function isDue(key: string, { every, night }: { every: number; night: number }): boolean {
  if (every <= 1) return true;
  const turn = createHash('sha256').update(key).digest().readUInt32BE(0) % every;
  return turn === ((night % every) + every) % every;
}
