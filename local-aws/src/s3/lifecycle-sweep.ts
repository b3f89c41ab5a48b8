import type { Clock, Events } from '../platform.ts';
import { currentExpiry, midnightAfter, uploadExpiry } from './lifecycle-due.ts';
import {
  fitsFilter,
  fitsPrefixOnly,
  type LifecycleConfiguration,
  type LifecycleRule,
} from './lifecycle-rules.ts';
import { isRetained } from './lock.ts';
import { storageClassOf } from './owner.ts';
import type { BucketRecord, ObjectVersion, Version } from './records.ts';
import type { S3Store } from './store.ts';

const DAY_MS = 86_400_000;
const AT_ONCE = 64;
const SMALLEST_TRANSITION_BYTES = 128 * 1024;
/** Objects only ever move down. */
const WATERFALL = [
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'INTELLIGENT_TIERING',
  'ONEZONE_IA',
  'GLACIER_IR',
  'GLACIER',
  'DEEP_ARCHIVE',
];

/**
 * Expires and moves what lifecycle rules say, by the simulated clock. Rules fall due at midnight UTC, so a bucket is looked
 * through once per day and whenever its rules change. When the clock jumps, everything happens at the time at which it
 * would have happened, one step after the other.
 */
export class LifecycleSweep {
  private readonly store: S3Store;
  private readonly clock: Clock;
  private readonly events: Events;
  private readonly seen = new Map<string, { day: number; rules: LifecycleConfiguration }>();

  constructor(store: S3Store, clock: Clock, events: Events) {
    this.store = store;
    this.clock = clock;
    this.events = events;
  }

  async run(): Promise<void> {
    const now = this.clock.now();
    const day = Math.floor(now.getTime() / DAY_MS);
    for (const bucket of [...this.store.buckets.values()]) {
      const rules = bucket.lifecycle;
      if (!rules) continue;
      const last = this.seen.get(bucket.name);
      if (last?.day === day && last.rules === rules) continue;
      await this.sweep(bucket, now);
      this.seen.set(bucket.name, { day, rules });
    }
  }

  private async sweep(bucket: BucketRecord, now: Date): Promise<void> {
    const { sorted } = this.store.index(bucket.name);
    let next = sorted.firstAtOrAfter('');
    while (next !== undefined) {
      const batch: string[] = [];
      for (const key of sorted.from(next)) {
        batch.push(key);
        if (batch.length === AT_ONCE) break;
      }
      const last = batch.at(-1) ?? next;
      await Promise.all(batch.map((key) => this.sweepKey(bucket, key, now)));
      next = sorted.firstAfter(last);
    }
    for (const upload of [...this.store.uploads.values()]) {
      const due = upload.bucket === bucket.name ? uploadExpiry(bucket, upload) : undefined;
      if (!due || due.at > now.getTime()) continue;
      await this.store.removeUpload(upload);
      this.tell(bucket, due.rule, 'AbortMultipartUpload', upload.key);
    }
  }

  /** Repeats until nothing is due: a marker that is set today makes versions noncurrent, which may be due as well. */
  private async sweepKey(bucket: BucketRecord, key: string, now: Date): Promise<void> {
    while (await this.step(bucket, key, now));
  }

  private async step(bucket: BucketRecord, key: string, now: Date): Promise<boolean> {
    const versions = [...this.store.index(bucket.name).versionsOf(key)];
    const [current] = versions;
    if (!current) return false;
    if (current.marker) {
      if (versions.length === 1) return this.removeLoneMarker(bucket, current, now);
    } else {
      const due = currentExpiry(bucket, current);
      if (due && due.at <= now.getTime()) {
        if (bucket.versioning === undefined) await this.store.erase(current);
        else await this.store.addMarker(bucket, key, new Date(due.at));
        this.tell(
          bucket,
          due.rule,
          bucket.versioning === undefined ? 'DeleteObject' : 'CreateDeleteMarker',
          key,
        );
        return true;
      }
      await this.moveDown(bucket, current, undefined, now);
    }
    let expired = false;
    for (const [newer, { versionId }] of versions.slice(1).entries()) {
      const since = versions[newer]?.modifiedAt ?? '';
      // Looked up again: somebody may have put a hold on it a moment ago.
      const version = this.store.find(bucket.name, key, versionId);
      if (!version) continue;
      const rule = this.noncurrentRule(bucket, version, newer, since, now);
      if (rule) {
        await this.store.erase(version);
        this.tell(bucket, rule, 'DeleteObjectVersion', key, versionId);
        expired = true;
      } else if (!version.marker) await this.moveDown(bucket, version, { newer, since }, now);
    }
    return expired;
  }

