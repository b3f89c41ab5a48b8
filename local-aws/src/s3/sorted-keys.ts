const BLOCK = 512;

/**
 * Strings in S3's order, which is that of their UTF-8 bytes. Kept in blocks, so that adding or removing one moves no
 * more than a block; reading from any place on costs two binary searches.
 */
export class SortedKeys {
  private readonly blocks: string[][] = [];

  add(key: string): void {
    const at = this.find((known) => compareKeys(known, key) >= 0);
    const block = this.blocks[at.block];
    if (!block) {
      const last = this.blocks.at(-1);
      if (last && last.length < BLOCK) last.push(key);
      else this.blocks.push([key]);
      return;
    }
    if (block[at.index] === key) return;
    block.splice(at.index, 0, key);
    if (block.length > BLOCK) this.blocks.splice(at.block + 1, 0, block.splice(BLOCK / 2));
  }

  remove(key: string): void {
    const at = this.find((known) => compareKeys(known, key) >= 0);
    const block = this.blocks[at.block];
    if (block?.[at.index] !== key) return;
    block.splice(at.index, 1);
    if (block.length === 0) this.blocks.splice(at.block, 1);
  }

  firstAtOrAfter(key: string): string | undefined {
    return this.at(this.find((known) => compareKeys(known, key) >= 0));
  }

  firstAfter(key: string): string | undefined {
    return this.at(this.find((known) => compareKeys(known, key) > 0));
  }

  /** The first key behind all that start with `prefix`. */
  firstPast(prefix: string): string | undefined {
    return this.at(this.find((known) => compareKeys(known, prefix) > 0 && !known.startsWith(prefix)));
  }

  /** In order, from the first key at or after `start`. The set must not change meanwhile. */
  *from(start: string): Generator<string> {
    const at = this.find((known) => compareKeys(known, start) >= 0);
    for (let { block, index } = at; block < this.blocks.length; block += 1, index = 0) {
      const keys = this.blocks[block] ?? [];
      for (let i = index; i < keys.length; i += 1) yield keys[i] ?? '';
    }
  }

  private at({ block, index }: { block: number; index: number }): string | undefined {
    return this.blocks[block]?.[index];
  }

  /** The first place from which on `holds`; it may not hold before and must hold after. */
  private find(holds: (key: string) => boolean): { block: number; index: number } {
    const block = firstIndex(this.blocks.length, (i) => holds(this.blocks[i]?.at(-1) ?? ''));
    const keys = this.blocks[block] ?? [];
    return { block, index: firstIndex(keys.length, (i) => holds(keys[i] ?? '')) };
  }
}

function firstIndex(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** UTF-8 order. It differs from JavaScript's own for surrogates, whose code points come after U+FFFF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
