import type { Base, Heap, Index } from '../base.ts';
import {
  type Item,
  PAGE_BYTES,
  changePage,
  forgetItem,
  itemsOf,
  readPage,
  seal,
  textIn,
  truncateBlocks,
} from '../pages.ts';
import type { Random } from '../random.ts';
import type { DamageKind, Patient } from './kind.ts';

/** Bytes before a row's own: 23 of its header and what its null bitmap may take. */
const ROW_HEADER = 24;
const DELETED_OR_HALF_DEAD = 0b10100;

const withRows = ({ heaps }: Base): Heap[] => heaps.filter(({ live }) => live.length > 0);
const btrees = ({ indexes }: Base): Index[] =>
  indexes.filter(({ method, blocks }) => method === 'btree' && blocks > 1);

/** Some bit of some byte of the page. Its checksum stays, so that it no longer fits. */
async function flip(
  base: Base,
  random: Random,
  name: string,
  path: string,
  blocks: number,
): Promise<Patient> {
  const server = await base.lab.duplicate(base.atRest);
  const [block, byte, bit] = [random.below(blocks), random.below(PAGE_BYTES), random.below(8)];
  await changePage(server, path, block, (page) => (page[byte] = (page[byte] ?? 0) ^ (1 << bit)));
  return { server, what: `${name} block ${block} byte ${byte} bit ${bit}` };
}

/** Changes one item of one page and gives the page the checksum that fits. */
async function sealed(
  base: Base,
  path: string,
  block: number,
  change: (page: Buffer) => string,
): Promise<Patient> {
  const server = await base.lab.duplicate(base.atRest);
  let what = '';
  await changePage(server, path, block, (page) => {
    what = change(page);
    seal(page, block);
  });
  return { server, what: `${path} block ${block}: ${what}` };
}

function flipText(page: Buffer, items: readonly Item[], from: number, random: Random): string {
  const candidates = items.flatMap((item) => textIn(page, item, from).map((place) => ({ item, place })));
  const { item, place } = random.pick(candidates);
  page[place] = (page[place] ?? 0) ^ 1;
  return `item ${item.number} byte ${place}`;
}

const liveItems = (page: Buffer, places: Heap['live'], block: number): Item[] => {
  const items = new Set(places.filter((place) => place.block === block).map(({ item }) => item));
  return itemsOf(page).filter(({ number }) => items.has(number));
};

/** Tables of which every row has text, and nothing is compressed. */
const WITH_TEXT = ['customer', 'order_line', 'account', 'account_archive', 'event_now'];

async function zero(base: Base, name: string, path: string, block: number): Promise<Patient> {
  const server = await base.lab.duplicate(base.atRest);
  await changePage(server, path, block, (page) => page.fill(0));
  return { server, what: `${name} block ${block}` };
}

async function cut(base: Base, name: string, path: string, blocks: number): Promise<Patient> {
  const server = await base.lab.duplicate(base.atRest);
  await truncateBlocks(server, path, blocks);
  return { server, what: `${name} cut to ${blocks} blocks` };
}

/** Blocks of a B-tree that are part of it: neither empty nor given back. */
async function usedBlocks({ atRest }: Base, { path, blocks }: Index): Promise<number[]> {
  const used: number[] = [];
  for (let block = 0; block < blocks; block += 1) {
    const page = await readPage(atRest, path, block);
    if (page.readUInt16LE(14) === 0) continue;
    const flags = page.readUInt16LE(page.readUInt16LE(16) + 12);
    if (block === 0 || (flags & DELETED_OR_HALF_DEAD) === 0) used.push(block);
  }
  return used;
}

