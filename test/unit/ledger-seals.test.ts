import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { createAwsTime } from '../../activities/ledger/aws-time.ts';
import { exportEvidence, listSeals, listStatements, readStatement } from '../../activities/ledger/read.ts';
import { sealNight } from '../../activities/ledger/seal-night.ts';
import { listSealObjects, readSeal } from '../../activities/ledger/seals.ts';
import { readSettings } from '../../activities/ledger/settings.ts';
import { recordStatement } from '../../activities/ledger/statements.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { signEnvelope } from '../../evidence/signer.ts';
import { decodeEnvelope, encodeEnvelope } from '../../evidence/verifier/envelope.ts';
import { verifyExport } from '../../evidence/verifier/verify-export.ts';
import { checksumsOf, newSigner, readFiles, slotOfNight } from './evidence-export.ts';
import { drillFact, nightFact, protectionFact } from './evidence-facts.ts';
import { fakeBucket } from './ledger-bucket.ts';
import type { Signer } from '../../evidence/signer.ts';
import type { SealPredicate } from '../../evidence/verifier/seal-format.ts';
import type { FakeBucket } from './ledger-bucket.ts';

const K1 = newSigner('one');
const K2 = newSigner('two');
const signers = new Map([K1, K2].map((signer) => [signer.key.source, signer]));
const outs: string[] = [];

afterEach(() => {
  for (const out of outs.splice(0)) rmSync(out, { recursive: true, force: true });
});

async function record(
  bucket: FakeBucket,
  n: number,
  resource = 'orders',
  signer: Signer = K1,
): Promise<void> {
  const time = createAwsTime();
  const slot = slotOfNight(n);
  for (const fact of [protectionFact(resource, slot), drillFact(resource, slot)]) {
    await recordStatement(bucket.ledger, time, signer, { scope: resource, name: fact.type, fact });
  }
}

function seal(
  bucket: FakeBucket,
  n: number,
  resources: readonly string[] = ['orders'],
  signer: Signer = K1,
  canVouch = true,
) {
  const formerSigner = async ({ source }: { source: string }): Promise<Signer | undefined> =>
    canVouch ? signers.get(source) : undefined;
  const night = nightFact(resources, slotOfNight(n), resources.length === 0 ? 'missed' : 'passed');
  return sealNight({ ledger: bucket.ledger, time: createAwsTime(), signer, formerSigner }, night);
}

/** Moves the bucket's clock to night `n`. */
function at(bucket: FakeBucket, n: number): void {
  bucket.now = new Date(Date.parse(slotOfNight(n)) + 60_000);
}

async function verified(bucket: FakeBucket, period: { from?: string; to?: string } = {}) {
  const parent = mkdtempSync(join(tmpdir(), 'seals-'));
  outs.push(parent);
  const out = join(parent, 'export');
  await exportEvidence(bucket.ledger, { out, ...period });
  return verifyExport(out);
}

test('a night is sealed with every statement that no seal lists, and the export of the ledger is verified', async () => {
  const bucket = fakeBucket();
  for (const n of [0, 1, 2]) {
    at(bucket, n);
    await record(bucket, n);
    expect(await seal(bucket, n)).toMatchObject({ sequence: n + 1, statements: 2 });
  }
  expect(await verified(bucket)).toMatchObject({
    verdict: 'verified',
    findings: [],
    examined: { seals: 3, statements: 6, slots: 3 },
  });
  expect(await verified(bucket, { from: '2026-11-22', to: '2026-11-22' })).toMatchObject({
    verdict: 'verified',
    examined: { firstSeal: 2, lastSeal: 2, statements: 2 },
  });
});

test('sealing a slot again finds its own seal', async () => {
  const bucket = fakeBucket();
  await record(bucket, 0);
  const first = await seal(bucket, 0);
  at(bucket, 1);
  await record(bucket, 1);
  await seal(bucket, 1);
  expect(await seal(bucket, 0)).toEqual(first);
  expect(await listSeals(bucket.ledger, {})).toHaveLength(2);
});

