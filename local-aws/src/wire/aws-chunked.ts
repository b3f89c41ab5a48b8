import { Transform, type TransformCallback } from 'node:stream';
import { createHash, type Hash } from 'node:crypto';
import type { ChunkVerifier } from '../auth/chunk-signature.ts';
import { awsError } from './errors.ts';

/** So much may wait between a connection and the disk: less makes them wait for each other. */
export const STREAM_BUFFER_BYTES = 512 * 1024;

/**
 * Decodes `content-encoding: aws-chunked`: hex size, CRLF, data, CRLF; a zero chunk; trailers. With a verifier each chunk's
 * size is followed by its signature, and trailers have one, too. `trailers` is complete when the stream has ended.
 */
export class AwsChunkedDecoder extends Transform {
  readonly trailers: Record<string, string> = {};
  private pending: Buffer = Buffer.alloc(0);
  private state: 'size' | 'data' | 'data-end' | 'trailers' | 'done' = 'size';
  private remaining = 0;
  private readonly verifier: ChunkVerifier | undefined;
  private chunkSignature: string | undefined;
  private chunkHash: Hash | undefined;
  private signedTrailers = '';

  constructor(verifier?: ChunkVerifier) {
    super({ highWaterMark: STREAM_BUFFER_BYTES });
    this.verifier = verifier;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    try {
      while (this.step());
      done();
    } catch (err) {
      done(err as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    try {
      // Some clients leave out the empty line after the last chunk.
      if (this.state === 'trailers') this.endTrailers();
      done(this.state === 'done' ? null : incompleteBody());
    } catch (err) {
      done(err as Error);
    }
  }

  /** @returns whether there may be more to do with what is at hand. */
  private step(): boolean {
    switch (this.state) {
      case 'size': {
        const line = this.takeLine();
        if (line === undefined) return false;
        const [, size, extension = ''] = /^([0-9a-fA-F]+)(;.*)?$/.exec(line) ?? [];
        if (size === undefined)
          throw awsError({
            code: 'InvalidRequest',
            status: 400,
            message: 'The aws-chunked body has a malformed chunk size.',
          });
        this.remaining = Number.parseInt(size, 16);
        this.chunkSignature = /^;chunk-signature=([0-9a-f]{64})$/.exec(extension)?.[1];
        if (this.verifier) this.chunkHash = createHash('sha256');
        if (this.remaining === 0) this.endChunk();
        this.state = this.remaining === 0 ? 'trailers' : 'data';
        return true;
      }
      case 'data': {
        if (this.pending.length === 0) return false;
        const part = this.pending.subarray(0, this.remaining);
        this.pending = this.pending.subarray(part.length);
        this.remaining -= part.length;
        this.chunkHash?.update(part);
        this.push(part);
        if (this.remaining === 0) {
          this.endChunk();
          this.state = 'data-end';
        }
        return true;
      }
      case 'data-end':
        if (this.pending.length < 2) return false;
        this.pending = this.pending.subarray(2);
        this.state = 'size';
        return true;
      case 'trailers': {
        const line = this.takeLine();
        if (line === undefined) return false;
        const colon = line.indexOf(':');
        if (line === '') this.endTrailers();
        else if (colon > 0)
          this.takeTrailer(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
        return true;
      }
      case 'done':
        return false;
    }
  }

  private endChunk(): void {
    if (this.chunkHash) this.verifier?.chunk(this.chunkSignature, this.chunkHash.digest('hex'));
  }

  private takeTrailer(name: string, value: string): void {
    this.trailers[name] = value;
    if (name !== 'x-amz-trailer-signature') this.signedTrailers += `${name}:${value}\n`;
  }

  private endTrailers(): void {
    this.state = 'done';
    if (this.signedTrailers !== '')
      this.verifier?.trailer(this.trailers['x-amz-trailer-signature'], this.signedTrailers);
  }

  private takeLine(): string | undefined {
    const end = this.pending.indexOf('\r\n');
    if (end === -1) {
      if (this.pending.length > 8192)
        throw awsError({
          code: 'InvalidRequest',
          status: 400,
          message: 'The aws-chunked body has an endless line.',
        });
      return undefined;
    }
    const line = this.pending.toString('latin1', 0, end);
    this.pending = this.pending.subarray(end + 2);
    return line;
  }
}

export function incompleteBody(): Error {
  const message = 'You did not provide the number of bytes specified by the Content-Length HTTP header.';
  return awsError({ code: 'IncompleteBody', status: 400, message });
}
