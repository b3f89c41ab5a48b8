import { createPublicKey } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { sha256 } from '../../evidence/verifier/envelope.ts';
import { sealKey } from '../../evidence/verifier/seal-format.ts';
import { verifyExport } from '../../evidence/verifier/verify-export.ts';
import { checksumsOf, exportOf, goodNight, newSigner, readFiles, slotOfNight } from './evidence-export.ts';
import { drillFact, nightFact, protectionFact } from './evidence-facts.ts';
import type { NightToSeal } from './evidence-export.ts';
import type { SealPredicate } from '../../evidence/verifier/seal-format.ts';
import type { Signer } from '../../evidence/signer.ts';
import type { VerifyReport } from '../../evidence/verifier/report.ts';

const K1 = newSigner('one');
const K2 = newSigner('two');
const dirs: string[] = [];

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

async function exported(nights: readonly NightToSeal[]): Promise<string> {
  const dir = await exportOf(nights);
  dirs.push(dir);
  return dir;
}

function pemOf(...signers: readonly Signer[]): string {
  const dir = mkdtempSync(join(tmpdir(), 'key-'));
  dirs.push(dir);
  const blocks = signers.map(({ key }) =>
    createPublicKey({ key: Buffer.from(key.publicKey, 'base64'), format: 'der', type: 'spki' }).export({
      type: 'spki',
      format: 'pem',
    }),
  );
  writeFileSync(join(dir, 'key.pem'), blocks.join(''));
  return join(dir, 'key.pem');
}

/** What somebody does who wants a change to go unnoticed: the checksums, which nobody signs, are made to agree. */
function hideTraces(dir: string): void {
  writeFileSync(join(dir, 'SHA256SUMS'), checksumsOf(readFiles(dir)));
}

const said = ({ findings }: VerifyReport): string[] =>
  findings.map(({ code, object }) => `${code} ${object}`);
const STATEMENT = 'statements/2026-11-22/orders/drill.json';

const threeNights = (): Promise<string> => exported([0, 1, 2].map((n) => goodNight(n, [K1])));

test('a good export is verified, and the report says what was examined', async () => {
  const report = verifyExport(await threeNights(), { key: pemOf(K1) });
  expect(report).toMatchObject({
    verdict: 'verified',
    exitCode: 0,
    findings: [],
    warnings: [],
    key: { checked: true, keyids: [K1.key.keyid] },
    examined: { seals: 3, firstSeal: 1, lastSeal: 3, statements: 6, slots: 3 },
  });
});

test('without a key the report says that the key itself was not checked', async () => {
  const { verdict, key, notChecked } = verifyExport(await threeNights());
  expect(verdict).toBe('verified');
  expect(key.checked).toBe(false);
  expect(notChecked.join()).toContain('The key itself was not checked');
});

test('an export signed by another key than the given one is not verified', async () => {
  const report = verifyExport(await threeNights(), { key: pemOf(K2) });
  expect(report.exitCode).toBe(1);
  expect(report.findings).toEqual([expect.objectContaining({ code: 'wrong-key' })]);
});

test.each([
  ['a folder that is not there', (dir: string) => join(dir, 'nowhere'), undefined],
  ['a folder that is no export', (dir: string) => join(dir, 'keys'), undefined],
  ['a key file that is not there', (dir: string) => dir, '/nonexistent/key.pem'],
  ['a key file without a key', (dir: string) => dir, join(import.meta.dirname, 'evidence-verify.test.ts')],
])('%s cannot be checked, which is neither verified nor not verified', async (_what, where, key) => {
  const dir = where(await threeNights());
  const report = verifyExport(dir, key === undefined ? {} : { key });
  expect(report).toMatchObject({ verdict: 'could-not-check', exitCode: 2 });
  expect(report.notChecked[0]).toMatch(/^Nothing was checked: /);
});

test('a missing statement is named', async () => {
  const dir = await threeNights();
  rmSync(join(dir, STATEMENT));
  expect(said(verifyExport(dir))).toEqual([`missing ${STATEMENT}`, 'unproven seals/000000000002.json']);
});

test('an extra statement is named, although it is signed by the right key', async () => {
  const dir = await threeNights();
  const copy = 'statements/2026-11-22/orders/another.json';
  cpSync(join(dir, STATEMENT), join(dir, copy));
  expect(said(verifyExport(dir))).toEqual([`extra ${copy}`]);
});

test('two statements in each other’s places are both named', async () => {
  const dir = await threeNights();
  const other = STATEMENT.replace('drill', 'protection');
  renameSync(join(dir, STATEMENT), join(dir, 'x'));
  renameSync(join(dir, other), join(dir, STATEMENT));
  renameSync(join(dir, 'x'), join(dir, other));
  expect(said(verifyExport(dir))).toEqual(
    expect.arrayContaining([`changed ${STATEMENT}`, `changed ${other}`]),
  );
});

