/** `12–19, 44 and 3 more`: block numbers for people, as ranges. */
export function rangesInWords(blocks: readonly number[], most = 8): string {
  const sorted = [...new Set(blocks)].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const block of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && block === last[1] + 1) last[1] = block;
    else ranges.push([block, block]);
  }
  const shown = ranges.slice(0, most).map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`));
  const hidden = ranges.slice(most).reduce((sum, [from, to]) => sum + to - from + 1, 0);
  return hidden === 0 ? shown.join(', ') : `${shown.join(', ')} and ${hidden} more`;
}

/** `block 7` or `blocks 7–9`. */
export function blocksInWords(blocks: readonly number[]): string {
  return `${new Set(blocks).size === 1 ? 'block' : 'blocks'} ${rangesInWords(blocks)}`;
}

/** `90 112`: digits in groups, for sentences. */
export function grouped(n: number): string {
  return String(Math.trunc(n)).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** `1 row`, `2 rows`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : many}`;
}
