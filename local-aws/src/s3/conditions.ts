import { awsError } from '../wire/errors.ts';
import { noSuchKey, preconditionFailed, s3Error } from './errors.ts';
import type { ObjectVersion, Version } from './records.ts';

export interface WriteConditions {
  readonly IfMatch?: string | undefined;
  readonly IfNoneMatch?: string | undefined;
}

/** Conditional deletes: `*` matches anything that is there. */
export function checkDelete(IfMatch: string | undefined, current: Version | undefined, key: string): void {
  if (IfMatch === undefined) return;
  if (!current || current.marker) throw noSuchKey(key);
  if (!sameTag(IfMatch, current.etag)) throw preconditionFailed('If-Match');
}

/** Conditional writes: `IfNoneMatch: *` is write-once; a delete marker counts as absent. */
export function checkWrite(
  { IfMatch, IfNoneMatch }: WriteConditions,
  current: Version | undefined,
  key: string,
): void {
  const present = current && !current.marker ? current : undefined;
  if (IfNoneMatch !== undefined) {
    if (IfNoneMatch !== '*') throw notOffered('If-None-Match', 'If-None-Match is only supported with * here');
    if (IfMatch !== undefined)
      throw notOffered(
        'If-Match,If-None-Match',
        'Multiple conditional request headers present in the request',
      );
    if (present) throw preconditionFailed('If-None-Match');
  }
  if (IfMatch !== undefined) {
    if (IfMatch === '*')
      throw notOffered('If-Match', "We don't accept the provided value of If-Match header for this API");
    if (!present) throw noSuchKey(key);
    if (!sameTag(IfMatch, present.etag)) throw preconditionFailed('If-Match');
  }
}

/** S3's own refusal of conditions that it does not offer. */
function notOffered(Header: string, additionalMessage: string): Error {
  const message = 'A header you provided implies functionality that is not implemented';
  return s3Error('NotImplemented', 501, message, { Header, additionalMessage });
}

export interface ReadConditions extends WriteConditions {
  readonly IfModifiedSince?: Date | undefined;
  readonly IfUnmodifiedSince?: Date | undefined;
}

/** @throws 412, or 304 without a document. */
export function checkRead(conditions: ReadConditions, version: ObjectVersion, now: Date): void {
  const modified = Math.floor(Date.parse(version.modifiedAt) / 1000) * 1000;
  const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince } = conditions;
  if (IfMatch !== undefined && !sameTag(IfMatch, version.etag)) throw preconditionFailed('If-Match');
  if (IfMatch === undefined && IfUnmodifiedSince !== undefined && modified > IfUnmodifiedSince.getTime())
    throw preconditionFailed('If-Unmodified-Since');
  const unchanged =
    IfNoneMatch === undefined
      ? // A date that is still to come means nothing.
        IfModifiedSince !== undefined &&
        modified <= IfModifiedSince.getTime() &&
        IfModifiedSince.getTime() <= now.getTime()
      : sameTag(IfNoneMatch, version.etag);
  if (unchanged)
    throw awsError({
      code: 'NotModified',
      status: 304,
      message: 'Not Modified',
      headers: {
        etag: `"${version.etag}"`,
        'last-modified': new Date(version.modifiedAt).toUTCString(),
        ...(version.versionId === 'null' ? {} : { 'x-amz-version-id': version.versionId }),
      },
    });
}

function sameTag(condition: string, etag: string): boolean {
  return condition.split(',').some((part) => {
    const tag = part.trim().replace(/^W\//, '').replace(/^"|"$/g, '');
    return tag === '*' || tag === etag;
  });
}