test('a seal that is missing in the middle or at the end is named, although the checksums agree', async () => {
  const dir = await threeNights();
  rmSync(join(dir, sealKey(2)));
  hideTraces(dir);
  expect(said(verifyExport(dir))).toContain(`gap ${sealKey(2)}`);
  const another = await threeNights();
  rmSync(join(another, sealKey(3)));
  hideTraces(another);
  expect(said(verifyExport(another))).toContain(`gap ${sealKey(3)}`);
});

test('seals in each other’s places are named, although the checksums agree', async () => {
  const dir = await threeNights();
  renameSync(join(dir, sealKey(2)), join(dir, 'x'));
  renameSync(join(dir, sealKey(3)), join(dir, sealKey(2)));
  renameSync(join(dir, 'x'), join(dir, sealKey(3)));
  hideTraces(dir);
  expect(said(verifyExport(dir))).toEqual(
    expect.arrayContaining([`reordered ${sealKey(2)}`, `reordered ${sealKey(3)}`]),
  );
});

test('a seal of another history is a fork, although it is signed by the right key', async () => {
  const dir = await threeNights();
  const other = await exported([
    goodNight(0, [K1]),
    { ...goodNight(1, [K1]), night: nightFact([], slotOfNight(1), 'missed') },
  ]);
  cpSync(join(other, sealKey(2)), join(dir, sealKey(2)));
  hideTraces(dir);
  const report = verifyExport(dir, { key: pemOf(K1) });
  expect(said(report)).toContain(`fork ${sealKey(2)}`);
});

test('a seal signed by a stranger is named, although its list of keys names the stranger', async () => {
  const dir = await exported([goodNight(0, [K1]), goodNight(1, [K1]), goodNight(2, [K2])]);
  expect(said(verifyExport(dir, { key: pemOf(K1) }))).toEqual([`wrong-key ${sealKey(3)}`]);
  expect(said(verifyExport(dir))).toEqual([`wrong-key ${sealKey(3)}`]);
});

test('a new key is accepted when the seal that begins with it is signed by the old one, too', async () => {
  const dir = await exported([goodNight(0, [K1]), goodNight(1, [K2, K1]), goodNight(2, [K2])]);
  for (const key of [pemOf(K1), pemOf(K2), undefined]) {
    expect(verifyExport(dir, key === undefined ? {} : { key })).toMatchObject({
      verdict: 'verified',
      findings: [],
    });
  }
});

test('a new key that the old one could not vouch for is accepted only when it is given by another way', async () => {
  const dir = await exported([goodNight(0, [K1]), goodNight(1, [K2])]);
  expect(verifyExport(dir, { key: pemOf(K1) }).exitCode).toBe(1);
  expect(verifyExport(dir, { key: pemOf(K2) }).exitCode).toBe(0);
  expect(verifyExport(dir, { key: pemOf(K1, K2) }).exitCode).toBe(0);
});

/** Three nights, the middle one bent before it was signed: what a broken or dishonest control plane could write. */
async function bent(night: Partial<NightToSeal>): Promise<string[]> {
  const dir = await exported([goodNight(0, [K1]), { ...goodNight(1, [K1]), ...night }, goodNight(2, [K1])]);
  return said(verifyExport(dir, { key: pemOf(K1) }));
}

test('a clock that goes backwards is named', async () => {
  const yesterday = '2026-11-20T02:00:00Z';
  expect(await bent({ bend: (seal) => ({ ...seal, openedAt: yesterday, sealedAt: yesterday }) })).toContain(
    `clock-backwards ${sealKey(2)}`,
  );
  const early = await bent({
    bend: (seal) => ({
      ...seal,
      statements: seal.statements.map((one) => ({ ...one, writtenAt: yesterday })),
    }),
  });
  expect(early).toContain(`clock-backwards ${sealKey(2)}`);
});

test('a slot that was opened and never ended is named', async () => {
  const open = protectionFact('customers', slotOfNight(1));
  const { facts } = goodNight(1, [K1]);
  expect(await bent({ facts: [...facts, open] })).toEqual([
    'slot-without-end statements/2026-11-22/customers/protection.json',
  ]);
});

test('a night that never ended is named when the next one of its policy has', async () => {
  const slot = '2026-11-22T01:00:00Z';
  const begun = { ...drillFact('customers', slot), trigger: 'night' as const };
  const { facts } = goodNight(1, [K1]);
  expect(await bent({ facts: [...facts, begun] })).toEqual([
    'slot-without-end statements/2026-11-22/customers/drill.json',
  ]);
});

