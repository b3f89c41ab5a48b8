import { decodeEnvelope, decodeStatement, encodeEnvelope, sha256 } from '../../evidence/verifier/envelope.ts';
import { signEnvelope } from '../../evidence/signer.ts';
import { problemsOf } from '../../evidence/statement-kinds.ts';
import { statementBytes, statementOf } from '../../evidence/statement.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { failure } from '../failures.ts';
import { findObject, readVersion } from './versions.ts';
import { putOnce, requireLocked } from './worm.ts';
import { instantOf } from './aws-time.ts';
import type { Fact, RecordedBy, StatementRef } from '../../domain/facts.ts';
import type { Instant } from '../../domain/units.ts';
import type { Signer } from '../../evidence/signer.ts';
import type { Subject } from '../../evidence/statement.ts';
import type { AwsTime } from './aws-time.ts';
import type { Ledger } from './ledger.ts';

export interface NewStatement {
  /** Folder of the statement, for example the resource's name. Letters, digits and `. _ : = - /`. */
  readonly scope: string;
  /** Different for every fact of one scope and day; the same on every attempt, for example `drill-2026-11-21T02:30:00Z`. */
  readonly name: string;
  /** Decides the day that the statement is filed under; default: the slot of the fact, else the day of writing. */
  readonly slot?: Instant;
  readonly fact: Fact;
  /** Default: the place of the statement itself. */
  readonly subjects?: readonly Subject[];
}

/**
 * A statement is filed under the day of its slot. The sealer lists only the last days, so what comes later than this is filed under
 * the day on which it is written; {@link LATEST_DAYS} is part of the sealer's window.
 */
export const LATEST_DAYS = 7;
const DAY_MS = 86_400_000;

/** Writes one signed statement, once. An attempt that finds it already there adopts it, when it says the same. */
export async function recordStatement(
  ledger: Ledger,
  time: AwsTime,
  signer: Signer,
  { scope, name, slot, fact, subjects = [] }: NewStatement,
  recordedBy?: RecordedBy,
): Promise<StatementRef> {
  const place = safePath(scope, name);
  const payload = statementBytes(statementOf(fact, { scope, name }, subjects, recordedBy));
  const [problem] = problemsOf(payload);
  if (problem !== undefined)
    throw failure(
      'LedgerRefused',
      `The ${fact.type} "${scope}" / "${name}" is not as its schema wants it: ${problem}.`,
    );
  const [today, ...earlier] = daysOf(slot ?? slotOf(fact), await time.estimate(ledger));
  // An earlier attempt may have filed it under a day that has passed since.
  for (const day of earlier) {
    const adopted = await adopt(ledger, keyOf(day, place), fact, payload);
    if (adopted !== undefined) return adopted;
  }
  const key = keyOf(today, place);
  const bytes = encodeEnvelope(await signEnvelope(payload, [signer]));
  const put = await putOnce(ledger, time, key, bytes);
  if (put !== undefined) return { key, versionId: put.versionId, sha256: sha256(bytes), type: fact.type };
  const adopted = await adopt(ledger, key, fact, payload);
  if (adopted !== undefined) return adopted;
  throw new Error(`${key} was there a moment ago and is not listed; trying again`);
}

/** The day to file under, then the days under which an earlier attempt may have filed. */
function daysOf(slot: Instant | undefined, now: Date): [string, ...string[]] {
  const today = instantOf(now).slice(0, 10);
  if (slot === undefined) return [today, instantOf(new Date(now.getTime() - DAY_MS)).slice(0, 10)];
  const age = now.getTime() - Date.parse(slot);
  const day = slot.slice(0, 10);
  return Math.abs(age) < LATEST_DAYS * DAY_MS ? [day] : [today, day];
}

function slotOf(fact: Fact): Instant | undefined {
  return 'slot' in fact ? fact.slot : undefined;
}

const keyOf = (day: string, place: string): string => `statements/${day}/${place}.json`;

function safePath(scope: string, name: string): string {
  const parts = [...scope.split('/'), name];
  if (!parts.every((part) => /^[A-Za-z0-9_:=-][A-Za-z0-9._:=-]*$/.test(part))) {
    throw failure(
      'LedgerRefused',
      `"${scope}" / "${name}" cannot name a statement: letters, digits and . _ : = - only.`,
    );
  }
  // Colons are legal in S3 and not in the file names of every computer that an export may be unpacked on.
  return parts.join('/').replaceAll(':', '-');
}

/**
 * Takes a statement that is already there for ours when kind, subject and outcome are the same. Times may differ: a second run of the
 * same work measures its own.
 */
async function adopt(
  ledger: Ledger,
  key: string,
  fact: Fact,
  payload: Buffer,
): Promise<StatementRef | undefined> {
  const there = await findObject(ledger, key);
  if (there === undefined) return undefined;
  const bytes = await readVersion(ledger, key, there.versionId);
  if (!saysTheSame(bytes, payload)) {
    throw failure(
      'LedgerRefused',
      `${ledger.bucket}/${key} holds another statement than this ${fact.type}; nothing was written. Compare the two with \`lifeboat evidence list\`.`,
      { key, versionId: there.versionId },
    );
  }
  await requireLocked(ledger, key, there.versionId);
  return { key, versionId: there.versionId, sha256: sha256(bytes), type: fact.type };
}

function saysTheSame(envelope: Buffer, ours: Buffer): boolean {
  try {
    return essence(decodeEnvelope(envelope).payload).equals(essence(ours));
  } catch {
    return false; // not a statement at all, so not ours
  }
}

/** Fields that make a statement another one: its policy and slot, what was decided, by whom, until when. */
const ESSENTIAL = new Set(
  'policy slot outcome verdict phase action state decision reviewer owner expires end caught'.split(' '),
);

/** What must agree between two statements of the same fact. */
function essence(payload: Buffer): Buffer {
  const { predicateType, predicate } = decodeStatement(payload);
  const { subject } = JSON.parse(payload.toString()) as { subject: unknown };
  const said = Object.entries(predicate).filter(([name]) => ESSENTIAL.has(name));
  return canonicalBytes({ predicateType, subject, said: Object.fromEntries(said) });
}
