import type { Finding } from '../../../domain/verdict.ts';
import type { ProbeTarget } from '../../engine.ts';
import { ownTransactions } from '../boot-xid.ts';
import { type DatabaseFingerprint, displayName } from '../fingerprint.ts';
import { listRelations } from '../inventory.ts';
import { heapSizes } from '../read-tables.ts';
import { openSnapshot } from '../snapshot.ts';
import type { CheckHooks } from './check.ts';
import { compareBlocks } from './content-compare.ts';
import { tableFindings } from './content-findings.ts';
import { CopyReader, readCopies } from './content-read.ts';

/**
 * Compares the blocks of PostgreSQL's own catalogue tables like those of any other table: what has no name that the comparison of objects
 * could tell, such as a built-in operator, is covered so. Rows that the copy wrote itself, our own extensions among them, are left out.
 */
export async function compareCatalogueHeaps(
  target: ProbeTarget,
  before: DatabaseFingerprint,
  after: DatabaseFingerprint,
  { seed, versionNumber }: { seed: string; versionNumber: number },
  { signal, say }: CheckHooks,
): Promise<Finding[]> {
  const snapshot = await openSnapshot(target, after.name, signal);
  try {
    const { lead } = snapshot;
    const own = await ownTransactions(lead, BigInt(after.snapshot.xmax));
    const relations = (await listRelations(lead)).filter(({ kind }) => kind === 'catalogue');
    const sizes = await heapSizes(lead, relations);
    const pairs = relations.flatMap((relation) => {
      const [first, last] = [before, after].map(({ tables }) =>
        tables.find(({ kind, name }) => kind === 'catalogue' && name === relation.name),
      );
      const size = sizes.get(relation.oid);
      if (first === undefined || last === undefined || size === undefined) return [];
      const what = displayName(after.name, relation.schema, relation.name);
      return [{ what, first, last, reader: new CopyReader(relation, size, what, () => seed, versionNumber) }];
    });
    const readers = pairs.map(({ reader }) => reader);
    await readCopies(snapshot, readers, { window: after.window, own: own.window, say });
    return pairs.flatMap(({ what, first, last, reader }) => {
      if (reader.refused !== null) return []; // closed to the role; the objects themselves were compared
      const copy = { ...reader.result(false), late: 0 };
      return tableFindings(what, last, copy, compareBlocks(first, last, copy), false);
    });
  } finally {
    await snapshot.close();
  }
}
