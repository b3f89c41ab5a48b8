import { invalidArgument, s3Error } from './errors.ts';
import type { ContentHeaders, Tag } from './records.ts';

export interface ContentInput {
  readonly ContentType?: string | undefined;
  readonly CacheControl?: string | undefined;
  readonly ContentDisposition?: string | undefined;
  readonly ContentEncoding?: string | undefined;
  readonly ContentLanguage?: string | undefined;
  readonly Expires?: Date | undefined;
  readonly Metadata?: Record<string, string> | undefined;
}

export function readContent(input: ContentInput): ContentHeaders {
  // aws-chunked is how the body travelled, not part of the object.
  const encodings = (input.ContentEncoding ?? '').split(',').map((part) => part.trim());
  const contentEncoding = encodings.filter((part) => part !== '' && part !== 'aws-chunked').join(',');
  return {
    contentType: input.ContentType,
    cacheControl: input.CacheControl,
    contentDisposition: input.ContentDisposition,
    contentEncoding: contentEncoding === '' ? undefined : contentEncoding,
    contentLanguage: input.ContentLanguage,
    expires: input.Expires?.toISOString(),
    metadata: input.Metadata ?? {},
  };
}

export function contentHeaders(content: ContentHeaders) {
  return {
    ContentType: content.contentType ?? 'binary/octet-stream',
    CacheControl: content.cacheControl,
    ContentDisposition: content.contentDisposition,
    ContentEncoding: content.contentEncoding,
    ContentLanguage: content.contentLanguage,
    ExpiresString: content.expires === undefined ? undefined : new Date(content.expires).toUTCString(),
    Metadata: { ...content.metadata },
  };
}

/** The `x-amz-tagging` header: a query string. */
export function readTagging(text: string | undefined): Tag[] {
  if (text === undefined || text === '') return [];
  const given = [...new URLSearchParams(text)];
  if (given.length === 0 || new Set(given.map(([key]) => key)).size !== given.length)
    throw invalidArgument(
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      'x-amz-tagging',
      text,
    );
  return checkTags(
    given.map(([Key, Value]) => ({ Key, Value })),
    10,
  );
}

const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** @throws BadRequest for too many, InvalidTag for forms that S3 does not take */
export function checkTags(
  tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[],
  limit: number,
): Tag[] {
  const complete = tags.map(({ Key = '', Value = '' }) => ({ Key, Value }));
  if (complete.length > limit) {
    const what =
      limit === 10
        ? 'Object tags cannot be greater than 10'
        : `Bucket tag count cannot be greater than ${limit}`;
    throw s3Error('BadRequest', 400, what);
  }
  if (new Set(complete.map(({ Key }) => Key)).size !== complete.length)
    throw s3Error('InvalidTag', 400, 'Cannot provide multiple Tags with the same key');
  for (const { Key, Value } of complete) {
    if (Key.length === 0 || Key.length > 128 || !TAG_TEXT.test(Key))
      throw s3Error('InvalidTag', 400, 'The TagKey you have provided is invalid', { TagKey: Key });
    if (Value.length > 256 || !TAG_TEXT.test(Value))
      throw s3Error('InvalidTag', 400, 'The TagValue you have provided is invalid', {
        TagKey: Key,
        TagValue: Value,
      });
    if (Key.toLowerCase().startsWith('aws:'))
      throw s3Error('InvalidTag', 400, 'System tags cannot be added/updated by requester', { TagKey: Key });
  }
  return complete;
}
