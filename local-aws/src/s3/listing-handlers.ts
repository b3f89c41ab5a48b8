import type * as S3 from '@aws-sdk/client-s3';
import { encode } from '../auth/sigv4.ts';
import type { Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { invalidArgument } from './errors.ts';
import { listCurrent, listVersions, type Listing, type ListingRequest } from './listing.ts';
import { canonicalUser, storageClassOf } from './owner.ts';
import type { BucketRecord, ObjectVersion, Version } from './records.ts';

const PAGE = 1000;

interface ListingInput {
  readonly Prefix?: string | undefined;
  readonly Delimiter?: string | undefined;
  readonly MaxKeys?: number | undefined;
  readonly EncodingType?: string | undefined;
}

export function listingHandlers({ store }: S3Parts, access: S3Access) {
  return {
    async ListObjectsV2(input, call) {
      const { ContinuationToken: token, StartAfter = '', FetchOwner = false } = input;
      if (token === '')
        throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token);
      const asked = request(input, token === undefined ? StartAfter : fromToken(token));
      const bucket = access.bucket(call, input, 's3:ListBucket', undefined, context(input));
      const listing = listCurrent(store.index(bucket.name), asked);
      const text = encoder(input.EncodingType);
      return {
        ...common(bucket, input, asked, listing, text),
        KeyCount: listing.items.length + listing.prefixes.length,
        Contents: listing.items.map((version) => showObject(version, text, FetchOwner ? bucket : undefined)),
        ...(token === undefined ? {} : { ContinuationToken: token }),
        ...(StartAfter === '' ? {} : { StartAfter: text(StartAfter) }),
        ...(listing.truncated && listing.last !== undefined
          ? { NextContinuationToken: toToken(listing.last) }
          : {}),
      };
    },
    async ListObjects(input, call) {
      const { Marker = '' } = input;
      const asked = request(input, Marker);
      const bucket = access.bucket(call, input, 's3:ListBucket', undefined, context(input));
      const listing = listCurrent(store.index(bucket.name), asked);
      const text = encoder(input.EncodingType);
      return {
        ...common(bucket, input, asked, listing, text),
        Marker: text(Marker),
        Contents: listing.items.map((version) => showObject(version, text, bucket)),
        // Without a delimiter the last key of the page is the marker, and clients know that.
        ...(listing.truncated && input.Delimiter !== undefined && listing.last !== undefined
          ? { NextMarker: text(listing.last) }
          : {}),
      };
    },
    async ListObjectVersions(input, call) {
      const { KeyMarker = '', VersionIdMarker } = input;
      if (VersionIdMarker !== undefined && KeyMarker === '')
        throw invalidArgument(
          'A version-id marker cannot be specified without a key marker.',
          'version-id-marker',
          VersionIdMarker,
        );
      if (VersionIdMarker === '')
        throw invalidArgument('A version-id marker cannot be empty.', 'version-id-marker', VersionIdMarker);
      const asked = request(input, KeyMarker);
      const bucket = access.bucket(call, input, 's3:ListBucketVersions', undefined, context(input));
      const index = store.index(bucket.name);
      const listing = listVersions(index, asked, VersionIdMarker);
      const text = encoder(input.EncodingType);
      const place = (version: Version) => ({
        VersionId: version.versionId,
        IsLatest: index.current(version.key)?.order === version.order,
      });
      return {
        ...common(bucket, input, asked, listing, text),
        KeyMarker: text(KeyMarker),
        VersionIdMarker: VersionIdMarker ?? '',
        Versions: listing.items
          .filter((version) => !version.marker)
          .map(
            (version) => ({ ...showObject(version, text, bucket), ...place(version) }) as S3.ObjectVersion,
          ),
        DeleteMarkers: listing.items
          .filter((version) => version.marker)
          .map((version) => ({
            Key: text(version.key),
            ...place(version),
            LastModified: new Date(version.modifiedAt),
            Owner: canonicalUser(bucket.accountId),
          })),
        ...(listing.truncated && listing.last !== undefined
          ? { NextKeyMarker: text(listing.last), NextVersionIdMarker: listing.lastVersionId }
          : {}),
      };
    },
  } satisfies Handlers<typeof S3>;
}

/** Condition keys of the listing actions. */
function context({ Prefix = '', Delimiter, MaxKeys }: ListingInput): Record<string, string> {
  return {
    's3:prefix': Prefix,
    ...(Delimiter === undefined ? {} : { 's3:delimiter': Delimiter }),
    ...(MaxKeys === undefined ? {} : { 's3:max-keys': String(MaxKeys) }),
  };
}

function request(
  { Prefix = '', Delimiter = '', MaxKeys = PAGE, EncodingType }: ListingInput,
  after: string,
): ListingRequest {
  if (!Number.isInteger(MaxKeys) || MaxKeys < 0)
    throw invalidArgument(
      'Argument maxKeys must be an integer between 0 and 2147483647',
      'maxKeys',
      String(MaxKeys),
    );
  checkEncodingType(EncodingType);
  return { prefix: Prefix, delimiter: Delimiter, after, limit: Math.min(MaxKeys, PAGE) };
}

export function checkEncodingType(type: string | undefined): void {
  if (type !== undefined && type !== 'url')
    throw invalidArgument('Invalid Encoding Method specified in Request', 'encoding-type', type);
}

/** What all three listings say of the request and of common prefixes. */
function common(
  bucket: BucketRecord,
  { Prefix = '', Delimiter, EncodingType }: ListingInput,
  asked: ListingRequest,
  listing: Listing<Version>,
  text: (value: string) => string,
) {
  return {
    Name: bucket.name,
    Prefix: text(Prefix),
    MaxKeys: asked.limit,
    IsTruncated: listing.truncated,
    CommonPrefixes: listing.prefixes.map((prefix) => ({ Prefix: text(prefix) })),
    ...(Delimiter === undefined || Delimiter === '' ? {} : { Delimiter: text(Delimiter) }),
    ...(EncodingType === undefined ? {} : { EncodingType: EncodingType as S3.EncodingType }),
  };
}

function showObject(
  version: ObjectVersion,
  text: (value: string) => string,
  owned: BucketRecord | undefined,
) {
  return {
    Key: text(version.key),
    LastModified: new Date(version.modifiedAt),
    ETag: `"${version.etag}"`,
    ChecksumAlgorithm: [version.checksum.algorithm],
    ChecksumType: version.checksum.type,
    Size: version.size,
    StorageClass: storageClassOf(version) as S3.ObjectStorageClass,
    ...(owned ? { Owner: canonicalUser(owned.accountId) } : {}),
  };
}

/** `encoding-type=url` as S3 does it: a space is a plus, slash and asterisk stay. */
export function encoder(encodingType: string | undefined): (text: string) => string {
  if (encodingType !== 'url') return (text) => text;
  return (text) => encode(text).replaceAll('%2F', '/').replaceAll('%2A', '*').replaceAll('%20', '+');
}

function toToken(last: string): string {
  return Buffer.from(`1:${last}`).toString('base64');
}

function fromToken(token: string): string {
  const text = Buffer.from(token, 'base64').toString('utf8');
  if (!text.startsWith('1:'))
    throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token);
  return text.slice(2);
}
