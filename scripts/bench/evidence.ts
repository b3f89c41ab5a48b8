// A year of nights of many resources: how long it takes to write, export and verify, and how much memory. See `benchEvidence`.
import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createExportFolder } from '../../evidence/export-folder.ts';
import { promiseReport } from '../../evidence/promises/report.ts';
import { recordOf } from '../../evidence/promises/record.ts';
import { monthlyOf } from '../../evidence/reports/monthly.ts';
import { monthlyPage } from '../../evidence/reports/monthly-page.ts';
import { populationOf } from '../../evidence/reports/population.ts';
import { populationPage } from '../../evidence/reports/population-page.ts';
import { promisesPage } from '../../evidence/reports/promises-page.ts';
import { basisOf, readNights, sourceInFolder } from '../../evidence/reports/source.ts';
import { sealStatement } from '../../evidence/seal.ts';
import { signEnvelope, signerInMemory } from '../../evidence/signer.ts';
import { statementBytes, statementOf } from '../../evidence/statement.ts';
import { encodeEnvelope, pae, sha256 } from '../../evidence/verifier/envelope.ts';
import { verifyExport } from '../../evidence/verifier/verify-export.ts';
import type { DrillFact, Fact, NightFact, ProtectionFact } from '../../domain/facts.ts';
import type { Basis, EvidenceSource } from '../../evidence/reports/source.ts';
import type { Signer } from '../../evidence/signer.ts';
import type { SealedStatement } from '../../evidence/verifier/seal-format.ts';

export interface EvidenceBench {
  readonly nights: number;
  readonly resources: number;
  /** Single random changes made to the finished export, each of which must be noticed. */
  readonly mutations: number;
}

