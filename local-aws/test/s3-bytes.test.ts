import { afterAll, expect, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createBlobStore } from '../src/s3/blobs.ts';
import { checksumOf, CHECKSUM_ALGORITHMS } from '../src/s3/checksums.ts';
import { combineCrcs } from '../src/s3/crc-combine.ts';

const MIB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'local-aws-blobs-'));
const blobs = createBlobStore(folder);
afterAll(async () => {
  await blobs.close();
  rmSync(folder, { recursive: true, force: true });
});

function* inChunks(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const streamOf = (bytes: Buffer, size: number): Readable =>
  Readable.from(inChunks(bytes, size), { objectMode: false });
const filesLeft = (): string[] =>
  readdirSync(folder).flatMap((shard) => readdirSync(join(folder, shard)).map((name) => join(shard, name)));

test.each([
  [0, 1],
  [1, 1],
  [MIB - 1, 65_536],
  [MIB, 65_536],
  [MIB + 1, 65_537],
  [5 * MIB + 17, 99_991],
  [5 * MIB + 17, 3 * MIB],
])('%i bytes in chunks of %i are stored as they came, with every digest right', async (length, size) => {
  const bytes = randomBytes(length);
  const received = await blobs.receive(streamOf(bytes, size), CHECKSUM_ALGORITHMS);
  expect(received.size).toBe(length);
  expect(readFileSync(blobs.pathOf(received.blob)).equals(bytes)).toBe(true);
  expect(received.md5).toBe(createHash('md5').update(bytes).digest('hex'));
  for (const algorithm of CHECKSUM_ALGORITHMS)
    expect([algorithm, received.checksums[algorithm]]).toEqual([
      algorithm,
      await checksumOf(algorithm, bytes),
    ]);
});

test('bodies that come at the same time do not mix', async () => {
  const bodies = Array.from({ length: 8 }, (_, n) => randomBytes(2 * MIB + n * 300_007));
  const received = await Promise.all(
    bodies.map((bytes, n) => blobs.receive(streamOf(bytes, 50_000 + n), ['SHA256'])),
  );
  for (const [n, { blob, checksums }] of received.entries()) {
    expect(readFileSync(blobs.pathOf(blob)).equals(bodies[n]!)).toBe(true);
    expect(checksums.SHA256).toBe(await checksumOf('SHA256', bodies[n]!));
  }
});

test('a body that breaks off or grows too large leaves no file, and the next one is stored', async () => {
  const before = filesLeft();
  const bytes = randomBytes(6 * MIB);
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield* inChunks(bytes, MIB / 2);
    throw new Error('the caller hung up');
  };
  await expect(blobs.receive(broken(), ['CRC64NVME'])).rejects.toThrow('the caller hung up');
  await expect(
    blobs.receive(streamOf(bytes, MIB / 4), ['CRC32'], { maxBytes: 5 * MIB }),
  ).rejects.toMatchObject({ code: 'EntityTooLarge' });
  expect(filesLeft()).toEqual(before);
  const { md5 } = await blobs.receive(streamOf(bytes, MIB / 4), []);
  expect(md5).toBe(createHash('md5').update(bytes).digest('hex'));
});

test('joined blobs are their bytes one after the other, in a file of their own', async () => {
  const pieces = [randomBytes(3 * MIB + 5), randomBytes(1), randomBytes(2 * MIB)];
  const parts: string[] = [];
  for (const piece of pieces) parts.push((await blobs.receive(streamOf(piece, MIB), [])).blob);
  const whole = await blobs.join(parts);
  expect(readFileSync(blobs.pathOf(whole)).equals(Buffer.concat(pieces))).toBe(true);
  const copy = await blobs.join([whole]);
  expect(statSync(blobs.pathOf(copy)).ino).not.toBe(statSync(blobs.pathOf(whole)).ino);
  await blobs.remove(whole);
  expect(readFileSync(blobs.pathOf(copy)).equals(Buffer.concat(pieces))).toBe(true);
  expect(existsSync(blobs.pathOf(whole))).toBe(false);
});

test.each(['CRC32', 'CRC32C', 'CRC64NVME'] as const)(
  'the %s of parts gives that of the whole, however it was cut',
  async (algorithm) => {
    for (let round = 0; round < 20; round += 1) {
      const pieces = Array.from({ length: 1 + (round % 5) }, (_, n) =>
        randomBytes((round * 7919 + n * 104_729) % 40_000),
      );
      const parts = await Promise.all(
        pieces.map(async (piece) => ({ size: piece.length, crc: await checksumOf(algorithm, piece) })),
      );
      expect(combineCrcs(algorithm, parts)).toBe(await checksumOf(algorithm, Buffer.concat(pieces)));
    }
  },
);

test('digests that cannot be combined are refused', () => {
  expect(() => combineCrcs('SHA256', [])).toThrow(RangeError);
});
