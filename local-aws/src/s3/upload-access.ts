import type { ConditionContext } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';
import type { BucketInput, S3Access, S3Parts } from './access.ts';
import { s3Error } from './errors.ts';
import type { BucketRecord, UploadRecord } from './records.ts';

export interface UploadInput extends BucketInput {
  readonly Key?: string | undefined;
  readonly UploadId?: string | undefined;
}

/** The upload that a request means, if the caller may. @throws NoSuchUpload */
export function findUpload(
  { store }: S3Parts,
  access: S3Access,
  call: Call,
  input: UploadInput,
  action: string,
  context: ConditionContext = {},
): { readonly bucket: BucketRecord; readonly upload: UploadRecord } {
  const bucket = access.bucket(call, input, action, input.Key ?? '', context);
  const upload = store.uploads.get(input.UploadId ?? '');
  if (upload?.bucket !== bucket.name || upload.key !== input.Key) throw noSuchUpload(input.UploadId ?? '');
  return { bucket, upload };
}

export function noSuchUpload(UploadId: string): Error {
  const message =
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.';
  return s3Error('NoSuchUpload', 404, message, { UploadId });
}
