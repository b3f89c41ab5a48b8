import { QueryRefused } from '../../errors.ts';
import { NO_AGES, agesOf } from '../ages.ts';
import {
  BLOCKS_PER_CHUNK,
  type RowAges,
  blankDigests,
  chunkSql,
  placeChunk,
  readChunk,
} from '../block-digests.ts';
import type { Relation } from '../inventory.ts';
import { displayName } from '../fingerprint.ts';
import type { Session } from '../session.ts';
import type { Snapshot } from '../snapshot.ts';
import type { XidWindow } from '../window.ts';
import type { CopiedTable } from './content-compare.ts';

/** After that many blocks that cannot be read, the rest of the table is taken as unreadable, too. */
const MOST_UNREADABLE = 256;

/** One table of the copy, to be read in pieces by whichever session is free. */
export class CopyReader {
  readonly relation: Relation;
  readonly sizeBlocks: number;
  readonly #serverVersion: number;
  readonly #seedOf: (part: number) => string;
  readonly #doing: string;
  readonly #blocks: CopiedTable['blocks'];
  readonly #unreadable: number[] = [];
  #rows = 0;
  #late = 0;
  /** Why nothing can be said about the table; a missing privilege, for instance. */
  refused: QueryRefused | null = null;

  /** @param seedOf the seed with which the source's blocks of a part were digested. */
  constructor(
    relation: Relation,
    sizeBlocks: number,
    what: string,
    seedOf: (part: number) => string,
    serverVersion: number,
  ) {
    this.relation = relation;
    this.sizeBlocks = sizeBlocks;
    this.#serverVersion = serverVersion;
    this.#seedOf = seedOf;
    this.#doing = `read ${what}`;
    this.#blocks = blankDigests(sizeBlocks);
  }

  chunks(): (readonly [from: number, to: number])[] {
    const count = Math.ceil(this.sizeBlocks / BLOCKS_PER_CHUNK);
    return Array.from({ length: count }, (_, n) => [
      n * BLOCKS_PER_CHUNK,
      Math.min(this.sizeBlocks, (n + 1) * BLOCKS_PER_CHUNK),
    ]);
  }

  /** Reads blocks `[from, to)`. What the server cannot read is narrowed down to single blocks. */
  async read(session: Session, ages: RowAges, [from, to]: readonly [number, number]): Promise<void> {
    if (this.refused !== null) return;
    await session.run('set a savepoint', 'SAVEPOINT chunk');
    const refusal = await this.#attempt(session, ages, [from, to]).finally(() =>
      session.run('end the savepoint', 'ROLLBACK TO SAVEPOINT chunk; RELEASE SAVEPOINT chunk'),
    );
    if (refusal === null) return;
    if (!refusal.meansDamage) {
      this.refused = refusal;
    } else if (to - from === 1 || this.#unreadable.length >= MOST_UNREADABLE) {
      for (let block = from; block < to; block += 1) this.#unreadable.push(block);
    } else {
      const middle = (from + to) >> 1;
      await this.read(session, ages, [from, middle]);
      await this.read(session, ages, [middle, to]);
    }
  }

  async #attempt(
    session: Session,
    ages: RowAges,
    range: readonly [number, number],
  ): Promise<QueryRefused | null> {
    try {
      const seed = this.#seedOf(Math.floor(range[0] / BLOCKS_PER_CHUNK));
      const sql = chunkSql(this.relation, seed, this.#serverVersion);
      const { rows, late, blocks } = await readChunk(session, this.#doing, sql, range, ages);
      placeChunk(this.#blocks, range[0], blocks);
      this.#rows += rows;
      this.#late += late;
      return null;
    } catch (error) {
      if (error instanceof QueryRefused) return error;
      throw error;
    }
  }

  /** @param sinceRecovery whether the copy's statistics began with its recovery. */
  result(sinceRecovery: boolean): CopiedTable {
    const { vacuums, writes } = this.relation;
    return {
      sizeBlocks: this.sizeBlocks,
      vacuums,
      rows: this.#rows,
      late: this.#late,
      writesSinceRecovery: sinceRecovery ? writes : null,
      blocks: this.#blocks,
      unreadable: this.#unreadable,
    };
  }
}

/** A second session pays for itself from 32 MB on. */
const BLOCKS_WORTH_A_SECOND_SESSION = 4_096;

/** Lets the sessions of one snapshot read all tables, the largest first. */
export async function readCopies(
  snapshot: Snapshot,
  readers: readonly CopyReader[],
  { window, own, say }: { window: XidWindow; own: XidWindow | null; say: (detail: string) => void },
): Promise<void> {
  const total = readers.reduce((sum, { sizeBlocks }) => sum + sizeBlocks, 0);
  const few = total < BLOCKS_WORTH_A_SECOND_SESSION;
  const sessions = few ? [snapshot.lead] : [snapshot.lead, await snapshot.join()];
  const chunks = [...readers]
    .sort((a, b) => b.sizeBlocks - a.sizeBlocks)
    .flatMap((reader) => reader.chunks().map((range) => ({ reader, range })));
  let next = 0;
  const drain = async (session: Session) => {
    const late = own === null ? NO_AGES : await agesOf(session, own);
    const ages = { young: await agesOf(session, window), late };
    for (let chunk = chunks[next++]; chunk !== undefined; chunk = chunks[next++]) {
      const { schema, name } = chunk.reader.relation;
      say(`${displayName(session.database, schema, name)}: part ${next} of ${chunks.length}`);
      await chunk.reader.read(session, ages, chunk.range);
    }
  };
  await Promise.all(sessions.map(drain));
}
