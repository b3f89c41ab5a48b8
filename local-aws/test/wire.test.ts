import {
  CreateKeyCommand,
  DescribeKeyCommand,
  GetParametersForImportCommand,
  ListKeysCommand,
} from '@aws-sdk/client-kms';
import { CreateVpcCommand, DescribeVpcsCommand } from '@aws-sdk/client-ec2';
import { CreateBucketCommand, GetBucketAclCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { request } from 'node:http';
import { Laboratory, policy, PRODUCTION, VAULT } from './support/local-aws.ts';
import { presign, signPut } from './support/presign.ts';

let lab: Laboratory;
beforeAll(async () => (lab = await Laboratory.start()));
afterAll(() => lab.close());

test('a wrong secret is refused, and so is a key that nobody knows', async () => {
  const wrong = { ...lab.admin(), secretAccessKey: 'not-the-secret' };
  await expect(lab.sts(wrong).send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
    name: 'SignatureDoesNotMatch',
    $metadata: { httpStatusCode: 403 },
  });
  const stranger = { accessKeyId: 'AKIASTRANGER', secretAccessKey: 'x' };
  await expect(lab.sts(stranger).send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
    name: 'InvalidClientTokenId',
  });
  await expect(lab.kms(stranger).send(new ListKeysCommand({}))).rejects.toMatchObject({
    name: 'UnrecognizedClientException',
  });
  await expect(
    lab.s3(stranger).send(new GetBucketAclCommand({ Bucket: 'any-bucket' })),
  ).rejects.toMatchObject({ name: 'InvalidAccessKeyId' });
});

test('a request signed twenty minutes ago is refused', async () => {
  const late = lab.s3();
  late.config.systemClockOffset = -20 * 60_000;
  await expect(late.send(new CreateBucketCommand({ Bucket: 'late-bucket' }))).rejects.toMatchObject({
    name: 'RequestTimeTooSkewed',
  });
});

test('a request without any signature is refused', async () => {
  const response = await fetch(`${lab.aws.endpoint}/some-bucket/key`);
  expect(response.status).toBe(403);
  expect(await response.text()).toContain('<Code>AccessDenied</Code>');
  const form = { method: 'POST', body: new URLSearchParams({ Action: 'GetCallerIdentity' }) };
  const query = await fetch(lab.aws.endpoint, form);
  expect(query.status).toBe(403);
  expect(query.headers.get('x-amzn-errortype')).toBe('MissingAuthenticationToken');
});

test('a host that is not loopback is refused, whoever asks', async () => {
  const { port } = new URL(lab.aws.endpoint);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port, path: '/', headers: { host: 'evil.example' } },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    call.on('error', reject);
    call.end();
  });
  expect(status).toBe(403);
});

test('what is not implemented answers 501 and does nothing', async () => {
  await expect(
    lab.kms().send(
      new GetParametersForImportCommand({
        KeyId: 'k',
        WrappingAlgorithm: 'RSAES_OAEP_SHA_256',
        WrappingKeySpec: 'RSA_2048',
      }),
    ),
  ).rejects.toMatchObject({
    name: 'NotImplemented',
    $metadata: { httpStatusCode: 501 },
  });
  await expect(lab.kms().send(new CreateKeyCommand({ Origin: 'EXTERNAL' }))).rejects.toMatchObject({
    name: 'NotImplemented',
  });
});

test('accounts and regions are partitions: a key of one is unknown in the other', async () => {
  const { KeyMetadata } = await lab.kms().send(new CreateKeyCommand({}));
  expect(KeyMetadata?.AWSAccountId).toBe(PRODUCTION);
  const KeyId = KeyMetadata!.KeyId!;
  await expect(lab.kms(lab.admin(VAULT)).send(new DescribeKeyCommand({ KeyId }))).rejects.toMatchObject({
    name: 'NotFoundException',
  });
  await expect(
    lab.kms(lab.admin(), 'us-east-1').send(new DescribeKeyCommand({ KeyId })),
  ).rejects.toMatchObject({ name: 'NotFoundException' });
});

test('every answer carries a request id, and the true date', async () => {
  await lab.ask('POST', '/clock/advance', { days: 3 });
  const { $metadata } = await lab.sts().send(new GetCallerIdentityCommand({}));
  expect($metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
  const response = await fetch(lab.aws.endpoint);
  expect(Math.abs(Date.parse(response.headers.get('date')!) - Date.now())).toBeLessThan(5000);
});

test('text with markup, spaces and other scripts passes through forms and XML unchanged', async () => {
  const Value = 'a<b>&"c" = ü 日本 + %20';
  const tags = [{ ResourceType: 'vpc' as const, Tags: [{ Key: 'odd', Value }] }];
  await lab.ec2().send(new CreateVpcCommand({ CidrBlock: '10.77.0.0/16', TagSpecifications: tags }));
  const { Vpcs } = await lab
    .ec2()
    .send(new DescribeVpcsCommand({ Filters: [{ Name: 'cidr', Values: ['10.77.0.0/16'] }] }));
  expect(Vpcs?.[0]?.Tags).toEqual([{ Key: 'odd', Value }]);
});

test('a presigned URL works until it expires, and not with another path', async () => {
  await lab.s3().send(
    new CreateBucketCommand({
      Bucket: 'signed-urls',
      CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' },
    }),
  );
  await lab.s3().send(new PutObjectCommand({ Bucket: 'signed-urls', Key: 'a b.txt', Body: 'hello' }));
  const path = '/signed-urls/a%20b.txt';
  const good = await presign(lab, path, 'GET', new Date(), 60);
  expect(await (await fetch(good)).text()).toBe('hello');
  expect((await fetch(good.replace('a%20b', 'other'))).status).toBe(403);
  const old = await presign(lab, path, 'GET', new Date(Date.now() - 120_000), 60);
  expect((await fetch(old)).status).toBe(403);
});

test('a document that was changed on its way is refused', async () => {
  await lab.s3().send(
    new CreateBucketCommand({
      Bucket: 'changed-on-the-way',
      CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' },
    }),
  );
  const statement = {
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:GetObject',
    Resource: 'arn:aws:s3:::changed-on-the-way/a',
  };
  const signed = policy(statement);
  const sent = policy({ ...statement, Action: 's3:*' });
  const headers = await signPut(lab, '/changed-on-the-way', 'policy', signed);
  const put = (body: string) =>
    fetch(`${lab.aws.endpoint}/changed-on-the-way?policy`, { method: 'PUT', headers, body });
  const refused = await put(sent);
  expect(refused.status).toBe(400);
  expect(await refused.text()).toContain('XAmzContentSHA256Mismatch');
  expect((await put(signed)).ok).toBe(true);
});

test('a refused upload is answered before its body is asked for', async () => {
  const missing = lab.s3().send(
    new PutObjectCommand({
      Bucket: 'no-such-bucket-at-all',
      Key: 'k',
      Body: Buffer.alloc(8 * 1024 * 1024),
    }),
  );
  await expect(missing).rejects.toMatchObject({ name: 'NoSuchBucket' });
});
