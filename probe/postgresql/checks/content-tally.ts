import type { Coverage, Finding, RememberedTable } from '../../../domain/verdict.ts';
import {
  type DatabaseFingerprint,
  type TableFingerprint,
  type UnreadBlocks,
  displayName,
  seedAt,
} from '../fingerprint.ts';
import { BLOCKS_PER_CHUNK } from '../block-digests.ts';
import type { Relation } from '../inventory.ts';
import type { XidWindow } from '../window.ts';
import { doubt, failure } from './check.ts';
import { compareBlocks } from './content-compare.ts';
import { tableFindings } from './content-findings.ts';
import type { CopyReader } from './content-read.ts';
import { counted } from './ranges.ts';

const DAY_MS = 86_400_000;

export interface DatabaseComparison {
  readonly findings: readonly Finding[];
  readonly coverage: Coverage;
  readonly tablesCompared: number;
  readonly tables: number;
  /** Of the rows not examined, those that the policy leaves to another night. */
  readonly sampledRows: number;
  readonly quietBlocks: number;
  readonly movedBlocks: number;
  readonly notTested: readonly string[];
  /** Tables of which not every block was read at the source tonight. */
  readonly remembered: readonly RememberedTable[];
}

/** Collects what the tables of one database turned out to be. */
export class Tally {
  readonly #after: DatabaseFingerprint;
  readonly #before: Map<string, TableFingerprint>;
  readonly #unseenBefore: Map<string, string>;
  readonly #own: XidWindow | null;
  readonly #findings: Finding[] = [];
  readonly #notTested: string[] = [];
  readonly #remembered: RememberedTable[] = [];
  #proven = 0;
  #bounded = 0;
  #notExamined = 0;
  #compared = 0;
  #expected = 0;
  #quiet = 0;
  #moved = 0;
  /** Of the rows not examined, those that have their turn another night. */
  #sampled = 0;

