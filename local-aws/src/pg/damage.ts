import { randomUUID } from 'node:crypto';
import { open, readdir, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import {
  deleteRows,
  emptyTables,
  keysIn,
  largestTable,
  lastBlock,
  rowsFrom,
  type Target,
  victimBlock,
  victimIndex,
} from './damage-targets.ts';
import type { PostgresHost } from './host.ts';
import { checksumOf, itemsOf, PAGE_BYTES, setChecksum, storedChecksum } from './page.ts';
import { Seeded } from './seeded.ts';
import type { PostgresServer } from './server.ts';
import { restoreSnapshot, takeSnapshot } from './snapshot.ts';

/**
 * What can be wrong with a stored copy:
 * - `page`: one byte of a row flipped; the page's checksum no longer fits.
 * - `page-checksum`: one bit of a row flipped and the checksum made to fit: only a look at the content can tell.
 * - `rows`: rows missing, as if they had never been there.
 * - `truncate`: the last pages of a table cut off.
 * - `index`: one byte of an index page flipped.
 * - `empty`: all tables of the users without rows.
 * - `wal`: no WAL, so that the copy cannot become consistent.
 */
export const SNAPSHOT_DAMAGES = [
  'page',
  'page-checksum',
  'rows',
  'truncate',
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
          const flipped = await flip(data, target.file, block, item, kind === 'page-checksum');
          return { database, schema, relation, ...flipped, rows: 1, keys };
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
          ...(await flip(data, index.file, block, undefined, false)),
        }),
      };
    }
    case 'wal':
      throw new Error('WAL is dropped without a boot.');
  }
}

/** @param item offset number of the row to hit; the page's first item when it is not given. */
async function flip(data: string, file: string, block: number, item: number | undefined, recompute: boolean) {
  const path = segmentOf(file, block);
  const at = (block % SEGMENT_BLOCKS) * PAGE_BYTES;
  const handle = await open(join(data, path), 'r+');
  try {
    const page = Buffer.alloc(PAGE_BYTES);
    await handle.read(page, 0, PAGE_BYTES, at);
    if (storedChecksum(page) !== checksumOf(page, block))
      throw new Error(`Page ${block} of ${path} has no fitting checksum to begin with; nothing was damaged.`);
    const items = itemsOf(page);
    const hit = items.find(({ number }) => item === undefined || number === item);
    if (!hit) throw new Error(`Page ${block} of ${path} holds no row to damage.`);
    const offset = hit.offset + hit.length - 1; // the last byte of the last column: data, not its frame
    page.writeUInt8(page.readUInt8(offset) ^ (recompute ? 0x01 : 0xff), offset);
    if (recompute) setChecksum(page, block);
    await handle.write(page, 0, PAGE_BYTES, at);
    return { file: path, block, offset };
  } finally {
    await handle.close();
  }
}

/** One gigabyte per file. */
const SEGMENT_BLOCKS = 131_072;

function segmentOf(file: string, block: number): string {
  const segment = Math.floor(block / SEGMENT_BLOCKS);
  return segment === 0 ? file : `${file}.${segment}`;
}

async function cut(data: string, { file, blocks }: Target, blocksAfter: number): Promise<string> {
  const path = segmentOf(file, blocksAfter);
  await truncate(join(data, path), (blocksAfter % SEGMENT_BLOCKS) * PAGE_BYTES);
  const later = Math.floor(blocksAfter / SEGMENT_BLOCKS) + 1;
  for (let segment = later; segment * SEGMENT_BLOCKS < blocks; segment++)
    await rm(join(data, `${file}.${segment}`), { force: true });
  return path;
}

async function dropWal(folder: string): Promise<string[]> {
  const segments = (await readdir(folder)).filter((name) => /^[0-9A-F]{24}$/.test(name));
  if (segments.length === 0) throw new Error('The snapshot has no WAL any more.');
  await Promise.all(segments.map((name) => rm(join(folder, name))));
  return segments.map((name) => `pg_wal/${name}`);
}

export async function replaceFolder(from: string, to: string, aside: string): Promise<void> {
  await rename(to, aside);
  await rename(from, to);
}
