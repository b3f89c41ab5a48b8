import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createExportFolder } from '../../evidence/export-folder.ts';
import { sealStatement } from '../../evidence/seal.ts';
import { signEnvelope, signerInMemory } from '../../evidence/signer.ts';
import { statementBytes, statementOf } from '../../evidence/statement.ts';
import { encodeEnvelope, sha256 } from '../../evidence/verifier/envelope.ts';
import { drillFact, nightFact, protectionFact, SLOT } from './evidence-facts.ts';
import type { Fact, NightFact } from '../../domain/facts.ts';
import type { SealContent } from '../../evidence/seal.ts';
import type { Signer } from '../../evidence/signer.ts';
import type { SealedStatement, SealPredicate } from '../../evidence/verifier/seal-format.ts';

export function newSigner(source = 'arn:aws:kms:us-east-1:222222222222:key/one'): Signer {
  return signerInMemory(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, source);
}

/** One night to be exported: what was said, and how its seal is to be bent before it is signed. */
export interface NightToSeal {
  readonly facts: readonly Fact[];
  readonly night: NightFact;
  readonly signers: readonly Signer[];
  readonly bend?: (content: SealContent) => SealContent;
}

export const slotOfNight = (n: number): string =>
  `${new Date(Date.parse(SLOT) + n * 86_400_000).toISOString().slice(0, 19)}Z`;
const later = (instant: string, seconds: number): string =>
  `${new Date(Date.parse(instant) + seconds * 1000).toISOString().slice(0, 19)}Z`;

/** A good night: each resource is protected, drilled and passed. */
export function goodNight(
  n: number,
  signers: readonly Signer[],
  resources: readonly string[] = ['orders'],
): NightToSeal {
  const slot = slotOfNight(n);
  return {
    facts: resources.flatMap((resource) => [protectionFact(resource, slot), drillFact(resource, slot)]),
    night: nightFact(resources, slot),
    signers,
  };
}

/** Writes an export of `nights` as the ledger would have it, and returns its folder. */
export async function exportOf(
  nights: readonly NightToSeal[],
  out = mkdtempSync(join(tmpdir(), 'evidence-')),
): Promise<string> {
  const folder = await createExportFolder(out, { bucket: 'ledger', region: 'us-east-1' });
  let previous: string | null = null;
  for (const [at, { facts, night, signers, bend }] of nights.entries()) {
    const statements: SealedStatement[] = [];
    for (const fact of facts) {
      const about = 'resource' in fact ? fact.resource : null;
      const resource = typeof about === 'string' ? about : (about?.name ?? 'all');
      const place = { scope: resource, name: nameOf(fact) };
      const key = `statements/${night.slot.slice(0, 10)}/${place.scope}/${place.name}.json`;
      const bytes = encodeEnvelope(
        await signEnvelope(statementBytes(statementOf(fact, place, [])), signers.slice(0, 1)),
      );
      await folder.statement(key, bytes);
      statements.push({
        key,
        versionId: `v-${key}`,
        sha256: sha256(bytes),
        writtenAt: later(night.slot, 60),
      });
    }
    const content: SealContent = {
      sequence: at + 1,
      previous,
      openedAt: later(night.slot, 100),
      sealedAt: later(night.slot, 101),
      night,
      statements,
      keys: signers.map(({ key }) => key),
      irregularities: [],
    };
    const statement = sealStatement(bend === undefined ? content : bend(content));
    const bytes = encodeEnvelope(await signEnvelope(statementBytes(statement), signers));
    await folder.seal(statement.predicate satisfies SealPredicate, bytes);
    previous = sha256(bytes);
  }
  await folder.finish();
  return out;
}

/** A restore has a statement per phase; everything else of one resource and night is told once. */
function nameOf(fact: Fact): string {
  return fact.type === 'restore' ? `restore-${fact.request}-${fact.phase}` : fact.type;
}

export type Files = Map<string, Buffer>;

export function readFiles(dir: string, prefix = ''): Files {
  const files: Files = new Map();
  for (const entry of readdirSync(join(dir, prefix), { withFileTypes: true })) {
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory()) for (const [name, bytes] of readFiles(dir, `${path}/`)) files.set(name, bytes);
    else files.set(path, readFileSync(join(dir, path)));
  }
  return files;
}

/** Runs `look` while the file is as given (undefined: gone), then puts back what was there. */
export function withFile<T>(dir: string, path: string, bytes: Buffer | undefined, look: () => T): T {
  const file = join(dir, path);
  const before = readFileSync(file, { flag: 'a+' });
  const existed = before.length > 0;
  try {
    if (bytes === undefined) rmSync(file);
    else writeFileSync(file, bytes);
    return look();
  } finally {
    if (existed) writeFileSync(file, before);
    else rmSync(file, { force: true });
  }
}

/** What somebody does who changes evidence and then the list of checksums, so that only signatures and seals can tell. */
export function checksumsOf(files: Files): Buffer {
  const lines = [...files]
    .filter(([path]) => path !== 'SHA256SUMS' && !path.startsWith('statements/'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, bytes]) => `${sha256(bytes)}  ${path}\n`);
  return Buffer.from(lines.join(''));
}
