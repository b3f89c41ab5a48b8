import type * as S3 from '@aws-sdk/client-s3';
import { encode } from '../auth/sigv4.ts';
import type { Handlers } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { invalidArgument } from './errors.ts';
import type { ObjectVersion, Version } from './records.ts';
import type { VersionIndex } from './version-index.ts';

const PAGE = 1000;

interface ListingRequest {
  readonly prefix: string;
  readonly delimiter: string;
  /** List what comes after this key or common prefix. */
  readonly after: string;
  readonly limit: number;
}

interface Listing<T> {
  readonly items: T[];
  readonly prefixes: string[];
  /** The last key or common prefix on a truncated page. */
  readonly last: string | undefined;
  readonly truncated: boolean;
}

export function listingHandlers({ store }: S3Parts, access: S3Access) {
  const context = (prefix: string | undefined): Record<string, string> => ({ 's3:prefix': prefix ?? '' });
  return {
    async ListObjectsV2(input, call) {
      const bucket = access.bucket(call, input, 's3:ListBucket', undefined, context(input.Prefix));
      const after =
        input.ContinuationToken === undefined ? (input.StartAfter ?? '') : fromToken(input.ContinuationToken);
      const listing = listCurrent(store.index(bucket.name), request(input, after));
      const text = encoder(input.EncodingType);
      return {
        Name: bucket.name,
        Prefix: text(input.Prefix ?? ''),
        MaxKeys: input.MaxKeys ?? PAGE,
        KeyCount: listing.items.length + listing.prefixes.length,
        IsTruncated: listing.truncated,
        Contents: listing.items.map((version) => showObject(version, text)),
        CommonPrefixes: listing.prefixes.map((prefix) => ({ Prefix: text(prefix) })),
        ...(input.Delimiter === undefined ? {} : { Delimiter: text(input.Delimiter) }),
        ...(input.EncodingType === undefined ? {} : { EncodingType: input.EncodingType }),
        ...(input.ContinuationToken === undefined ? {} : { ContinuationToken: input.ContinuationToken }),
        ...(input.StartAfter === undefined ? {} : { StartAfter: text(input.StartAfter) }),
        ...(listing.truncated && listing.last !== undefined
          ? { NextContinuationToken: toToken(listing.last) }
          : {}),
      };
    },
    async ListObjects(input, call) {
      const bucket = access.bucket(call, input, 's3:ListBucket', undefined, context(input.Prefix));
      const listing = listCurrent(store.index(bucket.name), request(input, input.Marker ?? ''));
      const text = encoder(input.EncodingType);
      return {
        Name: bucket.name,
        Prefix: text(input.Prefix ?? ''),
        Marker: text(input.Marker ?? ''),
        MaxKeys: input.MaxKeys ?? PAGE,
        IsTruncated: listing.truncated,
        Contents: listing.items.map((version) => showObject(version, text)),
        CommonPrefixes: listing.prefixes.map((prefix) => ({ Prefix: text(prefix) })),
        ...(input.Delimiter === undefined ? {} : { Delimiter: text(input.Delimiter) }),
        ...(input.EncodingType === undefined ? {} : { EncodingType: input.EncodingType }),
        ...(listing.truncated && input.Delimiter !== undefined && listing.last !== undefined
          ? { NextMarker: text(listing.last) }
          : {}),
      };
    },
    async ListObjectVersions(input, call) {
      const bucket = access.bucket(call, input, 's3:ListBucketVersions', undefined, context(input.Prefix));
      const { KeyMarker = '', VersionIdMarker } = input;
      if (VersionIdMarker !== undefined && KeyMarker === '')
        throw invalidArgument('A version-id marker cannot be specified without a key marker.');
      const listing = listVersions(store.index(bucket.name), request(input, KeyMarker), VersionIdMarker);
      const text = encoder(input.EncodingType);
      const index = store.index(bucket.name);
      const isLatest = (version: Version): boolean => index.current(version.key)?.order === version.order;
      return {
        Name: bucket.name,
        Prefix: text(input.Prefix ?? ''),
        KeyMarker: text(KeyMarker),
        VersionIdMarker: VersionIdMarker ?? '',
        MaxKeys: input.MaxKeys ?? PAGE,
        IsTruncated: listing.truncated,
        Versions: listing.items
          .filter((version) => !version.marker)
          .map((version) => ({
            ...showObject(version, text),
            VersionId: version.versionId,
            IsLatest: isLatest(version),
          })),
        DeleteMarkers: listing.items
          .filter((version) => version.marker)
          .map((version) => ({
            Key: text(version.key),
            VersionId: version.versionId,
            IsLatest: isLatest(version),
            LastModified: new Date(version.modifiedAt),
            Owner: { ID: bucket.accountId },
          })),
        CommonPrefixes: listing.prefixes.map((prefix) => ({ Prefix: text(prefix) })),
        ...(input.Delimiter === undefined ? {} : { Delimiter: text(input.Delimiter) }),
        ...(input.EncodingType === undefined ? {} : { EncodingType: input.EncodingType }),
        ...(listing.truncated && listing.last !== undefined
          ? { NextKeyMarker: text(listing.last), NextVersionIdMarker: listing.lastVersionId }
          : {}),
      };
    },
  } satisfies Handlers<typeof S3>;
}

