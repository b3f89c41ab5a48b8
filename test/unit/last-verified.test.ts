import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { expect, test } from '@jest/globals';
import { createAwsTime } from '../../activities/ledger/aws-time.ts';
import { recordStatement } from '../../activities/ledger/statements.ts';
import { createLastVerifiedActivities, MOST_DAYS } from '../../activities/last-verified.ts';
import type { AwsClients } from '../../activities/aws/clients.ts';
import type { DrillFact, Fact } from '../../domain/facts.ts';
import { somePolicy } from '../support/fake-site.ts';
import { newSigner, slotOfNight } from './evidence-export.ts';
import { backupOf, drillOf } from './evidence-month.ts';
import { fakeBucket, type FakeBucket } from './ledger-bucket.ts';

const signer = newSigner();

async function file(bucket: FakeBucket, scope: string, name: string, fact: Fact): Promise<void> {
  await recordStatement(bucket.ledger, createAwsTime(), signer, { scope, name, fact });
}

/** A night: a backup in three places, and the drill of the last one. */
async function night(bucket: FakeBucket, n: number, changes: Partial<DrillFact> = {}, resource = 'orders') {
  const slot = slotOfNight(n);
  bucket.now = new Date(Date.parse(slot) + 3_600_000);
  await file(bucket, `protect-${resource}-${slot}`, 'protection', backupOf(resource, slot));
  await file(bucket, `drill-${resource}-${slot}`, 'drill', { ...drillOf(resource, slot, n), ...changes });
}

function look(bucket: FakeBucket, before = '2030-01-01T00:00:00Z', immutableId = 'db-ORDERS') {
  const clients = { s3: () => bucket.ledger.s3, forget: () => undefined } as unknown as AwsClients;
  const { findLastVerified } = createLastVerifiedActivities({ clients });
  return findLastVerified({ policy: somePolicy(), resource: 'orders', immutableId, before });
}

test('the last verified point is that of the newest drill that passed, with both fingerprints of its source', async () => {
  const bucket = fakeBucket();
  expect(await look(bucket)).toBeNull();
  await night(bucket, 0);
  await night(bucket, 1);
  await night(bucket, 1, {}, 'orders-2');
  await night(bucket, 2, { verdict: 'failed' });
  const slot = slotOfNight(1);
  expect(await look(bucket)).toMatchObject({
    slot,
    pointArn: backupOf('orders', slot).points[2]!.arn,
    fingerprints: {
      before: { key: expect.stringMatching(/before$/) },
      after: { key: expect.stringMatching(/after$/) },
    },
  });
});

test('a drill that passed without comparing rows, of the point itself, or of another database of that name, verifies nothing', async () => {
  const bucket = fakeBucket();
  await night(bucket, 0);
  const slot = slotOfNight(1);
  await night(bucket, 1, {
    checks: drillOf('orders', slot, 1).checks.filter(({ check }) => check !== 'content'),
  });
  expect((await look(bucket))?.slot).toBe(slotOfNight(0));
  expect(await look(bucket, backupOf('orders', slotOfNight(0)).points[2]!.createdAt)).toBeNull();
  expect(await look(bucket, undefined, 'db-MADE-ANEW')).toBeNull();
});

test('a drill by hand of an old point does not take the place of the newest one', async () => {
  const bucket = fakeBucket();
  for (const n of [0, 8, 9]) await night(bucket, n);
  const slot = slotOfNight(10);
  bucket.now = new Date(Date.parse(slot) + 3_600_000);
  const byHand = { ...drillOf('orders', slot, 10), point: drillOf('orders', slotOfNight(0), 0).point };
  await file(bucket, `drill-orders-${slot}`, 'drill', byHand);
  expect((await look(bucket))?.slot).toBe(slotOfNight(9));
});

test('however many years the ledger holds, a bounded number of requests is made', async () => {
  const bucket = fakeBucket();
  await night(bucket, 0);
  for (let n = 1; n <= MOST_DAYS + 3; n += 1) await night(bucket, n, { verdict: 'inconclusive' });
  let listings = 0;
  let others = 0;
  bucket.before = async (command) => {
    if (command instanceof ListObjectVersionsCommand) listings += 1;
    else others += 1;
  };
  expect(await look(bucket)).toBeNull();
  expect([listings, others]).toEqual([MOST_DAYS + 1, MOST_DAYS]);
  await night(bucket, MOST_DAYS + 4);
  [listings, others] = [0, 0];
  expect(await look(bucket)).not.toBeNull();
  expect(listings + others).toBeLessThan(12);
});