  /** @param newer how many noncurrent versions are newer; @param since when its successor came */
  private noncurrentRule(
    bucket: BucketRecord,
    version: Version,
    newer: number,
    since: string,
    now: Date,
  ): LifecycleRule | undefined {
    if (!version.marker && (version.legalHold === 'ON' || isRetained(version, now))) return undefined;
    return bucket.lifecycle?.rules.find(
      ({ enabled, noncurrentDays, keepNoncurrent = 0, filter }) =>
        enabled &&
        noncurrentDays !== undefined &&
        newer >= keepNoncurrent &&
        (version.marker ? fitsPrefixOnly(filter, version.key) : fitsFilter(filter, version)) &&
        midnightAfter(since, noncurrentDays) <= now.getTime(),
    );
  }

  private async removeLoneMarker(bucket: BucketRecord, marker: Version, now: Date): Promise<boolean> {
    const rule = bucket.lifecycle?.rules.find(
      ({ enabled, filter, expireLoneMarkers, expireAfterDays, expireOn }) =>
        enabled &&
        fitsPrefixOnly(filter, marker.key) &&
        (expireLoneMarkers === true ||
          (expireAfterDays !== undefined &&
            midnightAfter(marker.modifiedAt, expireAfterDays) <= now.getTime()) ||
          (expireOn !== undefined && Date.parse(expireOn) <= now.getTime())),
    );
    if (!rule) return false;
    await this.store.erase(marker);
    this.tell(bucket, rule, 'DeleteExpiredMarker', marker.key, marker.versionId);
    return false;
  }

  /** Changes the storage class; the bytes stay where they are. */
  private async moveDown(
    bucket: BucketRecord,
    version: ObjectVersion,
    noncurrent: { readonly newer: number; readonly since: string } | undefined,
    now: Date,
  ): Promise<void> {
    let target = storageClassOf(version);
    for (const { enabled, filter, transitions } of bucket.lifecycle?.rules ?? []) {
      if (!enabled || !fitsFilter(filter, version)) continue;
      const sized = filter.largerThan !== undefined || filter.smallerThan !== undefined;
      if (version.size < SMALLEST_TRANSITION_BYTES && !sized) continue;
      for (const { of, days = 0, on, keepNoncurrent = 0, storageClass } of transitions) {
        if ((of === 'noncurrent') !== (noncurrent !== undefined)) continue;
        if (noncurrent && noncurrent.newer < keepNoncurrent) continue;
        const at =
          on === undefined ? midnightAfter(noncurrent?.since ?? version.modifiedAt, days) : Date.parse(on);
        if (at <= now.getTime() && WATERFALL.indexOf(storageClass) > WATERFALL.indexOf(target))
          target = storageClass;
      }
    }
    if (target !== storageClassOf(version)) await this.store.setStorageClass(version, target);
  }

  private tell(
    bucket: BucketRecord,
    rule: LifecycleRule,
    operation: string,
    key: string,
    versionId = '',
  ): void {
    this.events.record({
      kind: 'service',
      service: 's3',
      operation: `Lifecycle:${operation}`,
      accountId: bucket.accountId,
      region: bucket.region,
      resource: `arn:aws:s3:::${bucket.name}/${key}`,
      detail: `rule ${rule.id}${versionId === '' ? '' : `, version ${versionId}`}`,
    });
  }
}