test('many writers at once make one chain: no fork, no gap, no statement twice, none left out', async () => {
  const bucket = fakeBucket();
  bucket.pageSize = 3;
  bucket.before = () => new Promise((go) => setTimeout(go, Math.random() * 3));
  const writers = Array.from({ length: 8 }, (_, n) => `resource-${n}`);
  await Promise.all(
    writers.map(async (resource, n) => {
      await record(bucket, n, resource);
      // Two control planes for the same slot, too.
      await Promise.all([seal(bucket, n, [resource]), seal(bucket, n, [resource])]);
    }),
  );
  const seals = await listSeals(bucket.ledger, {});
  expect(seals.map(({ sequence }) => sequence)).toEqual(seals.map((_, n) => n + 1));
  expect(new Set(seals.map(({ slot }) => slot)).size).toBe(8);
  expect(seals.reduce((sum, { statements }) => sum + statements, 0)).toBe(16);
  const report = await verified(bucket);
  expect(report).toMatchObject({ verdict: 'verified', findings: [], examined: { statements: 16 } });
}, 120_000);

test('statements are found on every page of the listing', async () => {
  const bucket = fakeBucket();
  bucket.pageSize = 2;
  for (let n = 0; n < 7; n += 1) await record(bucket, 0, `resource-${n}`);
  expect(await seal(bucket, 0, [])).toMatchObject({ statements: 14 });
});

test('an answer without a list is not taken for an empty ledger', async () => {
  const bucket = fakeBucket();
  await record(bucket, 0);
  const send = bucket.ledger.s3.send.bind(bucket.ledger.s3) as (command: object) => Promise<object>;
  bucket.ledger.s3.send = (async (command: object) =>
    command.constructor.name === 'ListObjectVersionsCommand' ? {} : send(command)) as never;
  await expect(seal(bucket, 0)).rejects.toThrow('without a list');
});

test('a statement that came late is sealed by the next night, although it is filed under an earlier day', async () => {
  const bucket = fakeBucket();
  await record(bucket, 0);
  await seal(bucket, 0);
  at(bucket, 3);
  await record(bucket, 0, 'latecomer');
  expect(await seal(bucket, 3, [])).toMatchObject({ statements: 2 });
  expect((await verified(bucket)).findings.map(({ code }) => code)).toEqual(['slot-without-end']);
});

/** Statements of a night in which nobody got as far as a seal. */
async function lostNight(bucket: FakeBucket, n: number, policyName = 'sample'): Promise<void> {
  at(bucket, n);
  const slot = slotOfNight(n);
  const facts = [protectionFact('orders', slot), drillFact('orders', slot)];
  for (const fact of facts) {
    const said = { ...fact, policy: policyName, trigger: 'night' as const };
    const scope = `${policyName}-orders`;
    await recordStatement(bucket.ledger, createAwsTime(), K1, { scope, name: fact.type, fact: said });
  }
}

async function sealsOf(bucket: FakeBucket) {
  const stored = await Promise.all(
    (await listSealObjects(bucket.ledger)).map((one) => readSeal(bucket.ledger, one)),
  );
  return stored.map(({ seal: { sequence, unsealed, open } }) => ({ sequence, unsealed, open }));
}

test('a night whose seal could not be written is named by the next seal, and the chain is verified', async () => {
  const bucket = fakeBucket();
  await record(bucket, 0);
  await seal(bucket, 0);
  await lostNight(bucket, 1);
  at(bucket, 2);
  await record(bucket, 2);
  expect(await seal(bucket, 2)).toMatchObject({ sequence: 2, statements: 4 });
  at(bucket, 3);
  await record(bucket, 3);
  await seal(bucket, 3);
  const lost = { policy: 'sample', slot: slotOfNight(1), resource: 'orders' };
  expect((await sealsOf(bucket)).map(({ unsealed }) => unsealed)).toEqual([undefined, [lost], undefined]);
  const report = await verified(bucket);
  expect(report).toMatchObject({ verdict: 'verified', findings: [] });
  expect(report.warnings).toEqual([
    `Seal 2 says that the night ${slotOfNight(1)} of sample had no seal of its own (orders).`,
  ]);
});

