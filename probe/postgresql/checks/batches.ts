/** 128 MB per question. */
const BLOCKS_PER_BATCH = 16_384;

/** Small relations together, so that a thousand catalogue tables cost a handful of questions; a large one alone. */
export function batched<T extends { readonly blocks: number }>(items: readonly T[]): T[][] {
  const batches: T[][] = [];
  let room = 0;
  for (const item of items) {
    if (item.blocks > room || batches.length === 0) {
      batches.push([]);
      room = BLOCKS_PER_BATCH;
    }
    batches.at(-1)?.push(item);
    room -= item.blocks;
  }
  return batches;
}
