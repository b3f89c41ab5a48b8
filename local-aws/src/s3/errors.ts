import { KeyNotUsable } from '../platform.ts';
import { awsError } from '../wire/errors.ts';

/** S3's codes as they stand on the wire; the SDK turns those it models into classes. */
export function s3Error(
  code: string,
  status: number,
  message: string,
  details: Record<string, string> = {},
): Error {
  return awsError({ code, status, message, details, service: 's3' });
}

export const noSuchBucket = (bucket: string): Error =>
  s3Error('NoSuchBucket', 404, 'The specified bucket does not exist', { BucketName: bucket });

export function noSuchKey(key: string, marker?: { versionId: string }): Error {
  const headers = marker ? { 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker.versionId } : {};
  return awsError({
    code: 'NoSuchKey',
    status: 404,
    message: 'The specified key does not exist.',
    details: { Key: key },
    headers,
    service: 's3',
  });
}

export const noSuchVersion = (key: string, versionId: string): Error =>
  s3Error('NoSuchVersion', 404, 'The specified version does not exist.', { Key: key, VersionId: versionId });

export function markerNotAllowed(
  { versionId, modifiedAt }: { readonly versionId: string; readonly modifiedAt: string },
  method: string,
): Error {
  const headers = {
    'x-amz-delete-marker': 'true',
    'x-amz-version-id': versionId,
    'last-modified': new Date(modifiedAt).toUTCString(),
    allow: 'DELETE',
  };
  const message = 'The specified method is not allowed against this resource.';
  return awsError({
    code: 'MethodNotAllowed',
    status: 405,
    message,
    headers,
    details: { Method: method, ResourceType: 'DeleteMarker' },
    service: 's3',
  });
}

export const invalidArgument = (message: string, name = '', value = ''): Error =>
  s3Error('InvalidArgument', 400, message, name === '' ? {} : { ArgumentName: name, ArgumentValue: value });

export const invalidRequest = (message: string): Error => s3Error('InvalidRequest', 400, message);

export const entityTooLarge = (size: number, most: number): Error =>
  s3Error('EntityTooLarge', 400, 'Your proposed upload exceeds the maximum allowed size', {
    ProposedSize: String(size),
    MaxSizeAllowed: String(most),
  });

export const malformedXml = (): Error =>
  s3Error(
    'MalformedXML',
    400,
    'The XML you provided was not well-formed or did not validate against our published schema',
  );

export const protectedByLock = (): Error =>
  s3Error('AccessDenied', 403, 'Access Denied because object protected by object lock.');

export const accessDenied = (): Error => s3Error('AccessDenied', 403, 'Access Denied');

/** All buckets are BucketOwnerEnforced: a list may be read, never set. */
export const noAccessLists = (): Error =>
  s3Error('AccessControlListNotSupported', 400, 'The bucket does not allow ACLs');

export const preconditionFailed = (condition: string): Error =>
  s3Error('PreconditionFailed', 412, 'At least one of the pre-conditions you specified did not hold', {
    Condition: condition,
  });

export const noLockConfiguration = (): Error => invalidRequest('Bucket is missing Object Lock Configuration');

/** What S3 says when KMS refuses. */
export function fromKms(err: unknown): Error {
  if (!(err instanceof KeyNotUsable)) return err instanceof Error ? err : new Error(String(err));
  switch (err.reason) {
    case 'not-found':
      return s3Error('KMS.NotFoundException', 400, err.message);
    case 'disabled':
      return s3Error('KMS.DisabledException', 400, err.message);
    case 'pending-deletion':
      return s3Error('KMS.KMSInvalidStateException', 400, err.message);
    case 'denied':
      return s3Error('AccessDenied', 403, err.message);
  }
}
