import { decodeEnvelope, keyIdOf, publicKeyOf, sha256, signatureHolds } from './envelope.ts';
import { SEALS } from './folder.ts';
import { countEnds, decodeSeal, SEAL_NAME, sealKey } from './seal-format.ts';
import type { KeyObject } from 'node:crypto';
import type { Envelope } from './envelope.ts';
import type { ExportFiles, Found } from './folder.ts';
import type { SealPredicate } from './seal-format.ts';

/** Instants of S3 are whole seconds and come from many machines. */
const CLOCK_TOLERANCE_MS = 60_000;

/** A seal whose form is right. `sound` when its signatures hold too. */
export interface Link {
  readonly path: string;
  readonly place: number;
  readonly digest: string;
  readonly seal: SealPredicate;
  readonly keys: ReadonlyMap<string, KeyObject>;
  readonly signers: readonly string[];
  readonly sound: boolean;
}

export interface ChainSummary {
  first: Link | null;
  last: Link | null;
  seals: number;
  /** True when the content of some seal could not be read, so that nobody can say which statements it named. */
  unreadable: boolean;
  readonly signers: Set<string>;
}

/**
 * Walks the seals in order and hands each one that can be read to `visit`, with the one before it.
 * @param given keys the caller trusts; a seal signed by one of them needs no voucher.
 */
export function walkChain(
  files: ExportFiles,
  names: readonly string[],
  given: ReadonlyMap<string, KeyObject>,
  found: Found,
  visit: (link: Link, before: Link | null) => void,
): ChainSummary {
  const summary: ChainSummary = { first: null, last: null, seals: 0, unreadable: false, signers: new Set() };
  let before: Link | null = null;
  let expected: number | null = null;
  for (const path of names) {
    const place = Number(SEAL_NAME.exec(path.slice(SEALS.length))?.[1]);
    if (!Number.isSafeInteger(place) || place === 0) {
      found('extra', path, 'it does not have the name of a seal');
      continue;
    }
    summary.seals += 1;
    if (expected !== null && place !== expected) {
      found('gap', sealKey(expected), `the chain goes from seal ${expected - 1} to seal ${place}`);
    }
    const adjacent: Link | null = place === expected ? before : null;
    expected = place + 1;
    const link = readLink(files, path, place, adjacent, given, found);
    before = link;
    if (link === null) {
      summary.unreadable = true;
      continue;
    }
    checkLink(link, adjacent, found);
    visit(link, adjacent);
    for (const signer of link.signers) summary.signers.add(signer);
    summary.first ??= link;
    summary.last = link;
  }
  return summary;
}

function readLink(
  files: ExportFiles,
  path: string,
  place: number,
  before: Link | null,
  given: ReadonlyMap<string, KeyObject>,
  found: Found,
): Link | null {
  const bytes = files.read(path);
  if (bytes === undefined) {
    found('missing', path, 'it disappeared while it was being verified');
    return null;
  }
  let envelope: Envelope;
  let seal: SealPredicate;
  let keys: Map<string, KeyObject>;
  try {
    envelope = decodeEnvelope(bytes);
    seal = decodeSeal(envelope.payload);
    keys = keysOf(seal);
  } catch (error) {
    found('malformed', path, `not a seal: ${(error as Error).message}`);
    return null;
  }
  const vouched = before?.keys ?? keys;
  const signers = signersOf(envelope, new Map([...vouched, ...keys, ...given]), path, found);
  const sound = signers.length === envelope.signatures.length;
  if (sound && !signers.some((id) => vouched.has(id) || given.has(id))) {
    found('wrong-key', path, `it is signed by ${signers.join(', ')}, which the seal before does not list`);
  }
  return { path, place, digest: sha256(bytes), seal, keys, signers, sound };
}

function keysOf({ keys }: SealPredicate): Map<string, KeyObject> {
  const map = new Map<string, KeyObject>();
  for (const { keyid, publicKey } of keys) {
    const key = publicKeyOf(Buffer.from(publicKey, 'base64'));
    if (keyIdOf(key) !== keyid) throw new Error(`the key it lists as ${keyid} is another key`);
    map.set(keyid, key);
  }
  return map;
}

/** The ids of the signatures that hold. Each one that does not is a finding: nothing may be signed with what nobody can check. */
export function signersOf(
  envelope: Envelope,
  keys: ReadonlyMap<string, KeyObject>,
  path: string,
  found: Found,
): string[] {
  return envelope.signatures
    .filter((signature) => {
      const key = keys.get(signature.keyid);
      if (key === undefined)
        found('wrong-key', path, `it is signed by ${signature.keyid}, a key that its seal does not list`);
      else if (signatureHolds(envelope, signature, key)) return true;
      else found('bad-signature', path, `the signature by ${signature.keyid} does not hold`);
      return false;
    })
    .map(({ keyid }) => keyid);
}

function checkLink({ path, place, seal, sound }: Link, before: Link | null, found: Found): void {
  if (seal.sequence !== place)
    found('reordered', path, `seal ${seal.sequence} lies in the place of seal ${place}`);
  // What an unsigned seal says about others is worth nothing; its own finding has been made.
  if (sound && before !== null && seal.previous !== before.digest) {
    if (before.sound)
      found(
        'fork',
        before.path,
        `seal ${place} continues another seal (${String(seal.previous)}); both are signed`,
      );
    else found('changed', before.path, `it is not the seal that seal ${place} continues`);
  }
  if ((seal.previous === null) !== (seal.sequence === 1))
    found('malformed', path, 'only the first seal continues none');
  checkClock(path, seal, before?.seal ?? null, found);
  const { statements, counts, night } = seal;
  const ends = countEnds(night.population);
  const sameEnds = Object.keys({ ...ends, ...counts.population }).every(
    (end) => ends[end] === counts.population[end],
  );
  if (counts.statements !== statements.length || !sameEnds)
    found('unproven', path, 'its counts are not those of what it lists');
}

function checkClock(path: string, seal: SealPredicate, before: SealPredicate | null, found: Found): void {
  const backwards = (what: string, from: string, to: string): void => {
    if (Date.parse(to) + CLOCK_TOLERANCE_MS >= Date.parse(from)) return;
    found('clock-backwards', path, `${what}: ${from} comes before ${to} in the chain`);
  };
  if (before !== null) backwards('seal before to this seal', before.sealedAt, seal.openedAt);
  backwards('start to end of this seal', seal.openedAt, seal.sealedAt);
  for (const { key, writtenAt } of seal.statements) {
    if (before !== null) backwards(`seal before to ${key}`, before.openedAt, writtenAt);
    backwards(`${key} to its seal`, writtenAt, seal.sealedAt);
  }
}
