import * as S3 from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHash, createHmac } from 'node:crypto';
import { request, type IncomingHttpHeaders } from 'node:http';
import { Laboratory, policy, VAULT } from './support/local-aws.ts';
import { presign } from './support/presign.ts';

let lab: Laboratory;
let s3: S3.S3Client;
const Bucket = 'on-the-wire';
const REGION = 'eu-central-1';

beforeAll(async () => {
  lab = await Laboratory.start();
  s3 = lab.s3();
  const CreateBucketConfiguration = { LocationConstraint: REGION } as const;
  await s3.send(new S3.CreateBucketCommand({ Bucket, CreateBucketConfiguration }));
  await s3.send(new S3.PutObjectCommand({ Bucket, Key: 'x', Body: '0123456789' }));
});
afterAll(() => lab.close());

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Raw {
  readonly host?: string;
  readonly query?: string;
  readonly headers?: Record<string, string>;
  /** What the signature covers in place of the body's digest. */
  readonly payload?: string;
  readonly body?: (
    signature: string,
    sign: (previous: string, kind: string, digests: string[]) => string,
  ) => Buffer;
}

const digest = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');

/** A request signed by hand, so that no client repairs what is odd about it. */
function send(
  method: string,
  path: string,
  { host, query = '', headers = {}, payload, body }: Raw = {},
): Promise<Answer> {
  const { hostname, port, host: own } = new URL(lab.aws.endpoint);
  const { accessKeyId, secretAccessKey } = lab.admin();
  const at = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = `${at.slice(0, 8)}/${REGION}/s3/aws4_request`;
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const key = scope
    .split('/')
    .reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${secretAccessKey}`);
  const all: Record<string, string> = {
    ...headers,
    host: host ?? own,
    'x-amz-content-sha256': payload ?? digest(body ? body('', () => '') : ''),
    'x-amz-date': at,
  };
  const names = Object.keys(all).sort();
  const canonical = [
    method,
    path,
    query,
    ...names.map((name) => `${name}:${all[name]!}`),
    '',
    names.join(';'),
    all['x-amz-content-sha256'],
  ].join('\n');
  const signature = hmac(key, ['AWS4-HMAC-SHA256', at, scope, digest(canonical)].join('\n')).toString('hex');
  const sign = (previous: string, kind: string, digests: string[]) =>
    hmac(key, [`AWS4-HMAC-SHA256-${kind}`, at, scope, previous, ...digests].join('\n')).toString('hex');
  const content = body?.(signature, sign) ?? Buffer.alloc(0);
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return new Promise((resolve, reject) => {
    const target = { host: hostname, port, method, path: query === '' ? path : `${path}?${query}` };
    const call = request(
      { ...target, headers: { ...all, authorization, 'content-length': content.length } },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(parts).toString(),
          }),
        );
      },
    );
    call.on('error', reject);
    call.end(content);
  });
}

test.each([
  `${Bucket}.localhost`,
  `${Bucket}.s3.localhost:4566`,
  `${Bucket}.s3.${REGION}.amazonaws.com`,
  `${Bucket}.s3.amazonaws.com`,
  `${Bucket}.s3.dualstack.${REGION}.amazonaws.com`,
])('the bucket may be in the host name %s', async (host) => {
  expect(await send('GET', '/x', { host })).toMatchObject({ status: 200, text: '0123456789' });
  expect((await send('GET', '/', { host, query: 'list-type=2' })).text).toContain('<Key>x</Key>');
});

test.each([`s3.${REGION}.amazonaws.com`, 's3.localhost'])('%s alone names no bucket', async (host) => {
  expect(await send('GET', `/${Bucket}/x`, { host })).toMatchObject({ status: 200, text: '0123456789' });
});

const EMPTY = digest('');

/** A body in signed chunks, optionally with a CRC-32 trailer. */
function chunks(
  parts: readonly string[],
  trailer?: { readonly value: string },
  spoil?: (text: string) => string,
): Raw['body'] {
  return (seed, sign) => {
    let previous = seed;
    const lines = [...parts, ''].map((part) => {
      previous = sign(previous, 'PAYLOAD', [EMPTY, digest(part)]);
      const end = part === '' && trailer ? '' : '\r\n';
      return `${Buffer.byteLength(part).toString(16)};chunk-signature=${previous}\r\n${part}${end}`;
    });
    if (trailer) {
      const text = `x-amz-checksum-crc32:${trailer.value}`;
      previous = sign(previous, 'TRAILER', [digest(`${text}\n`)]);
      lines.push(`${text}\r\nx-amz-trailer-signature:${previous}\r\n\r\n`);
    }
    const text = lines.join('');
    return Buffer.from(spoil ? spoil(text) : text);
  };
}
const inChunks = (Key: string, length: number, body: Raw['body'], trailer = false) =>
  send('PUT', `/${Bucket}/${Key}`, {
    payload: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer ? '-TRAILER' : ''}`,
    headers: {
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': String(length),
      ...(trailer ? { 'x-amz-trailer': 'x-amz-checksum-crc32' } : {}),
    },
    ...(body === undefined ? {} : { body }),
  });

