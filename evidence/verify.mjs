#!/usr/bin/env node
// Verifies an export of Lifeboat's evidence, offline: node verify.mjs [DIR] [--key FILE]. Needs Node 20 or later and nothing else.
// Generated from evidence/verifier/*.ts by scripts/write-verifier.ts; the same code runs in `lifeboat evidence verify`.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

// --- envelope ---

// DSSE, https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const PREDICATE_BASE = 'https://lifeboat.dev/evidence/';
function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
/** What is signed: "pre-authentication encoding" of type and payload, so that neither can be taken for the other. */
function pae(payloadType, payload) {
  const type = Buffer.from(payloadType);
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${type.length} `),
    type,
    Buffer.from(` ${payload.length} `),
    payload,
  ]);
}
/** The one and only way to write an envelope down. Every envelope has exactly one form, so that no byte in it is without meaning. */
function encodeEnvelope({ payloadType, payload, signatures }) {
  const ordered = signatures.map(({ keyid, sig }) => ({ keyid, sig }));
  return Buffer.from(
    JSON.stringify({ payload: payload.toString('base64'), payloadType, signatures: ordered }),
  );
}
/** @throws Error in words when `bytes` are not exactly what {@link encodeEnvelope} would have written. */
function decodeEnvelope(bytes) {
  const { payload, payloadType, signatures } = asRecord(parseJson(bytes), 'the envelope');
  if (typeof payload !== 'string' || payloadType !== PAYLOAD_TYPE || !Array.isArray(signatures)) {
    throw new Error(`it is not a DSSE envelope of type ${PAYLOAD_TYPE}`);
  }
  const envelope = {
    payloadType,
    payload: Buffer.from(payload, 'base64'),
    signatures: signatures,
  };
  if (!encodeEnvelope(envelope).equals(bytes)) throw new Error('its bytes are not in the one canonical form');
  if (signatures.length === 0) throw new Error('it is not signed');
  return envelope;
}
/** The payload of an envelope, which must be an in-toto statement of Lifeboat. */
function decodeStatement(payload) {
  const { _type, predicateType, predicate } = asRecord(parseJson(payload), 'the payload');
  if (
    _type !== STATEMENT_TYPE ||
    typeof predicateType !== 'string' ||
    !predicateType.startsWith(PREDICATE_BASE)
  ) {
    throw new Error(`it is not an in-toto statement with a predicate of ${PREDICATE_BASE}`);
  }
  return { predicateType, predicate: asRecord(predicate, 'the predicate') };
}
/** Names a key by the SHA-256 of its SubjectPublicKeyInfo. */
function keyIdOf(key) {
  return `sha256:${sha256(key.export({ type: 'spki', format: 'der' }))}`;
}
/** @throws Error when the key is neither ECDSA P-256 nor Ed25519. */
function publicKeyOf(material) {
  const key =
    typeof material === 'string'
      ? createPublicKey(material)
      : createPublicKey({ key: material, format: 'der', type: 'spki' });
  const p256 = key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  if (!p256 && key.asymmetricKeyType !== 'ed25519') {
    throw new Error('the key is neither ECDSA P-256 nor Ed25519');
  }
  return key;
}
/** Does this signature over this envelope hold under this key? */
function signatureHolds({ payloadType, payload }, { sig }, key) {
  const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return verify(digest, pae(payloadType, payload), key, Buffer.from(sig, 'base64'));
}
function parseJson(bytes) {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new Error('it is not JSON', { cause });
  }
}
function asRecord(value, what) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${what} is not a JSON object`);
  }
  return value;
}

// --- seal-format ---

const SEAL_PREDICATE = `${PREDICATE_BASE}seal/v1`;
const SEAL_NAME = /^(\d{12})\.json$/;
const sealKey = (sequence) => `seals/${String(sequence).padStart(12, '0')}.json`;
/** How many slots ended in which way: recomputed by every reader, because a count that nobody checks says nothing. */
function countEnds(population) {
  const counts = {};
  for (const { end } of population) counts[end] = (counts[end] ?? 0) + 1;
  return counts;
}
/** @throws Error in words when the payload of an envelope is not a seal of this format. */
function decodeSeal(payload) {
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
  return predicate;
}
function isInstant(value) {
  return typeof value === 'string' && value.endsWith('Z') && !Number.isNaN(Date.parse(value));
}
function isListOf(value, ...texts) {
  return Array.isArray(value) && value.every((item) => texts.every((name) => typeof item[name] === 'string'));
}

