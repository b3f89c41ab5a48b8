import type { ChecksumAlgorithm } from './checksums.ts';

/** Width in bits and polynomial, reflected. All three begin and end with ones, which is what lets them be combined. */
const CRCS: Readonly<Partial<Record<ChecksumAlgorithm, { bits: bigint; polynomial: bigint }>>> = {
  CRC32: { bits: 32n, polynomial: 0xedb88320n },
  CRC32C: { bits: 32n, polynomial: 0x82f63b78n },
  CRC64NVME: { bits: 64n, polynomial: 0x9a6c9329ac4bc9b5n },
};

export interface CrcPart {
  readonly size: number;
  /** Base64. */
  readonly crc: string;
}

/**
 * The CRC of the parts one after the other, without their bytes.
 * @see zlib, crc32_combine: appending n bytes multiplies what came before by x^8n, modulo the polynomial
 * @returns base64
 * @throws RangeError for digests that cannot be combined
 */
export function combineCrcs(algorithm: ChecksumAlgorithm, parts: readonly CrcPart[]): string {
  const crc = CRCS[algorithm];
  if (!crc) throw new RangeError(`${algorithm} digests of parts say nothing about the whole.`);
  const { bits, polynomial } = crc;
  const factors = new Map<number, bigint>();
  const multiply = (a: bigint, b: bigint): bigint => {
    let product = 0n;
    for (let bit = 1n << (bits - 1n); bit > 0n; bit >>= 1n) {
      if ((a & bit) !== 0n) product ^= b;
      b = (b & 1n) === 1n ? (b >> 1n) ^ polynomial : b >> 1n;
    }
    return product;
  };
  const shift = (size: number): bigint => {
    let factor = 1n << (bits - 1n); // 1
    let square = 1n << (bits - 2n); // x
    for (let exponent = BigInt(size) * 8n; exponent > 0n; exponent >>= 1n) {
      if ((exponent & 1n) === 1n) factor = multiply(factor, square);
      square = multiply(square, square);
    }
    factors.set(size, factor);
    return factor;
  };
  let whole = 0n;
  for (const { size, crc: value } of parts) {
    const own = BigInt(`0x${Buffer.from(value, 'base64').toString('hex')}`);
    whole = multiply(factors.get(size) ?? shift(size), whole) ^ own;
  }
  const hex = whole.toString(16).padStart(Number(bits) / 4, '0');
  return Buffer.from(hex, 'hex').toString('base64');
}
