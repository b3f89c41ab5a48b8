import { createHash } from 'node:crypto';
import type { ProbeHooks, ProbeTarget, Spoilt } from '../engine.ts';
import { QueryRefused } from '../errors.ts';
import type { DatabaseFingerprint, Fingerprint, TableFingerprint } from './fingerprint.ts';
import { catalogueName, qualified } from './names.ts';
import { ifAllowed } from './server.ts';
import { Session } from './session.ts';

interface Place {
  readonly database: string;
  readonly table: TableFingerprint;
  readonly block: number;
}

const ATTEMPTS = 8;

/**
 * Deletes one row of a restored copy, in a block that did not change while its backup was taken: the smallest loss that the content
 * check promises to see. Which one follows from `seed`.
 * @returns null when there is no such row: an empty or wholly busy database.
 */
export async function spoil(
  target: ProbeTarget,
  { before, after, seed }: { before: Fingerprint; after: Fingerprint; seed: string },
  hooks: ProbeHooks,
): Promise<Spoilt | null> {
  const places = quietBlocks(before, after).sort((a, b) => (orderOf(seed, a) < orderOf(seed, b) ? -1 : 1));
  for (const place of places.slice(0, ATTEMPTS)) {
    hooks.heartbeat('spoiling');
    const session = await Session.open(target, place.database, hooks.signal);
    try {
      if (await deleteOne(session, place)) return { what: `one row deleted in ${nameOf(place)}` };
    } catch (error) {
      if (!(error instanceof QueryRefused)) throw error; // a trigger or a rule forbids it: another table may let us
    } finally {
      await session.close();
    }
  }
  return null;
}

async function deleteOne(session: Session, { table, block }: Place): Promise<boolean> {
  // Without it, foreign keys and triggers would change more than the one row, or refuse.
  await ifAllowed(session.run('leave triggers aside', 'SET session_replication_role = replica'));
  const name = qualified(table.schema, table.name);
  const rows = await session.rows(
    'delete one row',
    `DELETE FROM ONLY ${name} WHERE ctid = (
       SELECT ctid FROM ONLY ${name} WHERE ctid >= '(${block},0)'::tid AND ctid < '(${block + 1},0)'::tid LIMIT 1
     ) RETURNING 1`,
  );
  return rows.length === 1;
}

/** One block per table is enough to choose from: the first half-way through it. */
function quietBlocks(before: Fingerprint, after: Fingerprint): Place[] {
  return after.databases.flatMap((database) => {
    const earlier = before.databases.find(({ name }) => name === database.name);
    return earlier === undefined ? [] : placesIn(earlier, database);
  });
}

function placesIn(earlier: DatabaseFingerprint, database: DatabaseFingerprint): Place[] {
  return database.tables.flatMap((table) => {
    const was = earlier.tables.find(({ schema, name }) => schema === table.schema && name === table.name);
    if (was === undefined || table.kind !== 'table' || table.unlogged || table.rewrittenWhileRead) return [];
    if (was.fileNode !== table.fileNode) return [];
    const { counts, digests } = table.blocks;
    const quiet = Array.from(counts.keys()).filter(
      (block) =>
        (counts[block] ?? 0) > 0 &&
        counts[block] === was.blocks.counts[block] &&
        digests[block] === was.blocks.digests[block],
    );
    const block = quiet[Math.floor(quiet.length / 2)];
    return block === undefined ? [] : [{ database: database.name, table, block }];
  });
}

const nameOf = ({ database, table, block }: Place): string =>
  `${catalogueName(database, table.schema, table.name)} block ${block}`;

const orderOf = (seed: string, place: Place): string =>
  createHash('sha256')
    .update(`${seed}|${nameOf(place)}`)
    .digest('hex');
