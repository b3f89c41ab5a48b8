/** PostgreSQL's page layout, as far as damage needs it. @see postgres src/include/storage/bufpage.h, checksum_impl.h */
export const PAGE_BYTES = 8192;
export const HEADER_BYTES = 24;
const CHECKSUM_AT = 8;
const LOWER_AT = 12;
const LINE_POINTER_BYTES = 4;
const NORMAL = 1;

export interface Item {
  /** Offset number, from 1: the second half of a `ctid`. */
  readonly number: number;
  readonly offset: number;
  readonly length: number;
}

/** Items of a heap or index page that hold data. */
export function itemsOf(page: Buffer): Item[] {
  const count = Math.max(0, page.readUInt16LE(LOWER_AT) - HEADER_BYTES) / LINE_POINTER_BYTES;
  const items: Item[] = [];
  for (let number = 1; number <= count; number++) {
    const pointer = page.readUInt32LE(HEADER_BYTES + (number - 1) * LINE_POINTER_BYTES);
    const [offset, flags, length] = [pointer & 0x7fff, (pointer >>> 15) & 3, pointer >>> 17];
    if (flags === NORMAL && length > 0) items.push({ number, offset, length });
  }
  return items;
}

const SUMS = 32;
const PRIME = 16777619;
// prettier-ignore
const BASE = [
  0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c,
  0xf8d4474f, 0xe39eb970, 0x42c6ae16, 0x993216fa, 0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb,
  0xe58f764b, 0x187636bc, 0x5d7b3bb1, 0xe73de7de, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4,
  0x783125bb, 0x6ca8eaa2, 0xe407eac6, 0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756,
];

/** The checksum that a page of this number should carry. */
export function checksumOf(page: Buffer, block: number): number {
  const words = Buffer.from(page);
  words.writeUInt16LE(0, CHECKSUM_AT);
  const sums = Uint32Array.from(BASE);
  const mix = (index: number, value: number) => {
    const mixed = ((sums[index] ?? 0) ^ value) >>> 0;
    sums[index] = (Math.imul(mixed, PRIME) ^ (mixed >>> 17)) >>> 0;
  };
  for (let at = 0; at < PAGE_BYTES; at += 4) mix((at / 4) % SUMS, words.readUInt32LE(at));
  for (let round = 0; round < 2; round++) for (let index = 0; index < SUMS; index++) mix(index, 0);
  const folded = sums.reduce((all, sum) => (all ^ sum) >>> 0, 0);
  return (((folded ^ block) >>> 0) % 65535) + 1;
}

export function storedChecksum(page: Buffer): number {
  return page.readUInt16LE(CHECKSUM_AT);
}

export function setChecksum(page: Buffer, block: number): void {
  page.writeUInt16LE(checksumOf(page, block), CHECKSUM_AT);
}
