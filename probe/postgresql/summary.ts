import { QueryRefused } from '../errors.ts';
import type { Relation } from './inventory.ts';
import { qualified, quoted } from './names.ts';
import type { Session } from './session.ts';

/** What the values of one column look like, in numbers. Never a value. */
export interface ColumnSummary {
  readonly name: string;
  /** Share of nulls among the sampled rows, 0 to 1. */
  readonly nulls: number;
  /** Share of different values among the sampled ones that are not null, 0 to 1. */
  readonly distinct: number;
  /** Of the values' text forms. */
  readonly averageBytes: number;
  /** Bits per byte over the text forms, 0 to 8: words have about 4, base64 6, ciphertext 8. */
  readonly entropy: number;
}

export interface TableSummary {
  readonly schema: string;
  readonly name: string;
  readonly bytes: number;
  readonly sampledRows: number;
  readonly columns: readonly ColumnSummary[];
}

/** About so many, since blocks are taken whole: enough to see a jump, and a bounded cost per table whatever its size. */
const ROWS = 5_000;
const VALUES_FOR_ENTROPY = 300;
const BYTES_FOR_ENTROPY = 64;
/** Tables with more columns are summarised by their first ones. */
const MOST_COLUMNS = 200;

/** Samples every readable table of the users. A table that is locked or refused has no summary. Must run inside a transaction. */
export async function summarise(
  session: Session,
  relations: readonly Relation[],
  say: (detail: string) => void,
): Promise<TableSummary[]> {
  const summaries: TableSummary[] = [];
  for (const relation of relations) {
    if (
      relation.unreadable !== null ||
      relation.unlogged ||
      (relation.kind !== 'table' && relation.kind !== 'materialized view')
    )
      continue;
    say(`${session.database}: sampling ${relation.name}`);
    await session.run('set a savepoint', 'SAVEPOINT summary');
    try {
      summaries.push(await summariseOne(session, relation));
    } catch (error) {
      if (!(error instanceof QueryRefused)) throw error;
    } finally {
      await session.run('release the table', 'ROLLBACK TO SAVEPOINT summary; RELEASE SAVEPOINT summary');
    }
  }
  return summaries;
}

async function summariseOne(session: Session, relation: Relation): Promise<TableSummary> {
  const { schema, name, oid } = relation;
  const columns = relation.columns.slice(0, MOST_COLUMNS);
  // Whole blocks are chosen by chance, from all over the table; the limit only guards against an estimate that is far too low.
  const share = Math.min(100, (100 * ROWS) / Math.max(1, relation.estimatedRows ?? 1));
  const source = `(SELECT * FROM ${qualified(schema, name)} TABLESAMPLE SYSTEM (${share}) REPEATABLE (1) LIMIT ${8 * ROWS})`;
  const terms = columns.flatMap(({ name: column }, n) => {
    const value = `s.${quoted(column)}::text`;
    return [
      `count(${value})::float8 AS filled${n}`,
      `count(DISTINCT hashtextextended(${value} COLLATE "C", 0))::float8 AS distinct${n}`,
      `coalesce(avg(octet_length(${value})), 0)::float8 AS bytes${n}`,
    ];
  });
  const [row] = await session.rows<Record<string, number>>(
    `sample ${name}`,
    `SELECT ${['count(*)::float8 AS n', `pg_table_size(${oid}::oid)::float8 AS size`, ...terms].join(', ')} FROM ${source} s`,
  );
  const of = (key: string): number => row?.[key] ?? 0;
  const summaries: ColumnSummary[] = [];
  for (const [n, column] of columns.entries()) {
    const filled = of(`filled${n}`);
    summaries.push({
      name: column.name,
      nulls: of('n') === 0 ? 0 : rounded(1 - filled / of('n')),
      distinct: filled === 0 ? 0 : rounded(of(`distinct${n}`) / filled),
      averageBytes: rounded(of(`bytes${n}`)),
      entropy: rounded(await entropyOf(session, source, column.name)),
    });
  }
  return { schema, name, bytes: of('size'), sampledRows: of('n'), columns: summaries };
}

async function entropyOf(session: Session, source: string, column: string): Promise<number> {
  const { bits } = await session.row<{ bits: number }>(
    'measure the entropy of a column',
    `WITH s AS (SELECT s.${quoted(column)}::text AS v, row_number() OVER () AS n, count(*) OVER () AS total FROM ${source} s
       WHERE s.${quoted(column)} IS NOT NULL),
     v AS (SELECT convert_to(left(v, ${BYTES_FOR_ENTROPY}), 'UTF8') AS b FROM s WHERE n % greatest(1, total / ${VALUES_FOR_ENTROPY}) = 0),
     h AS (SELECT count(*)::float8 AS n FROM v, generate_series(0, length(v.b) - 1) i GROUP BY get_byte(v.b, i))
     SELECT coalesce(-sum(n / t.total * ln(n / t.total) / ln(2)), 0)::float8 AS bits FROM h, (SELECT sum(n) AS total FROM h) t`,
  );
  return bits;
}

const rounded = (n: number): number => Math.round(n * 1_000) / 1_000;
