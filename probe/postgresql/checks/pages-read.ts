import type { Finding } from '../../../domain/verdict.ts';
import { QueryRefused } from '../../errors.ts';
import type { Session } from '../session.ts';
import { doubt, failure } from './check.ts';
import { blocksInWords } from './ranges.ts';

/** 128 MB per question. */
const BLOCKS_PER_QUESTION = 16_384;
/** After that many bad blocks a relation is called damaged throughout. */
const MOST_BAD_BLOCKS = 256;
const PERMISSION_DENIED = '42501';

/** One file of one relation: its rows or entries, its visibility map or its free space map. */
export interface Fork {
  readonly oid: string;
  readonly name: string;
  readonly fork: 'main' | 'vm' | 'fsm';
  readonly blocks: number;
  /** PostgreSQL's own. */
  readonly system: boolean;
}

export interface ForksRead {
  readonly findings: readonly Finding[];
  /** What the role may not read. */
  readonly refused: readonly Fork[];
}

const NOTHING_WRONG: ForksRead = { findings: [], refused: [] };

/** @param prewarm the schema-qualified name of `pg_prewarm`; only its mode `buffer` verifies pages. */
export async function readBatch(
  session: Session,
  prewarm: string,
  batch: readonly Fork[],
): Promise<ForksRead> {
  if (batch.length > 1) {
    try {
      await session.rows(
        'read pages',
        `SELECT ${prewarm}(o::oid, 'buffer', f) FROM unnest($1::text[], $2::text[]) x(o, f)`,
        [batch.map(({ oid }) => oid), batch.map(({ fork }) => fork)],
      );
      return NOTHING_WRONG;
    } catch (error) {
      if (!(error instanceof QueryRefused)) throw error;
      // Something in this batch cannot be read: ask one by one.
    }
  }
  const each: ForksRead[] = [];
  for (const fork of batch) each.push(await readFork(session, prewarm, fork));
  return {
    findings: each.flatMap(({ findings }) => findings),
    refused: each.flatMap(({ refused }) => refused),
  };
}

async function readFork(session: Session, prewarm: string, fork: Fork): Promise<ForksRead> {
  const bad: number[] = [];
  for (let from = 0; from < fork.blocks && bad.length < MOST_BAD_BLOCKS; from += BLOCKS_PER_QUESTION) {
    const to = Math.min(fork.blocks, from + BLOCKS_PER_QUESTION);
    const refusal = await readRange(session, prewarm, fork, from, to, bad);
    if (refusal === null) continue;
    if (refusal.sqlState === PERMISSION_DENIED) return { findings: [], refused: [fork] };
    return { findings: [doubt('not-examined', refusal.message, fork.name)], refused: [] };
  }
  if (bad.length === 0) return NOTHING_WRONG;
  const where = `${fork.name} ${blocksInWords(bad)}`;
  const more = bad.length >= MOST_BAD_BLOCKS ? ', and the rest was not read' : '';
  return { findings: [FINDING_OF[fork.fork](bad.length, where, more)], refused: [] };
}

const FINDING_OF = {
  main: (n: number, where: string, more: string) =>
    failure('damaged-page', `${counted(n)} damaged: the checksum or the header does not fit${more}`, where),
  vm: (n: number, where: string, more: string) =>
    failure('damaged-visibility-map', `${counted(n)} of the visibility map damaged${more}`, where),
  // PostgreSQL rebuilds it, and nothing is lost; but something damaged the file.
  fsm: (n: number, where: string, more: string) =>
    doubt('damaged-free-space-map', `${counted(n)} of the free space map damaged${more}`, where),
} satisfies Record<Fork['fork'], (n: number, where: string, more: string) => Finding>;

function counted(pages: number): string {
  return pages === 1 ? '1 page is' : `${pages} pages are`;
}

/**
 * Reads blocks `[from, to)` and collects the bad ones: after each refusal it goes on behind the block that the server named, or halves the
 * range when it named none.
 * @returns the refusal when it says nothing about the pages, such as a missing privilege.
 */
async function readRange(
  session: Session,
  prewarm: string,
  fork: Fork,
  from: number,
  to: number,
  bad: number[],
): Promise<QueryRefused | null> {
  if (from >= to || bad.length >= MOST_BAD_BLOCKS) return null;
  try {
    await session.rows(`read ${fork.name}`, `SELECT ${prewarm}($1::oid, 'buffer', $2, $3, $4)`, [
      fork.oid,
      fork.fork,
      from,
      to - 1,
    ]);
    return null;
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    if (!error.meansDamage) return error;
    if (to - from === 1) {
      bad.push(from);
      return null;
    }
    if (error.block !== null && error.block >= from && error.block < to) {
      bad.push(error.block);
      return readRange(session, prewarm, fork, error.block + 1, to, bad);
    }
    const middle = (from + to) >> 1;
    return (
      (await readRange(session, prewarm, fork, from, middle, bad)) ??
      (await readRange(session, prewarm, fork, middle, to, bad))
    );
  }
}
