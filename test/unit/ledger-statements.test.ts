import type { PutObjectCommand } from '@aws-sdk/client-s3';
import { GetObjectRetentionCommand } from '@aws-sdk/client-s3';
import { expect, test } from '@jest/globals';
import { createAwsTime } from '../../activities/ledger/aws-time.ts';
import { getFingerprint, putFingerprint } from '../../activities/ledger/fingerprints.ts';
import { recordStatement } from '../../activities/ledger/statements.ts';
import { decodeEnvelope, sha256 } from '../../evidence/verifier/envelope.ts';
import { newSigner } from './evidence-export.ts';
import { drillFact, protectionFact, SLOT } from './evidence-facts.ts';
import { fakeBucket } from './ledger-bucket.ts';
import type { Fact } from '../../domain/facts.ts';
import type { FakeBucket } from './ledger-bucket.ts';

const signer = newSigner();
const DAY_MS = 86_400_000;

function record(bucket: FakeBucket, fact: Fact = drillFact(), time = createAwsTime()) {
  return recordStatement(bucket.ledger, time, signer, { scope: 'orders', name: fact.type, fact });
}

test('a statement lies under the day of its slot, signed, and locked for as long as the policy demands', async () => {
  const bucket = fakeBucket();
  const ref = await record(bucket);
  expect(ref).toMatchObject({ key: 'statements/2026-11-21/orders/drill.json', type: 'drill' });
  const [version] = bucket.versions.get(ref.key)!;
  expect(version).toMatchObject({ versionId: ref.versionId, mode: 'COMPLIANCE' });
  const keptFor = version!.until!.getTime() - bucket.now.getTime();
  expect(keptFor).toBeGreaterThanOrEqual(400 * DAY_MS);
  expect(keptFor).toBeLessThan(401 * DAY_MS);
  expect(sha256(version!.body)).toBe(ref.sha256);
  const { payload } = decodeEnvelope(version!.body);
  expect(JSON.parse(payload.toString())).toMatchObject({
    _type: 'https://in-toto.io/Statement/v1',
    predicateType: 'https://lifeboat.dev/evidence/drill/v1',
    predicate: { verdict: 'passed' },
  });
});

test('a second attempt adopts what the first one wrote, even when it measured other times', async () => {
  const bucket = fakeBucket();
  const first = await record(bucket);
  const again = { ...drillFact(), timings: [{ step: 'restore', startedAt: SLOT, seconds: 99 }] };
  expect(await record(bucket, again)).toEqual(first);
  expect(bucket.versions.get(first.key)).toHaveLength(1);
});

test('a statement with another outcome in the same place is refused, and nothing is overwritten', async () => {
  const bucket = fakeBucket();
  const first = await record(bucket);
  const refused = record(bucket, drillFact('orders', SLOT, 'failed'));
  await expect(refused).rejects.toMatchObject({ type: 'LedgerRefused', nonRetryable: true });
  expect(bucket.versions.get(first.key)).toHaveLength(1);
});

test('something that is no statement in the place of one is refused', async () => {
  const bucket = fakeBucket();
  bucket.put('statements/2026-11-21/orders/drill.json', 'not ours');
  await expect(record(bucket)).rejects.toMatchObject({ type: 'LedgerRefused' });
});

test('a lock that came out too short, because the clock of S3 had moved on, is lengthened', async () => {
  const bucket = fakeBucket();
  const time = createAwsTime();
  await time.ask(bucket.ledger);
  bucket.now = new Date(bucket.now.getTime() + 3 * DAY_MS);
  const ref = await record(bucket, drillFact(), time);
  expect(bucket.versions.get(ref.key)![0]!.until!.getTime() - bucket.now.getTime()).toBeGreaterThanOrEqual(
    400 * DAY_MS,
  );
});

test('an attempt that died before its lock was long enough is completed by the next one', async () => {
  const bucket = fakeBucket();
  bucket.before = async (command) => {
    if (command instanceof GetObjectRetentionCommand) throw new Error('the worker is gone');
  };
  await expect(record(bucket)).rejects.toThrow('the worker is gone');
  bucket.before = async () => undefined;
  const [version] = bucket.versions.get('statements/2026-11-21/orders/drill.json')!;
  version!.until = new Date(bucket.now.getTime() + 1);
  await record(bucket);
  expect(version!.until.getTime() - bucket.now.getTime()).toBeGreaterThanOrEqual(400 * DAY_MS);
});