test('a night without a seal is a finding when the next seal keeps silent about it', async () => {
  const bucket = fakeBucket();
  await lostNight(bucket, 0);
  at(bucket, 1);
  await record(bucket, 1);
  await seal(bucket, 1);
  const out = mkdtempSync(join(tmpdir(), 'seals-'));
  outs.push(out);
  await exportEvidence(bucket.ledger, { out });
  const silent = await bentSeal(out, (seal) => ({ ...seal, unsealed: [] }));
  expect(silent.findings.map(({ code }) => code)).toContain('slot-without-end');
});

/** Verifies `dir` with its first seal said differently and signed again by the right key. */
async function bentSeal(dir: string, bend: (seal: SealPredicate) => SealPredicate) {
  const file = join(dir, 'seals/000000000001.json');
  const { payload } = decodeEnvelope(readFileSync(file));
  const statement = JSON.parse(payload.toString()) as { predicate: SealPredicate };
  const bent = canonicalBytes({ ...statement, predicate: bend(statement.predicate) });
  writeFileSync(file, encodeEnvelope(await signEnvelope(bent, [K1])));
  writeFileSync(join(dir, 'SHA256SUMS'), checksumsOf(readFiles(dir)));
  return verifyExport(dir);
}

test('a night of another policy that is still running is carried along until it is sealed, or known to be lost', async () => {
  const bucket = fakeBucket();
  await lostNight(bucket, 0, 'other');
  await record(bucket, 0);
  await seal(bucket, 0);
  at(bucket, 1);
  await record(bucket, 1);
  await seal(bucket, 1);
  const running = { policy: 'other', slot: slotOfNight(0), resource: 'orders' };
  expect((await sealsOf(bucket)).map(({ open }) => open)).toEqual([[running], [running]]);
  const night = { ...nightFact([], slotOfNight(1), 'missed'), policy: 'other' };
  const sealing = { ledger: bucket.ledger, time: createAwsTime(), signer: K1 };
  await sealNight({ ...sealing, formerSigner: async () => undefined }, night);
  expect((await sealsOf(bucket))[2]).toEqual({ sequence: 3, unsealed: [running], open: undefined });
  expect(await verified(bucket)).toMatchObject({ verdict: 'verified', findings: [] });
});

test('a seal holds what key and bucket were set to, as read back, and a setting that cannot be read is said', async () => {
  const bucket = fakeBucket();
  await record(bucket, 0);
  const denied = { send: async () => Promise.reject(new Error('not allowed')) } as never;
  const settings = async (previous: Parameters<typeof readSettings>[3]) =>
    readSettings(bucket.ledger, denied, 'arn:key', previous);
  const sealing = { ledger: bucket.ledger, time: createAwsTime(), signer: K1, settings };
  const formerSigner = async () => undefined;
  for (const n of [0, 1]) {
    at(bucket, n);
    await sealNight({ ...sealing, formerSigner }, nightFact([], slotOfNight(n), 'missed'));
  }
  const [first, second] = await Promise.all(
    (await listSealObjects(bucket.ledger)).map((one) => readSeal(bucket.ledger, one)),
  );
  expect(first!.seal.settings).toMatchObject({
    signingKey: { unknown: 'Error: not allowed' },
    bucket: { unknown: expect.stringContaining('fake bucket') },
    previousSeal: null,
  });
  expect(second!.seal.settings?.previousSeal).toMatchObject({ mode: 'COMPLIANCE' });
});

test('a statement that a delete marker hides is sealed all the same, and the marker is evidence', async () => {
  const bucket = fakeBucket();
  await record(bucket, 0);
  bucket.hide('statements/2026-11-21/orders/drill.json');
  expect(await seal(bucket, 0)).toMatchObject({ statements: 2 });
  const report = await verified(bucket);
  expect(report.verdict).toBe('verified');
  expect(report.warnings).toEqual([
    expect.stringContaining('statements/2026-11-21/orders/drill.json: 1 delete markers'),
  ]);
});

test('a seal that a delete marker hides keeps its place in the chain', async () => {
  const bucket = fakeBucket();
  await record(bucket, 0);
  await seal(bucket, 0);
  bucket.hide('seals/000000000001.json');
  at(bucket, 1);
  await record(bucket, 1);
  expect(await seal(bucket, 1)).toMatchObject({ sequence: 2 });
  expect(await verified(bucket)).toMatchObject({ verdict: 'verified', examined: { seals: 2 } });
});

