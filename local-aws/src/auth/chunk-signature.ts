import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { awsError } from '../wire/errors.ts';
import { signingKey, type SignatureClaim } from './sigv4.ts';

/** Verifies the chunks of one aws-chunked body: each signature covers the one before it, beginning with the request's. */
export interface ChunkVerifier {
  /** @param digest SHA-256 of the chunk's data, hex. @throws SignatureDoesNotMatch */
  chunk(signature: string | undefined, digest: string): void;
  /** @param text the trailers as they were signed: `name:value\n` each. @throws SignatureDoesNotMatch */
  trailer(signature: string | undefined, text: string): void;
}

const EMPTY_DIGEST = createHash('sha256').digest('hex');

export function chunkVerifier(claim: SignatureClaim, secret: string): ChunkVerifier {
  const key = signingKey(secret, claim);
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
  let previous = claim.signature;
  const verify = (signature: string | undefined, kind: string, digests: readonly string[]): void => {
    const toSign = [`AWS4-HMAC-SHA256-${kind}`, claim.signedAt, scope, previous, ...digests].join('\n');
    const expected = createHmac('sha256', key).update(toSign).digest();
    const given = Buffer.from(signature ?? '', 'hex');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      const message =
        'The request signature we calculated does not match the signature you provided. Check your key and signing method.';
      throw awsError({ code: 'SignatureDoesNotMatch', status: 403, message });
    }
    previous = expected.toString('hex');
  };
  return {
    chunk: (signature, digest) => verify(signature, 'PAYLOAD', [EMPTY_DIGEST, digest]),
    trailer: (signature, text) =>
      verify(signature, 'TRAILER', [createHash('sha256').update(text).digest('hex')]),
  };
}
