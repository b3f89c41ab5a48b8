import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type {
  Fingerprint,
  RememberedPart,
  ServerIdentity,
  TableFingerprint,
} from '../../probe/postgresql/fingerprint.ts';
import type { Relation } from '../../probe/postgresql/inventory.ts';
import { DatabaseMemory, KnownTable, whyForgotten } from '../../probe/postgresql/memory.ts';
import { changedRanges } from '../../probe/postgresql/read-known.ts';

const SERVER: ServerIdentity = {
  version: '18.4',
  versionNumber: 180_004,
  architecture: 'x86_64-pc-linux-gnu',
  systemIdentifier: '7710746757384444135',
  timeline: 1,
  dataChecksums: true,
  blockSize: 8_192,
  statisticsSince: null,
};

function table(blocks: number, changes: Partial<TableFingerprint> = {}): TableFingerprint {
  const fixed = { schema: 'public', name: 't', kind: 'table', unlogged: false, vacuums: 0 } as const;
  const same = { oid: '17', recipe: 'r', signature: 's', fileNode: '1', rewrittenWhileRead: false };
  const filled = { counts: new Uint16Array(blocks).fill(9), digests: new BigUint64Array(blocks).fill(7n) };
  return { ...fixed, ...same, sizeBlocks: blocks, rows: blocks * 9, blocks: filled, ...changes };
}

function fingerprint(night: number, xmin: bigint, tables: readonly TableFingerprint[]): Fingerprint {
  const nothing = { digest: '', objects: new Map() };
  return {
    ...{
      engine: 'postgresql',
      pass: 'after',
      takenAt: '2026-11-21T02:30:00Z',
      durationMs: 1,
      seed: `seed ${night}`,
      night,
    },
    ...{ server: SERVER, cluster: nothing, notExamined: [] },
    databases: [
      {
        ...{
          name: 'orders',
          oid: '5',
          snapshot: { xmin: String(xmin), xmax: String(xmin + 10n) },
          catalogue: nothing,
        },
        ...{
          window: { lo: 1, hi: 2 },
          oldestTransactionSeconds: 0,
          tables,
          sequences: [],
          indexes: [],
          notExamined: [],
          notes: [],
        },
      },
    ],
  };
}

const RELATION: Relation = {
  ...{
    oid: '17',
    schema: 'public',
    name: 't',
    kind: 'table',
    accessMethod: 'heap',
    unlogged: false,
    estimatedRows: 1,
  },
  ...{ fileNode: '1', vacuums: 0, writes: 0, unreadable: null, signature: 's', columns: [], lasting: true },
};
const TURN = { night: 101, rereadWithin: null };

test.each<[string, Partial<ServerIdentity>, string]>([
  ['another system', { systemIdentifier: '1' }, 'not provably the system'],
  ['a system that nobody may ask for', { systemIdentifier: null }, 'not provably the system'],
  ['another timeline', { timeline: 2 }, 'restored or failed over'],
  ['a timeline that nobody may ask for', { timeline: null }, 'restored or failed over'],
  ['another major version', { versionNumber: 190_000 }, 'major version'],
  ['another architecture', { architecture: 'aarch64-unknown-linux-gnu' }, 'architecture'],
  ['blocks of another size', { blockSize: 4_096 }, 'blocks have another size'],
  ['a version without TID ranges', { versionNumber: 130_000 }, 'PostgreSQL 14'],
])('nothing is remembered of %s', (_, changes, why) => {
  const known = fingerprint(100, 1_000n, []);
  expect(whyForgotten(known, SERVER)).toBeNull();
  expect(whyForgotten(known, { ...SERVER, versionNumber: 180_009 })).toBeNull();
  expect(whyForgotten(known, { ...SERVER, ...changes })).toContain(why);
});

test.each<[string, bigint]>([
  ['the next transaction', 1_010n],
  ['2^30 transactions later', 1_000n + 2n ** 30n - 1n],
])('a database is remembered up to %s', (_, xmax) => {
  const known = fingerprint(100, 1_000n, []);
  const memory = DatabaseMemory.of({ before: known, after: known }, { name: 'orders', oid: '5', xmax }, TURN);
  expect(memory?.since.lo).toBe(1_000);
});

