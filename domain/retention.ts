import type { Instant, Seconds } from './units.ts';

export interface ListedPoint {
  readonly arn: string;
  readonly status: string;
  /** When AWS's lifecycle deletes it; null means never. */
  readonly deleteAt: Instant | null;
}

export interface JudgedPoints {
  /** Points whose date has not come, and those for which AWS still has time. */
  readonly live: number;
  /** Past their date by more than the grace, or `EXPIRED` (AWS tried, and could not delete them). */
  readonly overdue: readonly { readonly arn: string; readonly dueAt: Instant; readonly status: string }[];
  /** Kept for ever. In a compliance vault that can never be undone. */
  readonly withoutExpiry: readonly string[];
}

/** @param now AWS's time, never the host's. */
export function judgePoints(points: readonly ListedPoint[], now: Instant, grace: Seconds): JudgedPoints {
  const isOverdue = ({ deleteAt, status }: ListedPoint): boolean =>
    status === 'EXPIRED' || (deleteAt !== null && Date.parse(deleteAt) + grace * 1000 < Date.parse(now));
  const overdue = points.filter(isOverdue);
  return {
    live: points.length - overdue.length,
    overdue: overdue.map(({ arn, deleteAt, status }) => ({ arn, dueAt: deleteAt ?? now, status })),
    withoutExpiry: points
      .filter(({ deleteAt, status }) => deleteAt === null && status !== 'EXPIRED')
      .map(({ arn }) => arn),
  };
}

/**
 * Days whose statements promise points that must be gone by now: points kept for `keepDays` are due about that long after they
 * were made. A fortnight of overlap makes up for passes that were missed.
 */
export function promisedDays(
  now: Instant,
  keepDays: number,
): { readonly from: Instant; readonly to: Instant } {
  const day = 86_400_000;
  const at = (days: number): Instant => new Date(Date.parse(now) - days * day).toISOString();
  return { from: at(keepDays + 14), to: at(Math.max(0, keepDays - 1)) };
}
