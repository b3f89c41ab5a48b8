import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ReferenceKind } from './records.ts';

/** Takes in a body piece by piece, and tells its checksum as S3 writes it (base64). */
export interface RunningChecksum {
  update(chunk: Uint8Array): void;
  digest(): string;
}

/** @throws RangeError for `none` and `body`, which are no checksums of S3. */
export function runningChecksum(kind: ReferenceKind): RunningChecksum {
  switch (kind) {
    case 'md5':
    case 'sha1':
    case 'sha256': {
      const hash = createHash(kind);
      return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest('base64') };
    }
    case 'crc32':
      return running32(crc32);
    case 'crc32c':
      return running32(crc32c);
    case 'crc64nvme':
      return runningCrc64();
    case 'none':
    case 'body':
      throw new RangeError(`${kind} is not a checksum of S3`);
  }
}

function running32(next: (chunk: Uint8Array, value: number) => number): RunningChecksum {
  let value = 0;
  return {
    update: (chunk) => void (value = next(chunk, value)),
    digest() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value >>> 0);
      return bytes.toString('base64');
    },
  };
}

/** Castagnoli's polynomial, reflected. */
const CRC32C = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

function crc32c(chunk: Uint8Array, before: number): number {
  let value = ~before;
  for (const byte of chunk) value = (value >>> 8) ^ (CRC32C[(value ^ byte) & 0xff] ?? 0);
  return ~value;
}

/** The polynomial of CRC-64/NVME, reflected, as two halves: arithmetic of bigints is a hundred times slower. */
const POLYNOMIAL = { high: 0x9a6c9329, low: 0xac4bc9b5 };
const HIGH = new Uint32Array(256);
const LOW = new Uint32Array(256);
for (let n = 0; n < 256; n += 1) {
  let [high, low] = [0, n];
  for (let bit = 0; bit < 8; bit += 1) {
    const odd = low & 1;
    low = ((low >>> 1) | (high << 31)) >>> 0;
    high >>>= 1;
    if (odd === 1) [high, low] = [(high ^ POLYNOMIAL.high) >>> 0, (low ^ POLYNOMIAL.low) >>> 0];
  }
  [HIGH[n], LOW[n]] = [high, low];
}

function runningCrc64(): RunningChecksum {
  let [high, low] = [0xffffffff, 0xffffffff];
  return {
    update(chunk) {
      for (const byte of chunk) {
        const entry = (low ^ byte) & 0xff;
        low = (((low >>> 8) | (high << 24)) ^ (LOW[entry] ?? 0)) >>> 0;
        high = ((high >>> 8) ^ (HIGH[entry] ?? 0)) >>> 0;
      }
    },
    digest() {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt32BE(~high >>> 0, 0);
      bytes.writeUInt32BE(~low >>> 0, 4);
      return bytes.toString('base64');
    },
  };
}