test('a body in signed chunks is taken when every signature fits, with and without a trailer', async () => {
  expect((await inChunks('signed', 8, chunks(['01234', '567']))).status).toBe(200);
  expect((await send('GET', `/${Bucket}/signed`)).text).toBe('01234567');
  const wrong = await inChunks('trailed', 3, chunks(['abc'], { value: 'AAAAAA==' }), true);
  expect(wrong).toMatchObject({ status: 400, text: expect.stringContaining('BadDigest') });
  const right = await inChunks('trailed', 3, chunks(['abc'], { value: 'NSRBwg==' }), true);
  expect(right).toMatchObject({ status: 200, headers: { 'x-amz-checksum-crc32': 'NSRBwg==' } });
});

test.each([
  ['data that was changed', chunks(['01234', '567'], undefined, (text) => text.replace('567', '568'))],
  [
    'chunks in another order',
    chunks(['0123', '4567'], undefined, (text) => {
      const [one, two, ...rest] = text.split(/(?<=0123\r\n|4567\r\n)/);
      return [two, one, ...rest].join('');
    }),
  ],
  [
    'a last chunk that is missing its signature',
    chunks(['01234567'], undefined, (text) => text.replace(/0;chunk-signature=\w+/, '0')),
  ],
])('signed chunks with %s are refused, and nothing is kept', async (_what, body) => {
  expect(await inChunks('forged', 8, body)).toMatchObject({
    status: 403,
    text: expect.stringContaining('SignatureDoesNotMatch'),
  });
  expect((await send('HEAD', `/${Bucket}/forged`)).status).toBe(404);
});

test('HEAD never has a body; ranges and parts of it are 206 like those of GET', async () => {
  const ranged = await send('HEAD', `/${Bucket}/x`, { headers: { range: 'bytes=2-4' } });
  expect(ranged).toMatchObject({ status: 206, text: '', headers: { 'content-range': 'bytes 2-4/10' } });
  expect(await send('HEAD', `/${Bucket}/nothing`)).toMatchObject({ status: 404, text: '' });
  const beyond = await send('GET', `/${Bucket}/x`, { headers: { range: 'bytes=10-' } });
  expect(beyond.status).toBe(416);
  expect(beyond.text).toContain('<ActualObjectSize>10</ActualObjectSize>');
});

test('documents must be the ones of their digests, and some must have one', async () => {
  const document = Buffer.from('<Delete><Object><Key>x</Key></Object></Delete>');
  const body = () => document;
  const deleteWith = (headers: Record<string, string>) =>
    send('POST', `/${Bucket}`, { query: 'delete=', headers, body });
  expect((await deleteWith({})).text).toContain('Missing required header for this request: Content-MD5');
  const zeroes = Buffer.alloc(16).toString('base64');
  expect((await deleteWith({ 'content-md5': zeroes })).text).toContain('<Code>BadDigest</Code>');
  expect((await deleteWith({ 'content-md5': 'short' })).text).toContain('<Code>InvalidDigest</Code>');
  expect((await deleteWith({ 'x-amz-checksum-sha256': Buffer.alloc(32).toString('base64') })).text).toContain(
    '<Code>BadDigest</Code>',
  );
  expect((await send('HEAD', `/${Bucket}/x`)).status).toBe(200);
});

