import type { AgeRange } from './ages.ts';
import { qualified } from './names.ts';
import type { Relation } from './inventory.ts';
import type { Session } from './session.ts';

/** Two numbers (int4) per block, big-endian. */
const BYTES_PER_BLOCK = 8;

/** What the headers of a range of blocks say. Index is the block's number within the range. */
export interface RowHeaders {
  /** All visible rows together. */
  readonly rows: number;
  /** Rows that are not young. */
  readonly old: Uint16Array;
  /** Rows that were there when the known digests were made. */
  readonly kept: Uint16Array;
}

/** The question for blocks `[$1, $2)`: no column is looked at, and nothing is fetched from TOAST. */
export function headersSql({ schema, name }: Pick<Relation, 'schema' | 'name'>): string {
  return `
    SELECT coalesce(sum(x.visible), 0)::text AS rows, string_agg(int4send(x.old::int4) || int4send(x.kept::int4), ''::bytea ORDER BY g) AS blocks
    FROM generate_series($1::int4, $2::int4 - 1) g, LATERAL (
      SELECT count(*) AS visible, count(*) FILTER (WHERE h.age NOT BETWEEN $3::int4 AND $4::int4) AS old,
        count(*) FILTER (WHERE h.age NOT BETWEEN $5::int4 AND $6::int4) AS kept
      FROM (SELECT pg_catalog.age(t.xmin) AS age FROM ONLY ${qualified(schema, name)} t
        WHERE t.ctid >= ('(' || g || ',0)')::pg_catalog.tid AND t.ctid < ('(' || g + 1 || ',0)')::pg_catalog.tid OFFSET 0) h) x`;
}

/** Runs {@link headersSql}. */
export async function readHeaders(
  session: Session,
  doing: string,
  sql: string,
  [from, to]: readonly [from: number, to: number],
  { young, since }: { young: AgeRange; since: AgeRange },
): Promise<RowHeaders> {
  const { rows, blocks } = await session.row<{ rows: string; blocks: Buffer | null }>(doing, sql, [
    ...[from, to],
    ...[young.from, young.to, since.from, since.to],
  ]);
  const bytes = blocks ?? Buffer.alloc(0);
  const count = bytes.length / BYTES_PER_BLOCK;
  const [old, kept] = [new Uint16Array(count), new Uint16Array(count)];
  for (let block = 0; block < count; block += 1) {
    old[block] = bytes.readInt32BE(block * BYTES_PER_BLOCK);
    kept[block] = bytes.readInt32BE(block * BYTES_PER_BLOCK + 4);
  }
  return { rows: Number(rows), old, kept };
}
