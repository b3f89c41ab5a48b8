import {
  BodyDamaged,
  isRefused,
  type Bucket,
  type ListedVersion,
  type ObjectDetails,
  type Refused,
} from './bucket.ts';
import type { Digests } from './digests.ts';
import type { Patience } from './patience.ts';
import { NO_DIGEST, NO_LOCK, NO_REFERENCE, type VersionRecord } from './records.ts';

export interface Describing {
  readonly bucket: Bucket;
  readonly digests: Digests;
  readonly patience: Patience;
  /** Whether to read a body of which S3 keeps nothing to compare by. */
  readonly readBodies: boolean;
}

export interface Described {
  readonly record: VersionRecord;
  readonly refused: string | null;
  readonly bodyRead: boolean;
}

/** What a listing alone tells. */
export function listedRecord(version: ListedVersion, digests: Digests, due: boolean): VersionRecord {
  const { key, versionId, marker, latest, size, modifiedAt } = version;
  return {
    ...{
      key: digests.key(key),
      versionId: digests.versionId(versionId),
      marker,
      latest,
      due,
      size,
      modifiedAt,
    },
    ...{
      detailed: false,
      reference: NO_REFERENCE,
      metadata: NO_DIGEST,
      tags: NO_DIGEST,
      lock: NO_LOCK,
      at: 0,
    },
  };
}

/** Everything S3 tells about one version; a version that is gone meanwhile, or that it refuses to describe, keeps what its listing told. */
export async function describeVersion(
  version: ListedVersion,
  due: boolean,
  { bucket, digests, patience, readBodies }: Describing,
): Promise<Described> {
  const listed = listedRecord(version, digests, due);
  const details = await patience.ask(() => bucket.details(version));
  if (isRefused(details)) return left(listed, details);
  const tags = details.tagCount === 0 ? {} : await patience.ask(() => bucket.tags(version));
  if (isRefused(tags)) return left(listed, tags);
  const known = {
    ...{ ...listed, detailed: true, lock: details.lock },
    ...{ metadata: digests.pairs('metadata', details.metadata), tags: digests.pairs('tags', tags) },
    reference: storedReference(version, details, digests),
  };
  if (known.reference.kind !== 'none' || !readBodies)
    return { record: known, refused: null, bodyRead: false };
  // Asked again as a whole when S3 lost patience half-way.
  const digest = await patience.ask(() => bodyDigest(version, bucket, digests));
  if (typeof digest !== 'string')
    return { record: known, refused: digest.gone ? null : digest.refused, bodyRead: false };
  return { record: { ...known, reference: { kind: 'body', digest } }, refused: null, bodyRead: true };
}

function left(record: VersionRecord, { refused, gone }: Refused): Described {
  return { record, refused: gone ? null : refused, bodyRead: false };
}

/** The digest of a checksum of the whole body that S3 keeps; an ETag is one where it is the MD5. */
export function storedReference(
  { etag }: Pick<ListedVersion, 'etag'>,
  { checksum, etagIsOpaque }: Pick<ObjectDetails, 'checksum' | 'etagIsOpaque'>,
  digests: Digests,
): VersionRecord['reference'] {
  if (checksum !== null)
    return { kind: checksum.algorithm, digest: digests.reference(checksum.algorithm, checksum.value) };
  if (!etagIsOpaque && /^[0-9a-f]{32}$/.test(etag)) {
    const md5 = Buffer.from(etag, 'hex').toString('base64');
    return { kind: 'md5', digest: digests.reference('md5', md5) };
  }
  return NO_REFERENCE;
}

/** @returns what to keep of a body's digest. */
export async function bodyDigest(
  version: Pick<ListedVersion, 'key' | 'versionId'>,
  bucket: Bucket,
  digests: Digests,
): Promise<string | Refused> {
  const body = await bucket.body(version);
  if (isRefused(body)) return body;
  const hash = digests.body();
  try {
    for await (const chunk of body) hash.update(chunk);
  } catch (error) {
    if (!(error instanceof BodyDamaged)) throw error;
    return { refused: error.message, gone: false };
  }
  return digests.reference('body', hash.digest('hex'));
}