/** Prints one line per step. @returns exit status: 0 when the good export is verified and every change was noticed. */
export async function benchEvidence({ nights, resources, mutations }: EvidenceBench): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-bench-'));
  const year = join(folder, 'year');
  try {
    const signer = signerInMemory(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'bench');
    const statements = await timed(`write ${nights} nights of ${resources} resources`, () =>
      writeNights(year, nights, resources, signer),
    );
    const status = verifyInOwnProcess(folder, year, statements);
    plainReference(year);
    await reportsOf(year);
    const sample = join(folder, 'sample');
    await writeNights(sample, 4, 3, signer);
    const missed = await timed(
      `make and verify ${mutations} random changes of an export of 4 nights`,
      async () => unnoticed(sample, mutations),
    );
    for (const what of missed) console.log(`NOT NOTICED: ${what}`);
    return missed.length === 0 ? status : 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  console.log(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

/** What any verifier has to do at least: read, hash and check one signature per file. The named reference for the line above. */
function plainReference(dir: string): void {
  const start = performance.now();
  const key = createPublicKey(readFileSync(join(dir, 'keys', readdirSync(join(dir, 'keys'))[0] ?? '')));
  let files = 0;
  for (const path of listFiles(dir).filter((name) => /\/(statements|seals)\//.test(name))) {
    const bytes = readFileSync(path);
    createHash('sha256').update(bytes).digest();
    const { payload, payloadType, signatures } = JSON.parse(bytes.toString()) as {
      payload: string;
      payloadType: string;
      signatures: { sig: string }[];
    };
    const signed = pae(payloadType, Buffer.from(payload, 'base64'));
    if (!verify('sha256', signed, key, Buffer.from(signatures[0]?.sig ?? '', 'base64')))
      throw new Error(`${path}: the signature does not hold`);
    files += 1;
  }
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `reference: sha256 and one ECDSA check of the same ${files} files: ${seconds.toFixed(1)} s (${Math.round(files / seconds)} per second)`,
  );
}

/** Each report of the whole time, with its size. */
async function reportsOf(dir: string): Promise<void> {
  const period = { from: null, to: null };
  for (const name of ['population', 'monthly', 'promises'] as const) {
    const start = performance.now();
    const source = sourceInFolder(dir);
    const basis = basisOf(source);
    const page = await pageOf(name, source, basis, period);
    const seconds = (performance.now() - start) / 1000;
    const megabytes = Math.round(process.memoryUsage().rss / 1e6);
    console.log(
      `report ${name}: ${seconds.toFixed(1)} s, page of ${(page.length / 1e6).toFixed(1)} MB, ${basis.statements} statements read, process at ${megabytes} MB`,
    );
    if (basis.problems.length > 0) throw new Error(basis.problems[0]);
  }
}

async function pageOf(
  name: 'population' | 'monthly' | 'promises',
  source: EvidenceSource,
  basis: Basis,
  period: { from: null; to: null },
): Promise<string> {
  if (name === 'promises') {
    const record = recordOf(basis);
    for await (const night of readNights(source, basis)) record.add(night);
    const told = record.record();
    const day = (ms: number | undefined): string => new Date(ms ?? 0).toISOString().slice(0, 10);
    const asked = { from: day(told.slots[0]), to: day(told.slots.at(-1)) };
    const holds = [{ kind: 'recovered', within: '2d' }] as const;
    return promisesPage(
      promiseReport('Promises', [{ name: 'all', says: 'all is well', holds }], told, asked),
    );
  }
  const collected = name === 'population' ? populationOf(basis, period) : monthlyOf(basis, period);
  const wanted = name === 'population' ? () => false : () => true;
  for await (const night of readNights(source, basis, wanted)) collected.add(night);
  const report = collected.report();
  return report.format === 'lifeboat-population-report/v1' ? populationPage(report) : monthlyPage(report);
}

/** In a process of its own, with the file that an auditor runs, so that its memory is its own. */
function verifyInOwnProcess(folder: string, dir: string, statements: number): number {
  const wrapper = join(folder, 'measured.mjs');
  const tell = 'writeSync(2, String(process.resourceUsage().maxRSS))';
  const verifier = JSON.stringify(join(dir, 'verify.mjs'));
  writeFileSync(
    wrapper,
    `import { writeSync } from 'node:fs'; process.on('exit', () => ${tell}); await import(${verifier});`,
  );
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [wrapper, dir, '--json'], {
    encoding: 'utf8',
  });
  const seconds = (performance.now() - start) / 1000;
  const megabytes = Math.round(Number(stderr) / 1024);
  const { verdict, examined } = JSON.parse(stdout) as { verdict: string; examined: { statements: number } };
  const rate = Math.round(statements / seconds);
  console.log(
    `verify ${examined.statements} statements: ${verdict}, ${seconds.toFixed(1)} s (${rate} per second), ${megabytes} MB at most`,
  );
  return status === 0 && examined.statements === statements ? 0 : 1;
}

async function writeNights(out: string, nights: number, resources: number, signer: Signer): Promise<number> {
  const folder = await createExportFolder(out, { bucket: 'bench', region: 'us-east-1' });
  let previous: string | null = null;
  for (let n = 0; n < nights; n += 1) {
    const slot = instant(Date.UTC(2026, 0, 1, 2, 30) + n * 86_400_000);
    const statements: SealedStatement[] = [];
    for (let r = 0; r < resources; r += 1) {
      for (const fact of factsOf(`db-${r}`, slot)) {
        const key = `statements/${slot.slice(0, 10)}/${fact.type}-db-${r}/${fact.type}.json`;
        const payload = statementBytes(statementOf(fact, { scope: `db-${r}`, name: fact.type }, []));
        const bytes = encodeEnvelope(await signEnvelope(payload, [signer]));
        await folder.statement(key, bytes);
        statements.push({ key, versionId: `v${r}`, sha256: sha256(bytes), writtenAt: slot });
      }
    }
    const statement = sealStatement({
      sequence: n + 1,
      previous,
      openedAt: slot,
      sealedAt: slot,
      night: nightOf(slot, resources),
      statements,
      keys: [signer.key],
      irregularities: [],
    });
    const bytes = encodeEnvelope(await signEnvelope(statementBytes(statement), [signer]));
    await folder.seal(statement.predicate, bytes);
    previous = sha256(bytes);
  }
  return (await folder.finish()).statements;
}

const instant = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

function factsOf(name: string, slot: string): Fact[] {
  const resource = {
    name,
    kind: 'rds-instance',
    arn: `arn:aws:rds:eu-central-1:111111111111:db:${name}`,
    immutableId: name,
  };
  const common = { policy: 'bench', policySha256: 'ab'.repeat(32), slot, resource, timings: [] };
  const protection: ProtectionFact = {
    ...common,
    type: 'protection',
    trigger: 'night',
    endpoint: null,
    engineVersion: '18.4',
    outcome: 'protected',
    fingerprints: [],
    points: [],
  };
  const drill: DrillFact = {
    ...common,
    type: 'drill',
    trigger: 'night',
    selection: { rule: 'newest', candidates: 1 },
    point: null,
    restoredArn: null,
    verdict: 'passed',
    reasons: [],
    checks: [],
    fence: null,
    teardown: null,
    objectives: { rtoSeconds: 3600, rpoSeconds: 900 },
    rto: { available: 1, firstQuery: 2, verified: 3 },
    rpoSeconds: 1,
  };
  return [protection, drill];
}

function nightOf(slot: string, resources: number): NightFact {
  const population = Array.from({ length: resources }, (_, r) => ({
    resource: `db-${r}`,
    arn: `arn:aws:rds:eu-central-1:111111111111:db:db-${r}`,
    slot,
    end: 'passed' as const,
    reason: 'drilled',
  }));
  return {
    type: 'night',
    policy: 'bench',
    policySha256: 'ab'.repeat(32),
    slot,
    population,
    verdict: 'passed',
  };
}

/** Flips, cuts, doubles, exchanges and deletes, seeded: the same changes in every run. @returns what was not noticed. */
function unnoticed(dir: string, mutations: number): string[] {
  const files = listFiles(dir);
  const random = randomFrom(20_261_121);
  const missed: string[] = [];
  for (let n = 0; n < mutations; n += 1) {
    const path = files[random(files.length)] ?? '';
    const other = files[random(files.length)] ?? '';
    const [before, otherBefore] = [readFileSync(path), readFileSync(other)];
    const at = random(before.length);
    const kind = random(5);
    if (kind === 0) writeFileSync(path, flipped(before, at, 1 + random(255)));
    if (kind === 1) writeFileSync(path, before.subarray(0, at));
    if (kind === 2)
      writeFileSync(
        path,
        Buffer.concat([before.subarray(0, at), before.subarray(Math.max(0, at - 1 - random(50)))]),
      );
    if (kind === 3) rmSync(path);
    if (kind === 4) {
      writeFileSync(path, otherBefore);
      writeFileSync(other, before);
    }
    const same = kind === 4 ? before.equals(otherBefore) : kind !== 3 && readFileSync(path).equals(before);
    if (!same && verifyExport(dir).exitCode !== 1)
      missed.push(`change ${n}, kind ${kind}, byte ${at} of ${path}`);
    writeFileSync(other, otherBefore);
    writeFileSync(path, before);
  }
  return missed;
}

function flipped(bytes: Buffer, at: number, bits: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ bits;
  return copy;
}

function listFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile())
    .sort();
}

/** Mulberry32: small, seeded, good enough to choose bytes. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [nights = 365, resources = 200, mutations = 20_000] = process.argv.slice(2).map(Number);
  process.exitCode = await benchEvidence({ nights, resources, mutations });
}
