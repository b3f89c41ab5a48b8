import type { Call } from '../wire/handlers.ts';
import type { S3Access, S3Parts } from './access.ts';
import { checkRead } from './conditions.ts';
import { checkDecryptable } from './encryption.ts';
import { invalidArgument, invalidRequest, preconditionFailed } from './errors.ts';
import { AwsError, refuseMembers } from '../wire/errors.ts';
import { checkAwake, findVersion, versionContext } from './read-handlers.ts';
import type { BucketRecord, ObjectVersion } from './records.ts';

interface CopyInput {
  readonly CopySource?: string | undefined;
  readonly ExpectedSourceBucketOwner?: string | undefined;
  readonly CopySourceIfMatch?: string | undefined;
  readonly CopySourceIfNoneMatch?: string | undefined;
  readonly CopySourceIfModifiedSince?: Date | undefined;
  readonly CopySourceIfUnmodifiedSince?: Date | undefined;
}

export interface CopySource {
  readonly bucket: BucketRecord;
  readonly version: ObjectVersion;
  /** Named by its version id. */
  readonly isPinned: boolean;
  readonly header: { readonly CopySourceVersionId?: string };
}

/** The version named by `x-amz-copy-source`, if the caller may read it. */
export function copySource(parts: S3Parts, access: S3Access, call: Call, input: CopyInput): CopySource {
  refuseMembers('s3', call.operation, input, ['CopySourceSSECustomerAlgorithm']);
  const named = parseSource(input.CopySource ?? '');
  const action = named.versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion';
  const bucket = access.bucket(
    call,
    { Bucket: named.bucket, ExpectedBucketOwner: input.ExpectedSourceBucketOwner },
    action,
    named.key,
    versionContext(named.versionId),
    { anyRegion: true },
  );
  const version = findSource(parts, access, call, bucket, named);
  checkConditions(input, version, parts.clock.now());
  checkAwake(version);
  checkDecryptable(version.encryption, call, parts.keys);
  return {
    bucket,
    version,
    isPinned: named.versionId !== undefined,
    header: version.versionId === 'null' ? {} : { CopySourceVersionId: version.versionId },
  };
}

/** `bucket/key`, with or without a slash in front and `?versionId=` behind; the key is URL-encoded. */
function parseSource(text: string): { bucket: string; key: string; versionId: string | undefined } {
  const mark = text.indexOf('?versionId=');
  const path = (mark === -1 ? text : text.slice(0, mark)).replace(/^\//, '');
  const versionId = mark === -1 ? undefined : text.slice(mark + '?versionId='.length);
  let decoded: string;
  try {
    decoded = decodeURIComponent(path.replaceAll('+', '%20'));
  } catch {
    throw invalidArgument('Copy Source must be URL-encoded', 'x-amz-copy-source', text);
  }
  const slash = decoded.indexOf('/');
  if (slash < 1 || slash === decoded.length - 1)
    throw invalidArgument(
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
      'x-amz-copy-source',
      text,
    );
  return { bucket: decoded.slice(0, slash), key: decoded.slice(slash + 1), versionId };
}

function findSource(
  parts: S3Parts,
  access: S3Access,
  call: Call,
  bucket: BucketRecord,
  { key, versionId }: { readonly key: string; readonly versionId: string | undefined },
): ObjectVersion {
  try {
    return findVersion(parts, access, call, bucket, key, versionId);
  } catch (err) {
    if (err instanceof AwsError && err.code === 'MethodNotAllowed')
      throw invalidRequest(
        'The source of a copy request may not specifically refer to a delete marker by version id.',
      );
    throw err;
  }
}

/** Where a read would answer 304, a copy answers 412. */
function checkConditions(input: CopyInput, version: ObjectVersion, now: Date): void {
  try {
    const conditions = {
      IfMatch: input.CopySourceIfMatch,
      IfNoneMatch: input.CopySourceIfNoneMatch,
      IfModifiedSince: input.CopySourceIfModifiedSince,
      IfUnmodifiedSince: input.CopySourceIfUnmodifiedSince,
    };
    checkRead(conditions, version, now);
  } catch (err) {
    if (!(err instanceof AwsError)) throw err;
    if (err.code === 'NotModified')
      throw preconditionFailed(
        input.CopySourceIfNoneMatch === undefined
          ? 'x-amz-copy-source-If-Modified-Since'
          : 'x-amz-copy-source-If-None-Match',
      );
    throw preconditionFailed(
      input.CopySourceIfMatch === undefined
        ? 'x-amz-copy-source-If-Unmodified-Since'
        : 'x-amz-copy-source-If-Match',
    );
  }
}
