import * as KMS from '@aws-sdk/client-kms';
import * as S3 from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Laboratory, VAULT } from './support/local-aws.ts';

let lab: Laboratory;
beforeAll(async () => (lab = await Laboratory.start()));
afterEach(() => lab.ask('DELETE', '/faults'));
afterAll(() => lab.close());

const add = (rule: object) => lab.ask('POST', '/faults', rule);
const keys = async () => (await lab.kms().send(new KMS.ListKeysCommand({}))).Keys!.length;

test('the n-th call is throttled, as often as asked, in the words of each service', async () => {
  await add({ kind: 'throttle', service: 'kms', operation: 'ListKeys', nth: 2, times: 2 });
  await keys();
  await expect(keys()).rejects.toMatchObject({ name: 'ThrottlingException' });
  await expect(keys()).rejects.toMatchObject({ name: 'ThrottlingException' });
  await keys();
  await add({ kind: 'throttle', service: 's3' });
  await expect(lab.s3().send(new S3.ListBucketsCommand({}))).rejects.toMatchObject({
    name: 'SlowDown',
    $metadata: { httpStatusCode: 503 },
  });
  await add({ kind: 'throttle', service: 'sts' });
  await expect(lab.sts().send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
    name: 'Throttling',
  });
});

test('a connection dropped before the handler leaves no effect; dropped after it, the effect stays', async () => {
  const before = await keys();
  await add({ kind: 'drop-before', service: 'kms', operation: 'CreateKey' });
  await expect(lab.kms().send(new KMS.CreateKeyCommand({}))).rejects.toThrow();
  expect(await keys()).toBe(before);
  await add({ kind: 'drop-after', service: 'kms', operation: 'CreateKey' });
  await expect(lab.kms().send(new KMS.CreateKeyCommand({}))).rejects.toThrow();
  expect(await keys()).toBe(before + 1);
});

test('a rule meets only the account and region that it names', async () => {
  await add({
    kind: 'error',
    code: 'KMSInternalException',
    status: 500,
    account: VAULT,
    region: 'eu-central-1',
    times: 0,
  });
  await keys();
  await lab.kms(lab.admin(VAULT), 'us-east-1').send(new KMS.ListKeysCommand({}));
  await expect(lab.kms(lab.admin(VAULT)).send(new KMS.ListKeysCommand({}))).rejects.toThrow(
    KMS.KMSInternalException,
  );
});

test('an empty 200 and a page of HTML reach the client as they are', async () => {
  await add({ kind: 'html', service: 'sts' });
  await expect(lab.sts().send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
    $metadata: { httpStatusCode: 502 },
  });
  await add({ kind: 'empty-200', service: 'sts' });
  expect((await lab.sts().send(new GetCallerIdentityCommand({}))).Account).toBeUndefined();
});

test('chance is seeded: the same seed fails the same calls', async () => {
  const outcomes = async () => {
    await lab.ask('DELETE', '/faults');
    await add({ kind: 'throttle', service: 'kms', times: 0, probability: 0.5, seed: 7 });
    const results = [];
    for (let n = 0; n < 12; n += 1)
      results.push(
        await keys().then(
          () => 'ok',
          () => 'throttled',
        ),
      );
    return results;
  };
  const first = await outcomes();
  expect(await outcomes()).toEqual(first);
  expect(new Set(first).size).toBe(2);
});

test('every firing is in the events, and a rule with an unknown member is refused', async () => {
  await add({ kind: 'delay', delayMs: 1, service: 'kms' });
  await keys();
  const { events } = (await lab.ask('GET', '/events?kind=fault&limit=1')) as { events: object[] };
  expect(events).toEqual([
    expect.objectContaining({
      service: 'kms',
      operation: 'ListKeys',
      detail: expect.stringContaining('delay'),
    }),
  ]);
  expect(await add({ kind: 'delay', oparation: 'x' })).toEqual({
    error: expect.stringContaining("'oparation'"),
  });
  expect(await add({ kind: 'explode' })).toEqual({ error: expect.stringContaining('drop-before') });
});
