import { awsError } from '../wire/errors.ts';
import { noSuchKey, preconditionFailed } from './errors.ts';
import type { ObjectVersion, Version } from './records.ts';

export interface WriteConditions {
  readonly IfMatch?: string | undefined;
  readonly IfNoneMatch?: string | undefined;
}

/** Conditional writes: `IfNoneMatch: *` is write-once; a delete marker counts as absent. */
export function checkWrite(
  { IfMatch, IfNoneMatch }: WriteConditions,
  current: Version | undefined,
  key: string,
): void {
  const present = current && !current.marker ? current : undefined;
  if (IfNoneMatch !== undefined) {
    if (IfNoneMatch !== '*')
      throw awsError({
        code: 'NotImplemented',
        status: 501,
        message:
          'A header you provided implies functionality that is not implemented: If-None-Match other than *',
      });
    if (present) throw preconditionFailed('If-None-Match');
  }
  if (IfMatch !== undefined) {
    if (!present) throw noSuchKey(key);
    if (!sameTag(IfMatch, present.etag)) throw preconditionFailed('If-Match');
  }
}

export interface ReadConditions extends WriteConditions {
  readonly IfModifiedSince?: Date | undefined;
  readonly IfUnmodifiedSince?: Date | undefined;
}

export function checkRead(conditions: ReadConditions, version: ObjectVersion): void {
  const modified = Math.floor(Date.parse(version.modifiedAt) / 1000) * 1000;
  const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince } = conditions;
  if (IfMatch !== undefined && !sameTag(IfMatch, version.etag)) throw preconditionFailed('If-Match');
  if (IfMatch === undefined && IfUnmodifiedSince !== undefined && modified > IfUnmodifiedSince.getTime())
    throw preconditionFailed('If-Unmodified-Since');
  const unchanged =
    IfNoneMatch === undefined
      ? IfModifiedSince !== undefined && modified <= IfModifiedSince.getTime()
      : sameTag(IfNoneMatch, version.etag);
  if (unchanged)
    throw awsError({
      code: 'NotModified',
      status: 304,
      message: 'Not Modified',
      headers: { etag: `"${version.etag}"` },
    });
}

function sameTag(condition: string, etag: string): boolean {
  return condition.split(',').some((part) => {
    const tag = part.trim().replace(/^W\//, '').replace(/^"|"$/g, '');
    return tag === '*' || tag === etag;
  });
}

/** One range of bytes; undefined when the whole object is to be sent. */
export function readRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [, first = '', last = ''] = match;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start >= size || start > end) {
    throw awsError({
      code: 'InvalidRange',
      status: 416,
      message: 'The requested range is not satisfiable',
      headers: { 'content-range': `bytes */${size}` },
    });
  }
  return { start, end };
}
