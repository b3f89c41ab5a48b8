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
  if (authorization.startsWith('AWS ')) {
    const message =
      'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.';
    throw awsError({ code: 'InvalidRequest', status: 400, message });
  }
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
  if (!scope || !signature || !signedHeaders || !signedAt || !parameters.has('X-Amz-Expires'))
    throw wrongQuery(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  if (!Number.isInteger(expiresSeconds)) throw wrongQuery('X-Amz-Expires should be a number');
  if (expiresSeconds < 0) throw wrongQuery('X-Amz-Expires must be non-negative');
  if (expiresSeconds > 604_800)
    throw wrongQuery('X-Amz-Expires must be less than a week (in seconds) that is 604800');
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

function wrongQuery(message: string): Error {
  return awsError({ code: 'AuthorizationQueryParametersError', status: 400, message });
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
  checkSignedHeaders(request, claim);
  const canonical = canonicalRequest(request, claim, payloadHash);
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
  const toSign = [
    ALGORITHM,
    claim.signedAt,
    scope,
    createHash('sha256').update(canonical).digest('hex'),
  ].join('\n');
  const expected = createHmac('sha256', signingKey(secret, claim)).update(toSign).digest();
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
      throw awsError({
        code: 'AccessDenied',
        status: 403,
        message: 'Request has expired',
        details: {
          'X-Amz-Expires': String(claim.expiresSeconds),
          Expires: new Date(signedAt + claim.expiresSeconds * 1000).toISOString(),
          ServerTime: realNow.toISOString(),
        },
      });
    }
    if (signedAt - realNow.getTime() > MAX_SKEW_MS) throw skewed(claim, realNow);
    return;
  }
  if (Math.abs(realNow.getTime() - signedAt) > MAX_SKEW_MS) throw skewed(claim, realNow);
}

/** S3 does not let anybody add `x-amz-…` headers to what was signed. */
function checkSignedHeaders({ headers }: SignedRequest, { service, signedHeaders }: SignatureClaim): void {
  if (service !== 's3') return;
  const unsigned = Object.keys(headers).filter(
    (name) => name.startsWith('x-amz-') && !signedHeaders.includes(name),
  );
  if (unsigned.length === 0) return;
  throw awsError({
    code: 'AccessDenied',
    status: 403,
    message: 'There were headers present in the request which were not signed',
    details: { HeadersNotSigned: unsigned.join(', ') },
  });
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

export function signingKey(secret: string, { date, region, service }: SignatureClaim): Buffer {
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), 'aws4_request');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
