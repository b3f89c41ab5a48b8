import { awsError } from '../wire/errors.ts';
import { invalidArgument, invalidRequest } from './errors.ts';
import type { ObjectVersion } from './records.ts';

/** Bytes of an object, both ends included; `end` is below `start` when there are none. */
export interface Slice {
  readonly start: number;
  readonly end: number;
  readonly length: number;
  /** Answered with 206 and a content range. */
  readonly isPartial: boolean;
}

const MAX_PARTS = 10_000;

/** What `Range` or `partNumber` selects. @throws InvalidRange, InvalidPartNumber */
export function sliceOf(
  { Range, PartNumber }: { Range?: string | undefined; PartNumber?: number | undefined },
  version: ObjectVersion,
): Slice {
  if (PartNumber !== undefined) {
    if (Range !== undefined)
      throw invalidRequest('Cannot specify both Range header and partNumber query parameter');
    return sliceOfPart(PartNumber, version);
  }
  const range = readRange(Range, version.size);
  return range ? slice(range.start, range.end, true) : slice(0, version.size - 1, false);
}

/** An object that was not uploaded in parts is its own first part. */
function sliceOfPart(number: number, { parts, size }: ObjectVersion): Slice {
  if (!Number.isInteger(number) || number < 1 || number > MAX_PARTS)
    throw invalidArgument(
      `Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`,
      'partNumber',
      String(number),
    );
  const count = parts?.length ?? 1;
  if (number > count)
    throw awsError({
      code: 'InvalidPartNumber',
      status: 416,
      message: 'The requested partnumber is not satisfiable',
      details: { PartNumberRequested: String(number), ActualPartCount: String(count) },
      service: 's3',
    });
  const before = (parts ?? []).slice(0, number - 1).reduce((sum, part) => sum + part.size, 0);
  const length = parts?.[number - 1]?.size ?? size;
  return slice(before, before + length - 1, length > 0);
}

function slice(start: number, end: number, isPartial: boolean): Slice {
  return { start, end, length: end - start + 1, isPartial };
}

/** One range of bytes. Undefined when the header is absent or not understood, which means the whole object. */
export function readRange(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start < size) return { start, end };
  throw awsError({
    code: 'InvalidRange',
    status: 416,
    message: 'The requested range is not satisfiable',
    headers: { 'content-range': `bytes */${size}` },
    details: { RangeRequested: header ?? '', ActualObjectSize: String(size) },
    service: 's3',
  });
}

/** `x-amz-copy-source-range` must be complete and inside the source. @throws InvalidArgument */
export function readCopyRange(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | undefined {
  if (header === undefined) return undefined;
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header) ?? [];
  const [start, end] = [Number(first), Number(last)];
  if (first === undefined || last === undefined || start > end)
    throw invalidArgument(
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
      'x-amz-copy-source-range',
      header,
    );
  if (end >= size)
    throw invalidArgument(
      `Range specified is not valid for source object of size: ${size}`,
      'x-amz-copy-source-range',
      header,
    );
  return { start, end };
}