test('a version written over a statement changes nothing: the first one counts, and the second is evidence', async () => {
  const bucket = fakeBucket();
  await record(bucket, 0);
  bucket.put('statements/2026-11-21/orders/drill.json', 'forged');
  await seal(bucket, 0);
  const report = await verified(bucket);
  expect(report.verdict).toBe('verified');
  expect(report.warnings).toEqual([expect.stringContaining('1 later versions')]);
});

test('what we did not sign is not sealed, and is evidence', async () => {
  const bucket = fakeBucket();
  await record(bucket, 0);
  await record(bucket, 0, 'stranger', K2);
  bucket.put('statements/2026-11-21/orders/note.json', 'no statement');
  expect(await seal(bucket, 0)).toMatchObject({ statements: 2 });
  expect((await verified(bucket)).warnings).toHaveLength(3);
});

test('a chain with a gap is not continued, but can be exported, and the verifier names what is missing', async () => {
  const bucket = fakeBucket();
  for (const n of [0, 1, 2]) {
    at(bucket, n);
    await record(bucket, n);
    await seal(bucket, n);
  }
  bucket.versions.delete('seals/000000000002.json');
  at(bucket, 3);
  await expect(seal(bucket, 3)).rejects.toMatchObject({
    type: 'LedgerRefused',
    message: expect.stringContaining('seals/000000000002.json is missing'),
  });
  expect((await verified(bucket)).findings).toContainEqual(
    expect.objectContaining({ code: 'gap', object: 'seals/000000000002.json' }),
  );
});

test('after a change of the signing key the old one vouches for the new one, and everything is verified', async () => {
  const bucket = fakeBucket();
  await record(bucket, 0);
  await seal(bucket, 0);
  at(bucket, 1);
  await record(bucket, 1, 'orders', K1);
  await record(bucket, 1, 'customers', K2);
  await seal(bucket, 1, ['orders', 'customers'], K2);
  at(bucket, 2);
  await record(bucket, 2, 'orders', K2);
  await seal(bucket, 2, ['orders'], K2);
  const seals = await listSeals(bucket.ledger, {});
  expect(seals.map(({ signedBy }) => signedBy.length)).toEqual([1, 2, 1]);
  expect(await verified(bucket)).toMatchObject({ verdict: 'verified', findings: [] });
});

test('an old key that can no longer sign leaves a break that anybody can see', async () => {
  const bucket = fakeBucket();
  await record(bucket, 0);
  await seal(bucket, 0);
  at(bucket, 1);
  await record(bucket, 1, 'orders', K2);
  await seal(bucket, 1, ['orders'], K2, false);
  expect((await verified(bucket)).findings).toEqual([expect.objectContaining({ code: 'wrong-key' })]);
});

test('statements and seals are listed by day, and a statement is read with who signed it', async () => {
  const bucket = fakeBucket();
  for (const n of [0, 1]) {
    at(bucket, n);
    await record(bucket, n);
    await seal(bucket, n);
  }
  const all = await listStatements(bucket.ledger, {});
  expect(all).toHaveLength(4);
  expect(await listStatements(bucket.ledger, { from: '2026-11-22' })).toEqual(all.slice(2));
  expect(await listStatements(bucket.ledger, { to: '2026-11-21' })).toEqual(all.slice(0, 2));
  const read = await readStatement(bucket.ledger, all[0]!.key);
  expect(read).toMatchObject({ signedBy: [K1.key.keyid], statement: { predicate: { type: 'drill' } } });
  await expect(readStatement(bucket.ledger, 'statements/none.json')).rejects.toMatchObject({
    type: 'LedgerRefused',
  });
});

test('a period without a seal cannot be exported, and a folder that is not empty is not touched', async () => {
  const bucket = fakeBucket();
  const out = mkdtempSync(join(tmpdir(), 'seals-'));
  outs.push(out);
  await expect(exportEvidence(bucket.ledger, { out })).rejects.toMatchObject({ type: 'LedgerRefused' });
  await record(bucket, 0);
  await seal(bucket, 0);
  await exportEvidence(bucket.ledger, { out });
  await expect(exportEvidence(bucket.ledger, { out })).rejects.toThrow('is not empty');
});
