/**
 * The young transaction ids `[lo, hi)`, 32 bits and circular. `lo` is the oldest id that was running at the first pass, `hi` the first
 * one not yet given out at the second. A row whose `xmin` lies outside was committed before the first pass began: it is old.
 * Never epochs: the epoch of a frozen row cannot be known.
 */
export interface XidWindow {
  readonly lo: number;
  readonly hi: number;
}

const XID_SPACE = 0x1_0000_0000n;
/** 0 to 2 are special ids (invalid, bootstrap, frozen); real transactions start here after every wrap. */
const FIRST_NORMAL = 3;

/** The window from one `xid8` to another, as `pg_snapshot_xmin` and `pg_snapshot_xmax` give them. */
export function windowBetween(lo: bigint, hi: bigint): XidWindow {
  if (hi < lo)
    throw new RangeError(`a window of transaction ids cannot end at ${hi} before it starts at ${lo}`);
  if (hi - lo >= XID_SPACE / 2n) {
    throw new RangeError(
      `${hi - lo} transactions in one night: more than the 2^31 that PostgreSQL can tell apart`,
    );
  }
  return { lo: Number(lo % XID_SPACE), hi: Number(hi % XID_SPACE) };
}

/** Inclusive ranges of 32-bit ids that make up the window: none, one, or two where it wraps. */
export function rangesOf({ lo, hi }: XidWindow): readonly (readonly [number, number])[] {
  if (lo === hi) return [];
  if (lo < hi) return [[lo, hi - 1]];
  const upper = [lo, 0xffff_ffff] as const;
  return hi > FIRST_NORMAL ? [upper, [FIRST_NORMAL, hi - 1]] : [upper];
}

export function isYoung(xid: number, window: XidWindow): boolean {
  return rangesOf(window).some(([from, to]) => xid >= from && xid <= to);
}

/** The last id of the window; null when it is empty. */
export function lastOf(window: XidWindow): number | null {
  return rangesOf(window).at(-1)?.[1] ?? null;
}