test.each<[string, { name: string; oid: string; xmax: bigint }]>([
  ['whose transaction ids went back', { name: 'orders', oid: '5', xmax: 1_009n }],
  [
    'in which half of all transaction ids were used up',
    { name: 'orders', oid: '5', xmax: 1_000n + 2n ** 30n },
  ],
  ['that was made anew under its name', { name: 'orders', oid: '6', xmax: 2_000n }],
  ['that the night did not see', { name: 'other', oid: '5', xmax: 2_000n }],
])('a database %s is not remembered', (_, now) => {
  const known = fingerprint(100, 1_000n, []);
  expect(DatabaseMemory.of({ before: known, after: known }, now, TURN)).toBeNull();
});

test.each<[string, Partial<TableFingerprint>, object]>([
  ['was rewritten or truncated', {}, { fileNode: '2' }],
  ['was made anew', {}, { oid: '18' }],
  ['has other columns', {}, { signature: 'other' }],
  ['has columns whose digest follows names or settings', {}, { lasting: false }],
  ['is unlogged', {}, { unlogged: true }],
  ['is a catalogue', {}, { kind: 'catalogue' }],
  ['was rewritten while it was read', { rewrittenWhileRead: true }, {}],
  ['was digested by another build', { recipe: 'older' }, {}],
])('a table that %s is read in full', (_, then, now) => {
  const of = (known: TableFingerprint) => {
    const night = fingerprint(100, 1_000n, [known]);
    const place = { name: 'orders', oid: '5', xmax: 1_050n };
    return DatabaseMemory.of({ before: night, after: night }, place, TURN)!;
  };
  expect(of(table(200)).table(RELATION, 'r')).not.toBeNull();
  expect(of(table(200, then)).table({ ...RELATION, ...now }, 'r')).toBeNull();
});

test('a block counts as known only where both passes of the earlier night have read it and agreed', () => {
  const last = table(200);
  const counts = Uint16Array.from(last.blocks.counts);
  counts[3] = 8;
  const digests = BigUint64Array.from(last.blocks.digests);
  digests[4] = 8n;
  const firstPass = table(200, { blocks: { counts, digests } });
  const known = new KnownTable(firstPass, last, fingerprint(100, 1_000n, []), TURN);
  expect([0, 3, 4].map((block) => known.block(block)?.count)).toEqual([9, undefined, undefined]);
  expect(known.block(200)).toEqual({ count: 0, digest: 0n });
  const unread = table(200, { blocks: { counts: new Uint16Array(200).fill(0xffff), digests } });
  expect(new KnownTable(unread, unread, fingerprint(100, 1_000n, []), TURN).block(0)).toBeUndefined();
});

/** Nights of one table in a row, each knowing the one before; nights in `missed` do not happen. */
function readings(
  parts: number,
  nights: number,
  rereadWithin: number,
  missed: readonly number[] = [],
): number[][] {
  const read: number[][] = [];
  let previous: { fingerprint: Fingerprint; table: TableFingerprint } | null = null;
  for (let night = 1; night <= nights; night += 1) {
    if (missed.includes(night)) continue;
    const remembered: RememberedPart[] = [];
    const known =
      previous === null
        ? null
        : new KnownTable(previous.table, previous.table, previous.fingerprint, { night, rereadWithin });
    const full: number[] = [];
    for (let part = 0; part < parts; part += 1) {
      const told = known?.part(part, 2_048) ?? null;
      if (told === null) full.push(part);
      else remembered.push({ part, ...told, blocks: 1, rows: 1 });
    }
    read[night] = full;
    const now = table(parts * 2_048, { remembered });
    previous = { fingerprint: fingerprint(night, 1_000n, [now]), table: now };
  }
  return read;
}

test('every part is read in full once within the period, about as many each night', () => {
  const read = readings(28, 40, 7);
  expect(read[1]).toHaveLength(28);
  for (let night = 2; night <= 34; night += 1) {
    const week = read.slice(night, night + 7).flat();
    expect(new Set(week).size).toBe(28);
  }
  for (let night = 9; night <= 40; night += 1) expect(read[night]).toHaveLength(4);
});

test('after nights that were missed, what is older than the period is read at once', () => {
  const read = readings(28, 30, 7, [10, 11, 12, 13, 14, 15, 16, 17, 18]);
  expect(read[19]).toHaveLength(28);
  expect(readings(28, 30, 7, [10, 11, 12])[13]!.length).toBeLessThan(28);
});

