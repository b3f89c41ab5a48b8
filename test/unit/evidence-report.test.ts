import { expect, test } from '@jest/globals';
import { findDrill } from '../../activities/ledger/drill-evidence.ts';
import { createAwsTime } from '../../activities/ledger/aws-time.ts';
import { sealNight } from '../../activities/ledger/seal-night.ts';
import { recordStatement } from '../../activities/ledger/statements.ts';
import { drillReportOf } from '../../evidence/reports/drill.ts';
import { drillReportPage } from '../../evidence/reports/drill-page.ts';
import { html } from '../../evidence/reports/html.ts';
import { newSigner, slotOfNight } from './evidence-export.ts';
import { drillFact, nightFact, protectionFact } from './evidence-facts.ts';
import { fakeBucket } from './ledger-bucket.ts';
import type { DrillFact, RecoveryPointFacts } from '../../domain/facts.ts';
import type { CheckResult } from '../../domain/verdict.ts';
import type { FakeBucket } from './ledger-bucket.ts';

const signer = newSigner();

function pointAt(region: string, createdAt: string): RecoveryPointFacts {
  return {
    arn: `arn:aws:rds:${region}:222222222222:snapshot:awsbackup:job-1`,
    location: { accountId: '222222222222', region, vault: 'lifeboat' },
    status: 'COMPLETED',
    createdAt,
    deleteAt: '2027-02-19T02:31:00Z',
    encryptionKeyArn: `arn:aws:kms:${region}:222222222222:key/1`,
    sizeBytes: 5_000_000,
    lock: { state: 'immutable', since: '2026-01-01T00:00:00Z', minDays: 30, maxDays: 365 },
  };
}

function check(overrides: Partial<CheckResult> = {}): CheckResult {
  return {
    check: 'content',
    question: 'Are these the rows?',
    status: 'passed',
    examined: [{ unit: 'rows', examined: 138_398, total: 138_398 }],
    coverage: { provenRows: 130_000, boundedRows: 8_398, notExaminedRows: 0 },
    findings: [],
    findingsOmitted: 0,
    notTested: ['large objects'],
    measured: { dataLossSeconds: 3 },
    startedAt: '2026-11-21T02:35:00Z',
    durationMs: 1234,
    ...overrides,
  };
}

/** A ledger with one night of `orders`. */
async function ledgerWith(
  overrides: Partial<DrillFact> = {},
  n = 0,
  bucket = fakeBucket(),
): Promise<FakeBucket> {
  const slot = slotOfNight(n);
  bucket.now = new Date(Date.parse(slot) + 600_000);
  const time = createAwsTime();
  const made = new Date(Date.parse(slot) + 60_000).toISOString();
  const points = [pointAt('eu-central-1', made), pointAt('us-east-1', made)];
  const drill: DrillFact = {
    ...drillFact('orders', slot),
    point: points[1]!,
    checks: [check()],
    ...overrides,
  };
  for (const fact of [{ ...protectionFact('orders', slot), points }, drill]) {
    const scope = `${fact.type === 'drill' ? 'drill' : 'protect'}-orders-${slot}`;
    await recordStatement(bucket.ledger, time, signer, { scope, name: fact.type, slot, fact });
  }
  const end = drill.verdict;
  await sealNight(
    { ledger: bucket.ledger, time, signer, formerSigner: async () => undefined },
    nightFact(['orders'], slot, end),
  );
  return bucket;
}

test('a report holds the drill, the backup it came from, its seal and its lock, all from the ledger', async () => {
  const bucket = await ledgerWith();
  const report = drillReportOf(await findDrill(bucket.ledger, undefined));
  expect(report).toMatchObject({
    verdict: 'passed',
    hops: [{ location: { region: 'eu-central-1' } }, { location: { region: 'us-east-1' } }],
    coverage: { provenRows: 130_000, boundedRows: 8_398, provenShare: 130_000 / 138_398 },
    notTested: [
      'content: large objects',
      'Isolation: nobody tried to reach production from the restored copy.',
    ],
    integrity: { seal: { sequence: 1 }, lock: { mode: 'COMPLIANCE' }, signedBy: [signer.key.keyid] },
  });
});

