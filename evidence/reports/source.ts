import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodeEnvelope,
  decodeStatement,
  publicKeyOf,
  sha256,
  signatureHolds,
} from '../verifier/envelope.ts';
import { filesIn, SEALS } from '../verifier/folder.ts';
import { decodeSeal, SEAL_NAME } from '../verifier/seal-format.ts';
import type { KeyObject } from 'node:crypto';
import type { Recorded } from '../../domain/facts.ts';
import type { ExportDescription } from '../export-folder.ts';
import type { Envelope } from '../verifier/envelope.ts';
import type { SealedStatement, SealPredicate } from '../verifier/seal-format.ts';

/** Where evidence is read from: the ledger, or an exported folder. Bytes as they are stored; nothing is believed yet. */
export interface EvidenceSource {
  readonly bucket: string;
  readonly region: string;
  /** `the ledger` or the folder, in words. */
  readonly where: string;
  /** Every seal made in the period, in the order of the chain. */
  seals(): AsyncIterable<{ readonly key: string; readonly bytes: Buffer }>;
  /** @throws when it is not there. */
  statement(statement: SealedStatement): Promise<Buffer>;
}

export interface StatementRecord {
  readonly key: string;
  readonly versionId: string;
  readonly sha256: string;
  /** S3's own date of it. */
  readonly writtenAt: string;
  readonly signedBy: readonly string[];
  readonly fact: Recorded;
}

/** One seal with the statements that it lists. */
export interface NightRecord {
  readonly key: string;
  readonly sha256: string;
  readonly signedBy: readonly string[];
  readonly seal: SealPredicate;
  readonly statements: readonly StatementRecord[];
}

/** What a report stands on, and what was found wrong while it was read. Shown in every report. */
export interface Basis {
  readonly bucket: string;
  readonly region: string;
  readonly where: string;
  seals: number;
  statements: number;
  first: { readonly sequence: number; readonly openedAt: string } | null;
  last: { readonly sequence: number; readonly sealedAt: string; readonly sha256: string } | null;
  /** Digests, signatures and links that do not hold. With any of these a report proves nothing. */
  readonly problems: string[];
}

export function basisOf({ bucket, region, where }: EvidenceSource): Basis {
  return { bucket, region, where, seals: 0, statements: 0, first: null, last: null, problems: [] };
}

const AT_ONCE = 16;

/**
 * Reads night after night, so that years need the memory of one night. Digests, signatures and the links of the chain are checked on the
 * way; what does not hold is noted in `basis.problems` and left out.
 * @param wanted statements that need not be read may be left out; those that are named are still part of the sealed list.
 */
export async function* readNights(
  source: EvidenceSource,
  basis: Basis,
  wanted: (key: string) => boolean = () => true,
): AsyncGenerator<NightRecord> {
  let before: { readonly sequence: number; readonly sha256: string; readonly keys: Keys } | null = null;
  for await (const { key, bytes } of source.seals()) {
    const problem = (what: string): void => void basis.problems.push(`${key}: ${what}`);
    let envelope: Envelope;
    let seal: SealPredicate;
    let keys: Keys;
    try {
      envelope = decodeEnvelope(bytes);
      seal = decodeSeal(envelope.payload);
      keys = keysOf(seal);
    } catch (error) {
      problem(`it cannot be read: ${(error as Error).message}`);
      before = null;
      continue;
    }
    const digest = sha256(bytes);
    if (before !== null && seal.sequence !== before.sequence + 1)
      problem(`seal ${seal.sequence} follows seal ${before.sequence}; some are missing`);
    else if (before !== null && seal.previous !== before.sha256)
      problem('it does not continue the seal before it');
    if (before === null && basis.last !== null) problem('the seal before it could not be read');
    const signedBy = signersOf(envelope, new Map([...(before?.keys ?? []), ...keys]), problem);
    if (before !== null && !signedBy.some((id) => before?.keys.has(id) === true))
      problem('it is not signed by a key of the seal before it');
    before = { sequence: seal.sequence, sha256: digest, keys };
    basis.first ??= { sequence: seal.sequence, openedAt: seal.openedAt };
    basis.last = { sequence: seal.sequence, sealedAt: seal.sealedAt, sha256: digest };
    basis.seals += 1;
    const statements = await readStatements(source, seal, keys, basis, wanted);
    yield { key, sha256: digest, signedBy, seal, statements };
  }
}

async function readStatements(
  source: EvidenceSource,
  { statements }: SealPredicate,
  keys: Keys,
  basis: Basis,
  wanted: (key: string) => boolean,
): Promise<StatementRecord[]> {
  const records: StatementRecord[] = [];
  const asked = statements.filter(({ key }) => wanted(key));
  for (let at = 0; at < asked.length; at += AT_ONCE) {
    const read = await Promise.all(
      asked.slice(at, at + AT_ONCE).map((sealed) => readStatement(source, sealed, keys, basis)),
    );
    records.push(...read.flatMap((record) => record ?? []));
  }
  return records;
}

async function readStatement(
  source: EvidenceSource,
  sealed: SealedStatement,
  keys: Keys,
  basis: Basis,
): Promise<StatementRecord | null> {
  const problem = (what: string): void => void basis.problems.push(`${sealed.key}: ${what}`);
  try {
    const bytes = await source.statement(sealed);
    if (sha256(bytes) !== sealed.sha256) {
      problem('its bytes are not those that its seal lists');
      return null;
    }
    const envelope = decodeEnvelope(bytes);
    const signedBy = signersOf(envelope, keys, problem);
    const { predicate } = decodeStatement(envelope.payload);
    basis.statements += 1;
    return signedBy.length === 0 ? null : { ...sealed, signedBy, fact: predicate as unknown as Recorded };
  } catch (error) {
    problem(`it cannot be read: ${(error as Error).message}`);
    return null;
  }
}

type Keys = ReadonlyMap<string, KeyObject>;
const parsed = new Map<string, KeyObject>();

function keysOf({ keys }: SealPredicate): Keys {
  return new Map(
    keys.map(({ keyid, publicKey }) => {
      const known = parsed.get(publicKey) ?? publicKeyOf(Buffer.from(publicKey, 'base64'));
      parsed.set(publicKey, known);
      return [keyid, known] as const;
    }),
  );
}

function signersOf(envelope: Envelope, keys: Keys, problem: (what: string) => void): string[] {
  return envelope.signatures.flatMap((signature) => {
    const key = keys.get(signature.keyid);
    if (key !== undefined && signatureHolds(envelope, signature, key)) return [signature.keyid];
    problem(`the signature by ${signature.keyid} does not hold`);
    return [];
  });
}

/** An exported folder as a source. @throws Error when it is not one. */
export function sourceInFolder(dir: string): EvidenceSource {
  const files = filesIn(dir);
  const description = files.read('export.json');
  if (description === undefined)
    throw new Error(`${dir} is not an export of evidence: it has no export.json`);
  const { bucket, region } = JSON.parse(description.toString()) as ExportDescription;
  return {
    bucket,
    region,
    where: `the exported folder ${dir}`,
    async *seals() {
      // Only this folder is listed: that of the statements of years has hundreds of thousands of files.
      for (const name of readdirSync(join(dir, SEALS)).sort())
        if (SEAL_NAME.test(name))
          yield { key: `${SEALS}${name}`, bytes: files.read(`${SEALS}${name}`) ?? Buffer.alloc(0) };
    },
    async statement({ key }) {
      const bytes = files.read(key);
      if (bytes === undefined) throw new Error('it is not in the folder');
      return bytes;
    },
  };
}
