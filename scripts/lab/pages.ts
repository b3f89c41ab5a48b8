import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresServer } from 'lifeboat-local-aws/pg';

/** Damage to the files of a stopped PostgreSQL server, as storage or a careless copy would do it. */
export const PAGE_BYTES = 8_192;

/** Changes one page in place. */
export async function changePage(
  server: PostgresServer,
  path: string,
  block: number,
  change: (page: Buffer) => void,
): Promise<void> {
  const file = await open(join(server.dataDir, path), 'r+');
  try {
    const page = Buffer.alloc(PAGE_BYTES);
    const { bytesRead } = await file.read(page, 0, PAGE_BYTES, block * PAGE_BYTES);
    if (bytesRead !== PAGE_BYTES) throw new Error(`${path} has no block ${block}`);
    change(page);
    await file.write(page, 0, PAGE_BYTES, block * PAGE_BYTES);
  } finally {
    await file.close();
  }
}

export async function truncateBlocks(server: PostgresServer, path: string, blocks: number): Promise<void> {
  const file = await open(join(server.dataDir, path), 'r+');
  try {
    await file.truncate(blocks * PAGE_BYTES);
  } finally {
    await file.close();
  }
}

/** One item of a heap or index page that is in use; `number` counts from 1, as in a `ctid`. */
export interface Item {
  readonly number: number;
  readonly offset: number;
  readonly length: number;
}

const NORMAL = 1;

export function itemsOf(page: Buffer): Item[] {
  const count = Math.max(0, page.readUInt16LE(12) - 24) / 4;
  const items: Item[] = [];
  for (let number = 1; number <= count; number += 1) {
    const pointer = page.readUInt32LE(24 + (number - 1) * 4);
    const [offset, flags, length] = [pointer & 0x7fff, (pointer >>> 15) & 3, pointer >>> 17];
    if (flags === NORMAL && length > 0) items.push({ number, offset, length });
  }
  return items;
}

/** Takes an item's pointer away, so that nothing leads to it any more. */
export function forgetItem(page: Buffer, { number }: Item): void {
  page.writeUInt32LE(0, 24 + (number - 1) * 4);
}

/** Flips one bit in the last byte of the n-th item of a page: in a heap that is user data, not a tuple's header. */
export function flipInItem(page: Buffer, index: number): void {
  const item = itemsOf(page)[index];
  if (item === undefined || item.length < 32) throw new Error(`item ${index} holds no row`);
  const at = item.offset + item.length - 1;
  page[at] = (page[at] ?? 0) ^ 1;
}

/** Places inside an item where text lies: letters and digits in a row, of which no byte is padding. */
export function textIn(page: Buffer, { offset, length }: Item, from: number): number[] {
  const plain = (at: number) => /[A-Za-z0-9]/.test(String.fromCharCode(page[at] ?? 0));
  const places: number[] = [];
  for (let at = offset + from; at + 3 < offset + length; at += 1)
    if (plain(at) && plain(at + 1) && plain(at + 2) && plain(at + 3)) places.push(at + 1);
  return places;
}

export async function readPage(server: PostgresServer, path: string, block: number): Promise<Buffer> {
  const file = await open(join(server.dataDir, path), 'r');
  try {
    const page = Buffer.alloc(PAGE_BYTES);
    await file.read(page, 0, PAGE_BYTES, block * PAGE_BYTES);
    return page;
  } finally {
    await file.close();
  }
}

/** Writes the checksum that PostgreSQL would: what no checksum can find any more. */
export function seal(page: Buffer, block: number): void {
  page.writeUInt16LE(0, 8);
  page.writeUInt16LE((((fnv(page) ^ block) >>> 0) % 65_535) + 1, 8);
}

/** The checksum a page carries, and the one it should; for the test of this file itself. */
export function checksums(page: Buffer, block: number): { found: number; right: number } {
  const found = page.readUInt16LE(8);
  const copy = Buffer.from(page);
  seal(copy, block);
  return { found, right: copy.readUInt16LE(8) };
}

/** `pg_checksum_block`: 32 lanes of FNV-1a with a shift, two rounds of zeroes at the end. */
function fnv(page: Buffer): number {
  const sums = Uint32Array.from(LANES);
  const mix = (lane: number, value: number) => {
    const mixed = ((sums[lane] ?? 0) ^ value) >>> 0;
    sums[lane] = Math.imul(mixed, 16_777_619) ^ (mixed >>> 17);
  };
  for (let at = 0; at < PAGE_BYTES; at += 4) mix((at / 4) % 32, page.readUInt32LE(at));
  for (let n = 0; n < 64; n += 1) mix(n % 32, 0);
  return sums.reduce((result, sum) => (result ^ sum) >>> 0, 0);
}

const LANES = [
  0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c, 0xf8d4474f,
  0xe39eb970, 0x42c6ae16, 0x993216fa, 0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb, 0xe58f764b, 0x187636bc,
  0x5d7b3bb1, 0xe73de7de, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4, 0x783125bb, 0x6ca8eaa2, 0xe407eac6,
  0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756,
];
