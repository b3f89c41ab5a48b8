// A year of nights of many resources: how long it takes to write, export and verify, and how much memory. See `benchEvidence`.
import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createExportFolder } from '../../evidence/export-folder.ts';
import { sealStatement } from '../../evidence/seal.ts';
import { signEnvelope, signerInMemory } from '../../evidence/signer.ts';
import { statementBytes, statementOf } from '../../evidence/statement.ts';
import { encodeEnvelope, pae, sha256 } from '../../evidence/verifier/envelope.ts';
import { factsOf, instant, nightOf } from './evidence-facts.ts';
import { verifyExport } from '../../evidence/verifier/verify-export.ts';
import type { Signer } from '../../evidence/signer.ts';
import type { SealedStatement } from '../../evidence/verifier/seal-format.ts';

const REPORT = fileURLToPath(new URL('evidence-report.ts', import.meta.url));

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
    reportsOf(folder, year);
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

/** Each report of the whole time, each in a process of its own. */
function reportsOf(folder: string, dir: string): void {
  for (const name of ['population', 'monthly', 'promises']) {
    const args = ['--import', 'tsx', REPORT, name, dir, join(folder, `${name}.html`)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`report ${name}: ${stderr}`);
    console.log(`report ${name}: ${stdout}`);
  }
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

/** @returns the number of statements. */
export async function writeNights(
  out: string,
  nights: number,
  resources: number,
  signer: Signer,
): Promise<number> {
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
