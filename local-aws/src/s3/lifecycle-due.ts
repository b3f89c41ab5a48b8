import { fitsFilter, type LifecycleRule } from './lifecycle-rules.ts';
import type { BucketRecord, ObjectVersion, UploadRecord } from './records.ts';

/** When rules of lifecycle fall due. S3 rounds up to the next midnight UTC. */

const DAY_MS = 86_400_000;

export function midnightAfter(instant: string, days: number): number {
  return Math.ceil((Date.parse(instant) + days * DAY_MS) / DAY_MS) * DAY_MS;
}

export interface Due {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly rule: LifecycleRule;
}

/** The first expiration of a current object; undefined when no rule expires it. */
export function currentExpiry({ lifecycle }: BucketRecord, version: ObjectVersion): Due | undefined {
  let first: Due | undefined;
  for (const rule of lifecycle?.rules ?? []) {
    if (!rule.enabled || !fitsFilter(rule.filter, version)) continue;
    const at =
      rule.expireOn !== undefined
        ? Date.parse(rule.expireOn)
        : rule.expireAfterDays !== undefined
          ? midnightAfter(version.modifiedAt, rule.expireAfterDays)
          : undefined;
    if (at !== undefined && (!first || at < first.at)) first = { at, rule };
  }
  return first;
}

/** The first abortion of an unfinished upload. */
export function uploadExpiry({ lifecycle }: BucketRecord, upload: UploadRecord): Due | undefined {
  let first: Due | undefined;
  for (const rule of lifecycle?.rules ?? []) {
    if (!rule.enabled || rule.abortAfterDays === undefined) continue;
    if (!upload.key.startsWith(rule.filter.prefix)) continue;
    const at = midnightAfter(upload.startedAt, rule.abortAfterDays);
    if (!first || at < first.at) first = { at, rule };
  }
  return first;
}

/** `x-amz-expiration`, for current versions only. */
export function expirationHeader(bucket: BucketRecord, version: ObjectVersion): { Expiration?: string } {
  const due = currentExpiry(bucket, version);
  if (!due) return {};
  const rule = encodeURIComponent(due.rule.id);
  return { Expiration: `expiry-date="${new Date(due.at).toUTCString()}", rule-id="${rule}"` };
}
