import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { awsError } from '../wire/errors.ts';

/** What a signature says about itself, before it is verified. */
export interface SignatureClaim {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** ISO basic, e.g. 20261121T214622Z. */
  readonly signedAt: string;
  readonly sessionToken: string | undefined;
  /** Set for presigned URLs: seconds of validity. */
  readonly expiresSeconds: number | undefined;
}

export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string>>;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const MAX_SKEW_MS = 15 * 60_000;

/** Reads the claim from the Authorization header or from a presigned URL; undefined when there is neither. */
export function readClaim({ headers, query }: SignedRequest): SignatureClaim | undefined {
  const authorization = headers['authorization'];
  if (authorization !== undefined) return fromHeader(authorization, headers);
  const parameters = new Map(query);
  if (parameters.get('X-Amz-Algorithm') === ALGORITHM) return fromUrl(parameters);
  return undefined;
}

function fromHeader(authorization: string, headers: Readonly<Record<string, string>>): SignatureClaim {
  const match =
    /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]+)$/.exec(
      authorization,
    );
  const [, credential = '', signedHeaders = '', signature = ''] = match ?? [];
  const scope = readScope(credential);
  const signedAt = headers['x-amz-date'];
  if (!match || !scope || signedAt === undefined)
    throw incomplete('The Authorization header is not a complete AWS4-HMAC-SHA256 signature.');
  const sessionToken = headers['x-amz-security-token'];
  return {
    ...scope,
    signedHeaders: signedHeaders.split(';'),
    signature,
    signedAt,
    sessionToken,
    expiresSeconds: undefined,
  };
}

function fromUrl(parameters: ReadonlyMap<string, string>): SignatureClaim {
  const scope = readScope(parameters.get('X-Amz-Credential') ?? '');
  const signature = parameters.get('X-Amz-Signature');
  const signedHeaders = parameters.get('X-Amz-SignedHeaders');
  const signedAt = parameters.get('X-Amz-Date');
  const expiresSeconds = Number(parameters.get('X-Amz-Expires'));
  if (
    !scope ||
    !signature ||
    !signedHeaders ||
    !signedAt ||
    !(expiresSeconds > 0 && expiresSeconds <= 604_800)
  ) {
    throw incomplete(
      'The presigned URL lacks a part of its signature, or X-Amz-Expires is not between 1 and 604800.',
    );
  }
  const sessionToken = parameters.get('X-Amz-Security-Token');
  return {
    ...scope,
    signedHeaders: signedHeaders.split(';'),
    signature,
    signedAt,
    sessionToken,
    expiresSeconds,
  };
}

function readScope(
  credential: string,
): { accessKeyId: string; date: string; region: string; service: string } | undefined {
  const parts = credential.split('/');
  if (parts.length !== 5 || parts[4] !== 'aws4_request') return undefined;
  const [accessKeyId = '', date = '', region = '', service = ''] = parts;
  return { accessKeyId, date, region, service };
}

function incomplete(message: string): Error {
  return awsError({ code: 'IncompleteSignature', status: 400, message });
}

/**
 * Checks time and signature.
 * @param payloadHash hex digest of the body, or one of the words that S3 allows in its place.
 * @throws SignatureDoesNotMatch, RequestTimeTooSkewed, AccessDenied (expired presigned URL)
 */
export function verifySignature(
  request: SignedRequest,
  claim: SignatureClaim,
  secret: string,
  payloadHash: string,
  realNow: Date,
): void {
  checkTime(claim, realNow);
  const canonical = canonicalRequest(request, claim, payloadHash);
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
  const toSign = [
    ALGORITHM,
    claim.signedAt,
    scope,
    createHash('sha256').update(canonical).digest('hex'),
  ].join('\n');
  const dateKey = hmac(`AWS4${secret}`, claim.date);
  const signingKey = hmac(hmac(hmac(dateKey, claim.region), claim.service), 'aws4_request');
  const expected = createHmac('sha256', signingKey).update(toSign).digest();
  const given = Buffer.from(claim.signature, 'hex');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    const message =
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.';
    throw awsError({ code: 'SignatureDoesNotMatch', status: 403, message });
  }
}

function checkTime(claim: SignatureClaim, realNow: Date): void {
  const signedAt = parseBasic(claim.signedAt);
  if (claim.expiresSeconds !== undefined) {
    if (realNow.getTime() > signedAt + claim.expiresSeconds * 1000) {
      throw awsError({ code: 'AccessDenied', status: 403, message: 'Request has expired' });
    }
    if (signedAt - realNow.getTime() > MAX_SKEW_MS) throw skewed(claim, realNow);
    return;
  }
  if (Math.abs(realNow.getTime() - signedAt) > MAX_SKEW_MS) throw skewed(claim, realNow);
}

function skewed(claim: SignatureClaim, realNow: Date): Error {
  if (claim.service === 's3') {
    const message = 'The difference between the request time and the current time is too large.';
    return awsError({ code: 'RequestTimeTooSkewed', status: 403, message });
  }
  const message = `Signature expired: ${claim.signedAt} is more than 15 minutes away from ${realNow.toISOString()}.`;
  const json = ['kms', 'secretsmanager', 'backup'].includes(claim.service);
  return awsError({
    code: json ? 'InvalidSignatureException' : 'SignatureDoesNotMatch',
    status: 403,
    message,
  });
}

function parseBasic(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!match) throw incomplete(`'${text}' is not a signing time such as 20260131T020000Z.`);
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function canonicalRequest(request: SignedRequest, claim: SignatureClaim, payloadHash: string): string {
  const path =
    claim.service === 's3'
      ? request.path
      : request.path
          .split('/')
          .map((part) => encode(part))
          .join('/');
  const query = request.query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, av], [b, bv]) => compare(a, b) || compare(av, bv))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const headers = claim.signedHeaders
    .map((name) => `${name}:${(request.headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`)
    .join('');
  return [request.method, path, query, headers, claim.signedHeaders.join(';'), payloadHash].join('\n');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** RFC 3986: everything but unreserved characters. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
