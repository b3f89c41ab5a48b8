import { signEnvelope } from '../../evidence/signer.ts';
import { sealStatement } from '../../evidence/seal.ts';
import { statementBytes } from '../../evidence/statement.ts';
import {
  decodeEnvelope,
  decodeStatement,
  encodeEnvelope,
  publicKeyOf,
  sha256,
  signatureHolds,
} from '../../evidence/verifier/envelope.ts';
import { sealKey } from '../../evidence/verifier/seal-format.ts';
import { failure } from '../failures.ts';
import { inParallel } from './in-parallel.ts';
import { instantOf } from './aws-time.ts';
import { listSealObjects, readSeal, requireUnbroken } from './seals.ts';
import { LATEST_DAYS } from './statements.ts';
import { listObjects, readVersion } from './versions.ts';
import { putOnce, requireLocked } from './worm.ts';
import type { NightFact, ProtectionFact, SealRef } from '../../domain/facts.ts';
import type { Signer } from '../../evidence/signer.ts';
import type {
  Irregularity,
  LedgerKey,
  LedgerSettings,
  OpenSlot,
  SealedStatement,
} from '../../evidence/verifier/seal-format.ts';
import type { AwsTime } from './aws-time.ts';
import type { Ledger } from './ledger.ts';
import type { StoredSeal } from './seals.ts';
import type { LedgerObject } from './versions.ts';

const DAY_MS = 86_400_000;
/** Several control planes may seal at once; each loser starts over behind the winner. More losses than this is not a race. */
const MAX_RACES = 25;
const READ_AT_ONCE = 16;

export interface Sealing {
  readonly ledger: Ledger;
  readonly time: AwsTime;
  readonly signer: Signer;
  /** Signs with an earlier key of the ledger; undefined when that key can no longer sign. */
  readonly formerSigner: (key: LedgerKey) => Promise<Signer | undefined>;
  /** What key and bucket are set to, read back from AWS; part of the seal. */
  readonly settings?: (previous: StoredSeal | undefined) => Promise<LedgerSettings>;
}

/**
 * Seals a night: lists every statement that no seal lists yet and chains the list to the seal before. The place of a seal is its number
 * and can be taken once, so two writers cannot fork the chain. For a slot that already has its seal, that one is returned.
 */
export async function sealNight(sealing: Sealing, night: NightFact): Promise<SealRef> {
  const { ledger, time, signer } = sealing;
  const known = new Map<string, Examined>();
  for (let race = 0; race < MAX_RACES; race += 1) {
    const openedAt = await time.ask(ledger);
    const seals = await listSealObjects(ledger);
    requireUnbroken(ledger, seals);
    const recent = await readRecent(ledger, seals, night);
    const own = recent.find(
      ({ seal }) => seal.night.policy === night.policy && seal.night.slot === night.slot,
    );
    if (own !== undefined) {
      await requireLocked(ledger, own.key, own.versionId);
      return refOf(own.key, own.seal.sequence, own.sha256, own.seal.statements.length);
    }
    const head = recent[0];
    const formerKeys = head?.seal.keys ?? [];
    const { statements, irregularities, keyids, begun } = await unsealed(
      ledger,
      recent,
      [signer.key, ...formerKeys],
      known,
    );
    const former = await formerSigners(sealing, head);
    const keys = uniqueKeys([
      signer.key,
      ...former.map(({ key }) => key),
      ...formerKeys.filter(({ keyid }) => keyids.has(keyid)),
    ]);
    const sequence = seals.length + 1;
    const statement = sealStatement({
      sequence,
      previous: head?.sha256 ?? null,
      openedAt: instantOf(openedAt),
      sealedAt: instantOf(await time.ask(ledger)),
      night,
      statements,
      keys,
      irregularities: [...seals.flatMap(irregularitiesOf), ...irregularities],
      ...openSlots(night, [...(head?.seal.open ?? []), ...begun], recent),
      ...(sealing.settings === undefined ? {} : { settings: await sealing.settings(head) }),
    });
    const bytes = encodeEnvelope(await signEnvelope(statementBytes(statement), [signer, ...former]));
    const put = await putOnce(ledger, time, sealKey(sequence), bytes);
    if (put !== undefined) return refOf(sealKey(sequence), sequence, sha256(bytes), statements.length);
  }
  throw new Error(
    `Another writer took the next place in the chain of ${ledger.bucket} ${MAX_RACES} times in a row`,
  );
}

function refOf(key: string, sequence: number, digest: string, statements: number): SealRef {
  return { key, sequence, sha256: digest, statements };
}

/** Statements written before this instant are sealed: the head has listed them. Those filed under an older day cannot exist. */
function windowStart(head: StoredSeal): number {
  return Date.parse(head.seal.openedAt) - (LATEST_DAYS + 1) * DAY_MS;
}

/** The newest seals first, back to where neither a statement of the window nor a seal of this slot can be. */
async function readRecent(
  ledger: Ledger,
  seals: readonly LedgerObject[],
  night: NightFact,
): Promise<StoredSeal[]> {
  const recent: StoredSeal[] = [];
  for (const object of seals.toReversed()) {
    const stored = await readSeal(ledger, object);
    recent.push(stored);
    const [head] = recent;
    const oldest = Math.min(
      head === undefined ? Infinity : windowStart(head) - 2 * DAY_MS,
      Date.parse(night.slot) - DAY_MS,
    );
    if (Date.parse(stored.seal.sealedAt) < oldest) break;
  }
  return recent;
}

interface Examined {
  readonly statement?: SealedStatement;
  readonly keyid?: string;
  readonly begun?: OpenSlot;
  readonly irregularity?: Irregularity;
}

