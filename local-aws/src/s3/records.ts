import type { ChecksumAlgorithm } from './checksums.ts';

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export interface DefaultRetention {
  readonly mode: LockMode;
  readonly days: number | undefined;
  readonly years: number | undefined;
}

export interface BucketRecord {
  readonly name: string;
  readonly accountId: string;
  readonly region: string;
  readonly createdAt: string;
  /** Object Lock, once on, is on for good. */
  readonly objectLock: boolean;
  readonly defaultRetention: DefaultRetention | undefined;
  readonly versioning: 'Enabled' | 'Suspended' | undefined;
  readonly policy: string | undefined;
  readonly publicAccessBlock: Readonly<Record<string, boolean>> | undefined;
  readonly tags: readonly Tag[];
  readonly encryption: BucketEncryption;
}

export interface BucketEncryption {
  readonly algorithm: 'AES256' | 'aws:kms';
  readonly kmsKeyId: string | undefined;
  readonly bucketKey: boolean;
}

export type LockMode = 'GOVERNANCE' | 'COMPLIANCE';

export interface Retention {
  readonly mode: LockMode;
  /** RFC 3339, compared with the simulated clock. */
  readonly until: string;
}

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; composite values end in `-<parts>`. */
  readonly value: string;
  readonly type: 'FULL_OBJECT' | 'COMPOSITE';
}

export interface StoredPart {
  readonly number: number;
  readonly size: number;
  readonly checksum: string | undefined;
}

/** What clients may attach to content and get back unchanged. */
export interface ContentHeaders {
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
  readonly contentDisposition: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly contentLanguage: string | undefined;
  readonly expires: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Encryption {
  readonly algorithm: 'AES256' | 'aws:kms';
  readonly kmsKeyArn: string | undefined;
  readonly bucketKey: boolean;
}

interface AnyVersion {
  readonly bucket: string;
  readonly key: string;
  /** `null` where versioning was not enabled. */
  readonly versionId: string;
  /** Order of commits, over all buckets. */
  readonly order: number;
  readonly modifiedAt: string;
}

export interface DeleteMarker extends AnyVersion {
  readonly marker: true;
}

export interface ObjectVersion extends AnyVersion {
  readonly marker: false;
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  readonly checksum: Checksum;
  readonly parts: readonly StoredPart[] | undefined;
  readonly content: ContentHeaders;
  readonly encryption: Encryption;
  readonly retention: Retention | undefined;
  readonly legalHold: 'ON' | 'OFF' | undefined;
  readonly tags: readonly Tag[];
  readonly blob: string;
}

export type Version = ObjectVersion | DeleteMarker;

export interface UploadRecord {
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
  readonly startedAt: string;
  readonly content: ContentHeaders;
  readonly encryption: Encryption;
  readonly retention: Retention | undefined;
  readonly legalHold: 'ON' | 'OFF' | undefined;
  readonly tags: readonly Tag[];
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly type: 'FULL_OBJECT' | 'COMPOSITE' };
  readonly initiator: string;
}

export interface PartRecord {
  readonly uploadId: string;
  readonly number: number;
  readonly size: number;
  readonly etag: string;
  /** Of the upload's algorithm, and of the one that the client sent, if another. */
  readonly checksums: Readonly<Partial<Record<ChecksumAlgorithm, string>>>;
  readonly blob: string;
  readonly modifiedAt: string;
}
