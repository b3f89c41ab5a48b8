import type { Finding } from '../../../domain/verdict.ts';
import { QueryRefused } from '../../errors.ts';
import { displayName } from '../fingerprint.ts';
import type { Session } from '../session.ts';
import { batched } from './batches.ts';
import { doubt, failure, note } from './check.ts';
import { counted } from './ranges.ts';
import type { Part } from './structure.ts';

interface Index {
  readonly oid: string;
  readonly name: string;
  readonly blocks: number;
  /** Whether every row of the heap is looked up in it, too. */
  readonly deep: boolean;
}

/** Heaps up to 256 MB are also checked row by row against each of their indexes; above that it takes too long for a night. */
const DEEP_HEAP_BLOCKS = 32_768;

const INDEXES = `
  SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, am.amname AS method, i.indisvalid AND i.indisready AS valid,
    (pg_relation_size(c.oid) / current_setting('block_size')::int8)::float8 AS blocks,
    pg_relation_size(i.indrelid) <= ${DEEP_HEAP_BLOCKS} * current_setting('block_size')::int8 AS small
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am am ON am.oid = c.relam
  WHERE c.relkind = 'i' AND c.relpersistence <> 't' ORDER BY c.oid`;

interface IndexRow extends Record<string, unknown> {
  oid: string;
  schema: string;
  name: string;
  method: string;
  valid: boolean;
  blocks: number;
  small: boolean;
}

/** `bt_index_check` over every B-tree. Other kinds of indexes are counted as not tested: PostgreSQL has no check for them. */
export async function checkIndexes(
  session: Session,
  amcheck: string,
  say: (detail: string) => void,
): Promise<Part> {
  const rows = await session.rows<IndexRow>('list the indexes', INDEXES);
  const nameOf = ({ schema, name }: IndexRow) => displayName(session.database, schema, name);
  const findings: Finding[] = rows
    .filter(({ valid }) => !valid)
    .map((row) =>
      note(
        'invalid-index',
        'the index is marked invalid and was not checked; schema compares the mark',
        nameOf(row),
      ),
    );
  const btrees = rows
    .filter(({ method, valid }) => method === 'btree' && valid)
    .map((row): Index => ({ oid: row.oid, name: nameOf(row), blocks: row.blocks, deep: row.small }));
  const notTested: string[] = [];
  let examined = 0;
  for (const batch of [
    ...batched(btrees.filter(({ deep }) => deep)),
    ...batched(btrees.filter(({ deep }) => !deep)),
  ]) {
    say(`${batch[0]?.name ?? session.database}: checking the index`);
    const one = await checkBatch(session, amcheck, batch);
    findings.push(...one.findings);
    notTested.push(...one.notTested);
    examined += one.examined;
  }
  return {
    findings,
    examined,
    total: btrees.length,
    notTested: [...notTested, ...untested(session.database, rows, btrees)],
  };
}

function untested(database: string, rows: readonly IndexRow[], btrees: readonly Index[]): string[] {
  const others = rows.filter(({ method }) => method !== 'btree');
  const kinds = [...new Set(others.map(({ method }) => method))].sort().join(', ');
  const shallow = btrees.filter(({ deep }) => !deep);
  return [
    ...(others.length === 0
      ? []
      : [
          `${counted(others.length, 'index', 'indexes')} of ${database} of other kinds (${kinds}): only their pages were read`,
        ]),
    ...shallow.map(({ name }) => `whether every row is in ${name}: the table is larger than 256 MB`),
  ];
}

async function checkBatch(
  session: Session,
  amcheck: string,
  batch: readonly Index[],
): Promise<{ findings: Finding[]; examined: number; notTested: string[] }> {
  const refused = await ask(session, amcheck, batch, batch[0]?.deep ?? false);
  if (refused === null) return { findings: [], examined: batch.length, notTested: [] };
  const [only, ...others] = batch;
  if (only === undefined) return { findings: [], examined: 0, notTested: [] };
  if (others.length > 0) {
    const each = [];
    for (const index of batch) each.push(await checkBatch(session, amcheck, [index]));
    return {
      findings: each.flatMap(({ findings }) => findings),
      examined: each.reduce((sum, one) => sum + one.examined, 0),
      notTested: each.flatMap(({ notTested }) => notTested),
    };
  }
  if (refused.meansDamage) {
    return {
      findings: [failure('index-corrupt', `the index is damaged (SQLSTATE ${refused.sqlState})`, only.name)],
      examined: 1,
      notTested: [],
    };
  }
  if (only.deep && (await ask(session, amcheck, [only], false)) === null) {
    // Comparing with the heap evaluates the index's own expressions, which may need more than this session gives them.
    return {
      findings: [],
      examined: 1,
      notTested: [`whether every row is in ${only.name}: ${refused.message}`],
    };
  }
  return { findings: [doubt('not-examined', refused.message, only.name)], examined: 0, notTested: [] };
}

async function ask(
  session: Session,
  amcheck: string,
  batch: readonly Index[],
  deep: boolean,
): Promise<QueryRefused | null> {
  try {
    await session.rows(
      batch.length === 1 ? `check the index ${batch[0]?.name ?? ''}` : 'check indexes',
      `SELECT ${amcheck}.bt_index_check(o::oid::regclass, ${deep}) FROM unnest($1::text[]) o`,
      [batch.map(({ oid }) => oid)],
    );
    return null;
  } catch (error) {
    if (error instanceof QueryRefused) return error;
    throw error;
  }
}
