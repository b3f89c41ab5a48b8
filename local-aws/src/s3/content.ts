import { invalidArgument } from './errors.ts';
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
    ContentType: content.contentType ?? 'application/octet-stream',
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
  if (text === undefined) return [];
  return checkTags(
    [...new URLSearchParams(text)].map(([Key, Value]) => ({ Key, Value })),
    10,
  );
}

export function checkTags(
  tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[],
  limit: number,
): Tag[] {
  const complete = tags.map(({ Key = '', Value = '' }) => ({ Key, Value }));
  if (complete.length > limit) throw invalidArgument(`A resource can have at most ${limit} tags.`);
  if (new Set(complete.map(({ Key }) => Key)).size !== complete.length)
    throw invalidArgument('Cannot provide multiple Tags with the same key');
  return complete;
}