test('presigned URLs say what is wrong with them', async () => {
  const path = `/${Bucket}/x`;
  const good = await presign(lab, path, 'GET', new Date(), 60);
  const answer = async (url: string, headers = {}) => (await fetch(url, { headers })).text();
  expect(await answer(good)).toBe('0123456789');
  expect(await answer(good, { 'x-amz-request-payer': 'requester' })).toContain('HeadersNotSigned');
  expect(await answer(good.replace('X-Amz-Expires=60', 'X-Amz-Expires=604801'))).toContain(
    'X-Amz-Expires must be less than a week',
  );
  expect(await answer(good.replace('X-Amz-Expires=60', ''))).toContain('AuthorizationQueryParametersError');
  const old = await presign(lab, path, 'GET', new Date(Date.now() - 120_000), 60);
  expect(await answer(old)).toContain('<Message>Request has expired</Message>');
});

test('what is malformed is a 400 or 405, what is not offered a 501, each in S3 words', async () => {
  expect((await send('GET', `/${Bucket}/%ZZ`)).text).toContain('<Code>InvalidURI</Code>');
  expect((await send('POST', `/${Bucket}/x`)).text).toContain('<Code>MethodNotAllowed</Code>');
  const form = new FormData();
  form.set('key', 'x');
  const posted = await fetch(`${lab.aws.endpoint}/${Bucket}`, { method: 'POST', body: form });
  expect(posted.status).toBe(501);
  const preflight = await fetch(`${lab.aws.endpoint}/${Bucket}/x`, { method: 'OPTIONS' });
  expect(await preflight.text()).toContain('<Code>AccessForbidden</Code>');
});

test('a public policy is blocked while public access is blocked, and lets nobody in when buckets are restricted', async () => {
  const Policy = policy({
    Effect: 'Allow',
    Principal: '*',
    Action: 's3:GetObject',
    Resource: `arn:aws:s3:::${Bucket}/*`,
  });
  const setPolicy = () => s3.send(new S3.PutBucketPolicyCommand({ Bucket, Policy }));
  const block = (RestrictPublicBuckets: boolean) =>
    s3.send(
      new S3.PutPublicAccessBlockCommand({
        Bucket,
        PublicAccessBlockConfiguration: { RestrictPublicBuckets },
      }),
    );
  const vault = lab.s3(lab.admin(VAULT));
  const read = () => vault.send(new S3.GetObjectCommand({ Bucket, Key: 'x' }));
  await expect(setPolicy()).rejects.toThrow(S3.AccessDenied);
  await block(false);
  await setPolicy();
  const status = await s3.send(new S3.GetBucketPolicyStatusCommand({ Bucket }));
  expect(status.PolicyStatus?.IsPublic).toBe(true);
  expect(await (await read()).Body!.transformToString()).toBe('0123456789');
  await block(true);
  await expect(read()).rejects.toThrow(S3.AccessDenied);
});

test('access lists are read, never set; ownership is the bucket owner', async () => {
  const acl = await s3.send(new S3.GetObjectAclCommand({ Bucket, Key: 'x' }));
  expect(acl.Grants).toEqual([
    { Grantee: { ID: acl.Owner?.ID, Type: 'CanonicalUser' }, Permission: 'FULL_CONTROL' },
  ]);
  const refused = { name: 'AccessControlListNotSupported', $metadata: { httpStatusCode: 400 } };
  await expect(s3.send(new S3.PutBucketAclCommand({ Bucket, ACL: 'public-read' }))).rejects.toMatchObject(
    refused,
  );
  const put = (ACL: S3.ObjectCannedACL) =>
    s3.send(new S3.PutObjectCommand({ Bucket, Key: 'acl', Body: 'x', ACL }));
  await expect(put('public-read')).rejects.toMatchObject(refused);
  await put('bucket-owner-full-control');
  await expect(
    s3.send(new S3.CreateBucketCommand({ Bucket: 'open-to-all', ACL: 'public-read' })),
  ).rejects.toMatchObject({ name: 'InvalidBucketAclWithObjectOwnership' });
});
