/** One version as a listing shows it. The order of versions within a key is not relied upon. */
export interface ListedVersion {
  readonly key: string;
  readonly versionId: string;
  /** A delete marker: it has no body and no details. */
  readonly marker: boolean;
  readonly latest: boolean;
  /** Bytes; 0 for markers. */
  readonly size: number;
  /** Without its quotes; empty for markers. */
  readonly etag: string;
  /** Milliseconds since 1970, by S3's clock, of which S3 shows whole seconds. */
  readonly modifiedAt: number;
}

/** Where the next page of a listing begins. Holds a key: it stays on the prober's disk. */
export interface Cursor {
  readonly key: string;
  readonly versionId: string | null;
}

export interface VersionPage {
  readonly versions: readonly ListedVersion[];
  readonly next: Cursor | null;
}

export type ChecksumAlgorithm = 'crc32' | 'crc32c' | 'crc64nvme' | 'sha1' | 'sha256';

export interface LockState {
  readonly mode: 'none' | 'governance' | 'compliance';
  /** Milliseconds since 1970; 0 without a mode. */
  readonly until: number;
  readonly hold: boolean;
}

/** What S3 says about one version beside its listing. */
export interface ObjectDetails {
  /** Of the whole object, base64; null where there is none or only one that is made of the parts' checksums. */
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly value: string } | null;
  /** False where the ETag is the MD5 of the body, if it has the form of one. */
  readonly etagIsOpaque: boolean;
  /** The user's metadata, and the headers that are stored with an object. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tagCount: number;
  readonly lock: LockState;
}

/** Why S3 would not tell about one version; `gone`: it was deleted since it was listed. */
export interface Refused {
  readonly refused: string;
  readonly gone: boolean;
}

/** `hidden`: the role may not see locks, so that every object looks unlocked (S3 leaves the fields out). */
export type LockVisibility = 'off' | 'shown' | 'hidden';

/**
 * One bucket, read page by page. Every method throws {@link Throttled} when S3 asks for patience, `DatabaseUnreachable` when it cannot be
 * reached, and whatever S3 refused otherwise.
 */
export interface Bucket {
  readonly name: string;
  list(from: Cursor | null): Promise<VersionPage>;
  details(version: Pick<ListedVersion, 'key' | 'versionId'>): Promise<ObjectDetails | Refused>;
  tags(
    version: Pick<ListedVersion, 'key' | 'versionId'>,
  ): Promise<Readonly<Record<string, string>> | Refused>;
  /** @throws BodyDamaged while it is read. */
  body(version: Pick<ListedVersion, 'key' | 'versionId'>): Promise<AsyncIterable<Uint8Array> | Refused>;
  /** @param example a version to look at, when there is one: only that shows whether locks are visible. */
  locks(example: Pick<ListedVersion, 'key' | 'versionId'> | null): Promise<LockVisibility>;
  /** Writes a new body under a key, keeping metadata, for the known-bad drill. */
  overwrite(key: string, body: Uint8Array, metadata: Readonly<Record<string, string>>): Promise<void>;
}

/** S3 asked for patience (503 SlowDown and its kin): everybody waits, then asks again. */
export class Throttled extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Throttled';
  }
}

/** What came does not fit the checksum that S3 keeps beside it. */
export class BodyDamaged extends Error {
  constructor(options?: ErrorOptions) {
    super('its body does not fit its own checksum', options);
    this.name = 'BodyDamaged';
  }
}

export function isRefused(answer: object): answer is Refused {
  return 'refused' in answer;
}
