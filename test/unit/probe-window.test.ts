import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isYoung, lastOf, rangesOf, windowBetween } from '../../probe/postgresql/window.ts';

const SPACE = 2n ** 32n;

test('a window is the ids from its first to the one before its end', () => {
  const window = windowBetween(752n, 760n);
  expect(window).toEqual({ lo: 752, hi: 760 });
  expect(rangesOf(window)).toEqual([[752, 759]]);
  expect([751, 752, 759, 760].map((xid) => isYoung(xid, window))).toEqual([false, true, true, false]);
});

test('an empty window makes every row old', () => {
  expect(rangesOf(windowBetween(900n, 900n))).toEqual([]);
  expect(lastOf(windowBetween(900n, 900n))).toBeNull();
});

test('a window that wraps past 2^32 becomes two ranges, and the special ids stay old', () => {
  const window = windowBetween(SPACE - 10n, SPACE + 20n);
  expect(rangesOf(window)).toEqual([
    [4_294_967_286, 4_294_967_295],
    [3, 19],
  ]);
  expect([0, 1, 2].some((xid) => isYoung(xid, window))).toBe(false);
  expect([4_294_967_285, 20].some((xid) => isYoung(xid, window))).toBe(false);
  expect(lastOf(window)).toBe(19);
  expect(lastOf(windowBetween(SPACE - 10n, SPACE + 3n))).toBe(4_294_967_295);
});

test('whatever the epoch, an id is young exactly when it lies between the two ends', () => {
  const epochs = fc.bigInt({ min: 0n, max: 5n });
  const lows = fc.oneof(
    fc.bigInt({ min: 3n, max: SPACE - 1n }),
    fc.bigInt({ min: SPACE - 100n, max: SPACE - 1n }),
  );
  fc.assert(
    fc.property(
      epochs,
      lows,
      fc.bigInt({ min: 0n, max: 200n }),
      fc.bigInt({ min: -300n, max: 300n }),
      (epoch, low, width, step) => {
        const lo = epoch * SPACE + low;
        const xid = lo + step;
        const short = Number(((xid % SPACE) + SPACE) % SPACE);
        fc.pre(short > 2);
        return isYoung(short, windowBetween(lo, lo + width)) === (xid >= lo && xid < lo + width);
      },
    ),
  );
});

test('a window that ends before it starts, or holds more ids than can be told apart, is refused', () => {
  expect(() => windowBetween(10n, 9n)).toThrow(RangeError);
  expect(() => windowBetween(10n, 10n + SPACE / 2n)).toThrow(/more than the 2\^31/);
});
