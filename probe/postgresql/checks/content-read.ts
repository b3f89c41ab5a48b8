import { QueryRefused } from '../../errors.ts';
import {
  BLOCKS_PER_CHUNK,
  type RowAges,
  blankDigests,
  chunkSql,
  placeChunk,
  readChunk,
} from '../block-digests.ts';
import type { Relation } from '../inventory.ts';
import type { Session } from '../session.ts';
import type { CopiedTable } from './content-compare.ts';

/** After that many blocks that cannot be read, the rest of the table is taken as unreadable, too. */
const MOST_UNREADABLE = 256;

/** One table of the copy, to be read in pieces by whichever session is free. */
export class CopyReader {
  readonly relation: Relation;
  readonly sizeBlocks: number;
  readonly #sql: string;
  readonly #doing: string;
  readonly #blocks: CopiedTable['blocks'];
  readonly #unreadable: number[] = [];
  #rows = 0;
  #late = 0;
  /** Why nothing can be said about the table; a missing privilege, for instance. */
  refused: QueryRefused | null = null;

  constructor(relation: Relation, sizeBlocks: number, what: string, seed: string, serverVersion: number) {
    this.relation = relation;
    this.sizeBlocks = sizeBlocks;
    this.#sql = chunkSql(relation, seed, serverVersion);
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
      const { rows, late, blocks } = await readChunk(session, this.#doing, this.#sql, range, ages);
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
