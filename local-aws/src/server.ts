import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { pipeline } from 'node:stream/promises';
import { authenticate } from './auth/authenticate.ts';
import { chunkVerifier } from './auth/chunk-signature.ts';
import type { Credential, KeyStore } from './auth/key-store.ts';
import { readClaim, type SignatureClaim } from './auth/sigv4.ts';
import type { Trail } from './cloudtrail/trail.ts';
import type { FaultEngine, Misbehaviour } from './faults/faults.ts';
import type { Clock, Events } from './platform.ts';
import {
  describeError,
  findOperation,
  inDialect,
  invoke,
  readInput,
  type Endpoint,
  type Endpoints,
} from './wire/dispatch.ts';
import { sendHalf } from './wire/half.ts';
import { awsError } from './wire/errors.ts';
import type { Call } from './wire/handlers.ts';
import { readRequest, type IncomingRequest } from './wire/incoming.ts';
import type { WireError, WireRequest, WireResponse } from './wire/protocol.ts';
import { isStream } from './wire/rest-bindings.ts';
import { isS3Host, withBucketInPath } from './wire/virtual-host.ts';

export interface ServerParts {
  readonly endpoints: Endpoints;
  readonly keys: KeyStore;
  readonly clock: Clock;
  readonly events: Events;
  readonly faults: FaultEngine;
  readonly trail: Trail;
  readonly log: Logger;
}

