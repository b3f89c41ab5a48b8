import * as KMS from '@aws-sdk/client-kms';
import * as RDS from '@aws-sdk/client-rds';
import * as S3 from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startLocalAws } from '../src/index.ts';
import { eventually } from './support/eventually.ts';
import { Laboratory, VAULT } from './support/local-aws.ts';

let lab: Laboratory;
beforeAll(async () => (lab = await Laboratory.start()));
afterEach(() => lab.ask('DELETE', '/faults'));
afterAll(() => lab.close());

const add = (rule: object) => lab.ask('POST', '/faults', rule);
const keys = async () => (await lab.kms().send(new KMS.ListKeysCommand({}))).Keys!.length;
const newestFault = async () => {
  const { events } = (await lab.ask('GET', '/events?kind=fault&limit=1')) as { events: object[] };
  return events[0];
};

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
  const where = { account: VAULT, region: 'eu-central-1' };
  await add({ kind: 'error', service: 'kms', code: 'KMSInternalException', ...where, times: 0 });
  await keys();
  await lab.kms(lab.admin(VAULT), 'us-east-1').send(new KMS.ListKeysCommand({}));
  await expect(lab.kms(lab.admin(VAULT)).send(new KMS.ListKeysCommand({}))).rejects.toThrow(
    KMS.KMSInternalException,
  );
});

test('a rule meets only the resource that it names, by id, by ARN, or by bucket and key', async () => {
  await add({ kind: 'throttle', service: 's3', resource: 'evidence/2026/*', times: 0 });
  const head = (Key: string) => lab.s3().send(new S3.HeadObjectCommand({ Bucket: 'evidence', Key }));
  await expect(head('2025/a')).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
  await expect(head('2026/a')).rejects.toMatchObject({ $metadata: { httpStatusCode: 503 } });
  await add({ kind: 'throttle', service: 'rds', resource: 'Orders' });
  const rds = new RDS.RDSClient(lab.config());
  const describe = (id: string) => rds.send(new RDS.DescribeDBInstancesCommand({ DBInstanceIdentifier: id }));
  await expect(describe('bills')).rejects.toThrow(RDS.DBInstanceNotFoundFault);
  await expect(describe('orders')).rejects.toMatchObject({ name: 'Throttling' });
});

test.each([
  ['the name of the SDK', 'DBSnapshotAlreadyExistsFault'],
  ['the code of the wire', 'DBSnapshotAlreadyExists'],
])('a modelled error is made from %s, and arrives as its own class', async (_what, code) => {
  await add({ kind: 'error', service: 'rds', operation: 'CopyDBSnapshot', code, message: 'It is there.' });
  const rds = new RDS.RDSClient(lab.config());
  const copy = new RDS.CopyDBSnapshotCommand({
    SourceDBSnapshotIdentifier: 'a',
    TargetDBSnapshotIdentifier: 'b',
  });
  const refused = rds.send(copy);
  await expect(refused).rejects.toThrow(RDS.DBSnapshotAlreadyExistsFault);
  await expect(refused).rejects.toMatchObject({
    message: 'It is there.',
    $metadata: { httpStatusCode: 400 },
  });
});

test('a session that a rule lets expire says so in the words of each service', async () => {
  await add({ kind: 'expired-token', times: 3 });
  await expect(keys()).rejects.toMatchObject({ name: 'ExpiredTokenException' });
  await expect(lab.s3().send(new S3.ListBucketsCommand({}))).rejects.toMatchObject({ name: 'ExpiredToken' });
  await expect(lab.sts().send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
    name: 'ExpiredToken',
  });
  await keys();
});

test('a region that is down refuses or hangs, and the others work', async () => {
  await add({ kind: 'region-down', region: 'us-east-1', mode: 'refuse' });
  const away = () => lab.kms(lab.admin(), 'us-east-1').send(new KMS.ListKeysCommand({}));
  await expect(away()).rejects.toThrow(/socket hang up|ECONNRESET/);
  await expect(away()).rejects.toThrow(/socket hang up|ECONNRESET/);
  await keys();
  await lab.ask('DELETE', '/faults');
  await add({ kind: 'region-down', region: 'us-east-1' });
  const hanging = away().then(
    () => 'answered',
    (err: unknown) => String(err),
  );
  expect(await Promise.race([hanging, keys().then(() => 'the other region answered first')])).toBe(
    'the other region answered first',
  );
  await lab.ask('DELETE', '/faults');
  expect(await hanging).toMatch(/socket hang up|ECONNRESET/);
  await away();
});

