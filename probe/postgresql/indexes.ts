import type { IndexSize } from './fingerprint.ts';
import { USER_SCHEMAS_SQL } from './names.ts';
import type { Session } from './session.ts';
import { sizesInBlocks } from './sizes.ts';

/** Every index of the users' schemas, with its file and its length. Must run inside a transaction. */
export async function readIndexes(session: Session): Promise<IndexSize[]> {
  const rows = await session.rows<{ oid: string; schema: string; name: string; file: string }>(
    'list the indexes',
    `SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relfilenode::text AS file
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'i' AND c.relpersistence = 'p' AND ${USER_SCHEMAS_SQL} ORDER BY 2, 3`,
  );
  const sizes = await sizesInBlocks(
    session,
    rows.map(({ oid }) => oid),
  );
  return rows.flatMap(({ oid, schema, name, file }) => {
    const blocks = sizes.get(oid);
    return blocks === undefined ? [] : [{ schema, name, fileNode: file, blocks }];
  });
}