function request(
  input: { Prefix?: string | undefined; Delimiter?: string | undefined; MaxKeys?: number | undefined },
  after: string,
): ListingRequest {
  const { Prefix = '', Delimiter = '', MaxKeys = PAGE } = input;
  if (MaxKeys < 0)
    throw invalidArgument(
      'Argument maxKeys must be an integer between 0 and 2147483647',
      'max-keys',
      String(MaxKeys),
    );
  return { prefix: Prefix, delimiter: Delimiter, after, limit: Math.min(MaxKeys, PAGE) };
}

/** The common prefix that a key falls into, or undefined. */
function groupOf(key: string, { prefix, delimiter }: ListingRequest): string | undefined {
  if (delimiter === '') return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at === -1 ? undefined : key.slice(0, at + delimiter.length);
}

function listCurrent(index: VersionIndex, asked: ListingRequest): Listing<ObjectVersion> {
  const items: ObjectVersion[] = [];
  const prefixes: string[] = [];
  let last: string | undefined;
  for (const key of index.keys(asked.prefix, asked.after)) {
    if (key <= asked.after) continue;
    const current = index.current(key);
    if (!current || current.marker) continue;
    const group = groupOf(key, asked);
    if (group !== undefined && (group === prefixes.at(-1) || asked.after.startsWith(group))) continue;
    if (items.length + prefixes.length >= asked.limit)
      return { items, prefixes, last, truncated: asked.limit > 0 };
    if (group === undefined) items.push(current);
    else prefixes.push(group);
    last = group ?? key;
  }
  return { items, prefixes, last, truncated: false };
}

function listVersions(
  index: VersionIndex,
  asked: ListingRequest,
  versionMarker: string | undefined,
): Listing<Version> & { lastVersionId: string | undefined } {
  const items: Version[] = [];
  const prefixes: string[] = [];
  let last: string | undefined;
  let lastVersionId: string | undefined;
  const done = (truncated: boolean) => ({ items, prefixes, last, lastVersionId, truncated });
  for (const key of index.keys(asked.prefix, asked.after)) {
    const resumes = key === asked.after;
    if (resumes && versionMarker === undefined) continue;
    const group = groupOf(key, asked);
    if (group !== undefined) {
      if (group === prefixes.at(-1) || asked.after.startsWith(group)) continue;
      if (items.length + prefixes.length >= asked.limit) return done(asked.limit > 0);
      prefixes.push(group);
      last = group;
      lastVersionId = undefined;
      continue;
    }
    const versions = index.versionsOf(key);
    const start = resumes ? versions.findIndex(({ versionId }) => versionId === versionMarker) + 1 : 0;
    for (const version of versions.slice(start)) {
      if (items.length + prefixes.length >= asked.limit) return done(asked.limit > 0);
      items.push(version);
      last = key;
      lastVersionId = version.versionId;
    }
  }
  return done(false);
}

function showObject(version: ObjectVersion, text: (value: string) => string) {
  return {
    Key: text(version.key),
    LastModified: new Date(version.modifiedAt),
    ETag: `"${version.etag}"`,
    ChecksumAlgorithm: [version.checksum.algorithm],
    ChecksumType: version.checksum.type,
    Size: version.size,
    StorageClass: 'STANDARD' as const,
  };
}

function encoder(encodingType: string | undefined): (text: string) => string {
  return encodingType === 'url' ? (text) => encode(text).replaceAll('%2F', '/') : (text) => text;
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
