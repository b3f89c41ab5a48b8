import { asRecord, decodeStatement, PREDICATE_BASE } from './envelope.ts';
import type { NightFact } from '../../domain/facts.ts';

export const SEAL_PREDICATE = `${PREDICATE_BASE}seal/v1`;

/** A statement as its seal lists it. */
export interface SealedStatement {
  readonly key: string;
  readonly versionId: string;
  /** Of the stored envelope's bytes. */
  readonly sha256: string;
  /** S3's own `LastModified` of that version. */
  readonly writtenAt: string;
}

/** A public key that statements and seals may be signed with from this seal on, until a later seal no longer lists it. */
export interface LedgerKey {
  readonly keyid: string;
  /** Base64 of the SubjectPublicKeyInfo (DER). */
  readonly publicKey: string;
  /** Where the private half lives: the ARN of the KMS key. */
  readonly source: string;
}

/** Work of a night that a statement shows to have begun. */
export interface OpenSlot {
  readonly policy: string;
  readonly slot: string;
  readonly resource: string;
}

/** What the ledger itself was set to when a seal was made, as AWS said it; `unknown` says why it could not be read. */
export interface LedgerSettings {
  readonly signingKey:
    | {
        readonly source: string;
        readonly spec: string;
        readonly usage: string;
        readonly state: string;
        readonly origin: string;
      }
    | { readonly unknown: string };
  readonly bucket:
    { readonly objectLock: string; readonly versioning: string } | { readonly unknown: string };
  /** The lock of the seal before, read back when this one was made; null for the first. */
  readonly previousSeal:
    { readonly mode: string; readonly until: string } | { readonly unknown: string } | null;
}

/** Something in the ledger that should not be there; it is named by the first seal that saw it. */
export interface Irregularity {
  readonly key: string;
  readonly what: string;
}

/**
 * What a seal claims: these are all statements since the seal before, and this is what became of every slot of the night.
 * All instants are S3's own.
 */
export interface SealPredicate {
  /** 1 for the first seal of a ledger; also in the name of the object. */
  readonly sequence: number;
  /** SHA-256 of the seal before, as stored; null only for the first. */
  readonly previous: string | null;
  /** Before the ledger was listed: what was written earlier is in this seal or in one before. */
  readonly openedAt: string;
  /** After the ledger was listed, before the seal was signed. */
  readonly sealedAt: string;
  readonly night: NightFact;
  /** Sorted by key, each key once. */
  readonly statements: readonly SealedStatement[];
  readonly counts: { readonly statements: number; readonly population: Readonly<Record<string, number>> };
  readonly keys: readonly LedgerKey[];
  readonly irregularities: readonly Irregularity[];
  /** Nights of this policy that were begun before this one and have no seal: theirs could not be written. */
  readonly unsealed?: readonly OpenSlot[];
  /** Nights that were still running when this seal was made; a later seal ends them or says that they have none. */
  readonly open?: readonly OpenSlot[];
  readonly settings?: LedgerSettings;
}

export const SEAL_NAME = /^(\d{12})\.json$/;
export const sealKey = (sequence: number): string => `seals/${String(sequence).padStart(12, '0')}.json`;

/** How many slots ended in which way: recomputed by every reader, because a count that nobody checks says nothing. */
export function countEnds(population: readonly { readonly end: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { end } of population) counts[end] = (counts[end] ?? 0) + 1;
  return counts;
}

/** @throws Error in words when the payload of an envelope is not a seal of this format. */
export function decodeSeal(payload: Buffer): SealPredicate {
  const { predicateType, predicate } = decodeStatement(payload);
  if (predicateType !== SEAL_PREDICATE) throw new Error(`it is not a seal but ${predicateType}`);
  const { sequence, previous, openedAt, sealedAt, night, statements, counts, keys, irregularities } =
    predicate;
  const { population } = asRecord(night, 'night');
  const wellFormed =
    Number.isSafeInteger(sequence) &&
    (previous === null || typeof previous === 'string') &&
    isInstant(openedAt) &&
    isInstant(sealedAt) &&
    isListOf(statements, 'key', 'versionId', 'sha256', 'writtenAt') &&
    isListOf(keys, 'keyid', 'publicKey', 'source') &&
    isListOf(irregularities, 'key', 'what') &&
    isListOf(population, 'resource', 'arn', 'slot', 'end', 'reason');
  asRecord(asRecord(counts, 'counts')['population'], 'counts.population');
  for (const slots of [predicate['unsealed'] ?? [], predicate['open'] ?? []])
    if (!isListOf(slots, 'policy', 'slot', 'resource')) throw new Error('its open slots have no such fields');
  if (!wellFormed) throw new Error('it does not have the fields of a seal');
  return predicate as unknown as SealPredicate;
}

function isInstant(value: unknown): boolean {
  return typeof value === 'string' && value.endsWith('Z') && !Number.isNaN(Date.parse(value));
}

function isListOf(value: unknown, ...texts: readonly string[]): boolean {
  return (
    Array.isArray(value) &&
    value.every((item) => texts.every((name) => typeof (item as never)[name] === 'string'))
  );
}