test('a slot that is still open at the end of the export is said, not judged', async () => {
  const running = { ...drillFact('customers', '2026-11-22T23:00:00Z'), trigger: 'night' as const };
  const { facts, ...night } = goodNight(1, [K1]);
  const report = verifyExport(await exported([goodNight(0, [K1]), { ...night, facts: [...facts, running] }]));
  expect(report.verdict).toBe('verified');
  expect(report.notChecked.join()).toContain('1 slots were still open');
});

test('a statement that comes weeks after its night is said, not judged', async () => {
  const late = protectionFact('customers', slotOfNight(0));
  const nights = Array.from({ length: 24 }, (_, n) => goodNight(n, [K1]));
  const { facts, ...last } = goodNight(24, [K1]);
  const report = verifyExport(await exported([...nights, { ...last, facts: [...facts, late] }]));
  expect(report).toMatchObject({ verdict: 'verified', findings: [] });
  expect(report.notChecked.join()).toContain('1 statements were sealed long after their slots');
});

test('work by hand needs no end in a night', async () => {
  const { facts } = goodNight(1, [K1]);
  const byHand = { ...drillFact('customers', '2026-11-22T10:00:00Z', 'failed'), trigger: 'by-hand' } as const;
  const backup = { ...protectionFact('ledger', '2026-11-22T10:00:00Z'), trigger: 'by-hand' } as const;
  expect(await bent({ facts: [...facts, byHand, backup] })).toEqual([]);
});

test('a slot that is called passed without a sealed drill that passed is named', async () => {
  const slot = slotOfNight(1);
  expect(await bent({ facts: [protectionFact('orders', slot)] })).toEqual([`unproven ${sealKey(2)}`]);
  expect(await bent({ facts: [drillFact('orders', slot, 'failed')] })).toEqual([`unproven ${sealKey(2)}`]);
});

test('a night that is called passed although its population is not is named', async () => {
  const night = { ...nightFact(['orders'], slotOfNight(1), 'missed'), verdict: 'passed' } as const;
  expect(await bent({ night })).toEqual([`unproven ${sealKey(2)}`]);
});

test('a resource that ends twice in one slot is named', async () => {
  const night = nightFact(['orders', 'orders'], slotOfNight(1));
  expect(await bent({ night })).toEqual([`listed-twice ${sealKey(2)}`]);
});

test('a statement that two seals list is named', async () => {
  const first: SealPredicate['statements'][number][] = [];
  const dir = await exported([
    { ...goodNight(0, [K1]), bend: (seal) => (first.push(...seal.statements), seal) },
    { ...goodNight(1, [K1]), bend: (seal) => ({ ...seal, statements: [...seal.statements, ...first] }) },
  ]);
  expect(said(verifyExport(dir)).filter((text) => text.startsWith('listed-twice'))).toHaveLength(2);
});

test('what the ledger itself found irregular is a warning, not a finding', async () => {
  const irregularities = [{ key: 'statements/x.json', what: '1 delete markers' }];
  const dir = await exported([{ ...goodNight(0, [K1]), bend: (seal) => ({ ...seal, irregularities }) }]);
  const report = verifyExport(dir);
  expect(report.verdict).toBe('verified');
  expect(report.warnings).toEqual(['Seal 1 saw in the ledger: statements/x.json: 1 delete markers.']);
});

test('a link to somewhere else is not a file of the export', async () => {
  const dir = await threeNights();
  symlinkSync('/etc/hostname', join(dir, 'statements', 'link.json'));
  mkdirSync(join(dir, 'statements', 'nothing'));
  expect(said(verifyExport(dir))).toEqual(['extra statements/link.json']);
});

test('a trusted seal must be in the export or just before it', async () => {
  const dir = await threeNights();
  const files = readFiles(dir);
  const digest = sha256(files.get(sealKey(2))!);
  expect(verifyExport(dir, { trustedSeal: digest }).exitCode).toBe(0);
  expect(said(verifyExport(dir, { trustedSeal: sha256('another') }))).toEqual(['gap seals/']);
});

test('an export that begins later says what is not in it', async () => {
  const bend: NightToSeal['bend'] = (seal) => ({
    ...seal,
    sequence: seal.sequence + 4,
    previous: seal.previous ?? 'ab'.repeat(32),
  });
  const report = verifyExport(await exported([0, 1].map((n) => ({ ...goodNight(n, [K1]), bend }))));
  expect(report).toMatchObject({ verdict: 'verified', examined: { firstSeal: 5, lastSeal: 6 } });
  expect(report.notChecked.join()).toContain('begins with seal 5');
});
