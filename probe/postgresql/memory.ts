import { createHash } from 'node:crypto';
import { BLOCKS_PER_CHUNK, FIRST_WITH_TID_RANGES, chunkSql } from './block-digests.ts';
import {
  type DatabaseFingerprint,
  type Fingerprint,
  type RememberedPart,
  type ServerIdentity,
  type TableFingerprint,
  UNREAD,
  seedAt,
} from './fingerprint.ts';
import type { Relation } from './inventory.ts';
import { type XidWindow, windowBetween } from './window.ts';

/** Both passes of one night whose restored copy was proven equal. */
export interface KnownNight {
  readonly before: Fingerprint;
  readonly after: Fingerprint;
}

/** Parts with fewer blocks than this are read in full: that costs no more than asking whether it is needed. */
const FEWEST_BLOCKS = 32;
/** 2^31 transactions can be told apart; half of that is left as a margin. */
const MOST_TRANSACTIONS = 2n ** 30n;

/** Changes whenever digests are made otherwise, so that those of another build are not taken for ours. */
export function recipeOf(relation: Relation, serverVersion: number): string {
  const how = `${BLOCKS_PER_CHUNK} ${chunkSql(relation, '', serverVersion)}`;
  return createHash('sha256').update(how).digest('hex').slice(0, 16);
}

/** Why nothing of an earlier night can be used on this server; null when it can. */
export function whyForgotten(known: Fingerprint, now: ServerIdentity): string | null {
  const then = known.server;
  if (known.night === undefined) return 'the last verified night was not meant to be remembered';
  if (now.versionNumber < FIRST_WITH_TID_RANGES)
    return 'before PostgreSQL 14, asking costs as much as reading';
  if (then.systemIdentifier === null || then.systemIdentifier !== now.systemIdentifier)
    return 'this is not provably the system of the last verified night';
  if (then.timeline === null || then.timeline !== now.timeline)
    return 'its timeline is another one: it was restored or failed over since the last verified night';
  if (majorOf(then) !== majorOf(now) || then.architecture !== now.architecture)
    return 'its major version or its architecture changed since the last verified night';
  if (then.blockSize !== now.blockSize) return 'its blocks have another size than in the last verified night';
  return null;
}

/** What one database is known to hold, and since when rows count as newer than that. */
export class DatabaseMemory {
  /** Rows outside were there when the known digests were made; it reaches up to the snapshot that asks. */
  readonly since: XidWindow;
  readonly #first: DatabaseFingerprint;
  readonly #last: DatabaseFingerprint;
  readonly #from: KnownNight;
  readonly #turn: Turn;

  private constructor(
    since: XidWindow,
    from: KnownNight,
    first: DatabaseFingerprint,
    last: DatabaseFingerprint,
    turn: Turn,
  ) {
    this.since = since;
    this.#from = from;
    this.#first = first;
    this.#last = last;
    this.#turn = turn;
  }

  /** Null when the database of that name is not provably the same one, or too much happened since. */
  static of(
    known: KnownNight,
    { name, oid, xmax }: { name: string; oid: string; xmax: bigint },
    turn: Turn,
  ): DatabaseMemory | null {
    const [first, last] = [known.before, known.after].map(({ databases }) =>
      databases.find((one) => one.name === name),
    );
    if (first?.oid !== oid || last?.oid !== oid) return null;
    const lo = BigInt(first.snapshot.xmin);
    const isPast = BigInt(last.snapshot.xmax) <= xmax && xmax - lo < MOST_TRANSACTIONS;
    return isPast ? new DatabaseMemory(windowBetween(lo, xmax), known, first, last, turn) : null;
  }

  /** What is known of a table. Null when it is not provably the same file with the same columns, digested in the same way. */
  table(relation: Relation, recipe: string): KnownTable | null {
    const { schema, name, oid, kind, unlogged, signature, fileNode, lasting } = relation;
    if (kind === 'catalogue' || unlogged || !lasting) return null;
    const find = ({ tables }: DatabaseFingerprint) =>
      tables.find((one) => one.schema === schema && one.name === name);
    const [first, last] = [find(this.#first), find(this.#last)];
    if (first === undefined || last === undefined) return null;
    const same = [first, last].every(
      (one) =>
        one.oid === oid &&
        one.recipe === recipe &&
        one.signature === signature &&
        one.fileNode === fileNode &&
        !one.rewrittenWhileRead,
    );
    return same ? new KnownTable(first, last, this.#from.after, this.#turn) : null;
  }
}

/** When parts are read in full although they are known. `night` counts days; the second pass of a night has no turns. */
export interface Turn {
  readonly night: number;
  readonly rereadWithin: number | null;
}

/** The block digests that an earlier look at a table has left. */
export class KnownTable {
  readonly #first: TableFingerprint;
  readonly #last: TableFingerprint;
  readonly #from: Fingerprint;
  readonly #turn: Turn;

  constructor(first: TableFingerprint, last: TableFingerprint, from: Fingerprint, turn: Turn) {
    this.#first = first;
    this.#last = last;
    this.#from = from;
    this.#turn = turn;
  }

  /** How a part was digested and when it was last read in full; null when it is to be read in full now. */
  part(part: number, blocks: number): Pick<RememberedPart, 'seed' | 'readOn'> | null {
    const { night, rereadWithin } = this.#turn;
    if (blocks < FEWEST_BLOCKS || part * BLOCKS_PER_CHUNK >= this.#last.sizeBlocks) return null;
    const readOn =
      this.#last.remembered?.find((one) => one.part === part)?.readOn ?? this.#from.night ?? night;
    if (rereadWithin !== null) {
      // Every part has its turn once within the period, and another night's turn is not waited for when some nights were missed.
      const hasTurn = (part + Number(this.#last.oid) + night) % rereadWithin === 0;
      if (hasTurn || night - readOn >= rereadWithin || night < readOn) return null;
    }
    return { seed: seedAt(this.#last, part, this.#from.seed), readOn };
  }

  /** Count and digest of the block's rows, where both passes agreed; undefined where they are not known. */
  block(block: number): { readonly count: number; readonly digest: bigint } | undefined {
    const [first, last] = [at(this.#first, block), at(this.#last, block)];
    const known = last.count !== UNREAD && first.count === last.count && first.digest === last.digest;
    return known ? last : undefined;
  }
}

/** A block that was not there yet held no rows. */
function at({ blocks: { counts, digests } }: TableFingerprint, block: number) {
  return { count: counts[block] ?? 0, digest: digests[block] ?? 0n };
}

const majorOf = ({ versionNumber }: ServerIdentity): number => Math.floor(versionNumber / 10_000);
