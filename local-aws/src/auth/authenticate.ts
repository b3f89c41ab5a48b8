import { timingSafeEqual } from 'node:crypto';
import { type AwsError, awsError } from '../wire/errors.ts';
import type { KeyStore, Credential } from './key-store.ts';
import { verifySignature, type SignatureClaim, type SignedRequest } from './sigv4.ts';

/** Error names differ: S3 and the JSON services have their own words for a key that nobody knows. */
function unknownKey(service: string): Error {
  if (service === 's3') {
    const message = 'The AWS Access Key Id you provided does not exist in our records.';
    return awsError({ code: 'InvalidAccessKeyId', status: 403, message });
  }
  const code = isJson(service)
    ? 'UnrecognizedClientException'
    : service === 'ec2'
      ? 'AuthFailure'
      : 'InvalidClientTokenId';
  return awsError({
    code,
    status: isJson(service) ? 400 : 403,
    message: 'The security token included in the request is invalid.',
  });
}

/** What a call with a session that is over hears. */
export function expiredToken(service: string): AwsError {
  const message = 'The security token included in the request is expired';
  if (isJson(service))
    return awsError({ code: 'ExpiredTokenException', status: service === 'backup' ? 403 : 400, message });
  return awsError({
    code: service === 'ec2' ? 'RequestExpired' : 'ExpiredToken',
    status: service === 's3' ? 400 : 403,
    message,
  });
}

const JSON_SERVICES: ReadonlySet<string> = new Set([
  'kms',
  'secretsmanager',
  'backup',
  'cloudtrail',
  'tagging',
]);

function isJson(service: string): boolean {
  return JSON_SERVICES.has(service);
}

/** Finds the credential, checks token, expiry (real clock) and signature. */
export function authenticate(
  request: SignedRequest,
  claim: SignatureClaim,
  payloadHash: string,
  keys: KeyStore,
  realNow: Date,
): Credential {
  const credential = keys.find(claim.accessKeyId);
  if (!credential || credential.inactive === true || !tokenFits(credential, claim))
    throw unknownKey(claim.service);
  verifySignature(request, claim, credential.secretAccessKey, payloadHash, realNow);
  if (credential.expiresAt !== undefined && Date.parse(credential.expiresAt) <= realNow.getTime())
    throw expiredToken(claim.service);
  return credential;
}

function tokenFits(credential: Credential, claim: SignatureClaim): boolean {
  const expected = Buffer.from(credential.sessionToken ?? '');
  const given = Buffer.from(claim.sessionToken ?? '');
  return expected.length === given.length && timingSafeEqual(expected, given);
}
