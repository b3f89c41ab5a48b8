import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cut, dropSegment, dropWal, flip, SEGMENT_BLOCKS, zero } from './damage-bytes.ts';
import {
  deleteRows,
  emptyTables,
  keysIn,
  keysOn,
  largestTable,
  lastBlock,
  rowsFrom,
  victimBlock,
  victimIndex,
} from './damage-targets.ts';
import type { PostgresHost } from './host.ts';
import { Seeded } from './seeded.ts';
import type { PostgresServer } from './server.ts';
import { restoreSnapshot, takeSnapshot } from './snapshot.ts';

/**
 * What can be wrong with a stored copy:
 * - `page`: one byte of a row flipped; the page's checksum no longer fits.
 * - `page-checksum`: one bit of a row flipped and the checksum made to fit: only a look at the content can tell.
 * - `zero`: a page of zeros, which PostgreSQL takes for one that was never used: its rows are gone without a word.
 * - `zero-checksum`: the same behind a page header whose checksum fits.
 * - `rows`: rows missing, as if they had never been there.
 * - `truncate`: the last pages of a table cut off.
 * - `segment`: one file of a table gone.
 * - `index`: one byte of an index page flipped.
 * - `empty`: all tables of the users without rows.
 * - `wal`: no WAL, so that the copy cannot become consistent.
 */
export const SNAPSHOT_DAMAGES = [
  'page',
  'page-checksum',
  'zero',
  'zero-checksum',
  'rows',
  'truncate',
  'segment',
  'index',
  'empty',
  'wal',
] as const;
export type SnapshotDamage = (typeof SNAPSHOT_DAMAGES)[number];

/** Exactly what was damaged. Members that a kind has no use for are absent. */
export interface DamageReport {
  readonly kind: string;
  readonly seed: string;
  readonly database?: string;
  readonly schema?: string;
  /** Table or index. */
  readonly relation?: string;
  /** The table that a damaged index belongs to. */
  readonly table?: string;
  /** Path below the data folder. */
  readonly file?: string;
  readonly block?: number;
  /** Byte within the block. */
  readonly offset?: number;
  /** Rows that are gone or changed. */
  readonly rows?: number;
  /** Primary keys of the first of them, as JSON texts. */
  readonly keys?: readonly string[];
  readonly blocksBefore?: number;
  readonly blocksAfter?: number;
  readonly tables?: readonly string[];
  readonly files?: readonly string[];
}

export interface DamageOrder {
  readonly kind: SnapshotDamage;
  /** The same seed damages the same place of the same data. */
  readonly seed: string;
  /** For `rows`: how many. */
  readonly count?: number | undefined;
}

/**
 * Damages a stored snapshot in place; its manifest stays that of the sound one. The snapshot is first booted privately and taken
 * again at rest, so that no WAL can heal what is damaged.
 */
export async function damageSnapshot(
  host: PostgresHost,
  snapshotDir: string,
  workDir: string,
  order: DamageOrder,
): Promise<DamageReport> {
  const { kind, seed } = order;
  if (kind === 'wal') return { kind, seed, files: await dropWal(join(snapshotDir, 'data', 'pg_wal')) };
  const work = join(workDir, randomUUID());
  try {
    const server = await restoreSnapshot(host, snapshotDir, join(work, 'server'), {
      ...{ listen: '127.0.0.1', admits: [], settings: { autovacuum: 'off', shared_buffers: '16MB' } },
    });
    await server.start();
    let plan: Plan;
    try {
      plan = await prepare(server, order);
      await takeSnapshot(server, join(work, 'copy'));
    } finally {
      await server.stop('immediate');
    }
    const details = await plan.apply(join(work, 'copy', 'data'));
    await replaceFolder(join(work, 'copy', 'data'), join(snapshotDir, 'data'), join(work, 'sound'));
    return { kind, seed, ...details };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface Plan {
  /** Damages the copy's files. */
  apply(data: string): Promise<Omit<DamageReport, 'kind' | 'seed'>>;
}

async function prepare(server: PostgresServer, order: DamageOrder): Promise<Plan> {
  const seeded = new Seeded(order.seed);
  const { kind } = order;
  if (kind === 'empty') {
    const tables = await emptyTables(server);
    return { apply: async () => ({ tables }) };
  }
  const target = await largestTable(server);
  const { database, schema, relation } = target;
  switch (kind) {
    case 'rows': {
      const keys = await deleteRows(server, target, seeded, order.count ?? 25);
      return {
        apply: async () => ({ database, schema, relation, rows: keys.length, keys: keys.slice(0, 50) }),
      };
    }
    case 'page':
    case 'page-checksum': {
      const { block, item } = await victimBlock(server, target, seeded);
      const keys = await keysIn(server, target, block, item);
      return {
        apply: async (data) => {
          const flipped = await flip(data, target.file, block, { item, recompute: kind === 'page-checksum' });
          return { database, schema, relation, ...flipped, rows: 1, keys };
        },
      };
    }
    case 'zero':
    case 'zero-checksum': {
      const { block } = await victimBlock(server, target, seeded);
      const keys = await keysOn(server, target, block);
      return {
        apply: async (data) => {
          const zeroed = await zero(data, target.file, block, kind === 'zero-checksum');
          return { database, schema, relation, ...zeroed, rows: keys.length, keys: keys.slice(0, 50) };
        },
      };
    }
    case 'segment': {
      const segment = seeded.below(Math.ceil(target.blocks / SEGMENT_BLOCKS));
      const blocksAfter = segment * SEGMENT_BLOCKS;
      const rows = await rowsFrom(server, target, blocksAfter); // what lies behind a gap is out of reach, too
      return {
        apply: async (data) => {
          const file = await dropSegment(data, target, segment);
          return { database, schema, relation, file, blocksBefore: target.blocks, blocksAfter, rows };
        },
      };
    }
    case 'truncate': {
      const last = await lastBlock(server, target);
      const blocksAfter = last - seeded.below(Math.floor(last / 4) + 1);
      const rows = await rowsFrom(server, target, blocksAfter);
      return {
        apply: async (data) => {
          const file = await cut(data, target, blocksAfter);
          return { database, schema, relation, file, blocksBefore: target.blocks, blocksAfter, rows };
        },
      };
    }
    case 'index': {
      const index = await victimIndex(server, target);
      const block = 1 + seeded.below(Math.max(1, index.blocks - 1)); // block 0 describes the index
      return {
        apply: async (data) => ({
          ...{ database, schema, relation: index.relation, table: relation },
          ...(await flip(data, index.file, block, { recompute: false })),
        }),
      };
    }
    case 'wal':
      throw new Error('WAL is dropped without a boot.');
  }
}

export async function replaceFolder(from: string, to: string, aside: string): Promise<void> {
  await rename(to, aside);
  await rename(from, to);
}
