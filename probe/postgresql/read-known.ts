import type { AgeRange } from './ages.ts';
import { type RowAges, placeChunk, readChunk } from './block-digests.ts';
import type { BlockDigests } from './fingerprint.ts';
import type { KnownTable } from './memory.ts';
import { type RowHeaders, readHeaders } from './row-headers.ts';
import type { Session } from './session.ts';

/** Unchanged blocks between two changed ones are read with them, up to so many: a question costs more than that. */
const GAP = 8;

export interface KnownRange {
  readonly known: KnownTable;
  readonly from: number;
  readonly to: number;
  /** For the rows themselves, with the seed that the known digests were made with. */
  readonly sql: string;
  readonly headersSql: string;
}

export interface ReusedRange {
  /** All visible rows of the range, young ones included. */
  readonly rows: number;
  readonly reusedBlocks: number;
  readonly reusedRows: number;
}

/**
 * Fills in the digests of blocks `[from, to)`: the known ones where the headers prove that a block holds the same old rows as then, and
 * reads the others. Rows that were there then can only disappear, and a changed row is a new one; so as many as then are the same ones.
 */
export async function readKnown(
  session: Session,
  doing: string,
  { known, from, to, sql, headersSql }: KnownRange,
  ages: RowAges & { readonly since: AgeRange },
  into: BlockDigests,
): Promise<ReusedRange> {
  const headers = await readHeaders(session, doing, headersSql, [from, to], ages);
  const changed = changedRanges(known, headers, from, to);
  for (const range of changed) {
    const { blocks } = await readChunk(session, doing, sql, range, ages);
    placeChunk(into, range[0], blocks);
  }
  let [reusedBlocks, reusedRows] = [0, 0];
  for (let block = from, next = 0; block < to; block += 1) {
    while ((changed[next]?.[1] ?? to) <= block && next < changed.length) next += 1;
    if ((changed[next]?.[0] ?? to) <= block) continue;
    const { count, digest } = known.block(block) ?? { count: 0, digest: 0n };
    into.counts[block] = count;
    into.digests[block] = digest;
    reusedBlocks += 1;
    reusedRows += count;
  }
  return { rows: headers.rows, reusedBlocks, reusedRows };
}

/** Blocks that are not proven to be as they were, in ranges. */
export function changedRanges(
  known: Pick<KnownTable, 'block'>,
  { old, kept }: Pick<RowHeaders, 'old' | 'kept'>,
  from: number,
  to: number,
): (readonly [from: number, to: number])[] {
  const ranges: [number, number][] = [];
  for (let block = from; block < to; block += 1) {
    const count = known.block(block)?.count;
    // As many as then are left, and none has come that is old by now.
    if (count !== undefined && kept[block - from] === count && old[block - from] === count) continue;
    const last = ranges.at(-1);
    if (last !== undefined && block - last[1] <= GAP) last[1] = block + 1;
    else ranges.push([block, block + 1]);
  }
  return ranges;
}
