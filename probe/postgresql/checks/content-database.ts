import type { Coverage, Finding } from '../../../domain/verdict.ts';
import { QueryRefused } from '../../errors.ts';
import type { CheckContext } from '../../engine.ts';
import { NO_AGES, agesOf } from '../ages.ts';
import { ownTransactions } from '../boot-xid.ts';
import { type DatabaseFingerprint, type TableFingerprint, displayName } from '../fingerprint.ts';
import { type Relation, listRelations } from '../inventory.ts';
import { heapSizes } from '../read-tables.ts';
import { openSnapshot } from '../snapshot.ts';
import type { XidWindow } from '../window.ts';
import type { CheckHooks } from './check.ts';
import { doubt, failure } from './check.ts';
import { compareBlocks } from './content-compare.ts';
import { CopyReader } from './content-read.ts';
import { tableFindings } from './content-findings.ts';
import { counted } from './ranges.ts';

export interface DatabaseComparison {
  readonly findings: readonly Finding[];
  readonly coverage: Coverage;
  readonly tablesCompared: number;
  readonly tables: number;
  readonly quietBlocks: number;
  readonly movedBlocks: number;
  readonly notTested: readonly string[];
}

/** A second session pays for itself from 32 MB on. */
const BLOCKS_WORTH_A_SECOND_SESSION = 4_096;

/**
 * Compares one database of the copy with both fingerprints.
 * @param sinceRecovery whether the copy's statistics began with its recovery, so that they count its own writes only.
 */
export async function compareDatabase(
  after: DatabaseFingerprint,
  { target, before, after: { seed, server } }: CheckContext,
  sinceRecovery: boolean,
  { signal, say }: CheckHooks,
): Promise<DatabaseComparison> {
  const known = before.databases.find(({ name }) => name === after.name);
  let snapshot;
  try {
    snapshot = await openSnapshot(target, after.name, signal);
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    return unreachable(after, known, error);
  }
  try {
    const { lead } = snapshot;
    const own = await ownTransactions(lead);
    const relations = await listRelations(lead);
    const sizes = await heapSizes(lead, relations);
    const byName = new Map(
      relations.map((relation) => [displayName(relation.schema, relation.name), relation]),
    );
    const tally = new Tally(after, known, own.window);
    const readers: CopyReader[] = [];
    for (const table of after.tables) {
      const relation = byName.get(displayName(table.schema, table.name));
      const size = relation === undefined ? undefined : sizes.get(relation.oid);
      if (!tally.canCompare(table, relation, size) || relation === undefined || size === undefined) continue;
      const what = displayName(after.name, table.schema, table.name);
      readers.push(new CopyReader(relation, size, what, seed, server.versionNumber));
    }
    const total = readers.reduce((sum, { sizeBlocks }) => sum + sizeBlocks, 0);
    const sessions = total < BLOCKS_WORTH_A_SECOND_SESSION ? [lead] : [lead, await snapshot.join()];
    const chunks = readers
      .sort((a, b) => b.sizeBlocks - a.sizeBlocks)
      .flatMap((reader) => reader.chunks().map((range) => ({ reader, range })));
    let next = 0;
    await Promise.all(
      sessions.map(async (session) => {
        const late = own.window === null ? NO_AGES : await agesOf(session, own.window);
        const ages = { young: await agesOf(session, after.window), late };
        for (let chunk = chunks[next++]; chunk !== undefined; chunk = chunks[next++]) {
          const { reader, range } = chunk;
          say(
            `${displayName(after.name, reader.relation.schema, reader.relation.name)}: chunk ${next} of ${chunks.length}`,
          );
          await reader.read(session, ages, range);
        }
      }),
    );
    for (const reader of readers) tally.add(reader, sinceRecovery);
    const gaps =
      own.gap === null ? [] : [`rows inserted on the copy of ${after.name} right after its boot: ${own.gap}`];
    return tally.result(gaps);
  } finally {
    await snapshot.close();
  }
}

/** Collects what the tables of one database turned out to be. */
class Tally {
  readonly #after: DatabaseFingerprint;
  readonly #before: Map<string, TableFingerprint>;
  readonly #own: XidWindow | null;
  readonly #findings: Finding[] = [];
  readonly #notTested: string[] = [];
  #proven = 0;
  #bounded = 0;
  #notExamined = 0;
  #compared = 0;
  #expected = 0;
  #quiet = 0;
  #moved = 0;

  constructor(after: DatabaseFingerprint, before: DatabaseFingerprint | undefined, own: XidWindow | null) {
    this.#after = after;
    this.#own = own;
    this.#before = new Map(before?.tables.map((table) => [displayName(table.schema, table.name), table]));
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
    if (before === undefined || before.signature !== table.signature) {
      // Made, altered or locked while the backup was made: the schema check says whether it is there.
      this.#compared += 1;
      this.#bounded += table.rows;
      this.#notTested.push(`the rows of ${what}: the table was created or altered while the backup was made`);
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
    this.#compared += 1;
    this.#quiet += compared.quietBlocks;
    this.#moved += compared.movedBlocks;
    this.#proven += Math.min(compared.provenRows, after.rows);
    this.#bounded += Math.max(0, after.rows - compared.provenRows);
    this.#findings.push(...tableFindings(what, after, copy, compared, this.#own !== null));
  }

  result(gaps: readonly string[]): DatabaseComparison {
    return {
      findings: this.#findings,
      coverage: { provenRows: this.#proven, boundedRows: this.#bounded, notExaminedRows: this.#notExamined },
      tablesCompared: this.#compared,
      tables: this.#expected + this.#after.notExamined.length,
      quietBlocks: this.#quiet,
      movedBlocks: this.#moved,
      notTested: [...this.#notTested, ...gaps],
    };
  }
}

function unreachable(
  after: DatabaseFingerprint,
  before: DatabaseFingerprint | undefined,
  error: QueryRefused,
): DatabaseComparison {
  const rows = after.tables.reduce((sum, table) => sum + table.rows, 0);
  const missing = error.sqlState === '3D000';
  const nothing = { tablesCompared: 0, tables: after.tables.length, quietBlocks: 0, movedBlocks: 0 };
  const coverage = { provenRows: 0, boundedRows: 0, notExaminedRows: rows };
  if (missing && before === undefined) {
    const line = `database ${after.name}: it was created while the backup was made`;
    return {
      ...nothing,
      tables: 0,
      findings: [],
      coverage: { ...coverage, boundedRows: rows, notExaminedRows: 0 },
      notTested: [line],
    };
  }
  const message = missing ? `the database is missing, with ${counted(rows, 'row')}` : error.message;
  const kind = missing || error.meansDamage ? failure : doubt;
  return {
    ...nothing,
    findings: [kind(missing ? 'database-missing' : 'not-examined', message, after.name)],
    coverage,
    notTested: [],
  };
}
