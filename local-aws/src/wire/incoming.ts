import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Transform, type Readable } from 'node:stream';
import type { ChunkVerifier } from '../auth/chunk-signature.ts';
import { AwsChunkedDecoder, incompleteBody, STREAM_BUFFER_BYTES } from './aws-chunked.ts';
import { awsError, notImplemented } from './errors.ts';
import type { WireRequest } from './protocol.ts';

const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;
/** Whether each chunk of the body has a signature of its own. */
export function isSignedInChunks(headers: Readonly<Record<string, string>>): boolean {
  return (headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING-AWS4-');
}

/** Trailers of a streamed body are known when the stream has ended. */
const trailersOf = new WeakMap<Readable, AwsChunkedDecoder>();
const announcedOf = new WeakMap<Readable, string>();

export function trailers(stream: Readable): Readonly<Record<string, string>> {
  return trailersOf.get(stream)?.trailers ?? {};
}

/** The `x-amz-trailer` header that came with a streamed body: which trailers to expect. */
export function announcedTrailer(stream: Readable): string | undefined {
  return announcedOf.get(stream);
}

/** Sees a node request as the protocols want it. The body is read once, as a whole or as a stream. */
export interface IncomingRequest extends WireRequest {
  readonly whole: () => Promise<Buffer>;
  /** For bodies whose chunks are signed, before they are read. */
  readonly verifyChunksWith: (verifier: ChunkVerifier) => void;
}

export function readRequest(message: IncomingMessage): IncomingRequest {
  const url = message.url ?? '/';
  const mark = url.indexOf('?');
  const headers = headersOf(message);
  let whole: Promise<Buffer> | undefined;
  let decoded: Promise<Buffer> | undefined;
  let verifier: ChunkVerifier | undefined;
  const request = {
    method: message.method ?? 'GET',
    path: mark === -1 ? url : url.slice(0, mark),
    query: mark === -1 ? [] : readQuery(url.slice(mark + 1)),
    headers,
    whole: () => (whole ??= collect(message)),
    // As a stream, so that its digest is compared with the signed one; unless it was read for the signature already.
    body: () => (decoded ??= whole ?? collect(request.stream())),
    stream: () => decodeStream(message, headers, verifier),
    verifyChunksWith: (given: ChunkVerifier) => {
      verifier = given;
    },
  };
  return request;
}

function headersOf(message: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value;
  }
  return headers;
}

function readQuery(text: string): [string, string][] {
  return text
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      const name = equals === -1 ? pair : pair.slice(0, equals);
      const value = equals === -1 ? '' : pair.slice(equals + 1);
      return [unescape(name), unescape(value)];
    });
}

function unescape(text: string): string {
  try {
    return decodeURIComponent(text.replace(/\+/g, '%20'));
  } catch {
    throw awsError({ code: 'InvalidURI', status: 400, message: `'${text}' is not a valid part of a URL.` });
  }
}

async function collect(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_DOCUMENT_BYTES) {
      throw awsError({
        code: 'RequestEntityTooLarge',
        status: 413,
        message: `A request document may have at most ${MAX_DOCUMENT_BYTES} bytes.`,
      });
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function decodeStream(
  message: IncomingMessage,
  headers: Readonly<Record<string, string>>,
  verifier: ChunkVerifier | undefined,
): Readable {
  const announced = headers['x-amz-content-sha256'] ?? '';
  const encodings = (headers['content-encoding'] ?? '').split(',').map((part) => part.trim());
  const isChunked = announced.startsWith('STREAMING-') || encodings.includes('aws-chunked');
  if (isSignedInChunks(headers) && !verifier)
    throw notImplemented('s3', `bodies with chunks that are signed like this (${announced})`);
  const decoder = isChunked ? new AwsChunkedDecoder(verifier) : undefined;
  if (!decoder && headers['content-length'] === undefined && headers['transfer-encoding'] !== undefined)
    throw awsError({
      code: 'NotImplemented',
      status: 501,
      message: 'A header you provided implies functionality that is not implemented',
      details: { Header: 'Transfer-Encoding' },
    });
  const decodedLength = headers['x-amz-decoded-content-length'];
  const expectedLength = decodedLength ?? (decoder ? undefined : headers['content-length']);
  const checker = new BodyCheck(
    expectedLength === undefined ? undefined : Number(expectedLength),
    hexDigest(announced),
  );
  const first = decoder ?? checker;
  // Not stream.pipeline: it would destroy the connection with the first error, before the client has heard of it.
  const fail = (err: Error): void => {
    message.unpipe(first);
    message.resume();
    checker.destroy(err);
  };
  // The connection broke, whatever words the socket has for it.
  message.once('error', () => fail(incompleteBody()));
  // The reader hears of it when it reads; before that nobody listens, and that must not end the process.
  checker.on('error', () => undefined);
  message.once('close', () => {
    if (!message.complete) fail(incompleteBody());
  });
  if (decoder) {
    decoder.once('error', fail);
    decoder.pipe(checker);
    trailersOf.set(checker, decoder);
  }
  const trailer = headers['x-amz-trailer'];
  if (trailer !== undefined) announcedOf.set(checker, trailer);
  message.pipe(first);
  return checker;
}

function hexDigest(announced: string): string | undefined {
  return /^[0-9a-f]{64}$/.test(announced) ? announced : undefined;
}

/** Passes the body on and compares length and, where it was signed, the SHA-256. */
class BodyCheck extends Transform {
  private readonly expectedLength: number | undefined;
  private readonly expectedDigest: string | undefined;
  private readonly hash = createHash('sha256');
  private seen = 0;

  constructor(expectedLength: number | undefined, expectedDigest: string | undefined) {
    super({ highWaterMark: STREAM_BUFFER_BYTES });
    this.expectedLength = expectedLength;
    this.expectedDigest = expectedDigest;
  }

  override _transform(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (err?: Error | null, data?: Buffer) => void,
  ): void {
    this.seen += chunk.length;
    if (this.expectedDigest !== undefined) this.hash.update(chunk);
    done(null, chunk);
  }

  override _flush(done: (err?: Error | null) => void): void {
    if (this.expectedLength !== undefined && this.seen !== this.expectedLength) {
      done(incompleteBody());
    } else if (this.expectedDigest !== undefined && this.hash.digest('hex') !== this.expectedDigest) {
      const message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
      done(awsError({ code: 'XAmzContentSHA256Mismatch', status: 400, message }));
    } else done(null);
  }
}