test('a part keeps the seed of the night in which it was last read in full', () => {
  const first = table(4_096);
  const known = new KnownTable(first, first, fingerprint(100, 1_000n, []), { night: 101, rereadWithin: 365 });
  expect(known.part(0, 2_048)).toEqual({ seed: 'seed 100', readOn: 100 });
  const second = table(4_096, { remembered: [{ part: 0, seed: 'seed 90', readOn: 90, blocks: 1, rows: 1 }] });
  const next = new KnownTable(second, second, fingerprint(101, 1_000n, []), {
    night: 102,
    rereadWithin: 365,
  });
  expect([next.part(0, 2_048)?.seed, next.part(1, 2_048)?.seed]).toEqual(['seed 90', 'seed 101']);
  expect(next.part(0, 31)).toBeNull();
  expect(next.part(2, 2_048)).toBeNull();
});

/** A block through many transactions: rows come with the id of their transaction, and go. Nothing else ever happens to a row. */
const histories = fc.record({
  epoch: fc.bigInt({ min: 0n, max: 3n }),
  start: fc.oneof(
    fc.integer({ min: 10, max: 2 ** 32 - 1 }),
    fc.integer({ min: 2 ** 32 - 60, max: 2 ** 32 - 1 }),
  ),
  steps: fc.array(fc.record({ inserts: fc.nat(3), deletes: fc.array(fc.nat(20), { maxLength: 2 }) }), {
    minLength: 8,
    maxLength: 40,
  }),
  base: fc.nat(20),
  /** How many transactions back the oldest one was still running, at either look. */
  running: fc.tuple(fc.nat(6), fc.nat(6)),
  now: fc.integer({ min: 1, max: 20 }),
});

test('whenever the headers say that a block is as it was, its old rows are exactly those of then, whatever happened, also past 2^32', () => {
  let reused = 0;
  fc.assert(
    fc.property(histories, ({ epoch, start, steps, base, running, now }) => {
      const origin = epoch * 2n ** 32n + BigInt(start);
      const rows: { name: number; xmin: bigint; goneAt: number }[] = [];
      steps.forEach(({ inserts, deletes }, step) => {
        for (const which of deletes) {
          const live = rows.filter(({ goneAt }) => goneAt > step);
          const one = live[which % Math.max(1, live.length)];
          if (one !== undefined) one.goneAt = step;
        }
        for (let n = 0; n < inserts; n += 1)
          rows.push({ name: rows.length, xmin: origin + BigInt(step), goneAt: Infinity });
      });
      const at = (step: number) =>
        rows.filter((row) => row.xmin <= origin + BigInt(step) && row.goneAt > step);
      const baseStep = Math.min(base, steps.length - 2);
      const nowStep = Math.min(baseStep + now, steps.length - 1);
      const loBase = origin + BigInt(Math.max(0, baseStep - running[0]));
      const loNow = [loBase, origin + BigInt(Math.max(0, nowStep - running[1]))].reduce((a, b) =>
        a > b ? a : b,
      );
      // As the server tests it: by 32 bits, in a window that reaches up to now.
      const outside = (lo: bigint, row: { xmin: bigint }) => {
        const distance = BigInt.asUintN(32, row.xmin - lo);
        return distance > origin + BigInt(nowStep) - lo;
      };
      const then = at(baseStep).filter((row) => outside(loBase, row));
      const kept = at(nowStep).filter((row) => outside(loBase, row));
      const old = at(nowStep).filter((row) => outside(loNow, row));
      const headers = { old: Uint16Array.of(old.length), kept: Uint16Array.of(kept.length) };
      const changed = changedRanges({ block: () => ({ count: then.length, digest: 0n }) }, headers, 0, 1);
      if (changed.length > 0) return;
      reused += 1;
      expect(old.map(({ name }) => name)).toEqual(then.map(({ name }) => name));
    }),
    { numRuns: 2_000 },
  );
  expect(reused).toBeGreaterThan(100);
});

test('changed blocks are read in ranges, and small gaps between them with them', () => {
  const known = { block: (block: number) => (block === 30 ? undefined : { count: 5, digest: 1n }) };
  const counts = new Uint16Array(40).fill(5);
  const kept = Uint16Array.from(counts);
  kept[2] = 4;
  kept[9] = 4;
  const old = Uint16Array.from(kept);
  old[20] = 6;
  expect(changedRanges(known, { old, kept }, 0, 40)).toEqual([
    [2, 10],
    [20, 21],
    [30, 31],
  ]);
});