// --- report ---

/** Findings shown before the rest is only counted; all of them are in the JSON. */
const SHOWN = 100;
function renderVerifyReport({ verdict, findings, warnings, notChecked, key, examined }) {
  const headline = {
    verified: 'VERIFIED',
    'not-verified': 'NOT VERIFIED',
    'could-not-check': 'COULD NOT CHECK',
  }[verdict];
  const period = examined.from === null ? '' : `, sealed ${examined.from} to ${examined.to ?? '?'}`;
  return [
    headline,
    `  examined    ${examined.seals} seals (${examined.firstSeal ?? '–'} to ${examined.lastSeal ?? '–'}), ` +
      `${examined.statements} statements, ${examined.slots} slots${period}`,
    ...key.keyids.map((id) => `  signed by   ${id}${key.checked ? '' : '   (key itself not checked)'}`),
    ...(examined.lastSealSha256 === null ? [] : [`  last seal   ${examined.lastSealSha256}`]),
    ...findings.slice(0, SHOWN).map(({ code, object, message }) => `  ✗ ${object}: ${message} [${code}]`),
    ...(findings.length > SHOWN ? [`  ✗ … and ${findings.length - SHOWN} more (use --json)`] : []),
    ...warnings.map((text) => `  ! ${text}`),
    ...notChecked.map((text) => `  · ${text}`),
    '',
  ].join('\n');
}

// --- folder ---

const CHECKSUMS = 'SHA256SUMS';
const STATEMENTS = 'statements/';
const SEALS = 'seals/';
const KEYS = 'keys/';
function collector() {
  const findings = [];
  return { findings, found: (code, object, message) => findings.push({ code, object, message }) };
}
function filesIn(dir) {
  return { list: (found) => filesBelow(dir, found), read: (path) => readIfThere(dir, path) };
}
/** What is neither file nor folder is reported: it could point anywhere. */
function* filesBelow(dir, found, prefix = '') {
  const entries = readdirSync(join(dir, prefix), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(dir, found, `${path}/`);
    else if (entry.isFile()) yield path;
    else found('extra', path, 'it is neither a file nor a folder');
  }
}
function readIfThere(dir, path) {
  try {
    return readFileSync(join(dir, path));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(error.code ?? '')) return undefined;
    throw error;
  }
}
/**
 * `SHA256SUMS` has one line for each file that no seal names: the seals themselves, keys, README, this verifier. It guards against
 * accidents and leaves no byte of the export without a check; only the signatures guard against forgery.
 */
function checkSums(files, names, found) {
  const bytes = files.read(CHECKSUMS);
  if (bytes === undefined) {
    found('missing', CHECKSUMS, 'the list of checksums is not there');
    return;
  }
  const listed = new Map();
  const lines = bytes.toString('utf8').split('\n');
  if (lines.pop() !== '') found('changed', CHECKSUMS, 'it does not end with a line break');
  let last = '';
  for (const line of lines) {
    const [, digest = '', path = ''] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
    if (path <= last)
      found('changed', CHECKSUMS, `the line "${line}" is malformed, repeated or out of order`);
    last = path;
    listed.set(path, digest);
  }
  const expected = new Set(names.filter((path) => path !== CHECKSUMS && !path.startsWith(STATEMENTS)));
  for (const path of expected) {
    if (!listed.has(path)) found('extra', path, `${CHECKSUMS} does not list it`);
  }
  for (const [path, digest] of listed) {
    const content = expected.has(path) ? files.read(path) : undefined;
    if (content === undefined) found('missing', path, `${CHECKSUMS} lists it, and it is not there`);
    else if (sha256(content) !== digest)
      found('changed', path, `its bytes are not those that ${CHECKSUMS} lists`);
  }
}
/** Each public key lies in a file that is named by the key, so that neither can be exchanged. */
function checkKeyFiles(files, names, found) {
  for (const path of names.filter((file) => file.startsWith(KEYS))) {
    try {
      const pem = files.read(path)?.toString('latin1') ?? '';
      const key = publicKeyOf(pem);
      if (
        `${KEYS}${keyIdOf(key).replace('sha256:', '')}.pem` !== path ||
        key.export({ type: 'spki', format: 'pem' }) !== pem
      ) {
        found('changed', path, 'the key in it is not the key in its name');
      }
    } catch (error) {
      found('malformed', path, `no public key: ${error.message}`);
    }
  }
}