test('a bucket that does not lock is refused loudly', async () => {
  const bucket = fakeBucket();
  const send = bucket.ledger.s3.send.bind(bucket.ledger.s3) as (command: object) => Promise<unknown>;
  bucket.ledger.s3.send = (async (command: object) => {
    if (command instanceof GetObjectRetentionCommand)
      return { Retention: { Mode: 'GOVERNANCE', RetainUntilDate: new Date('2099-01-01') } };
    return send(command);
  }) as never;
  await expect(record(bucket)).rejects.toMatchObject({
    type: 'LedgerRefused',
    message: expect.stringContaining('not locked'),
  });
});

test('work that is recorded long after its slot is filed under the day on which it is written, once', async () => {
  const bucket = fakeBucket();
  bucket.now = new Date(bucket.now.getTime() + 30 * DAY_MS);
  const ref = await record(bucket);
  expect(ref.key).toBe('statements/2026-12-21/orders/drill.json');
  bucket.now = new Date(bucket.now.getTime() + 60_000);
  expect(await record(bucket)).toEqual(ref);
});

test('a fact without a slot that is repeated after midnight finds what was written before', async () => {
  const bucket = fakeBucket();
  bucket.now = new Date('2026-11-21T23:59:50Z');
  const fact: Fact = {
    type: 'policy-applied',
    policy: 'sample',
    policySha256: 'ab'.repeat(32),
    resources: ['orders'],
  };
  const ref = await record(bucket, fact);
  bucket.now = new Date('2026-11-22T00:00:10Z');
  expect(await record(bucket, fact)).toEqual(ref);
});

test('names that could leave their folder are refused', async () => {
  const bucket = fakeBucket();
  for (const [scope, name] of [
    ['..', 'a'],
    ['a/../b', 'c'],
    ['', 'a'],
    ['a', ''],
    ['a', 'b/c'],
    ['a b', 'c'],
  ] as const) {
    const statement = { scope, name, fact: protectionFact() };
    const recorded = recordStatement(bucket.ledger, createAwsTime(), signer, statement);
    await expect(recorded).rejects.toMatchObject({ type: 'LedgerRefused' });
  }
  expect(bucket.versions.size).toBe(0);
});

test('the time of AWS is that of S3, and reading it leaves one key behind', async () => {
  const bucket = fakeBucket();
  const time = createAwsTime();
  bucket.now = new Date('2027-03-01T04:05:06.789Z');
  expect(await time.ask(bucket.ledger)).toEqual(new Date('2027-03-01T04:05:06Z'));
  await time.ask(bucket.ledger);
  expect([...bucket.versions.keys()]).toEqual(['clock/now']);
});

test('a fingerprint comes back as it was stored, and an altered or lost one is missing', async () => {
  const bucket = fakeBucket();
  const stored = await putFingerprint(bucket.ledger, 'fingerprints/orders/before', Buffer.from('digests'));
  expect((await getFingerprint(bucket.ledger, stored)).toString()).toBe('digests');
  expect(bucket.versions.get(stored.key)![0]).toMatchObject({ mode: 'COMPLIANCE' });
  const missing = expect.objectContaining({ type: 'FingerprintMissing' });
  await expect(getFingerprint(bucket.ledger, { ...stored, sha256: 'cd'.repeat(32) })).rejects.toEqual(
    missing,
  );
  await expect(getFingerprint(bucket.ledger, { ...stored, versionId: 'another' })).rejects.toEqual(missing);
});

test('a fingerprint that is taken again never replaces the one that a reference names', async () => {
  const bucket = fakeBucket();
  const first = await putFingerprint(bucket.ledger, 'fingerprints/orders/before', Buffer.from('first'));
  await putFingerprint(bucket.ledger, 'fingerprints/orders/before', Buffer.from('second'));
  expect((await getFingerprint(bucket.ledger, first)).toString()).toBe('first');
});

test('every request names the account that must own the bucket', async () => {
  const bucket = fakeBucket();
  const owners = new Set<unknown>();
  bucket.before = async (command) => void owners.add((command as PutObjectCommand).input.ExpectedBucketOwner);
  await record(bucket);
  expect([...owners]).toEqual(['222222222222']);
});