test('a server whose clock is wrong refuses the signature, and its Date header tells the SDK by how much', async () => {
  await add({ kind: 'clock-skew', seconds: 1800 });
  await expect(lab.s3().send(new S3.ListBucketsCommand({}))).rejects.toMatchObject({
    name: 'RequestTimeTooSkewed',
  });
  const learning = new S3.S3Client({ ...lab.config(), maxAttempts: 2 });
  await learning.send(new S3.ListBucketsCommand({})); // the second attempt is signed with the corrected time
  await lab.ask('DELETE', '/faults');
  await add({ kind: 'clock-skew', seconds: -1800 });
  await expect(keys()).rejects.toMatchObject({ name: 'InvalidSignatureException' });
});

test('the simulated clock jumps at once, or when a call comes', async () => {
  const offset = async () => ((await lab.ask('GET', '/clock')) as { offsetSeconds: number }).offsetSeconds;
  const before = await offset();
  await add({ kind: 'clock-jump', seconds: 3600 });
  expect(await offset()).toBe(before + 3600);
  await add({ kind: 'clock-jump', seconds: 60, service: 'kms', operation: 'ListKeys' });
  expect(await offset()).toBe(before + 3600);
  await keys();
  expect(await offset()).toBe(before + 3660);
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

test('every firing is in the events', async () => {
  await add({ kind: 'delay', delayMs: 1, service: 'kms' });
  await keys();
  const detail = expect.stringContaining('delay');
  expect(await newestFault()).toMatchObject({ service: 'kms', operation: 'ListKeys', detail });
});

test.each([
  [{ kind: 'explode' }, /drop-before/],
  [{ kind: 'delay', oparation: 'x' }, /'oparation'.*operation/],
  [{ kind: 'throttle', service: 'ds' }, /service must be one of .*rds/],
  [{ kind: 'throttle', operation: 'ListKeys' }, /needs service/],
  [{ kind: 'throttle', service: 'rds', operation: 'createdbsnapshot' }, /Did you mean CreateDBSnapshot/],
  [
    { kind: 'error', service: 'rds', operation: 'CreateDBSnapshot', code: 'DBClusterNotFoundFault' },
    /SnapshotQuotaExceededFault/,
  ],
  [{ kind: 'error', code: 'X' }, /needs service/],
  [{ kind: 'region-down' }, /needs region/],
  [{ kind: 'crash', point: 'nowhere' }, /journal.torn/],
  [{ kind: 'crash', point: 'journal.torn', service: 's3' }, /cannot be limited by service/],
  [{ kind: 'throttle', account: 'vault' }, /twelve digits/],
  [{ kind: 'throttle', probability: 2 }, /from 0 to 1/],
  [{ kind: 'stall-job', service: 'backup', job: 'snapshot' }, /has no job 'snapshot'/],
  [{ kind: 'clock-jump', seconds: -1 }, /never goes back/],
])('a rule that makes no sense is refused with what to write instead: %j', async (rule, expected) => {
  expect(await add(rule)).toEqual({ error: expect.stringMatching(expected) });
});

test('rules and what they have seen survive a restart', async () => {
  const own = await Laboratory.start();
  await own.ask('POST', '/faults', { kind: 'throttle', service: 'kms', nth: 3, times: 0 });
  const list = (from: Laboratory) => from.kms().send(new KMS.ListKeysCommand({}));
  await list(own);
  await list(own);
  const again = await own.restart();
  try {
    await expect(list(again)).rejects.toMatchObject({ name: 'ThrottlingException' });
    expect(await again.ask('DELETE', '/faults')).toEqual({ cleared: 1 });
    await list(again);
  } finally {
    await again.close();
  }
});

test('rules come from a file, too: read at start and when it changes; a wrong one is named and changes nothing', async () => {
  const file = join(lab.stateDir, 'rules.json');
  const write = (text: string) => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  const options = { ...Laboratory.options(join(lab.stateDir, 'another')), faultFile: file };
  write('[{"kind": "throttle", "servise": "kms"}]');
  await expect(startLocalAws(options)).rejects.toThrow(/rules\.json .*rule 1: .*'servise'/);
  write('[{"kind": "throttle", "service": "kms", "times": 0}]');
  const aws = await startLocalAws(options);
  try {
    const client = new KMS.KMSClient({
      ...lab.config(),
      endpoint: aws.endpoint,
      credentials: aws.accounts[VAULT]!,
    });
    const list = () => client.send(new KMS.ListKeysCommand({}));
    await expect(list()).rejects.toMatchObject({ name: 'ThrottlingException' });
    write('[{"kind": "throttle"');
    await eventually('the mistake is shown', async () => {
      const answer = (await (await fetch(`${aws.adminEndpoint}/faults`)).json()) as {
        file: { error?: string };
      };
      return answer.file.error;
    });
    await expect(list()).rejects.toMatchObject({ name: 'ThrottlingException' });
    write('[]');
    await eventually('the rule is gone', () => list().catch(() => undefined));
  } finally {
    await aws.close();
  }
});
