import { randomBytes } from 'node:crypto';
import type { Clock, Table } from '../platform.ts';
import type { BlobStore } from './blobs.ts';
import type {
  BucketRecord,
  DeleteMarker,
  ObjectVersion,
  PartRecord,
  UploadRecord,
  Version,
} from './records.ts';
import { noSuchBucket } from './errors.ts';
import { VersionIndex } from './version-index.ts';

export interface S3Tables {
  readonly buckets: Table<BucketRecord>;
  readonly versions: Table<Version>;
  readonly uploads: Table<UploadRecord>;
  readonly parts: Table<PartRecord>;
}

export type NewVersion = Omit<ObjectVersion, 'versionId' | 'order' | 'modifiedAt' | 'marker'>;

/** Buckets, versions and uploads: memory for reading, tables for keeping. Knows no rules of access or lock. */
export class S3Store {
  readonly buckets: Table<BucketRecord>;
  readonly uploads: Table<UploadRecord>;
  readonly parts: Table<PartRecord>;
  readonly blobs: BlobStore;
  private readonly versions: Table<Version>;
  private readonly clock: Clock;
  private readonly indexes = new Map<string, VersionIndex>();
  private nextOrder = 1;

  constructor(tables: S3Tables, blobs: BlobStore, clock: Clock) {
    this.buckets = tables.buckets;
    this.versions = tables.versions;
    this.uploads = tables.uploads;
    this.parts = tables.parts;
    this.blobs = blobs;
    this.clock = clock;
    for (const version of this.versions.values()) {
      this.index(version.bucket).add(version);
      this.nextOrder = Math.max(this.nextOrder, version.order + 1);
    }
  }

  /** Ends what a crash left half done: replaced null versions, parts of uploads that are gone, blobs without a record. */
  async recover(): Promise<void> {
    for (const version of [...this.versions.values()]) {
      if (version.versionId === 'null' && this.find(version.bucket, version.key, 'null') !== version)
        await this.erase(version);
    }
    for (const [id, part] of [...this.parts.entries()])
      if (!this.uploads.has(part.uploadId)) await this.parts.remove(id);
    this.blobs.sweep(this.blobsInUse());
  }

  /** Blobs that something refers to. */
  blobsInUse(): Set<string> {
    const used = new Set<string>();
    for (const version of this.versions.values()) if (!version.marker) used.add(version.blob);
    for (const { blob } of this.parts.values()) used.add(blob);
    return used;
  }

  index(bucket: string): VersionIndex {
    let found = this.indexes.get(bucket);
    if (!found) this.indexes.set(bucket, (found = new VersionIndex()));
    return found;
  }

  find(bucket: string, key: string, versionId: string): Version | undefined {
    return this.index(bucket)
      .versionsOf(key)
      .find((version) => version.versionId === versionId);
  }

  /**
   * Makes a new current version. In memory at once, on disk when it resolves.
   * @param check last words before the commit, with nothing in between; when it throws, the blob is removed.
   * @throws NoSuchBucket when the bucket went while the body came.
   */
  async commit(version: NewVersion, check: (current: Version | undefined) => void): Promise<ObjectVersion> {
    const bucket = this.buckets.get(version.bucket);
    try {
      if (!bucket) throw noSuchBucket(version.bucket);
      check(this.index(bucket.name).current(version.key));
    } catch (err) {
      await this.blobs.remove(version.blob);
      throw err;
    }
    const complete: ObjectVersion = { ...version, ...this.stamp(bucket), marker: false };
    const replaced = this.nullVersionToReplace(bucket, complete);
    await this.put(complete);
    if (replaced) await this.erase(replaced);
    return complete;
  }

  async addMarker(bucket: BucketRecord, key: string): Promise<DeleteMarker> {
    const marker: DeleteMarker = { bucket: bucket.name, key, ...this.stamp(bucket), marker: true };
    const replaced = this.nullVersionToReplace(bucket, marker);
    await this.put(marker);
    if (replaced) await this.erase(replaced);
    return marker;
  }

  /** Changes what is attached to a version: lock, tags. */
  async update(version: ObjectVersion): Promise<void> {
    await this.put(version);
  }

  /** Removes a version for good, first its record, then its bytes. */
  async erase(version: Version): Promise<void> {
    this.index(version.bucket).remove(version);
    await this.versions.remove(idOf(version));
    if (!version.marker) await this.blobs.remove(version.blob);
  }

  async removeBucket(name: string): Promise<void> {
    this.indexes.delete(name);
    await this.buckets.remove(name);
  }

  partsOf(uploadId: string): PartRecord[] {
    return [...this.parts.values()]
      .filter((part) => part.uploadId === uploadId)
      .sort((a, b) => a.number - b.number);
  }

  async removeUpload(upload: UploadRecord): Promise<void> {
    const parts = this.partsOf(upload.uploadId);
    await this.uploads.remove(upload.uploadId);
    for (const part of parts) {
      await this.parts.remove(partId(part.uploadId, part.number));
      await this.blobs.remove(part.blob);
    }
  }

  private put(version: Version): Promise<void> {
    this.index(version.bucket).add(version);
    return this.versions.put(idOf(version), version);
  }

  private stamp(bucket: BucketRecord): { versionId: string; order: number; modifiedAt: string } {
    const versionId = bucket.versioning === 'Enabled' ? newVersionId() : 'null';
    return { versionId, order: this.nextOrder++, modifiedAt: this.clock.now().toISOString() };
  }

  private nullVersionToReplace(bucket: BucketRecord, version: Version): Version | undefined {
    return version.versionId === 'null' ? this.find(bucket.name, version.key, 'null') : undefined;
  }
}

export function partId(uploadId: string, number: number): string {
  return `${uploadId}/${number}`;
}

function idOf(version: Version): string {
  return `${version.bucket}/${version.order}`;
}

const VERSION_ID = /^[A-Za-z0-9._-]{32}$/;

function newVersionId(): string {
  return randomBytes(24).toString('base64url');
}

export function isVersionId(text: string): boolean {
  return text === 'null' || VERSION_ID.test(text);
}