const LOOPBACK_HOST = /^(localhost|[\w.-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/** The AWS endpoint: authenticates, routes, runs the handler, writes the answer, leaves a trail. */
export function createAwsServer(parts: ServerParts): Server {
  const serve = (message: IncomingMessage, response: ServerResponse): void => {
    void new Exchange(parts, message, response).run();
  };
  const server = createServer({ keepAliveTimeout: 30_000, requestTimeout: 0 }, serve);
  // S3 uploads ask first; the answer to a refused one comes before its body.
  server.on('checkContinue', serve);
  return server;
}

class Exchange {
  private readonly requestId = randomUUID();
  private readonly parts: ServerParts;
  private readonly message: IncomingMessage;
  private readonly response: ServerResponse;
  private input: object | undefined;

  constructor(parts: ServerParts, message: IncomingMessage, response: ServerResponse) {
    this.parts = parts;
    this.message = message;
    this.response = response;
  }

  async run(): Promise<void> {
    let endpoint: Endpoint | undefined;
    let call: Call | undefined;
    const { endpoints } = this.parts;
    try {
      const request = this.withContinue(readRequest(this.message));
      const open = await this.answerUnsigned(request);
      if (open) {
        await this.send(open);
        return;
      }
      if (isForS3(request)) endpoint = await endpoints.find('s3'); // who has no signature hears S3's words
      const claim = this.claim(request);
      const known = await endpoints.find(claim.service);
      endpoint = known && inDialect(known, request);
      if (!endpoint)
        throw awsError({
          code: 'NotImplemented',
          status: 501,
          message: `local-aws has no service '${claim.service}'.`,
        });
      const { service, region } = claim;
      const arrival = { service, region, accountId: this.parts.keys.find(claim.accessKeyId)?.accountId };
      if (await this.parts.faults.isDown(arrival, () => this.gone())) {
        this.message.socket.destroy();
        return;
      }
      const now = this.wallClock(this.parts.faults.skewMs(arrival));
      const credential = authenticate(
        request,
        claim,
        await payloadHash(request, claim),
        this.parts.keys,
        now,
      );
      if (isHmac(request)) request.verifyChunksWith(chunkVerifier(claim, credential.secretAccessKey));
      const asked = asSeenByService(request, claim);
      const found = await findOperation(endpoint, asked);
      call = this.call(claim, credential, found.operation.name);
      const input = await readInput(endpoint, found, asked);
      this.input = input;
      const fault = await this.parts.faults.before(call, input);
      if (fault) {
        await this.misbehave(endpoint, call, fault);
        return;
      }
      const answer = await invoke(endpoint, found, input, call);
      const late = this.parts.faults.after(call, input);
      if (late) {
        if (isStream(answer.body) && late.kind !== 'cut') answer.body.destroy();
        await this.misbehave(endpoint, call, late, answer);
        return;
      }
      this.record(call, answer.status);
      await this.send(answer);
    } catch (thrown) {
      await this.sendError(endpoint, call, thrown);
    }
  }

  /** Links that a service gave out itself need no signature. */
  private async answerUnsigned(request: WireRequest): Promise<WireResponse | undefined> {
    if (request.method !== 'GET' || readClaim(request)) return undefined;
    if (!LOOPBACK_HOST.test(request.headers['host'] ?? '')) return undefined;
    for (const service of this.parts.endpoints.services) {
      const answer = await service.open?.(request);
      if (answer) return answer;
    }
    return undefined;
  }

  private claim(request: WireRequest): SignatureClaim {
    const host = request.headers['host'] ?? '';
    if (!LOOPBACK_HOST.test(host) && !isS3Host(host)) {
      throw awsError({
        code: 'AccessDenied',
        status: 403,
        message: `local-aws answers on loopback only, not as '${host}'.`,
      });
    }
    const claim = readClaim(request);
    if (!claim && isForS3(request)) throw anonymous(request);
    if (!claim)
      throw awsError({
        code: 'MissingAuthenticationToken',
        status: 403,
        message: 'The request carries no AWS signature (version 4).',
      });
    return claim;
  }

  /** Aborted when the caller has hung up. */
  private gone(): AbortSignal {
    const abort = new AbortController();
    this.message.socket.once('close', () => abort.abort(new Error('the caller has hung up')));
    return abort.signal;
  }

  /** The real clock; while it is wrong, the `Date` header is wrong by as much, and clients learn from it. */
  private wallClock(skewMs: number): Date {
    const now = new Date(this.parts.clock.real().getTime() + skewMs);
    if (skewMs !== 0) this.response.setHeader('date', now.toUTCString());
    return now;
  }

  private call(claim: SignatureClaim, credential: Credential, operation: string): Call {
    return {
      accountId: credential.accountId,
      region: claim.region,
      principalArn: credential.principalArn,
      requestId: this.requestId,
      sourceIp: (this.message.socket.remoteAddress ?? '127.0.0.1').replace(/^::ffff:/, ''),
      service: claim.service,
      operation,
      sessionPolicy: credential.sessionPolicy,
      session: credential.session,
      accessKeyId: credential.accessKeyId,
    };
  }

  /** The body is asked for only when somebody starts to read it. */
  private withContinue(request: IncomingRequest): IncomingRequest {
    if (request.headers['expect']?.toLowerCase() !== '100-continue') return request;
    let asked = false;
    const ask = (): void => {
      if (!asked) this.response.writeContinue();
      asked = true;
    };
    return {
      ...request,
      whole: () => (ask(), request.whole()),
      body: () => (ask(), request.body()),
      stream: () => (ask(), request.stream()),
    };
  }

  private async sendError(
    endpoint: Endpoint | undefined,
    call: Call | undefined,
    thrown: unknown,
  ): Promise<void> {
    const described = endpoint ? describeError(endpoint, thrown) : plainError(thrown);
    if (!described) this.parts.log.error({ err: thrown, call }, 'handler failed');
    const error: WireError = described ?? {
      status: 500,
      code: endpoint?.service.name === 's3' ? 'InternalError' : 'InternalFailure',
      message: 'local-aws failed while it handled this request; its log says why.',
    };
    this.record(call, error.status, error);
    if (this.response.headersSent || this.response.destroyed) {
      this.response.destroy();
      return;
    }
    const answer = endpoint
      ? endpoint.protocol.fail(error, this.requestId)
      : plainAnswer(error, this.requestId);
    const body = this.message.method === 'HEAD' ? undefined : answer.body;
    await this.send({ ...answer, body }).catch((err: unknown) =>
      this.parts.log.warn({ err }, 'could not send an error answer'),
    );
  }

  private async send({ status, headers, body }: WireResponse): Promise<void> {
    const { response } = this;
    // A body that nobody read must not be taken for the next request.
    if (!this.message.complete) response.setHeader('connection', 'close');
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.statusCode = status;
    if (isStream(body)) {
      await pipeline(body, response).catch((err: unknown) => this.forgive(err));
    } else {
      if (body !== undefined && response.getHeader('content-length') === undefined)
        response.setHeader('content-length', Buffer.byteLength(body));
      response.end(body);
    }
    if (!this.message.complete) this.message.resume();
  }

  /** A caller who hangs up while the answer flows has made no mistake, and neither have we. */
  private forgive(err: unknown): void {
    if ((err as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw err;
    this.parts.log.debug({ requestId: this.requestId }, 'the caller hung up');
  }

  private async misbehave(
    endpoint: Endpoint,
    call: Call,
    fault: Misbehaviour,
    answer?: WireResponse,
  ): Promise<void> {
    switch (fault.kind) {
      case 'cut':
        this.record(call, 0, { status: 0, code: 'fault:cut-off', message: '' });
        if (answer) await sendHalf(this.response, answer);
        this.message.socket.destroy();
        return;
      case 'drop':
        this.record(call, 0, { status: 0, code: 'fault:drop', message: '' });
        this.message.socket.destroy();
        return;
      case 'answer':
        this.record(call, fault.status, { status: fault.status, code: 'fault:answer', message: '' });
        return this.send({
          status: fault.status,
          headers: { 'content-type': fault.contentType },
          body: fault.body,
        });
      case 'error':
        this.record(call, fault.error.status, fault.error);
        return this.send(endpoint.protocol.fail(fault.error, this.requestId));
    }
  }

  private record(call: Call | undefined, status: number, error?: WireError): void {
    if (call) {
      const userAgent = this.message.headers['user-agent'];
      this.parts.trail.record(call, { input: this.input, status, error, userAgent });
    }
    this.parts.events.record({
      kind: 'call',
      service: call?.service,
      operation: call?.operation,
      accountId: call?.accountId,
      region: call?.region,
      principalArn: call?.principalArn,
      requestId: this.requestId,
      status,
      errorCode: error?.code,
      ...(error && error.message !== '' ? { detail: error.message } : {}),
    });
  }
}

/** S3 is what is asked without a signature, unless the request has the form of another service's. */
function isForS3({ method, headers }: WireRequest): boolean {
  if (headers['x-amz-target'] !== undefined || headers['authorization'] !== undefined) return false;
  return method !== 'POST' || (headers['content-type'] ?? '').startsWith('multipart/form-data');
}

/** Nothing is public here, browsers' forms are not taken, and no bucket has rules for other origins. */
function anonymous({ method }: WireRequest): Error {
  if (method === 'POST')
    return awsError({
      code: 'NotImplemented',
      status: 501,
      message: 'local-aws does not implement s3: uploads from HTML forms (POST policy). Nothing was done.',
    });
  if (method === 'OPTIONS')
    return awsError({
      code: 'AccessForbidden',
      status: 403,
      message: 'CORSResponse: CORS is not enabled for this bucket.',
    });
  return awsError({ code: 'AccessDenied', status: 403, message: 'Access Denied' });
}

function isHmac({ headers }: WireRequest): boolean {
  return (headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING-AWS4-HMAC-SHA256-');
}

/** Signatures are over the request as it came; services see it without what a URL or a host name hides. */
function asSeenByService<R extends WireRequest>(request: R, claim: SignatureClaim): R {
  const plain = claim.expiresSeconds === undefined ? request : withHoistedHeaders(request);
  return claim.service === 's3' ? withBucketInPath(plain) : plain;
}

/** Presigning moves `x-amz-…` headers into the query; they mean the same there. */
function withHoistedHeaders<R extends WireRequest>(request: R): R {
  const hoisted = request.query
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => name.startsWith('x-amz-') && request.headers[name] === undefined);
  return { ...request, headers: { ...Object.fromEntries(hoisted), ...request.headers } };
}

async function payloadHash(
  request: WireRequest & { whole: () => Promise<Buffer> },
  claim: SignatureClaim,
): Promise<string> {
  if (claim.expiresSeconds !== undefined) {
    return (
      request.query.find(([name]) => name.toLowerCase() === 'x-amz-content-sha256')?.[1] ?? 'UNSIGNED-PAYLOAD'
    );
  }
  const announced = request.headers['x-amz-content-sha256'];
  if (claim.service === 's3') {
    if (announced === undefined)
      throw awsError({
        code: 'InvalidRequest',
        status: 400,
        message: 'Missing required header for this request: x-amz-content-sha256',
      });
    return announced; // the stream is compared with it while it is read
  }
  const actual = createHash('sha256')
    .update(await request.whole())
    .digest('hex');
  if (announced !== undefined && announced !== actual && announced !== 'UNSIGNED-PAYLOAD') {
    throw awsError({
      code: 'SignatureDoesNotMatch',
      status: 403,
      message: 'The body is not the one that was signed (x-amz-content-sha256 differs).',
    });
  }
  return announced ?? actual;
}

function plainError(thrown: unknown): WireError | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown) || !('status' in thrown)) return undefined;
  return { code: String(thrown.code), status: Number(thrown.status), message: thrown.message };
}

/** Before the service is known, the answer is in no dialect. */
function plainAnswer(error: WireError, requestId: string): WireResponse {
  const headers = {
    'content-type': 'application/json',
    'x-amzn-requestid': requestId,
    'x-amzn-errortype': error.code,
  };
  return {
    status: error.status,
    headers,
    body: JSON.stringify({ __type: error.code, message: error.message }),
  };
}

/** Listens on 127.0.0.1 and nowhere else. @throws PortInUse */
export async function listenOnLoopback(server: Server, port: number, what: string): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (err: NodeJS.ErrnoException) => {
      reject(err.code === 'EADDRINUSE' || err.code === 'EACCES' ? new PortUnavailable(port, what, err) : err);
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export class PortUnavailable extends Error {
  constructor(port: number, what: string, cause: NodeJS.ErrnoException) {
    const reason = cause.code === 'EACCES' ? 'may not be used by this user' : 'is in use by another process';
    super(`Port ${port} for the ${what} ${reason}. Choose another port, or 0 for any free one.`, { cause });
    this.name = 'PortUnavailable';
  }
}
