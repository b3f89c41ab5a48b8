import {
  constants,
  createHash,
  createPublicKey,
  privateEncrypt,
  publicDecrypt,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
  type KeyObject,
} from 'node:crypto';
import { CURVES, signDigest, verifyDigest } from './ecdsa.ts';
import type { KeySpec, SigningAlgorithm } from './specs.ts';

/** What is signed: a message, or its finished digest. */
export interface Signable {
  readonly bytes: Uint8Array;
  readonly digested: boolean;
}

type Hash = 'sha256' | 'sha384' | 'sha512';

export function hashOf(algorithm: SigningAlgorithm): Hash {
  return `sha${algorithm.slice(-3)}` as Hash;
}

export function digestBytes(algorithm: SigningAlgorithm): number {
  return Number(algorithm.slice(-3)) / 8;
}

export function makeSignature(
  key: KeyObject,
  spec: KeySpec,
  algorithm: SigningAlgorithm,
  { bytes, digested }: Signable,
): Buffer {
  const hash = hashOf(algorithm);
  if (algorithm.startsWith('ECDSA'))
    return digested ? signDigest(key, bytes, curveOf(spec)) : sign(hash, bytes, key);
  const digest = digested ? Buffer.from(bytes) : createHash(hash).update(bytes).digest();
  if (algorithm.startsWith('RSASSA_PKCS1'))
    return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, digestInfo(hash, digest));
  return privateEncrypt(
    { key, padding: constants.RSA_NO_PADDING },
    encodePss(digest, hash, modulusBits(spec)),
  );
}

export function isSignature(
  key: KeyObject,
  spec: KeySpec,
  algorithm: SigningAlgorithm,
  { bytes, digested }: Signable,
  signature: Uint8Array,
): boolean {
  const hash = hashOf(algorithm);
  const publicKey = createPublicKey(key);
  if (algorithm.startsWith('ECDSA'))
    return digested
      ? verifyDigest(key, bytes, signature, curveOf(spec))
      : verify(hash, bytes, publicKey, signature);
  const digest = digested ? Buffer.from(bytes) : createHash(hash).update(bytes).digest();
  try {
    if (algorithm.startsWith('RSASSA_PKCS1')) {
      const found = publicDecrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, signature);
      const wanted = digestInfo(hash, digest);
      return found.length === wanted.length && timingSafeEqual(found, wanted);
    }
    const found = publicDecrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, signature);
    return isPss(found, digest, hash, modulusBits(spec));
  } catch {
    return false; // not of this key's length, or no padding at all
  }
}

function curveOf(spec: KeySpec) {
  return CURVES[spec as keyof typeof CURVES];
}

function modulusBits(spec: KeySpec): number {
  return Number(spec.slice(4));
}

/** RFC 8017, 9.2: the DER prefix that names the hash. */
function digestInfo(hash: Hash, digest: Buffer): Buffer {
  const { id, size } = {
    sha256: { id: 1, size: 32 },
    sha384: { id: 2, size: 48 },
    sha512: { id: 3, size: 64 },
  }[hash];
  const head = [
    0x30,
    17 + size,
    0x30,
    13,
    0x06,
    9,
    0x60,
    0x86,
    0x48,
    0x01,
    0x65,
    0x03,
    0x04,
    0x02,
    id,
    5,
    0,
    4,
    size,
  ];
  return Buffer.concat([Buffer.from(head), digest]);
}

/** RFC 8017, 9.1.1: EMSA-PSS with a salt as long as the digest. */
function encodePss(digest: Buffer, hash: Hash, bits: number): Buffer {
  const salt = randomBytes(digest.length);
  const length = Math.ceil((bits - 1) / 8);
  const h = pssHash(digest, salt, hash);
  const db = Buffer.concat([Buffer.alloc(length - salt.length - digest.length - 2), Buffer.from([1]), salt]);
  const masked = xor(db, mask(h, db.length, hash));
  masked[0] = (masked[0] ?? 0) & topMask(bits);
  return Buffer.concat([Buffer.alloc(bits / 8 - length), masked, h, Buffer.from([0xbc])]);
}

/** RFC 8017, 9.1.2. */
function isPss(encoded: Buffer, digest: Buffer, hash: Hash, bits: number): boolean {
  const size = digest.length;
  const dbLength = encoded.length - size - 1;
  const masked = encoded.subarray(0, dbLength);
  const h = encoded.subarray(dbLength, dbLength + size);
  if (encoded.at(-1) !== 0xbc || ((masked[0] ?? 0) & ~topMask(bits) & 0xff) !== 0) return false;
  const db = xor(masked, mask(h, dbLength, hash));
  db[0] = (db[0] ?? 0) & topMask(bits);
  const start = dbLength - size - 1;
  if (db.subarray(0, start).some((byte) => byte !== 0) || db[start] !== 1) return false;
  return timingSafeEqual(h, pssHash(digest, db.subarray(start + 1), hash));
}

function pssHash(digest: Buffer, salt: Buffer, hash: Hash): Buffer {
  return createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest();
}

/** MGF1. */
function mask(seed: Buffer, length: number, hash: Hash): Buffer {
  const parts: Buffer[] = [];
  for (let counter = 0, made = 0; made < length; counter += 1) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(counter);
    const part = createHash(hash).update(seed).update(number).digest();
    parts.push(part);
    made += part.length;
  }
  return Buffer.concat(parts).subarray(0, length);
}

/** Of `bits − 1` bits, which of the first byte's are used. */
function topMask(bits: number): number {
  return 0xff >> (8 * Math.ceil((bits - 1) / 8) - (bits - 1));
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}
