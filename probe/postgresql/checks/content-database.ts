import { QueryRefused } from '../../errors.ts';
import type { CheckContext } from '../../engine.ts';
import { ownTransactions } from '../boot-xid.ts';
import { type DatabaseFingerprint, displayName } from '../fingerprint.ts';
import { listRelations } from '../inventory.ts';
import { heapSizes } from '../read-tables.ts';
import { openSnapshot } from '../snapshot.ts';
import type { CheckHooks } from './check.ts';
import { doubt, failure } from './check.ts';
import { CopyReader, readCopies } from './content-read.ts';
import { type DatabaseComparison, Tally } from './content-tally.ts';
import { counted } from './ranges.ts';

/**
 * Compares the rows of one database of the copy with both fingerprints.
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
    const own = await ownTransactions(lead, BigInt(after.snapshot.xmax));
    const relations = await listRelations(lead);
    const sizes = await heapSizes(lead, relations);
    const byName = new Map(
      relations.map((relation) => [displayName(relation.schema, relation.name), relation]),
    );
    const tally = new Tally(after, known, own.window);
    const readers: CopyReader[] = [];
    for (const table of after.tables.filter(({ kind }) => kind !== 'catalogue')) {
      const relation = byName.get(displayName(table.schema, table.name));
      const size = relation === undefined ? undefined : sizes.get(relation.oid);
      if (!tally.canCompare(table, relation, size) || relation === undefined || size === undefined) continue;
      const what = displayName(after.name, table.schema, table.name);
      readers.push(new CopyReader(relation, size, what, tally.seedsOf(table, seed), server.versionNumber));
    }
    await readCopies(snapshot, readers, { window: after.window, own: own.window, say });
    for (const reader of readers) tally.add(reader, sinceRecovery);
    const gaps =
      own.gap === null ? [] : [`rows inserted on the copy of ${after.name} right after its boot: ${own.gap}`];
    return tally.result(gaps);
  } finally {
    await snapshot.close();
  }
}

function unreachable(
  after: DatabaseFingerprint,
  before: DatabaseFingerprint | undefined,
  error: QueryRefused,
): DatabaseComparison {
  const tables = after.tables.filter(({ kind }) => kind !== 'catalogue');
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  const missing = error.sqlState === '3D000';
  const nothing = {
    tablesCompared: 0,
    tables: tables.length,
    sampledRows: 0,
    quietBlocks: 0,
    movedBlocks: 0,
    remembered: [],
  };
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