  constructor(after: DatabaseFingerprint, before: DatabaseFingerprint | undefined, own: XidWindow | null) {
    this.#after = after;
    this.#own = own;
    this.#before = new Map(before?.tables.map((table) => [displayName(table.schema, table.name), table]));
    this.#unseenBefore = new Map(before?.notExamined.map(({ what, reason }) => [what, reason]));
    for (const { what, reason, rows } of after.notExamined) {
      this.#findings.push(doubt('not-examined', `not examined at the source: ${reason}`, what));
      this.#notExamined += rows ?? 0;
    }
    if (own === null)
      this.#notTested.push(
        `rows inserted on the copy of ${after.name}: the role may not read the last checkpoint`,
      );
  }

  /** Whether the rows of `table` can be compared at all; if not, says why, and how bad that is. */
  canCompare(table: TableFingerprint, relation: Relation | undefined, size: number | undefined): boolean {
    const what = displayName(this.#after.name, table.schema, table.name);
    const before = this.#before.get(displayName(table.schema, table.name));
    this.#expected += 1;
    if (table.unlogged) {
      this.#compared += 1;
      this.#notTested.push(
        `the ${counted(table.rows, 'row')} of ${what}: it is unlogged, and recovery empties it by design`,
      );
      return false;
    }
    const unseen = this.#unseenBefore.get(what);
    if (unseen !== undefined) {
      this.#notExamined += table.rows;
      this.#findings.push(doubt('not-examined', `not examined before the backup: ${unseen}`, what));
      return false;
    }
    if (before === undefined || before.signature !== table.signature) {
      // Made, altered or locked while the backup was made: the schema check says whether it is there.
      this.#compared += 1;
      this.#bounded += table.rows;
      this.#notTested.push(`the rows of ${what}: the table was created or altered while the backup was made`);
      return false;
    }
    if (!sameSeeds(before, table)) {
      this.#notExamined += table.rows;
      this.#findings.push(doubt('not-comparable', 'its two passes were digested with different seeds', what));
      return false;
    }
    if (relation === undefined) {
      this.#compared += 1;
      this.#findings.push(
        failure('table-missing', `the table is missing, with ${counted(table.rows, 'row')}`, what),
      );
      return false;
    }
    if (relation.signature !== table.signature) {
      this.#compared += 1;
      this.#findings.push(failure('columns-differ', 'its columns are not those of the source', what));
      return false;
    }
    if (relation.unreadable !== null || size === undefined) {
      this.#notExamined += table.rows;
      this.#findings.push(doubt('not-examined', relation.unreadable ?? 'it is locked', what));
      return false;
    }
    return true;
  }

  /** Parts that were read in an earlier night keep its seed; where the second pass found a part gone, the first one's counts. */
  seedsOf(after: TableFingerprint, tonight: string): (part: number) => string {
    const before = this.#before.get(displayName(after.schema, after.name)) ?? after;
    return (part) => seedAt(after, part, seedAt(before, part, tonight));
  }

  add(reader: CopyReader, sinceRecovery: boolean): void {
    const key = displayName(reader.relation.schema, reader.relation.name);
    const after = this.#after.tables.find((table) => displayName(table.schema, table.name) === key);
    const before = this.#before.get(key);
    if (after === undefined || before === undefined)
      throw new TypeError(`${key} was read and never asked for`);
    const what = displayName(this.#after.name, after.schema, after.name);
    if (reader.refused !== null) {
      this.#notExamined += after.rows;
      this.#findings.push(doubt('not-examined', reader.refused.message, what));
      return;
    }
    const copy = reader.result(sinceRecovery);
    const compared = compareBlocks(before, after, copy);
    this.#findings.push(...tableFindings(what, after, copy, compared, this.#own !== null));
    this.#compared += 1;
    this.#quiet += compared.quietBlocks;
    this.#moved += compared.movedBlocks;
    this.#proven += Math.min(compared.provenRows, after.rows);
    this.#bounded += Math.max(0, after.rows - compared.provenRows - compared.unreadRows);
    const remembered = rememberedOf(what, before);
    if (remembered !== null) this.#remembered.push(remembered);
    this.#leftOut(what, before.unread, after.unread, compared.unreadRows);
  }

  /** Blocks that a pass did not read are named, and counted as not examined whatever the reason. */
  #leftOut(
    what: string,
    before: UnreadBlocks | undefined,
    after: UnreadBlocks | undefined,
    unreadRows: number,
  ): void {
    const unread = [after, before].find((one) => one?.sampled === false) ?? after ?? before;
    if (unread === undefined) return;
    const rows = unreadRows + (after?.rows ?? 0);
    this.#notExamined += rows;
    if (unread.sampled) {
      this.#sampled += rows;
      this.#notTested.push(`about ${counted(rows, 'row')} of ${what}: ${unread.why}`);
    } else
      this.#findings.push(
        doubt('not-examined', `about ${counted(rows, 'row')} were not read: ${unread.why}`, what),
      );
  }

  result(gaps: readonly string[]): DatabaseComparison {
    return {
      findings: this.#findings,
      coverage: { provenRows: this.#proven, boundedRows: this.#bounded, notExaminedRows: this.#notExamined },
      tablesCompared: this.#compared,
      tables: this.#expected + this.#after.notExamined.length,
      sampledRows: this.#sampled,
      quietBlocks: this.#quiet,
      movedBlocks: this.#moved,
      notTested: [...this.#notTested, ...gaps],
      remembered: this.#remembered,
    };
  }
}

function sameSeeds(before: TableFingerprint, after: TableFingerprint): boolean {
  const parts = Math.ceil(Math.min(before.sizeBlocks, after.sizeBlocks) / BLOCKS_PER_CHUNK);
  return [...(before.remembered ?? []), ...(after.remembered ?? [])].every(
    ({ part }) => part >= parts || seedAt(before, part, '') === seedAt(after, part, ''),
  );
}

/** What the first pass took from earlier nights. (The second one takes most from the first.) */
function rememberedOf(table: string, { remembered = [] }: TableFingerprint): RememberedTable | null {
  const reused = remembered.filter(({ blocks }) => blocks > 0);
  if (reused.length === 0) return null;
  const oldest = Math.min(...reused.map(({ readOn }) => readOn));
  return {
    table,
    blocks: reused.reduce((n, { blocks }) => n + blocks, 0),
    rows: reused.reduce((n, { rows }) => n + rows, 0),
    since: new Date(oldest * DAY_MS).toISOString().slice(0, 10),
  };
}
