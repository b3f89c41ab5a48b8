import { readFileSync } from 'node:fs';
import {
  decodeEnvelope,
  decodeStatement,
  keyIdOf,
  parseJson,
  asRecord,
  publicKeyOf,
  sha256,
} from './envelope.ts';
import { signersOf, walkChain } from './chain.ts';
import { CHECKSUMS, checkKeyFiles, checkSums, collector, filesIn, SEALS, STATEMENTS } from './folder.ts';
import { decodeSeal, sealKey } from './seal-format.ts';
import { followSlots } from './slots.ts';
import type { KeyObject } from 'node:crypto';
import type { ChainSummary, Link } from './chain.ts';
import type { ExportFiles, Found } from './folder.ts';
import type { VerifyReport } from './report.ts';

export interface VerifyOptions {
  /** File with one or more public keys (PEM) that came by another way than the export. */
  readonly key?: string;
  /** SHA-256 of a seal that an earlier verification ended with: it must be in the export, or be the one just before it. */
  readonly trustedSeal?: string;
}

const DESCRIPTION = 'export.json';

/**
 * Checks an export of the ledger with nothing but this computer: every signature, every link of the chain, every byte.
 * Never throws: what keeps it from checking is in the report, whose verdict is then `could-not-check`.
 */
export function verifyExport(dir: string, options: VerifyOptions = {}): VerifyReport {
  return verifyFiles(filesIn(dir), dir, options);
}

/** @param where names the export in messages. */
export function verifyFiles(files: ExportFiles, where: string, options: VerifyOptions = {}): VerifyReport {
  try {
    const given = options.key === undefined ? new Map<string, KeyObject>() : readGivenKeys(options.key);
    return check(files, where, given, options);
  } catch (error) {
    return couldNotCheck((error as Error).message);
  }
}

function check(
  files: ExportFiles,
  where: string,
  given: ReadonlyMap<string, KeyObject>,
  { key, trustedSeal }: VerifyOptions,
): VerifyReport {
  const { findings, found } = collector();
  const warnings: string[] = [];
  const others: string[] = [];
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

  let first: Link | null = null;
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

function checkStatements(
  files: ExportFiles,
  { path: seal, seal: { statements }, keys }: Link,
  sealed: Tally,
  found: Found,
  slots: ReturnType<typeof followSlots>,
): void {
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
      found('malformed', key, `not a statement: ${(error as Error).message}`);
    }
  }
}

/** The export says with which seals it begins and ends, so that a seal missing at an end is noticed, too. */
function checkEnds(files: ExportFiles, { first, last }: ChainSummary, found: Found): void {
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
    ] as const) {
      if (typeof named !== 'number') throw new Error('it does not name its first and last seal');
      if (named !== seen?.place)
        found('gap', sealKey(named), `${DESCRIPTION} names it as an end of the chain, and it cannot be read`);
    }
  } catch (error) {
    found('malformed', DESCRIPTION, (error as Error).message);
  }
}

/** Only when something differs: which statements no seal lists, and which are listed more than once. Holds all names in memory. */
function nameDifferences(
  files: ExportFiles,
  sealNames: readonly string[],
  unreadable: boolean,
  found: Found,
): void {
  const listed = new Set<string>();
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

function keysListedBy(files: ExportFiles, path: string): string[] {
  try {
    return decodeSeal(decodeEnvelope(files.read(path) ?? Buffer.alloc(0)).payload).statements.map(
      ({ key }) => key,
    );
  } catch {
    return []; // reported when the chain was walked
  }
}

interface Tally {
  add(path: string): void;
  count(): number;
  equals(other: Tally): boolean;
  sum(): bigint;
}

/** Compares two long lists of names in whatever order, and with repetitions, without keeping either. */
function tally(): Tally {
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

function limits({ first }: ChainSummary, keyGiven: boolean, trustedSeal: string | undefined): string[] {
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

function readGivenKeys(file: string): Map<string, KeyObject> {
  const blocks = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g;
  const keys = (readFileSync(file, 'latin1').match(blocks) ?? []).map((pem) => publicKeyOf(pem));
  if (keys.length === 0) throw new Error(`${file} holds no public key (PEM, "BEGIN PUBLIC KEY")`);
  return new Map(keys.map((key) => [keyIdOf(key), key]));
}

function couldNotCheck(reason: string): VerifyReport {
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
