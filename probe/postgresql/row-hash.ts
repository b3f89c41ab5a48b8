import { createHash } from 'node:crypto';
import { quoted } from './names.ts';

const FIRST_WITH_TID_HASH = 140_000;

/**
 * How the value of one column is hashed inside the server. `function` is one of PostgreSQL's own extended hash functions, `array` and
 * `enum` the generic ones, `text` goes through the value's text form: slower, and always possible.
 */
export interface HashedColumn {
  readonly number: number;
  readonly name: string;
  readonly by: 'function' | 'numeric' | 'array' | 'enum' | 'bool' | 'text';
  /** Name in `pg_catalog`; only for `function`. */
  readonly hashFunction: string | null;
  readonly collatable: boolean;
}

/**
 * SQL for the 64-bit digest of one row, `ctid` included: a different seed per column and per NULL, xor-ed, then hashed once more. Two rows
 * of one block never have the same digest, so that a block's rows may be xor-ed together.
 */
export function rowHashSql(
  columns: readonly HashedColumn[],
  seed: string,
  alias: string,
  serverVersion: number,
): string {
  const terms = columns.map((column) => {
    const value = valueSql(
      column,
      `${alias}.${quoted(column.name)}`,
      seedFor(seed, `column ${column.number}`),
    );
    return `coalesce(${value}, ${seedFor(seed, `null ${column.number}`)})`;
  });
  const place =
    serverVersion >= FIRST_WITH_TID_HASH
      ? `pg_catalog.hashtidextended(${alias}.ctid, ${seedFor(seed, 'ctid')})`
      : `pg_catalog.hashtextextended(${alias}.ctid::pg_catalog.text COLLATE "C", ${seedFor(seed, 'ctid')})`;
  return `pg_catalog.hashint8extended(${balanced([...terms, place])}, ${seedFor(seed, 'row')})`;
}

/** Collations are left out on purpose: bytes are compared, and no damaged or missing locale can get in the way. */
function valueSql({ by, hashFunction, collatable }: HashedColumn, value: string, seed: string): string {
  const collated = collatable ? `${value} COLLATE "C"` : value;
  switch (by) {
    case 'function':
      return `pg_catalog.${quoted(hashFunction ?? '')}(${collated}, ${seed})`;
    case 'numeric': {
      // PostgreSQL hashes NaN and both infinities to the bare seed; their text tells them apart.
      const plain = `pg_catalog.hash_numeric_extended(${value}, ${seed})`;
      return `coalesce(nullif(${plain}, ${seed}), pg_catalog.hashtextextended(${value}::pg_catalog.text COLLATE "C", ${seed}))`;
    }
    case 'array':
      return `pg_catalog.hash_array_extended(${collated}, ${seed})`;
    case 'enum':
      return `pg_catalog.hashenumextended(${value}, ${seed})`;
    case 'bool':
      return `pg_catalog.hashint4extended(${value}::pg_catalog.int4, ${seed})`;
    case 'text':
      return `pg_catalog.hashtextextended(${value}::pg_catalog.text COLLATE "C", ${seed})`;
  }
}

/** Xor of the terms as a balanced tree: 1 600 columns in a row would be too deep for the server's stack. */
function balanced(terms: readonly string[]): string {
  if (terms.length <= 2) return terms.join(' # ');
  const middle = terms.length >> 1;
  return `(${balanced(terms.slice(0, middle))}) # (${balanced(terms.slice(middle))})`;
}

/** A 64-bit literal derived from the night's seed, so that nobody can prepare a collision. */
export function seedFor(seed: string, use: string): string {
  const number = createHash('sha256').update(`${seed}\0${use}`).digest().readBigInt64BE();
  return `'${number}'::pg_catalog.int8`;
}
