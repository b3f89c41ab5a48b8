import type { ChecksumAlgorithm } from './checksums.ts';
import type { LifecycleConfiguration } from './lifecycle-rules.ts';
import type { ReplicationConfiguration } from './replication-rules.ts';

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
  readonly lifecycle?: LifecycleConfiguration | undefined;
  readonly replication?: ReplicationConfiguration | undefined;
  /** `deleted` after DeleteBucketOwnershipControls; ACLs are off all the same. */
  readonly ownershipControls?: 'deleted' | undefined;
}

export interface BucketEncryption {
  readonly algorithm: EncryptionAlgorithm;
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

export type EncryptionAlgorithm = 'AES256' | 'aws:kms' | 'aws:kms:dsse';

export interface Encryption {
  readonly algorithm: EncryptionAlgorithm;
  readonly kmsKeyArn: string | undefined;
  readonly bucketKey: boolean;
}

/** PENDING, COMPLETED and FAILED at the source, REPLICA at the destination. */
export type ReplicationStatus = 'PENDING' | 'COMPLETED' | 'FAILED' | 'REPLICA';

interface AnyVersion {
  readonly bucket: string;
  readonly key: string;
  /** `null` where versioning was not enabled. */
  readonly versionId: string;
  /** Order of commits, over all buckets. */
  readonly order: number;
  readonly modifiedAt: string;
  /** Absent when no rule of replication is concerned. */
  readonly replication?: ReplicationStatus | undefined;
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
  /** Absent = STANDARD. */
  readonly storageClass?: string | undefined;
  readonly websiteRedirect?: string | undefined;
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
  readonly storageClass?: string | undefined;
  readonly websiteRedirect?: string | undefined;
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
