import { QueryRefused } from '../errors.ts';
import type { Session } from './session.ts';

/**
 * Sizes of relations in blocks, now. Inside a transaction the locks that this takes are given back at once.
 * Absent: dropped meanwhile, or locked for too long.
 */
export async function sizesInBlocks(session: Session, oids: readonly string[]): Promise<Map<string, number>> {
  try {
    return await ask(session, oids);
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
  }
  // One of them is locked: ask for each, so that only that one stays unknown.
  const sizes = new Map<string, number>();
  for (const oid of oids) {
    try {
      for (const [key, size] of await ask(session, [oid])) sizes.set(key, size);
    } catch (error) {
      if (!(error instanceof QueryRefused)) throw error;
    }
  }
  return sizes;
}

async function ask(session: Session, oids: readonly string[]): Promise<Map<string, number>> {
  await session.run('set a savepoint', 'SAVEPOINT sizes');
  try {
    const rows = await session.rows<{ oid: string; blocks: number | null }>(
      'measure relations',
      `SELECT o::text AS oid, (pg_relation_size(o::oid) / current_setting('block_size')::int8)::float8 AS blocks
       FROM unnest($1::text[]) o`,
      [oids],
    );
    return new Map(rows.flatMap(({ oid, blocks }) => (blocks === null ? [] : [[oid, blocks] as const])));
  } finally {
    await session.run('release the relations', 'ROLLBACK TO SAVEPOINT sizes; RELEASE SAVEPOINT sizes');
  }
}
