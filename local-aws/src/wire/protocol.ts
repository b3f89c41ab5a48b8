import type { Readable } from 'node:stream';
import type { Operation } from './schema.ts';

export interface WireRequest {
  readonly method: string;
  /** Undecoded path, as signed. */
  readonly path: string;
  /** Decoded, in order of appearance. */
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body; for operations whose input is not a stream. */
  readonly body: () => Promise<Buffer>;
  /** The body as it comes, transfer and content checksums verified while it is read. */
  readonly stream: () => Readable;
}

export interface WireResponse {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body?: string | Uint8Array | Readable | undefined;
}

/** An error on its way out: what every wire format can say. */
export interface WireError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members, already in wire form. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface Protocol {
  /** The operation's name, or undefined when the request fits none. */
  route(request: WireRequest): Promise<string | undefined>;
  parse(operation: Operation, request: WireRequest): Promise<object>;
  respond(operation: Operation, output: object, requestId: string): Promise<WireResponse>;
  fail(error: WireError, requestId: string): WireResponse;
}

export type ErrorFlavour = 'query' | 'json' | 'rest';
