import {
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type HeadObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import {
  BodyDamaged,
  Throttled,
  type Bucket,
  type ChecksumAlgorithm,
  type ListedVersion,
  type ObjectDetails,
  type Refused,
} from '../../probe/s3/bucket.ts';
import { classOf, isNamed, nameOf, refuse } from './errors.ts';

/** Where a bucket answers, as a fact that can be written down: `orders-archive.s3.eu-central-1.amazonaws.com`. */
export function bucketHost(name: string, region: string): string {
  return `${name}.s3.${region}.amazonaws.com`;
}

/** @throws RangeError when the host is not one of {@link bucketHost}. */
export function bucketOf(host: string): { readonly name: string; readonly region: string } {
  const [, name, region] = /^(.+)\.s3\.([a-z0-9-]+)\.amazonaws\.com$/.exec(host) ?? [];
  if (name === undefined || region === undefined) throw new RangeError(`${host} is not the host of a bucket`);
  return { name, region };
}

const FULL: readonly (readonly [ChecksumAlgorithm, keyof HeadObjectCommandOutput])[] = [
  ['sha256', 'ChecksumSHA256'],
  ['crc64nvme', 'ChecksumCRC64NVME'],
  ['crc32c', 'ChecksumCRC32C'],
  ['crc32', 'ChecksumCRC32'],
  ['sha1', 'ChecksumSHA1'],
];

/** Headers that S3 keeps with an object and that a restore must bring back. */
const HEADERS = {
  'content-type': 'ContentType',
  'cache-control': 'CacheControl',
  'content-disposition': 'ContentDisposition',
  'content-encoding': 'ContentEncoding',
  'content-language': 'ContentLanguage',
  expires: 'ExpiresString',
  'website-redirect-location': 'WebsiteRedirectLocation',
} as const satisfies Record<string, keyof HeadObjectCommandOutput>;

export interface BucketAt {
  readonly s3: S3Client;
  readonly name: string;
  /** The account that must own the bucket: S3 refuses every call when another one does. Absent where that is not known. */
  readonly owner?: string;
  readonly signal?: AbortSignal;
  readonly forget?: () => void;
}

/** A bucket through the SDK, for the probe. */
export function createBucket({ s3, name, owner, signal, forget }: BucketAt): Bucket {
  const own = { Bucket: name, ...(owner === undefined ? {} : { ExpectedBucketOwner: owner }) };
  const options = signal === undefined ? {} : { abortSignal: signal };
  const versioned = (versionId: string) => (versionId === '' ? {} : { VersionId: versionId });
  const refusing =
    (doing: string) =>
    (error: unknown): never => {
      const status = statusOf(error);
      // HEAD has no body, and so no name of an error: the status alone says what it was.
      if (status === 503 || status === 429 || (classOf(error) === 'transient' && !isAbort(error)))
        throw new Throttled(`S3 did not answer ${doing}: ${nameOf(error)}`, { cause: error });
      return refuse(error, {
        doing: `${doing} of bucket ${name}`,
        otherwise: 'DatabaseUnreachable',
        ...(forget === undefined ? {} : { forget }),
      });
    };
  /** Refusals of single versions are answers; refusals of everything are errors. */
  async function answerOr<T>(doing: string, ask: () => Promise<T>): Promise<T | Refused> {
    try {
      return await ask();
    } catch (error) {
      const status = statusOf(error);
      if (status === 404 || status === 405) return { refused: 'gone', gone: true };
      if (status === 403 && !isNamed(error, 'RequestTimeTooSkewed', 'ExpiredToken'))
        return { refused: 'access denied', gone: false };
      if (status === 400 && classOf(error) !== 'credentials' && classOf(error) !== 'transient')
        return { refused: nameOf(error), gone: false };
      // A HEAD that is refused with 400 has no name; an object under a key of its client's is the usual reason.
      if (status === 400 && nameOf(error) === 'Unknown') return { refused: 'bad request (400)', gone: false };
      return refusing(doing)(error);
    }
  }

  return {
    name,

    async list(from) {
      const page = await s3
        .send(
          new ListObjectVersionsCommand({
            ...own,
            EncodingType: 'url',
            ...(from === null ? {} : { KeyMarker: from.key }),
            ...(from?.versionId == null ? {} : { VersionIdMarker: from.versionId }),
          }),
          options,
        )
        .catch(refusing('a listing'));
      if (page.IsTruncated === undefined) throw new Throttled('S3 answered a listing without a list');
      const versions = [
        ...(page.Versions ?? []).map((version): ListedVersion => listed(version, false)),
        ...(page.DeleteMarkers ?? []).map((marker): ListedVersion => listed(marker, true)),
      ];
      if (!page.IsTruncated) return { versions, next: null };
      if (page.NextKeyMarker === undefined)
        throw new Throttled('S3 cut a listing short without saying where');
      return {
        versions,
        next: { key: decoded(page.NextKeyMarker), versionId: page.NextVersionIdMarker ?? null },
      };
    },

    details: ({ key, versionId }) =>
      answerOr('a description', async () => {
        const head = await s3.send(
          new HeadObjectCommand({ ...own, Key: key, ...versioned(versionId), ChecksumMode: 'ENABLED' }),
          options,
        );
        return detailsOf(head);
      }),

    tags: ({ key, versionId }) =>
      answerOr('the tags', async () => {
        const { TagSet = [] } = await s3.send(
          new GetObjectTaggingCommand({ ...own, Key: key, ...versioned(versionId) }),
          options,
        );
        return Object.fromEntries(TagSet.map(({ Key = '', Value = '' }) => [Key, Value]));
      }),

    body: ({ key, versionId }) =>
      answerOr('a body', async () => {
        const { Body } = await s3.send(
          new GetObjectCommand({ ...own, Key: key, ...versioned(versionId), ChecksumMode: 'ENABLED' }),
          options,
        );
        if (Body === undefined) throw new Throttled('S3 answered without a body');
        return pieces(Body as AsyncIterable<Uint8Array>);
      }),

    async locks(example) {
      try {
        const { ObjectLockConfiguration } = await s3.send(
          new GetObjectLockConfigurationCommand(own),
          options,
        );
        if (ObjectLockConfiguration?.ObjectLockEnabled !== 'Enabled') return 'off';
        if (example === null) return 'off';
        const { key, versionId } = example;
        await s3.send(new GetObjectRetentionCommand({ ...own, Key: key, ...versioned(versionId) }), options);
        return 'shown';
      } catch (error) {
        if (isNamed(error, 'ObjectLockConfigurationNotFoundError')) return 'off';
        // Asked for and never set: whoever may not see it gets another answer.
        if (isNamed(error, 'NoSuchObjectLockConfiguration', 'NoSuchKey', 'NoSuchVersion')) return 'shown';
        if (statusOf(error) === 403) return 'hidden';
        return refusing('the locks')(error);
      }
    },

    async overwrite(key, body, metadata) {
      const of = (prefix: string) =>
        Object.fromEntries(
          Object.entries(metadata).flatMap(([field, value]) =>
            field.startsWith(prefix) ? [[field.slice(prefix.length), value]] : [],
          ),
        ) as Record<string, string>;
      const headers = of('header ');
      await s3
        .send(
          new PutObjectCommand({
            ...own,
            ...{ Key: key, Body: body, Metadata: of('user ') },
            ...(headers['content-type'] === undefined ? {} : { ContentType: headers['content-type'] }),
            ...(headers['content-encoding'] === undefined
              ? {}
              : { ContentEncoding: headers['content-encoding'] }),
            ...(headers['cache-control'] === undefined ? {} : { CacheControl: headers['cache-control'] }),
          }),
          options,
        )
        .catch(refusing('a new body'));
    },
  };
}

function detailsOf(head: HeadObjectCommandOutput): ObjectDetails {
  const found =
    head.ChecksumType === 'COMPOSITE' ? undefined : FULL.find(([, field]) => head[field] !== undefined);
  const value = found === undefined ? undefined : head[found[1]];
  const headers = Object.entries(HEADERS).flatMap(([header, field]): [string, string][] => {
    const text = head[field];
    return text === undefined ? [] : [[`header ${header}`, text]];
  });
  const user = Object.entries(head.Metadata ?? {}).map(([field, text]): [string, string] => [
    `user ${field}`,
    text,
  ]);
  return {
    checksum: found === undefined || typeof value !== 'string' ? null : { algorithm: found[0], value },
    etagIsOpaque:
      head.SSECustomerAlgorithm !== undefined ||
      (head.ServerSideEncryption ?? 'AES256').startsWith('aws:kms'),
    metadata: Object.fromEntries([...headers, ...user]),
    tagCount: head.TagCount ?? 0,
    lock: {
      mode:
        head.ObjectLockMode === 'COMPLIANCE'
          ? 'compliance'
          : head.ObjectLockMode === 'GOVERNANCE'
            ? 'governance'
            : 'none',
      until: head.ObjectLockRetainUntilDate?.getTime() ?? 0,
      hold: head.ObjectLockLegalHoldStatus === 'ON',
    },
  };
}

function listed(
  version: {
    readonly Key?: string | undefined;
    readonly VersionId?: string | undefined;
    readonly IsLatest?: boolean | undefined;
    readonly LastModified?: Date | undefined;
    readonly Size?: number | undefined;
    readonly ETag?: string | undefined;
  },
  marker: boolean,
): ListedVersion {
  const { Key, VersionId, IsLatest = false, LastModified, Size = 0, ETag = '' } = version;
  if (Key === undefined || VersionId === undefined || LastModified === undefined)
    throw new Throttled('S3 listed a version without its key, id or date');
  return {
    ...{ key: decoded(Key), versionId: VersionId, marker, latest: IsLatest },
    ...{ size: Size, etag: ETag.replaceAll('"', ''), modifiedAt: LastModified.getTime() },
  };
}

/** Listings are asked for with their keys URL-encoded: XML cannot hold every key. */
function decoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

/** A body that breaks off is read again. */
async function* pieces(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    if (isAbort(error)) throw error;
    if (error instanceof Error && error.message.startsWith('Checksum mismatch'))
      throw new BodyDamaged({ cause: error });
    throw new Throttled(`a body broke off: ${nameOf(error)}`, { cause: error });
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

const isAbort = (error: unknown): boolean => isNamed(error, 'AbortError', 'CancelledFailure');