export const PAGE_KINDS: readonly DamageKind[] = [
  {
    name: 'byte flipped in a heap',
    make: (base, random) => {
      const { name, path, blocks } = random.pick(withRows(base));
      return flip(base, random, name, path, blocks);
    },
  },
  {
    name: 'byte flipped in TOAST',
    make: (base, random) => {
      const { name, path, blocks } = random.pick(base.toasts);
      return flip(base, random, `TOAST of ${name}`, path, blocks);
    },
  },
  {
    name: 'byte flipped in a B-tree',
    make: (base, random) => {
      const { name, path, blocks } = random.pick(btrees(base));
      return flip(base, random, name, path, blocks);
    },
  },
  {
    name: 'byte flipped in another index',
    make: (base, random) => {
      const { name, path, blocks } = random.pick(base.indexes.filter(({ method }) => method !== 'btree'));
      return flip(base, random, name, path, blocks);
    },
  },
  {
    name: 'byte flipped in a visibility map',
    make: (base, random) => {
      const { name, path } = random.pick(withRows(base).filter(({ blocks }) => blocks > 5));
      return flip(base, random, `visibility map of ${name}`, `${path}_vm`, 1);
    },
  },
  {
    name: 'byte flipped in a row, checksum made to fit',
    make: async (base, random) => {
      const heap = random.pick(
        base.heaps.filter(({ name, quiet }) => WITH_TEXT.includes(name) && quiet.length > 0),
      );
      const { block } = random.pick(heap.quiet);
      return sealed(base, heap.path, block, (page) =>
        flipText(page, liveItems(page, heap.quiet, block), ROW_HEADER, random),
      );
    },
  },
  {
    name: 'byte flipped in TOAST, checksum made to fit',
    make: async (base, random) => {
      const { path, blocks } = random.pick(base.toasts);
      return sealed(base, path, random.below(blocks), (page) =>
        flipText(page, itemsOf(page), ROW_HEADER + 12, random),
      );
    },
  },
  {
    name: "row's pointer lost, checksum made to fit",
    make: async (base, random) => {
      const heap = random.pick(withRows(base).filter(({ quiet }) => quiet.length > 0));
      const { block, item } = random.pick(heap.quiet);
      return sealed(base, heap.path, block, (page) => {
        forgetItem(page, { number: item, offset: 0, length: 0 });
        return `item ${item} forgotten`;
      });
    },
  },
  {
    name: 'entry of a B-tree leads elsewhere, checksum made to fit',
    make: async (base, random) => {
      const index = random.pick(btrees(base));
      const used = await usedBlocks(base, index);
      const leaves: number[] = [];
      for (const block of used) {
        const page = await readPage(base.atRest, index.path, block);
        if (
          block > 0 &&
          (page.readUInt16LE(page.readUInt16LE(16) + 12) & 1) === 1 &&
          plainEntries(page).length > 0
        )
          leaves.push(block);
      }
      return sealed(base, index.path, random.pick(leaves), (page) => {
        const { offset, number } = random.pick(plainEntries(page));
        page.writeUInt16LE(page.readUInt16LE(offset + 4) ^ 1, offset + 4);
        return `entry ${number}`;
      });
    },
  },
  {
    name: 'heap page zeroed',
    make: (base, random) => {
      const { name, path, live } = random.pick(withRows(base));
      return zero(base, name, path, random.pick(live).block);
    },
  },
  {
    name: 'TOAST page zeroed',
    make: (base, random) => {
      const { name, path, blocks } = random.pick(base.toasts);
      return zero(base, `TOAST of ${name}`, path, random.below(blocks));
    },
  },
  {
    name: 'B-tree page zeroed',
    make: async (base, random) => {
      const index = random.pick(btrees(base));
      return zero(base, index.name, index.path, random.pick(await usedBlocks(base, index)));
    },
  },
  {
    name: 'heap cut short',
    make: (base, random) => {
      const { name, path, live } = random.pick(withRows(base));
      return cut(base, name, path, random.below((live.at(-1)?.block ?? 0) + 1));
    },
  },
  {
    name: 'B-tree cut short',
    make: async (base, random) => {
      const index = random.pick(btrees(base));
      const used = await usedBlocks(base, index);
      return cut(base, index.name, index.path, random.below((used.at(-1) ?? 0) + 1));
    },
  },
  {
    name: 'another index cut short',
    make: (base, random) => {
      const index = random.pick(base.indexes.filter(({ method }) => method !== 'btree'));
      return cut(base, index.name, index.path, random.below(index.blocks));
    },
  },
];

/** Leaf entries of one row each: neither the high key nor a list of rows. */
function plainEntries(page: Buffer): Item[] {
  const rightmost = page.readUInt32LE(page.readUInt16LE(16) + 4) === 0;
  return itemsOf(page).filter(
    ({ number, offset }) => (rightmost || number > 1) && (page.readUInt16LE(offset + 6) & 0x2000) === 0,
  );
}
