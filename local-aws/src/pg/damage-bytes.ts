import { open, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Target } from './damage-targets.ts';
import { checksumOf, HEADER_BYTES, itemsOf, PAGE_BYTES, setChecksum, storedChecksum } from './page.ts';

/** What was hit. */
export interface Hit {
  /** Below the data folder. */
  readonly file: string;
  readonly block: number;
}

/**
 * Flips bits of one row or index entry.
 * @param item its offset number; the page's first one when it is not given.
 */
export async function flip(
  data: string,
  file: string,
  block: number,
  { item, recompute }: { item?: number; recompute: boolean },
): Promise<Hit & { readonly offset: number }> {
  let offset = 0;
  const hit = await changePage(data, file, block, (page, path) => {
    const victim = itemsOf(page).find(({ number }) => item === undefined || number === item);
    if (!victim) throw new Error(`Page ${block} of ${path} holds no row to damage.`);
    offset = victim.offset + victim.length - 1; // the last byte of the last column: data, not its frame
    page.writeUInt8(page.readUInt8(offset) ^ (recompute ? 0x01 : 0xff), offset);
    if (recompute) setChecksum(page, block);
  });
  return { ...hit, offset };
}

/** Zeroes a whole page, which PostgreSQL takes for one that was never used; or all but its header, under a checksum that fits. */
export async function zero(data: string, file: string, block: number, recompute: boolean): Promise<Hit> {
  return changePage(data, file, block, (page) => {
    page.fill(0, recompute ? HEADER_BYTES : 0);
    if (recompute) setChecksum(page, block);
  });
}

async function changePage(
  data: string,
  file: string,
  block: number,
  change: (page: Buffer, path: string) => void,
): Promise<Hit> {
  const path = segmentOf(file, block);
  const at = (block % SEGMENT_BLOCKS) * PAGE_BYTES;
  const handle = await open(join(data, path), 'r+');
  try {
    const page = Buffer.alloc(PAGE_BYTES);
    await handle.read(page, 0, PAGE_BYTES, at);
    if (storedChecksum(page) !== checksumOf(page, block))
      throw new Error(`Page ${block} of ${path} has no fitting checksum to begin with; nothing was damaged.`);
    change(page, path);
    await handle.write(page, 0, PAGE_BYTES, at);
    return { file: path, block };
  } finally {
    await handle.close();
  }
}

/** One gigabyte per file. */
export const SEGMENT_BLOCKS = 131_072;

function segmentOf(file: string, block: number): string {
  const segment = Math.floor(block / SEGMENT_BLOCKS);
  return segment === 0 ? file : `${file}.${segment}`;
}

/** Removes one file of a table. */
export async function dropSegment(data: string, { file }: Target, segment: number): Promise<string> {
  const path = segmentOf(file, segment * SEGMENT_BLOCKS);
  await rm(join(data, path));
  return path;
}

/** Cuts a table off; its later files go, too. */
export async function cut(data: string, { file, blocks }: Target, blocksAfter: number): Promise<string> {
  const path = segmentOf(file, blocksAfter);
  await truncate(join(data, path), (blocksAfter % SEGMENT_BLOCKS) * PAGE_BYTES);
  const later = Math.floor(blocksAfter / SEGMENT_BLOCKS) + 1;
  for (let segment = later; segment * SEGMENT_BLOCKS < blocks; segment++)
    await rm(join(data, `${file}.${segment}`), { force: true });
  return path;
}

/** @param folder WAL of a snapshot. */
export async function dropWal(folder: string): Promise<string[]> {
  const segments = (await readdir(folder)).filter((name) => /^[0-9A-F]{24}$/.test(name));
  if (segments.length === 0) throw new Error('The snapshot has no WAL any more.');
  await Promise.all(segments.map((name) => rm(join(folder, name))));
  return segments.map((name) => `pg_wal/${name}`);
}
