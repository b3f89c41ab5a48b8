import { type BlockDigests, type TableFingerprint, UNREAD } from '../fingerprint.ts';

/** What the copy of one table turned out to hold. `unreadable` are blocks that the server itself refuses. */
export interface CopiedTable {
  readonly sizeBlocks: number;
  readonly rows: number;
  readonly late: number;
  /** Rows inserted, updated and deleted since the copy recovered; null when its statistics go further back. */
  readonly writesSinceRecovery: number | null;
  readonly blocks: BlockDigests;
  readonly unreadable: readonly number[];
  readonly vacuums: number;
}

export interface TableComparison {
  /** Old rows that are exactly those of the source: in quiet blocks, and in moved ones that the copy holds as one of the passes saw them. */
  readonly provenRows: number;
  readonly quietBlocks: number;
  readonly movedBlocks: number;
  /** Old rows in blocks that only one of the passes has read. */
  readonly unreadRows: number;
  /** Blocks that cannot be the source's. */
  readonly wrongBlocks: readonly number[];
  /** Rows that are missing, or there and wrong, as far as counts tell; at least one per wrong block. */
  readonly wrongRows: number;
  readonly missingRows: number;
  readonly extraRows: number;
  /** Blocks by which the copy's heap is too short, though nothing can have shortened it. */
  readonly missingBlocks: number;
}

/**
 * Judges block by block. Equal at both passes: quiet, so the copy must be equal. Otherwise the block moved. Its old rows can be deleted and
 * never come back: the copy's are some of the first pass's, and all of the second one's. So where it has as many as one of the passes, it has
 * the same ones; in between only their number is bounded.
 */
export function compareBlocks(
  before: TableFingerprint,
  after: TableFingerprint,
  copy: CopiedTable,
): TableComparison {
  const overtaken = before.rewrittenWhileRead || after.rewrittenWhileRead;
  const rewritten = overtaken || before.fileNode !== after.fileNode;
  const unreadable = new Set(copy.unreadable);
  const length = Math.max(before.sizeBlocks, after.sizeBlocks, copy.sizeBlocks);
  const wrongBlocks: number[] = [];
  let unreadRows = 0;
  let [provenRows, quietBlocks, movedBlocks, missingRows, extraRows, changedBlocks] = [0, 0, 0, 0, 0, 0];
  const wrong = (block: number, fewer: number, more: number) => {
    wrongBlocks.push(block);
    missingRows += fewer;
    extraRows += more;
    if (fewer === 0 && more === 0) changedBlocks += 1;
  };
  for (let block = 0; block < length && !rewritten; block += 1) {
    const [first, last, here] = [at(before.blocks, block), at(after.blocks, block), at(copy.blocks, block)];
    if (first.count === UNREAD || last.count === UNREAD) {
      unreadRows += last.count === UNREAD ? 0 : last.count;
      continue;
    }
    const quiet = first.count === last.count && first.digest === last.digest;
    if (quiet) quietBlocks += 1;
    else movedBlocks += 1;
    if (unreadable.has(block)) wrong(block, last.count, 0);
    else if (quiet && (here.count !== first.count || here.digest !== first.digest)) {
      wrong(block, Math.max(0, first.count - here.count), Math.max(0, here.count - first.count));
    } else if (quiet) provenRows += first.count;
    else if (here.count < last.count) wrong(block, last.count - here.count, 0);
    else if (here.count > first.count) wrong(block, 0, here.count - first.count);
    else if (first.count !== last.count && (here.count === first.count || here.count === last.count)) {
      const pass = here.count === first.count ? first : last;
      if (here.digest === pass.digest) provenRows += here.count;
      else wrong(block, 0, 0);
    }
  }
  if (rewritten) {
    // Rows were moved to other places in between: all that holds is that old rows only become fewer.
    movedBlocks = length;
    const [first, last, here] = [sum(before.blocks), sum(after.blocks), sum(copy.blocks)];
    const unknown = overtaken || before.unread !== undefined || after.unread !== undefined;
    if (!unknown && here < last) missingRows = last - here;
    if (!unknown && here > first) extraRows = here - first;
  }
  return {
    unreadRows,
    provenRows,
    quietBlocks,
    movedBlocks,
    wrongBlocks,
    wrongRows: missingRows + extraRows + changedBlocks,
    missingRows,
    extraRows,
    missingBlocks: missingBlocks(before, after, copy),
  };
}

/**
 * A heap shrinks only when it is vacuumed or rewritten. If neither happened, at the source or since the boot, the copy is at least as long as the
 * source was before the backup. (Statistics start again with a recovery, so that the copy has counted none or all of the source's vacuums.)
 */
function missingBlocks(before: TableFingerprint, after: TableFingerprint, copy: CopiedTable): number {
  const shrinkable =
    before.rewrittenWhileRead ||
    after.rewrittenWhileRead ||
    before.fileNode !== after.fileNode ||
    before.vacuums !== after.vacuums ||
    (copy.vacuums !== 0 && copy.vacuums !== before.vacuums);
  return shrinkable ? 0 : Math.max(0, before.sizeBlocks - copy.sizeBlocks);
}

function at({ counts, digests }: BlockDigests, block: number): { count: number; digest: bigint } {
  return { count: counts[block] ?? 0, digest: digests[block] ?? 0n };
}

function sum({ counts }: BlockDigests): number {
  return counts.reduce((total, count) => total + count, 0);
}
