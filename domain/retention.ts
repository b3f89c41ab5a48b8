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

const DAY_MS = 86_400_000;
/** A statement is filed under the day of its slot, which lies at most this long before its points were made. */
const FILED_BEFORE_DAYS = 8;
/** How far the first pass of all looks back beyond the retention. */
const FIRST_LOOK_DAYS = 14;

/**
 * Days whose statements promise points that came due since the previous pass: points kept for `keepDays` are due that long after they
 * were made. However long no pass has run, nothing that came due meanwhile is left out.
 * @param previous AWS's time at the previous pass; null when there was none.
 */
export function promisedDays(
  now: Instant,
  keepDays: number,
  previous: Instant | null,
): { readonly from: Instant; readonly to: Instant } {
  const since = previous === null ? Date.parse(now) - FIRST_LOOK_DAYS * DAY_MS : Date.parse(previous);
  const iso = (ms: number): Instant => new Date(ms).toISOString();
  return {
    from: iso(since - (keepDays + FILED_BEFORE_DAYS) * DAY_MS),
    to: iso(Date.parse(now) - Math.max(0, keepDays - 1) * DAY_MS),
  };
}

/** Whether a point that is due at `dueAt` belongs into the proof of this pass: due by now, and not settled long before the previous one. */
export function cameDue(dueAt: Instant, now: Instant, previous: Instant | null, grace: Seconds): boolean {
  const due = Date.parse(dueAt);
  const settled = previous !== null && due < Date.parse(previous) - grace * 1000 - DAY_MS;
  return due <= Date.parse(now) && !settled;
}
