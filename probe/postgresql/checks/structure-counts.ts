import type { Finding } from '../../../domain/verdict.ts';
import { QueryRefused } from '../../errors.ts';
import { displayName } from '../fingerprint.ts';
import { USER_SCHEMAS_SQL, qualified } from '../names.ts';
import type { Session } from '../session.ts';
import { doubt, failure } from './check.ts';
import { counted, grouped } from './ranges.ts';
import type { Part } from './structure.ts';

/** Tables that a B-tree covers wholly, so that the rows can be counted without the heap. */
const COUNTABLE = `
  SELECT n.nspname AS schema, c.relname AS name, row_security_active(c.oid) AS filtered
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am am ON am.oid = c.relam AND am.amname = 'heap'
  WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND ${USER_SCHEMAS_SQL}
    AND EXISTS (SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am b ON b.oid = x.relam AND b.amname = 'btree'
      WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL)
  ORDER BY 1, 2`;

const BY_HEAP =
  'SET enable_seqscan = on; SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off';
/** Forbidding plain index scans would make an index-only scan as dear as a sequential one. */
const BY_INDEX =
  'SET enable_seqscan = off; SET enable_indexscan = on; SET enable_indexonlyscan = on; SET enable_bitmapscan = off';
const AS_USUAL =
  'RESET enable_seqscan; RESET enable_indexscan; RESET enable_indexonlyscan; RESET enable_bitmapscan';

interface Countable {
  readonly schema: string;
  readonly name: string;
  readonly filtered: boolean;
}

/**
 * Counts each table twice: once by its heap and once by an index. PostgreSQL itself never notices that a heap lost its end or a page of
 * it was zeroed; the two numbers do.
 */
export async function compareCounts(session: Session, say: (detail: string) => void): Promise<Part> {
  const tables = await session.rows<Countable & Record<string, unknown>>(
    'list the tables with an index',
    COUNTABLE,
  );
  const countable = tables.filter(({ filtered }) => !filtered);
  const findings: Finding[] = [];
  let examined = 0;
  await session.run('begin', 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    for (const { schema, name } of countable) {
      const what = displayName(session.database, schema, name);
      say(`${what}: counting twice`);
      const found = await countTwice(session, what, qualified(schema, name));
      if (found !== null) findings.push(found);
      examined += 1;
    }
  } finally {
    await session.run('end', `ROLLBACK; ${AS_USUAL}`);
  }
  return { findings, examined, total: tables.length, notTested: [] };
}

async function countTwice(session: Session, what: string, table: string): Promise<Finding | null> {
  await session.run('set a savepoint', 'SAVEPOINT count');
  try {
    const byHeap = await count(session, what, table, BY_HEAP);
    const byIndex = await count(session, what, table, BY_INDEX);
    if (byHeap === byIndex) return null;
    const message = `the heap holds ${counted(byHeap, 'row')} and its index knows ${grouped(byIndex)}`;
    return failure('heap-and-index-differ', message, what);
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    const kind = error.meansDamage ? failure : doubt;
    return kind('cannot-count', error.message, what);
  } finally {
    await session.run('forget the savepoint', 'ROLLBACK TO SAVEPOINT count; RELEASE SAVEPOINT count');
  }
}

async function count(session: Session, what: string, table: string, how: string): Promise<number> {
  await session.run('choose how to count', how);
  const { n } = await session.row<{ n: string }>(
    `count ${what}`,
    `SELECT count(*)::text AS n FROM ONLY ${table}`,
  );
  return Number(n);
}
