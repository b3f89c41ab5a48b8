import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import { createHash } from 'node:crypto';
import type { Laboratory } from './local-aws.ts';

const sha256 = Hash.bind(null, 'sha256') as never;

/** A presigned S3 URL, made by the SDK's own signer. `path` is encoded already. */
export async function presign(
  lab: Laboratory,
  path: string,
  method: string,
  signingDate: Date,
  expiresIn: number,
): Promise<string> {
  const { hostname, port } = new URL(lab.aws.endpoint);
  const credentials = lab.admin();
  const signer = new SignatureV4({
    credentials,
    region: 'eu-central-1',
    service: 's3',
    sha256,
    uriEscapePath: false,
  });
  const headers = { host: `${hostname}:${port}`, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
  const unsigned = { method, protocol: 'http:', hostname, port: Number(port), path, headers, query: {} };
  const signed = await signer.presign(unsigned, { signingDate, expiresIn });
  const query = new URLSearchParams(signed.query as Record<string, string>);
  return `${lab.aws.endpoint}${path}?${query.toString().replaceAll('+', '%20')}`;
}

/** Headers that sign a PUT of `body` to an S3 path with a query such as `policy`. */
export async function signPut(
  lab: Laboratory,
  path: string,
  query: string,
  body: string,
): Promise<Record<string, string>> {
  const { hostname, port } = new URL(lab.aws.endpoint);
  const credentials = lab.admin();
  const signer = new SignatureV4({
    credentials,
    region: 'eu-central-1',
    service: 's3',
    sha256,
    uriEscapePath: false,
  });
  const digest = createHash('sha256').update(body).digest('hex');
  const headers = { host: `${hostname}:${port}`, 'x-amz-content-sha256': digest };
  const unsigned = {
    method: 'PUT',
    protocol: 'http:',
    hostname,
    port: Number(port),
    path,
    headers,
    query: { [query]: '' },
    body,
  };
  const signed = (await signer.sign(unsigned as never)) as unknown as { headers: Record<string, string> };
  return signed.headers;
}
