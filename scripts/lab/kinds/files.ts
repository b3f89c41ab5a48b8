import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readManifest } from 'lifeboat-local-aws/pg';
import { PAGE_BYTES, changePage } from '../pages.ts';
import type { DamageKind } from './kind.ts';

const SEGMENT_BYTES = 16n * 1024n * 1024n;
const COMMITTED = 0b01;

/** Files that are gone, or hold no pages. */
export const FILE_KINDS: readonly DamageKind[] = [
  {
    name: 'segment of a heap missing',
    make: async (base, random) => {
      const { name, path } = random.pick(base.heaps.filter(({ live }) => live.length > 0));
      const server = await base.lab.duplicate(base.atRest);
      await rm(join(server.dataDir, path));
      return { server, what: name };
    },
  },
  {
    name: 'segment of an index missing',
    make: async (base, random) => {
      const { name, path } = random.pick(base.indexes);
      const server = await base.lab.duplicate(base.atRest);
      await rm(join(server.dataDir, path));
      return { server, what: name };
    },
  },
  {
    // The outcome of a transaction of before the night: two bits in a file that has no checksum.
    name: 'bits flipped in the commit log',
    make: async ({ lab, atRest, oldTransactions }, random) => {
      const server = await lab.duplicate(atRest);
      let what = '';
      await changePage(server, 'pg_xact/0000', 0, (page) => {
        const committed: number[] = [];
        for (let xid = oldTransactions - 40; xid < Math.min(oldTransactions, PAGE_BYTES * 4); xid += 1)
          if (outcome(page, xid) === COMMITTED) committed.push(xid);
        const xid = random.pick(committed);
        const flips = 1 + random.below(3);
        page[xid >> 2] = (page[xid >> 2] ?? 0) ^ (flips << ((xid & 3) * 2));
        what = `transaction ${xid}, bits ${flips}`;
      });
      return { server, what };
    },
  },
  {
    name: 'WAL of the backup missing',
    make: async ({ lab, snapshots }, random) => {
      const server = await lab.restore(snapshots.right);
      const folder = join(server.dataDir, 'pg_wal');
      const segment = random.pick((await readdir(folder)).filter((name) => /^[0-9A-F]{24}$/.test(name)));
      await rm(join(folder, segment));
      return { server, what: segment };
    },
  },
  {
    name: 'WAL of the backup cut short',
    make: async ({ lab, snapshots }, random) => {
      const { startLsn, stopLsn } = await readManifest(snapshots.right);
      const server = await lab.restore(snapshots.right);
      const [from, to] = [offsetIn(startLsn), offsetIn(stopLsn)];
      const place = from + random.below(Math.max(1, to - from - 64));
      const folder = join(server.dataDir, 'pg_wal');
      const [segment = ''] = (await readdir(folder)).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort();
      const file = await open(join(folder, segment), 'r+');
      await file
        .write(Buffer.alloc(Number(SEGMENT_BYTES) - place), 0, undefined, place)
        .finally(() => file.close());
      return { server, what: `${segment} from byte ${place}` };
    },
  },
];

const outcome = (page: Buffer, xid: number): number => ((page[xid >> 2] ?? 0) >> ((xid & 3) * 2)) & 3;

/** Where a position in the WAL lies in its segment. */
function offsetIn(lsn: string): number {
  const [high = '0', low = '0'] = lsn.split('/');
  return Number(((BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`)) % SEGMENT_BYTES);
}
