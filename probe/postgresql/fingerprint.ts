import type { Instant } from '../../domain/units.ts';
import type { CommitLog } from './commit-log.ts';
import type { TableSummary } from './summary.ts';
import type { XidWindow } from './window.ts';

/**
 * Digests of one PostgreSQL server at one instant: what is there and what the rows are, without the rows.
 * Comparable only with another one of the same seed, major version and architecture.
 */
export interface Fingerprint {
  readonly engine: 'postgresql';
  readonly pass: 'before' | 'after';
  /** By the database's own clock, when the first snapshot was taken. */
  readonly takenAt: Instant;
  readonly durationMs: number;
  readonly seed: string;
  /** Days since 1970 at the night's slot; absent where nobody asked to be remembered. */
  readonly night?: number;
  /** Why nothing of an earlier night could be used; absent when it could, or was not asked for. */
  readonly forgotten?: string;
  readonly server: ServerIdentity;
  /** What belongs to the whole server: roles, memberships, tablespaces, databases and their settings. */
  readonly cluster: Catalogue;
  readonly databases: readonly DatabaseFingerprint[];
  /** Databases that could not be looked into, and why. */
  readonly notExamined: readonly NotExamined[];
  /** Only in the second pass, and null when the server did not tell. Absent in files of version 1. */
  readonly commitLog?: CommitLog | null;
}

export interface ServerIdentity {
  /** For example `16.4`. */
  readonly version: string;
  /** `server_version_num`, for example 160004. */
  readonly versionNumber: number;
  /** Compiler's target as the server names it, for example `x86_64-pc-linux-gnu`. */
  readonly architecture: string;
  /** Born with `initdb`, kept by every physical copy; null where the role may not ask. */
  readonly systemIdentifier: string | null;
  readonly timeline: number | null;
  readonly dataChecksums: boolean;
  readonly blockSize: number;
  /** When the statistics were last begun anew; a recovery does that. Null where that was never. */
  readonly statisticsSince: Instant | null;
}

/** Digest per object and over all of them. Keys are `kind name`, for example `column public.city.name`. */
export interface Catalogue {
  readonly digest: string;
  readonly objects: ReadonlyMap<string, CatalogueObject>;
}

export interface CatalogueObject {
  readonly digest: string;
  /** `xmin` of the defining row: an object that was changed and changed back has another one. 0 where it is not compared. */
  readonly version: number;
}

export interface NotExamined {
  /** `database` or `database.schema.table`. */
  readonly what: string;
  readonly reason: string;
  /** The planner's estimate at the source; null when it has none. */
  readonly rows: number | null;
}

export interface DatabaseFingerprint {
  readonly name: string;
  /** A database that was made anew under the same name has another one. Absent in files before version 3. */
  readonly oid?: string;
  /** 64-bit ids as text: the oldest one running, and the first one not yet given out. */
  readonly snapshot: { readonly xmin: string; readonly xmax: string };
  /** Rows whose `xmin` lies in it are young: they are counted, and not digested. */
  readonly window: XidWindow;
  /** Age of the oldest transaction open at the snapshot, in seconds; a long one widens the window. */
  readonly oldestTransactionSeconds: number;
  readonly catalogue: Catalogue;
  readonly tables: readonly TableFingerprint[];
  readonly sequences: readonly SequenceValue[];
  readonly indexes: readonly IndexSize[];
  readonly notExamined: readonly NotExamined[];
  /** What the columns look like, in numbers; only in the second pass. Absent in files of version 1. */
  readonly summaries?: readonly TableSummary[];
  /** What holds nothing to compare by design: foreign tables, unlogged tables, other storage. */
  readonly notes: readonly string[];
}

/** `catalogue`: PostgreSQL's own tables, compared like any others and left out of every count of rows. */
export type TableKind = 'table' | 'materialized view' | 'large objects' | 'catalogue';