// --- chain ---

/** Instants of S3 are whole seconds and come from many machines. */
const CLOCK_TOLERANCE_MS = 60_000;
/**
 * Walks the seals in order and hands each one that can be read to `visit`, with the one before it.
 * @param given keys the caller trusts; a seal signed by one of them needs no voucher.
 */
function walkChain(files, names, given, found, visit) {
  const summary = { first: null, last: null, seals: 0, unreadable: false, signers: new Set() };
  let before = null;
  let expected = null;
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
    const adjacent = place === expected ? before : null;
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
function readLink(files, path, place, before, given, found) {
  const bytes = files.read(path);
  if (bytes === undefined) {
    found('missing', path, 'it disappeared while it was being verified');
    return null;
  }
  let envelope;
  let seal;
  let keys;
  try {
    envelope = decodeEnvelope(bytes);
    seal = decodeSeal(envelope.payload);
    keys = keysOf(seal);
  } catch (error) {
    found('malformed', path, `not a seal: ${error.message}`);
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
function keysOf({ keys }) {
  const map = new Map();
  for (const { keyid, publicKey } of keys) {
    const key = publicKeyOf(Buffer.from(publicKey, 'base64'));
    if (keyIdOf(key) !== keyid) throw new Error(`the key it lists as ${keyid} is another key`);
    map.set(keyid, key);
  }
  return map;
}
/** The ids of the signatures that hold. Each one that does not is a finding: nothing may be signed with what nobody can check. */
function signersOf(envelope, keys, path, found) {
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
function checkLink({ path, place, seal, sound }, before, found) {
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
function checkClock(path, seal, before, found) {
  const backwards = (what, from, to) => {
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

// --- slots ---

/** How long the ends of a night are remembered for statements that come late; keeps the memory for years of nights small. */
const REMEMBERED_MS = 16 * 86_400_000;
/**
 * Every slot that a statement opens must end in the population of a night, and every slot that a night calls passed must be shown
 * by a drill that passed.
 * @param openedBefore the export may lack statements older than this instant; null when it begins with the first seal.
 */
function followSlots(found, openedBefore) {
  const open = new Map();
  const passed = new Set();
  /** By policy and slot; `ended` is null when the night is so long ago that its ends were forgotten. */
  const nights = new Map();
  const remembered = new Set();
  const newest = new Map();
  const notChecked = [];
  let slots = 0;
  let tooLate = 0;
  const idOf = (policy, slot, resource) => JSON.stringify([policy, slot, resource]);
  function forget(now) {
    for (const id of remembered) {
      const at = nights.get(id)?.at ?? 0;
      if (at >= now - REMEMBERED_MS) return;
      remembered.delete(id);
      nights.set(id, { ended: null, at });
    }
  }
  return {
    statement(path, predicateType, predicate) {
      const kind = predicateType.slice(PREDICATE_BASE.length).split('/')[0];
      if (kind !== 'drill' && kind !== 'protection') return;
      const { policy, slot, trigger, verdict } = predicate;
      const resource = asRecord(predicate['resource'], 'resource')['name'];
      if (policy === undefined || slot === undefined || typeof resource !== 'string') {
        found('malformed', path, 'it names no policy, slot or resource');
        return;
      }
      const id = idOf(policy, slot, resource);
      const night = nights.get(JSON.stringify([policy, slot]));
      if (night?.ended?.has(id) === true) return;
      if (night?.ended === null) {
        tooLate += 1;
        return;
      }
      if (kind === 'drill' && verdict === 'passed') passed.add(id);
      open.set(id, { path, policy, slot, ofNight: trigger === 'night' || night !== undefined });
    },
    night({ path, seal: { night, sealedAt, unsealed } }) {
      const { policy, slot, population, verdict } = night;
      const ended = new Set();
      const rows = new Set();
      for (const row of population) {
        const id = idOf(policy, row.slot, row.resource);
        const place = JSON.stringify([id, row.arn]);
        if (rows.has(place)) {
          found('listed-twice', path, `${row.resource} ends twice in the slot ${row.slot}`);
          continue;
        }
        rows.add(place);
        ended.add(id);
        open.delete(id);
        if (passed.delete(id) || row.end !== 'passed') continue;
        const since = openedBefore();
        const claim = `${row.resource} is called passed in the slot ${row.slot}`;
        if (since === null || row.slot >= since)
          found('unproven', path, `${claim}, and no sealed drill shows it`);
        else notChecked.push(`${claim}; the drill that shows it may lie in a seal before this export.`);
      }
      slots += rows.size;
      for (const { policy: of, slot: begun } of unsealed ?? []) {
        for (const [id, waiting] of open)
          if (waiting.policy === of && waiting.slot === begun) open.delete(id);
        nights.set(JSON.stringify([of, begun]), { ended: null, at: Date.parse(sealedAt) });
      }
      const ends = new Set(population.map(({ end }) => end));
      const bad = ['failed', 'inconclusive', 'missed'].some((end) => ends.has(end));
      if (verdict === 'passed' && (bad || !ends.has('passed'))) {
        found('unproven', path, 'the night is called passed, and its population does not say so');
      }
      for (const [id, waiting] of open) {
        if (waiting.policy === policy && waiting.slot === slot) open.set(id, { ...waiting, ofNight: true });
      }
      nights.set(JSON.stringify([policy, slot]), { ended, at: Date.parse(sealedAt) });
      remembered.add(JSON.stringify([policy, slot]));
      forget(Date.parse(sealedAt));
      if (slot > (newest.get(policy) ?? '')) newest.set(policy, slot);
    },
    close() {
      let pending = 0;
      for (const { path, policy, slot, ofNight } of open.values()) {
        if (!ofNight) continue;
        if (slot <= (newest.get(policy) ?? ''))
          found('slot-without-end', path, `no night says how the slot ${slot} ended`);
        else pending += 1;
      }
      if (pending > 0)
        notChecked.push(
          `${pending} slots were still open when this export ends; a later seal must end them.`,
        );
      if (tooLate > 0)
        notChecked.push(
          `${tooLate} statements were sealed long after their slots and were not compared with the nights.`,
        );
      return { slots, notChecked };
    },
  };
}

// --- verify-export ---

const DESCRIPTION = 'export.json';
/**
 * Checks an export of the ledger with nothing but this computer: every signature, every link of the chain, every byte.
 * Never throws: what keeps it from checking is in the report, whose verdict is then `could-not-check`.
 */
function verifyExport(dir, options = {}) {
  return verifyFiles(filesIn(dir), dir, options);
}
/** @param where names the export in messages. */
function verifyFiles(files, where, options = {}) {
  try {
    const given = options.key === undefined ? new Map() : readGivenKeys(options.key);
    return check(files, where, given, options);
  } catch (error) {
    return couldNotCheck(error.message);
  }
}
function check(files, where, given, { key, trustedSeal }) {
  const { findings, found } = collector();
  const warnings = [];
  const others = [];
  const onDisk = tally();
  for (const path of files.list(found)) {
    if (path.startsWith(STATEMENTS)) onDisk.add(path);
    else others.push(path);
  }
  const sealNames = others.filter((path) => path.startsWith(SEALS));
  if (sealNames.length === 0 && !others.includes(CHECKSUMS) && !others.includes(DESCRIPTION)) {
    throw new Error(
      `${where} is not an export of evidence: it has neither ${SEALS}, ${CHECKSUMS} nor ${DESCRIPTION}`,
    );
  }
  checkSums(files, others, found);
  checkKeyFiles(files, others, found);
  let first = null;
  let anchored = trustedSeal === undefined;
  const sealed = tally();
  const slots = followSlots(found, () =>
    first === null || first.seal.sequence === 1 ? null : first.seal.openedAt,
  );
  const chain = walkChain(files, sealNames, given, found, (link, before) => {
    first ??= link;
    anchored ||= link.digest === trustedSeal || (before === null && link.seal.previous === trustedSeal);
    checkStatements(files, link, sealed, found, slots);
    slots.night(link);
    for (const { policy, slot, resource } of link.seal.unsealed ?? []) {
      warnings.push(
        `Seal ${link.seal.sequence} says that the night ${slot} of ${policy} had no seal of its own (${resource}).`,
      );
    }
    for (const { key: object, what } of link.seal.irregularities) {
      warnings.push(`Seal ${link.seal.sequence} saw in the ledger: ${object}: ${what}.`);
    }
  });
  checkEnds(files, chain, found);
  if (!sealed.equals(onDisk)) nameDifferences(files, sealNames, chain.unreadable, found);
  if (chain.seals === 0) found('missing', SEALS, 'there is no seal, so nothing was proven');
  if (!anchored)
    found(
      'gap',
      SEALS,
      `the trusted seal ${String(trustedSeal)} is neither in the export nor just before it`,
    );
  const keyids = [...chain.signers].sort();
  if (given.size > 0 && !keyids.some((id) => given.has(id))) {
    found('wrong-key', key ?? '', `no seal is signed by the given key (${[...given.keys()].join(', ')})`);
  }
  const closed = slots.close();
  const verified = findings.length === 0;
  return {
    verdict: verified ? 'verified' : 'not-verified',
    exitCode: verified ? 0 : 1,
    findings,
    warnings,
    notChecked: [...limits(chain, given.size > 0, trustedSeal), ...closed.notChecked],
    key: { checked: given.size > 0, keyids },
    examined: {
      seals: chain.seals,
      firstSeal: chain.first?.seal.sequence ?? null,
      lastSeal: chain.last?.seal.sequence ?? null,
      lastSealSha256: chain.last?.digest ?? null,
      from: chain.first?.seal.sealedAt ?? null,
      to: chain.last?.seal.sealedAt ?? null,
      statements: sealed.count(),
      slots: closed.slots,
    },
  };
}
function checkStatements(files, { path: seal, seal: { statements }, keys }, sealed, found, slots) {
  let last = '';
  for (const { key, sha256: digest } of statements) {
    if (key <= last) found('reordered', seal, `it does not list ${key} in order`);
    last = key;
    if (!key.startsWith(STATEMENTS) || key.split('/').includes('..')) {
      found('malformed', seal, `it lists ${key}, which is not the name of a statement`);
      continue;
    }
    const bytes = files.read(key);
    if (bytes === undefined) {
      found('missing', key, `${seal} lists it, and it is not there`);
      continue;
    }
    sealed.add(key);
    if (sha256(bytes) !== digest) {
      found('changed', key, `its bytes are not those that ${seal} lists`);
      continue;
    }
    try {
      const envelope = decodeEnvelope(bytes);
      signersOf(envelope, keys, key, found);
      const { predicateType, predicate } = decodeStatement(envelope.payload);
      slots.statement(key, predicateType, predicate);
    } catch (error) {
      found('malformed', key, `not a statement: ${error.message}`);
    }
  }
}
/** The export says with which seals it begins and ends, so that a seal missing at an end is noticed, too. */
function checkEnds(files, { first, last }, found) {
  const bytes = files.read(DESCRIPTION);
  if (bytes === undefined) {
    found('missing', DESCRIPTION, 'the description of the export is not there');
    return;
  }
  try {
    const { firstSeal, lastSeal } = asRecord(parseJson(bytes), DESCRIPTION);
    for (const [named, seen] of [
      [firstSeal, first],
      [lastSeal, last],
    ]) {
      if (typeof named !== 'number') throw new Error('it does not name its first and last seal');
      if (named !== seen?.place)
        found('gap', sealKey(named), `${DESCRIPTION} names it as an end of the chain, and it cannot be read`);
    }
  } catch (error) {
    found('malformed', DESCRIPTION, error.message);
  }
}
/** Only when something differs: which statements no seal lists, and which are listed more than once. Holds all names in memory. */
function nameDifferences(files, sealNames, unreadable, found) {
  const listed = new Set();
  for (const path of sealNames) {
    for (const key of keysListedBy(files, path)) {
      if (listed.has(key)) found('listed-twice', key, `${path} lists it, and so does a seal before`);
      listed.add(key);
    }
  }
  const extra = [...files.list(() => undefined)].filter(
    (path) => path.startsWith(STATEMENTS) && !listed.has(path),
  );
  if (unreadable && extra.length > 0) {
    found('extra', STATEMENTS, `${extra.length} statements are in no seal that can be read`);
    return;
  }
  for (const path of extra) found('extra', path, 'no seal lists it');
}
function keysListedBy(files, path) {
  try {
    return decodeSeal(decodeEnvelope(files.read(path) ?? Buffer.alloc(0)).payload).statements.map(
      ({ key }) => key,
    );
  } catch {
    return []; // reported when the chain was walked
  }
}
/** Compares two long lists of names in whatever order, and with repetitions, without keeping either. */
function tally() {
  let count = 0;
  let sum = 0n;
  return {
    add(path) {
      count += 1;
      sum += BigInt(`0x${sha256(path).slice(0, 32)}`);
    },
    count: () => count,
    sum: () => sum,
    equals: (other) => other.count() === count && other.sum() === sum,
  };
}
function limits({ first }, keyGiven, trustedSeal) {
  return [
    ...(keyGiven
      ? []
      : [
          'The key itself was not checked: the signatures hold under the public key that lies beside them. ' +
            'Get the key by another way (kms get-public-key) and run again with --key FILE.',
        ]),
    ...(first === null || first.seal.sequence === 1 || trustedSeal !== undefined
      ? []
      : [
          `This export begins with seal ${first.seal.sequence}; what came before (${String(first.seal.previous)}) is not in it.`,
        ]),
    'Seals made after the last one in this export cannot be known from it; compare its number and digest with the ledger.',
  ];
}
function readGivenKeys(file) {
  const blocks = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g;
  const keys = (readFileSync(file, 'latin1').match(blocks) ?? []).map((pem) => publicKeyOf(pem));
  if (keys.length === 0) throw new Error(`${file} holds no public key (PEM, "BEGIN PUBLIC KEY")`);
  return new Map(keys.map((key) => [keyIdOf(key), key]));
}
function couldNotCheck(reason) {
  const none = { firstSeal: null, lastSeal: null, lastSealSha256: null, from: null, to: null };
  return {
    verdict: 'could-not-check',
    exitCode: 2,
    findings: [],
    warnings: [],
    notChecked: [`Nothing was checked: ${reason}`],
    key: { checked: false, keyids: [] },
    examined: { seals: 0, ...none, statements: 0, slots: 0 },
  };
}

// --- main ---

const USAGE = `Usage: node verify.mjs [DIR] [--key FILE] [--trusted-seal SHA256] [--json]
  DIR             the export; default: where this file lies
  --key           public key (PEM) that reached you by another way than the export
  --trusted-seal  SHA-256 of the last seal of an earlier verification: the chain must continue it
Exit status: 0 verified, 1 not verified, 2 could not check.
`;
const options = {
  key: { type: 'string' },
  'trusted-seal': { type: 'string' },
  json: { type: 'boolean' },
};
try {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const { key, 'trusted-seal': trustedSeal, json = false } = values;
  const [dir = dirname(fileURLToPath(import.meta.url)), ...more] = positionals;
  if (more.length > 0) throw new Error('one folder at a time');
  const report = verifyExport(dir, {
    ...(key === undefined ? {} : { key }),
    ...(trustedSeal === undefined ? {} : { trustedSeal }),
  });
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : renderVerifyReport(report));
  process.exitCode = report.exitCode;
} catch (error) {
  process.stderr.write(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
