import type { WireRequest } from './protocol.ts';

const S3_HOST =
  /^(?:(.+)\.)?s3(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d)?\.(?:amazonaws\.com|localhost)$/;
const LOCAL_HOST = /^(.+)\.localhost$/;

/** Host names under which S3 is asked, here by a `Host` header or a resolver of the client's own. */
export function isS3Host(host: string): boolean {
  return S3_HOST.test(withoutPort(host));
}

/** The bucket in `bucket.s3.eu-central-1.amazonaws.com` or `bucket.localhost`; undefined when the path names it. */
export function bucketOfHost(host: string): string | undefined {
  const name = withoutPort(host);
  const s3 = S3_HOST.exec(name);
  return s3 ? s3[1] : LOCAL_HOST.exec(name)?.[1];
}

/** The same request with the bucket in its path. The signature was made over the path without. */
export function withBucketInPath<R extends WireRequest>(request: R): R {
  const bucket = bucketOfHost(request.headers['host'] ?? '');
  return bucket === undefined ? request : { ...request, path: `/${bucket}${request.path}` };
}

function withoutPort(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '');
}
