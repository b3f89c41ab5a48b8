import { type NotExamined, type SequenceValue, displayName } from './fingerprint.ts';
import { USER_SCHEMAS_SQL } from './names.ts';
import type { Session } from './session.ts';

interface SequenceRow extends Record<string, unknown> {
  schema: string;
  name: string;
  readable: boolean;
  last_value: string | null;
  increment: string;
  cycles: boolean;
  cache: string;
}

/** Where every sequence stands. Sequences are outside transactions: this is now, not the snapshot. */
export async function readSequences(
  session: Session,
  database: string,
): Promise<{ values: SequenceValue[]; notExamined: NotExamined[] }> {
  const rows = await session.rows<SequenceRow>(
    'read the sequences',
    `SELECT n.nspname AS schema, c.relname AS name, r.readable, s.seqincrement::text AS increment, s.seqcycle AS cycles,
       s.seqcache::text AS cache, CASE WHEN r.readable THEN pg_sequence_last_value(c.oid)::text END AS last_value
     FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
       LATERAL (SELECT has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'USAGE, SELECT') AS readable) r
     WHERE c.relpersistence = 'p' AND ${USER_SCHEMAS_SQL} ORDER BY 1, 2`,
  );
  return {
    values: rows
      .filter(({ readable }) => readable)
      .map(({ schema, name, last_value, increment, cycles, cache }) => ({
        schema,
        name,
        lastValue: last_value,
        increment,
        cycles,
        cache,
      })),
    notExamined: rows
      .filter(({ readable }) => !readable)
      .map(({ schema, name }) => ({
        what: displayName(database, schema, name),
        reason: 'the role may not read the sequence',
        rows: null,
      })),
  };
}