async function unsealed(
  ledger: Ledger,
  recent: readonly StoredSeal[],
  keys: readonly LedgerKey[],
  known: Map<string, Examined>,
): Promise<{
  statements: SealedStatement[];
  irregularities: Irregularity[];
  keyids: Set<string>;
  begun: OpenSlot[];
}> {
  const [head] = recent;
  const sealed = new Set(recent.flatMap(({ seal }) => seal.statements.map(({ key }) => key)));
  const after =
    head === undefined ? undefined : `statements/${new Date(windowStart(head)).toISOString().slice(0, 10)}`;
  const fresh: LedgerObject[] = [];
  const irregularities: Irregularity[] = [];
  for await (const object of listObjects(ledger, 'statements/', after)) {
    irregularities.push(...irregularitiesOf(object));
    if (!sealed.has(object.key)) fresh.push(object);
  }
  const publicKeys = new Map(
    keys.map(({ keyid, publicKey }) => [keyid, publicKeyOf(Buffer.from(publicKey, 'base64'))]),
  );
  const examined = await inParallel(READ_AT_ONCE, fresh, async (object) => {
    const found = known.get(object.key) ?? (await examine(ledger, object, publicKeys));
    if (found.statement !== undefined) known.set(object.key, found);
    return found;
  });
  return {
    statements: examined.flatMap(({ statement }) => statement ?? []),
    irregularities: [...irregularities, ...examined.flatMap(({ irregularity }) => irregularity ?? [])],
    keyids: new Set(examined.flatMap(({ keyid }) => keyid ?? [])),
    begun: examined.flatMap(({ begun }) => begun ?? []),
  };
}

/** Only what we signed is sealed: an object that somebody else put there would make every later verification fail. */
async function examine(
  ledger: Ledger,
  { key, versionId, writtenAt }: LedgerObject,
  keys: ReadonlyMap<string, ReturnType<typeof publicKeyOf>>,
): Promise<Examined> {
  const bytes = await readVersion(ledger, key, versionId);
  try {
    const envelope = decodeEnvelope(bytes);
    const begun = slotBegunBy(decodeStatement(envelope.payload));
    for (const signature of envelope.signatures) {
      const publicKey = keys.get(signature.keyid);
      if (publicKey === undefined)
        throw new Error(`it is signed by ${signature.keyid}, which is not a key of this ledger`);
      if (!signatureHolds(envelope, signature, publicKey)) throw new Error('its signature does not hold');
    }
    const statement = { key, versionId, sha256: sha256(bytes), writtenAt: instantOf(writtenAt) };
    return {
      statement,
      ...(envelope.signatures[0] === undefined ? {} : { keyid: envelope.signatures[0].keyid }),
      ...(begun === null ? {} : { begun }),
    };
  } catch (error) {
    return { irregularity: { key, what: `not sealed: ${(error as Error).message}` } };
  }
}

/** The night that a protection or a drill belongs to; null for everything else, and for what people started by hand. */
function slotBegunBy({ predicateType, predicate }: ReturnType<typeof decodeStatement>): OpenSlot | null {
  if (!/\/(drill|protection)\/v1$/.test(predicateType) || predicate['trigger'] !== 'night') return null;
  const { policy, slot, resource } = predicate as unknown as ProtectionFact;
  return { policy, slot, resource: resource.name };
}

/**
 * Sorts what was begun before: ended by this or a recent seal, without a seal of its own (a later night of the same policy is being sealed),
 * or still running under another policy. A seal that could not be written is said by the next one this way, whatever died in between.
 */
function openSlots(
  night: NightFact,
  begun: readonly OpenSlot[],
  recent: readonly StoredSeal[],
): { unsealed?: OpenSlot[]; open?: OpenSlot[] } {
  const sealed = new Set([night, ...recent.map(({ seal }) => seal.night)].map(idOfNight));
  const said = new Set(recent.flatMap(({ seal }) => (seal.unsealed ?? []).map(idOfNight)));
  const left = new Map<string, OpenSlot>();
  for (const one of begun)
    if (!sealed.has(idOfNight(one)) && !said.has(idOfNight(one)))
      left.set(JSON.stringify([one.policy, one.slot, one.resource]), one);
  const all = [...left.values()];
  const lost = all.filter(({ policy, slot }) => policy === night.policy && slot < night.slot);
  const open = all.filter((one) => !lost.includes(one));
  return { ...(lost.length > 0 ? { unsealed: lost } : {}), ...(open.length > 0 ? { open } : {}) };
}

const idOfNight = ({ policy, slot }: { policy: string; slot: string }): string =>
  JSON.stringify([policy, slot]);

function irregularitiesOf({ key, laterVersions, deleteMarkers }: LedgerObject): Irregularity[] {
  return [
    ...(laterVersions > 0 ? [{ key, what: `${laterVersions} later versions; the first one counts` }] : []),
    ...(deleteMarkers > 0 ? [{ key, what: `${deleteMarkers} delete markers` }] : []),
  ];
}

/**
 * A new key is vouched for by the old one: the first seal of a new key is signed by both. Where the old key can no longer sign, the
 * break is left visible, and a verifier accepts it only when it is given the new key by another way.
 */
async function formerSigners(
  { signer, formerSigner }: Sealing,
  head: StoredSeal | undefined,
): Promise<Signer[]> {
  if (head === undefined || head.seal.keys.some(({ keyid }) => keyid === signer.key.keyid)) return [];
  const former = head.seal.keys.find(({ keyid }) => head.signedBy.includes(keyid));
  if (former === undefined)
    throw failure('LedgerRefused', `${head.key} does not list the key that signed it.`, { key: head.key });
  const also = await formerSigner(former);
  return also === undefined ? [] : [also];
}

function uniqueKeys(keys: readonly LedgerKey[]): LedgerKey[] {
  return [...new Map(keys.map((key) => [key.keyid, key])).values()];
}