test('objectives are met exactly at their target, missed beyond it, and unknown when nothing was measured', async () => {
  const stateOf = async (rto: DrillFact['rto'], rpoSeconds: number | null): Promise<string[]> => {
    const bucket = await ledgerWith({ rto, rpoSeconds });
    return drillReportOf(await findDrill(bucket.ledger, 'orders')).objectives.map(({ state }) => state);
  };
  const available = { available: 10, firstQuery: 11 };
  expect(await stateOf({ ...available, verified: 3600 }, 900)).toEqual([
    'met',
    'no target',
    'no target',
    'met',
  ]);
  expect(await stateOf({ ...available, verified: 3601 }, 901)).toEqual([
    'missed',
    'no target',
    'no target',
    'missed',
  ]);
  expect(await stateOf({ ...available, verified: null }, null)).toEqual([
    'unknown',
    'no target',
    'no target',
    'unknown',
  ]);
});

test('the newest drill is found, that of one resource, and one by its key', async () => {
  const bucket = await ledgerWith();
  await ledgerWith({}, 1, bucket);
  const newest = await findDrill(bucket.ledger, 'orders');
  expect(newest.fact.slot).toBe(slotOfNight(1));
  const first = await findDrill(bucket.ledger, newest.drill.key.replaceAll('2026-11-22', '2026-11-21'));
  expect(first.fact.slot).toBe(slotOfNight(0));
  expect(first.protection?.fact.slot).toBe(slotOfNight(0));
  await expect(findDrill(bucket.ledger, 'nobody')).rejects.toMatchObject({
    message: expect.stringContaining('no drill of nobody'),
  });
  const protection = newest.protection!.statement.key;
  await expect(findDrill(bucket.ledger, protection)).rejects.toMatchObject({
    message: expect.stringContaining('not a drill'),
  });
});

test('the page needs nothing but itself: no script, no request to anywhere', async () => {
  const page = drillReportPage(drillReportOf(await findDrill((await ledgerWith()).ledger, undefined)));
  expect(page).not.toMatch(/<script|<link|<img|@import|url\(|https?:\/\//);
  expect(page).toMatch(/^\s*<!doctype html>\s*<html lang="en">/);
});

test('the page has a heading for everything that a reader may ask, and every table a caption and scoped headers', async () => {
  const page = drillReportPage(drillReportOf(await findDrill((await ledgerWith()).ledger, undefined)));
  const headings = [...page.matchAll(/<h2>(.*?)<\/h2>/g)].map(([, text]) => text);
  expect(headings).toEqual([
    'What was drilled',
    'Copies and locks, as read back',
    'Recovery time and recovery point',
    'Checks',
    'What was not tested',
    'Isolation',
    'Timeline',
    'Clean-up',
    'Exceptions, waivers and sign-off',
    'Integrity',
    'Controls that this report supports',
  ]);
  const tables = page.match(/<table>[\s\S]*?<\/table>/g)!;
  for (const table of tables) expect(table).toMatch(/^<table>\s*<caption>[^<]+<\/caption>\s*<thead>/);
  expect(page.match(/<th(?! scope="(?:col|row)")[ >]/g)).toBeNull();
});

test('a drill that restored nothing is reported as plainly as one that passed', async () => {
  const nothing = {
    checks: [],
    point: null,
    restoredArn: null,
    teardown: null,
    rto: { available: null, firstQuery: null, verified: null },
  };
  const bucket = await ledgerWith({
    ...nothing,
    verdict: 'inconclusive',
    reasons: ['no recovery point'],
    rpoSeconds: null,
  });
  const report = drillReportOf(await findDrill(bucket.ledger, undefined));
  expect(report.notTested[0]).toBe('Everything: no recovery point was restored.');
  const page = drillReportPage(report);
  expect(page).toContain('<strong class="verdict inconclusive">inconclusive</strong>');
  expect(page).toContain('no recovery point');
  expect(page).toContain('0 of 0');
});

test('what comes from a database is text, never markup', async () => {
  const hostile = check({
    status: 'failed',
    findings: [
      { severity: 'failure', code: 'x', message: '<script>alert(1)</script>', where: '"><img src=x>' },
    ],
  });
  const page = drillReportPage(
    drillReportOf(
      await findDrill((await ledgerWith({ checks: [hostile], verdict: 'failed' })).ledger, undefined),
    ),
  );
  expect(page).not.toContain('<script>');
  expect(page).not.toContain('<img');
  expect(html`<b title="${`a"b'c<d>&`}"></b>`.html).toBe('<b title="a&quot;b&#39;c&lt;d&gt;&amp;"></b>');
});