export interface TableFingerprint {
  readonly schema: string;
  readonly name: string;
  readonly kind: TableKind;
  /** Unlogged tables are empty in every copy that had to recover; their rows are not compared. */
  readonly unlogged: boolean;
  /** Digest of names, numbers, types and collations of the columns. */
  readonly signature: string;
  /** Changes when the table is rewritten or truncated. */
  readonly fileNode: string;
  /**
   * It was truncated, clustered or refreshed while it was read. Snapshots do not protect from that: what was read may be newer than the
   * snapshot, and frozen rows do not show it.
   */
  readonly rewrittenWhileRead: boolean;
  /** Size of the heap when it was read, in blocks. */
  readonly sizeBlocks: number;
  /** How often it was vacuumed, by hand or not, as the statistics tell. Without a vacuum a heap never shrinks. */
  readonly vacuums: number;
  /** All visible rows, young ones included. */
  readonly rows: number;
  readonly blocks: BlockDigests;
  /** Blocks that were not read at all; absent when there are none. */
  readonly unread?: UnreadBlocks;
  /** Number of the table in the catalogue, and a digest of how its blocks were digested. Absent in files before version 3. */
  readonly oid?: string;
  readonly recipe?: string;
  /** Parts with digests of earlier nights; absent when all were read with this night's seed. */
  readonly remembered?: readonly RememberedPart[];
}

/** One part (`BLOCKS_PER_CHUNK` blocks) of which not every block was read tonight. What was read, was digested with the same older seed. */
export interface RememberedPart {
  readonly part: number;
  readonly seed: string;
  /** The night in which the whole part was last read, in days since 1970. */
  readonly readOn: number;
  /** Blocks, and old rows in them, that were not read tonight. */
  readonly blocks: number;
  readonly rows: number;
}

/** The seed with which a part was digested. */
export function seedAt(
  { remembered = [] }: Pick<TableFingerprint, 'remembered'>,
  part: number,
  tonight: string,
): string {
  return remembered.find((one) => one.part === part)?.seed ?? tonight;
}

/** `sampled`: the policy lets parts of large tables take turns. Otherwise reading stopped before its end. */
export interface UnreadBlocks {
  readonly blocks: number;
  /** Estimated from those that were read. */
  readonly rows: number;
  readonly sampled: boolean;
  readonly why: string;
}

/** Count of a block that was not read: more rows than any page can hold. */
export const UNREAD = 0xffff;

/** Per heap block: how many old rows it holds and the digest over them. Index is the block number. */
export interface BlockDigests {
  readonly counts: Uint16Array;
  readonly digests: BigUint64Array;
}

/** Lengths of indexes: PostgreSQL has no other check for kinds that are not B-trees. */
export interface IndexSize {
  readonly schema: string;
  readonly name: string;
  readonly fileNode: string;
  readonly blocks: number;
}

export interface SequenceValue {
  readonly schema: string;
  readonly name: string;
  /** Null while it was never used. Text, because it is a 64-bit number. */
  readonly lastValue: string | null;
  readonly increment: string;
  readonly cycles: boolean;
  readonly cache: string;
}

/** `database.schema.table` for people: parts are quoted only where they need it. */
export function displayName(...parts: readonly string[]): string {
  return parts
    .map((part) => (/^[\p{L}_][\p{L}\p{N}_$-]*$/u.test(part) ? part : `"${part.replaceAll('"', '""')}"`))
    .join('.');
}

/** How much a fingerprint covers, for its reference in the ledger. */
export function sizeOf(fingerprint: Fingerprint): { tables: number; rows: number; blocks: number } {
  const tables = fingerprint.databases.flatMap((database) =>
    database.tables.filter(({ kind }) => kind !== 'catalogue'),
  );
  const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
  return {
    tables: tables.length,
    rows: sum(tables.map(({ rows }) => rows)),
    blocks: sum(tables.map(({ blocks }) => blocks.counts.length)),
  };
}
