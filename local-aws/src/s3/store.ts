import { randomBytes } from 'node:crypto';
import { together } from '../journal/table.ts';
import type { Change, Clock, Table } from '../platform.ts';
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

export type NewVersion = Omit<ObjectVersion, 'versionId' | 'order' | 'modifiedAt' | 'marker' | 'replication'>;

/** Decides which versions are to be replicated, and hears of each as soon as it is durable. */
export interface ReplicationPlan {
  isDue(bucket: BucketRecord, version: Version): boolean;
  enqueue(version: Version): void;
}

/** Buckets, versions and uploads: memory for reading, tables for keeping. Knows no rules of access or lock. */
export class S3Store {
  readonly buckets: Table<BucketRecord>;
  readonly uploads: Table<UploadRecord>;
  readonly parts: Table<PartRecord>;
  readonly blobs: BlobStore;
  private readonly versions: Table<Version>;
  private readonly clock: Clock;
  private readonly indexes = new Map<string, VersionIndex>();
  private readonly partsByUpload = new Map<string, Map<number, PartRecord>>();
  private replication: ReplicationPlan | undefined;
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
    for (const part of this.parts.values()) this.partIndex(part.uploadId).set(part.number, part);
  }

  replicateWith(plan: ReplicationPlan): void {
    this.replication = plan;
    for (const version of this.versions.values())
      if (version.replication === 'PENDING') plan.enqueue(version);
  }

  /** Ends what a crash left half done: replaced null versions, parts of uploads that are gone, blobs without a record. */
  async recover(): Promise<void> {
    for (const version of [...this.versions.values()]) {
      if (version.versionId === 'null' && this.find(version.bucket, version.key, 'null') !== version)
        await this.erase(version);
    }
    for (const part of [...this.parts.values()])
      if (!this.uploads.has(part.uploadId)) await this.forgetPart(part);
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
   * @param upload what it is made of; it is over with that, as one.
   * @throws NoSuchBucket when the bucket went while the body came.
   */
  async commit(
    version: NewVersion,
    check: (current: Version | undefined) => void,
    upload?: UploadRecord,
  ): Promise<ObjectVersion> {
    const bucket = this.buckets.get(version.bucket);
    try {
      if (!bucket) throw noSuchBucket(version.bucket);
      check(this.index(bucket.name).current(version.key));
    } catch (err) {
      await this.blobs.remove(version.blob);
      throw err;
    }
    const also = upload ? [this.uploads.removing(upload.uploadId)] : [];
    return this.add<ObjectVersion>(bucket, { ...version, ...this.stamp(bucket), marker: false }, { also });
  }

  /** @param expiredAt set when lifecycle does it, at that time (simulated clock); such markers are not replicated. */
  async addMarker(bucket: BucketRecord, key: string, expiredAt?: Date): Promise<DeleteMarker> {
    const marker: DeleteMarker = { bucket: bucket.name, key, ...this.stamp(bucket, expiredAt), marker: true };
    return this.add(bucket, marker, { replicable: expiredAt === undefined });
  }

  async changeBucket({ name }: BucketRecord, fields: Partial<BucketRecord>): Promise<void> {
    const bucket = this.buckets.get(name);
    if (!bucket) throw noSuchBucket(name);
    await this.buckets.put(name, { ...bucket, ...fields });
  }

  /** A version that came from another bucket, with the id and the time that it has there. */
  async addReplica<V extends Version>(version: V): Promise<V> {
    const replica: V = { ...version, order: this.nextOrder++, replication: 'REPLICA' };
    await this.put(replica);
    return replica;
  }

  /** Changes what is attached to a version: lock, tags. Replicas follow. */
  async update(version: ObjectVersion): Promise<void> {
    const follows = version.replication !== undefined && version.replication !== 'REPLICA';
    await this.put(follows ? { ...version, replication: 'PENDING' } : version);
    if (follows) this.replication?.enqueue(version);
  }

  /** How replication stands. Looks the version up again, since its lock or tags may have changed meanwhile. */
  async setReplication(version: Version, replication: 'PENDING' | 'COMPLETED' | 'FAILED'): Promise<void> {
    const known = this.find(version.bucket, version.key, version.versionId);
    if (known?.order === version.order) await this.put({ ...known, replication });
  }

  async setStorageClass(version: ObjectVersion, storageClass: string): Promise<void> {
    const known = this.find(version.bucket, version.key, version.versionId);
    if (known?.order === version.order && !known.marker) await this.put({ ...known, storageClass });
  }

  /** Puts a version that was there before the rule into the queue. */
  async replicateLate(version: Version): Promise<void> {
    await this.setReplication(version, 'PENDING');
    this.replication?.enqueue(version);
  }

  /** Removes a version for good, first its record, then its bytes. */
  async erase(version: Version): Promise<void> {
    this.index(version.bucket).remove(version);
    await this.kept(version, this.versions.remove(idOf(version)));
    if (!version.marker) await this.blobs.remove(version.blob);
  }

  async removeBucket(name: string): Promise<void> {
    this.indexes.delete(name);
    await this.buckets.remove(name);
  }

  /** In the order of their numbers. */
  partsOf(uploadId: string): PartRecord[] {
    const parts = this.partsByUpload.get(uploadId)?.values() ?? [];
    return [...parts].sort((a, b) => a.number - b.number);
  }

  /** Keeps a part, in place of an earlier one of its number. */
  async putPart(part: PartRecord): Promise<void> {
    const parts = this.partIndex(part.uploadId);
    const replaced = parts.get(part.number);
    parts.set(part.number, part);
    await this.parts.put(partId(part), part);
    if (replaced) await this.blobs.remove(replaced.blob);
  }

  async removeUpload(upload: UploadRecord): Promise<void> {
    const parts = this.partsOf(upload.uploadId);
    await this.uploads.remove(upload.uploadId);
    await Promise.all(
      parts.map(async (part) => {
        await this.forgetPart(part);
        await this.blobs.remove(part.blob);
      }),
    );
    this.partsByUpload.delete(upload.uploadId);
  }

  private async forgetPart(part: PartRecord): Promise<void> {
    this.partsByUpload.get(part.uploadId)?.delete(part.number);
    await this.parts.remove(partId(part));
  }

  private partIndex(uploadId: string): Map<number, PartRecord> {
    let found = this.partsByUpload.get(uploadId);
    if (!found) this.partsByUpload.set(uploadId, (found = new Map<number, PartRecord>()));
    return found;
  }

  private async add<V extends Version>(
    bucket: BucketRecord,
    version: V,
    { replicable = true, also = [] }: { replicable?: boolean; also?: readonly Change[] } = {},
  ): Promise<V> {
    const due = replicable && this.replication?.isDue(bucket, version) === true;
    const complete: V = due ? { ...version, replication: 'PENDING' } : version;
    const replaced = this.nullVersionToReplace(bucket, complete);
    await this.put(complete, also);
    if (replaced) await this.erase(replaced);
    if (due) this.replication?.enqueue(complete);
    return complete;
  }

  private put(version: Version, also: readonly Change[] = []): Promise<void> {
    this.index(version.bucket).add(version);
    return this.kept(version, together(this.versions.putting(idOf(version), version), ...also));
  }

  /** A change that could not be written (a full disk) has not happened. */
  private async kept(version: Version, written: Promise<void>): Promise<void> {
    try {
      await written;
    } catch (err) {
      const index = this.index(version.bucket);
      index.remove(version);
      const onDisk = this.versions.get(idOf(version));
      if (onDisk) index.add(onDisk);
      throw err;
    }
  }

  private stamp(
    bucket: BucketRecord,
    at = this.clock.now(),
  ): { versionId: string; order: number; modifiedAt: string } {
    const versionId = bucket.versioning === 'Enabled' ? newVersionId() : 'null';
    return { versionId, order: this.nextOrder++, modifiedAt: at.toISOString() };
  }

  private nullVersionToReplace(bucket: BucketRecord, version: Version): Version | undefined {
    return version.versionId === 'null' ? this.find(bucket.name, version.key, 'null') : undefined;
  }
}

function partId({ uploadId, number }: PartRecord): string {
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
