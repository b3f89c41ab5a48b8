import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FingerprintUnreadable } from '../../probe/errors.ts';
import { decodeFingerprint, encodeFingerprint } from '../../probe/postgresql/fingerprint-file.ts';
import {
  type Fingerprint,
  type TableFingerprint,
  displayName,
  sizeOf,
} from '../../probe/postgresql/fingerprint.ts';

function table(name: string, counts: readonly number[], digests: readonly bigint[]): TableFingerprint {
  return {
    schema: 'pub"lic',
    name,
    kind: 'table',
    unlogged: false,
    signature: '1 id 20 bigint',
    fileNode: '16384',
    rewrittenWhileRead: false,
    sizeBlocks: counts.length,
    vacuums: 3,
    rows: counts.reduce((sum, count) => sum + count, 0),
    blocks: { counts: Uint16Array.from(counts), digests: BigUint64Array.from(digests) },
  };
}

function fingerprint(tables: readonly TableFingerprint[]): Fingerprint {
  const objects = new Map([['table public."Größe"', { digest: 'ab', version: 4_294_967_295 }]]);
  return {
    engine: 'postgresql',
    pass: 'after',
    takenAt: '2026-01-02T03:04:05.678Z',
    durationMs: 12,
    seed: 'seed',
    server: {
      version: '18.4',
      versionNumber: 180_004,
      architecture: 'x86_64-pc-linux-gnu',
      systemIdentifier: '7710746757384444135',
      timeline: 1,
      dataChecksums: true,
      blockSize: 8_192,
      statisticsSince: null,
    },
    cluster: { digest: 'c', objects: new Map() },
    databases: [
      {
        name: 'orders',
        snapshot: { xmin: '4294967300', xmax: '4294967400' },
        window: { lo: 4, hi: 104 },
        oldestTransactionSeconds: 0,
        catalogue: { digest: 'd', objects },
        tables,
        sequences: [
          {
            schema: 'public',
            name: 's',
            lastValue: '9223372036854775807',
            increment: '1',
            cycles: false,
            cache: '1',
          },
        ],
        indexes: [{ schema: 'public', name: 'i', fileNode: '16390', blocks: 7 }],
        notExamined: [{ what: 'orders.public.x', reason: 'the role may not read it', rows: null }],
        notes: [],
      },
    ],
    notExamined: [],
  };
}

test('what is written is read back, whatever the blocks hold', () => {
  const block = fc.tuple(fc.nat({ max: 1_200 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
  fc.assert(
    fc.property(fc.array(fc.array(block, { maxLength: 50 }), { maxLength: 5 }), (tables) => {
      const original = fingerprint(
        tables.map((blocks, n) =>
          table(
            `täble ${n}`,
            blocks.map(([count]) => count),
            blocks.map(([, digest]) => digest),
          ),
        ),
      );
      expect(decodeFingerprint(encodeFingerprint(original))).toEqual(original);
    }),
    { numRuns: 30 },
  );
});

test('a changed byte anywhere is noticed', () => {
  const file = gunzipSync(encodeFingerprint(fingerprint([table('t', [1, 2], [3n, 4n])])));
  fc.assert(
    fc.property(fc.nat({ max: file.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const altered = Buffer.from(file);
      altered[at] = (altered[at] ?? 0) ^ by;
      expect(() => decodeFingerprint(gzipSync(altered))).toThrow(FingerprintUnreadable);
    }),
  );
});

test('a file that is cut short, foreign or of another version says so', () => {
  const bytes = encodeFingerprint(fingerprint([]));
  expect(() => decodeFingerprint(bytes.subarray(0, bytes.length - 20))).toThrow(/altered or cut short/);
  expect(() => decodeFingerprint(new Uint8Array())).toThrow(/altered or cut short/);
  expect(() => decodeFingerprint(gzipSync(Buffer.alloc(100)))).toThrow(/not a fingerprint/);
  const newer = Buffer.from(gunzipSync(bytes));
  newer.writeUInt16LE(4, 4);
  expect(() => decodeFingerprint(gzipSync(newer))).toThrow(
    'the fingerprint has version 4; this build reads versions 1, 2, 3',
  );
});

test('names are quoted for people only where they need it', () => {
  expect(displayName('orders', 'public', 'Größe')).toBe('orders.public.Größe');
  expect(displayName('a b', 'x"y', '1st')).toBe('"a b"."x""y"."1st"');
});

test('the size of a fingerprint is what it covers', () => {
  const two = fingerprint([table('a', [5, 6], [1n, 2n]), table('b', [7], [3n])]);
  expect(sizeOf(two)).toEqual({ tables: 2, rows: 18, blocks: 3 });
});
