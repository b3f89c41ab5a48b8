import type { AgeRange } from './ages.ts';
import type { BlockDigests } from './fingerprint.ts';
import { qualified } from './names.ts';
import type { Relation } from './inventory.ts';
import { rowHashSql } from './row-hash.ts';
import type { Session } from './session.ts';

/** 16 MB of heap per question: well below any time-out, and often enough for a heartbeat. */
export const BLOCKS_PER_CHUNK = 2_048;
/** Count (int4) and digest (int8), big-endian. */
const BYTES_PER_BLOCK = 12;
/** No 32 kB page holds more row versions than this; TID range scans exist from PostgreSQL 14. */
const MAX_ROWS_PER_BLOCK = 1_200;
export const FIRST_WITH_TID_RANGES = 140_000;
const FIRST_WITH_BIT_XOR = 140_000;

export interface ChunkDigest {
  readonly rows: number;
  /** Rows written by transactions of the copy itself. */
  readonly late: number;
  readonly blocks: BlockDigests;
}

/** Which rows are young, and which were written by the copy itself, as seen by one session; at the source nothing is late. */
export interface RowAges {
  readonly young: AgeRange;
  readonly late: AgeRange;
}

/**
 * The question for blocks `[$1, $2)` of a table: count and digest of the old rows per block, and all visible rows together.
 * `$3` to `$6` are the ages of young and of late rows.
 */
export function chunkSql(
  relation: Pick<Relation, 'schema' | 'name' | 'columns'>,
  seed: string,
  serverVersion: number,
): string {
  const place =
    serverVersion >= FIRST_WITH_TID_RANGES
      ? `t.ctid >= ('(' || g || ',0)')::pg_catalog.tid AND t.ctid < ('(' || g + 1 || ',0)')::pg_catalog.tid`
      : `t.ctid = ANY (ARRAY(SELECT ('(' || g || ',' || i || ')')::pg_catalog.tid FROM generate_series(1, ${MAX_ROWS_PER_BLOCK}) i))`;
  const together =
    serverVersion >= FIRST_WITH_BIT_XOR
      ? 'bit_xor(r.h)'
      : 'pg_catalog.hashtextextended(sum(r.h)::pg_catalog.text COLLATE "C", 0)';
  // OFFSET 0 keeps the row's digest from being computed once for the count and once more for the sum. Nearly all rows are older than
  // both ranges: they cost one question for their age, as it is a good part of the whole.
  return `
    SELECT coalesce(sum(x.visible), 0)::text AS rows, coalesce(sum(x.late), 0)::text AS late,
      string_agg(int4send(x.old::int4) || int8send(coalesce(x.digest, 0)), ''::bytea ORDER BY g) AS blocks
    FROM generate_series($1::int4, $2::int4 - 1) g, LATERAL (
      SELECT count(*) AS visible, count(r.h) AS old, ${together} AS digest, 
        count(*) FILTER (WHERE r.h IS NULL AND pg_catalog.age(r.xmin) BETWEEN $5 AND $6) AS late FROM (
        SELECT CASE WHEN pg_catalog.age(t.xmin) > greatest($4::int4, $6::int4)
            OR (pg_catalog.age(t.xmin) NOT BETWEEN $3::int4 AND $4 AND pg_catalog.age(t.xmin) NOT BETWEEN $5::int4 AND $6)
          THEN ${rowHashSql(relation.columns, seed, 't', serverVersion)} END AS h, t.xmin
        FROM ONLY ${qualified(relation.schema, relation.name)} t WHERE ${place} OFFSET 0) r) x`;
}

/** Runs {@link chunkSql}. The digests are made in the server: what comes back is twelve bytes per block. */
export async function readChunk(
  session: Session,
  doing: string,
  sql: string,
  [from, to]: readonly [from: number, to: number],
  { young, late }: RowAges,
): Promise<ChunkDigest> {
  const answer = await session.row<{ rows: string; late: string; blocks: Buffer | null }>(doing, sql, [
    ...[from, to],
    ...[young.from, young.to, late.from, late.to],
  ]);
  return {
    rows: Number(answer.rows),
    late: Number(answer.late),
    blocks: unpack(answer.blocks ?? Buffer.alloc(0)),
  };
}

function unpack(bytes: Buffer): BlockDigests {
  const blocks = bytes.length / BYTES_PER_BLOCK;
  const [counts, digests] = [new Uint16Array(blocks), new BigUint64Array(blocks)];
  for (let block = 0; block < blocks; block += 1) {
    counts[block] = bytes.readInt32BE(block * BYTES_PER_BLOCK);
    digests[block] = bytes.readBigUInt64BE(block * BYTES_PER_BLOCK + 4);
  }
  return { counts, digests };
}

/** An empty place for `blocks` blocks, to be filled chunk by chunk. */
export function blankDigests(blocks: number): BlockDigests {
  return { counts: new Uint16Array(blocks), digests: new BigUint64Array(blocks) };
}

export function placeChunk(into: BlockDigests, at: number, chunk: BlockDigests): void {
  into.counts.set(chunk.counts, at);
  into.digests.set(chunk.digests, at);
}
