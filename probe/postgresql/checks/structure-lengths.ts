import type { Finding } from '../../../domain/verdict.ts';
import { type DatabaseFingerprint, type IndexSize, displayName } from '../fingerprint.ts';
import { readIndexes } from '../indexes.ts';
import type { Session } from '../session.ts';
import { failure } from './check.ts';
import { counted, grouped } from './ranges.ts';

/**
 * Indexes only grow, whatever their kind, until they are rebuilt into another file. So the copy of one that was not rebuilt during the night
 * is at least as long as before the backup.
 */
export async function compareLengths(
  session: Session,
  before: DatabaseFingerprint | undefined,
  after: DatabaseFingerprint | undefined,
): Promise<Finding[]> {
  if (before === undefined || after === undefined) return [];
  await session.run('begin', 'BEGIN READ ONLY');
  const copies = keyed(await readIndexes(session).finally(() => session.run('end', 'ROLLBACK')));
  const later = keyed(after.indexes);
  return before.indexes.flatMap((first) => {
    const key = displayName(first.schema, first.name);
    const [last, copy] = [later.get(key), copies.get(key)];
    const sameFile = last?.fileNode === first.fileNode && copy?.fileNode === first.fileNode;
    if (!sameFile || copy.blocks >= first.blocks) return [];
    const message = `the index has ${counted(copy.blocks, 'block')}, at least ${grouped(first.blocks)} were there: its end is missing`;
    return [failure('index-too-short', message, displayName(session.database, first.schema, first.name))];
  });
}

function keyed(indexes: readonly IndexSize[]): Map<string, IndexSize> {
  return new Map(indexes.map((index) => [displayName(index.schema, index.name), index]));
}
