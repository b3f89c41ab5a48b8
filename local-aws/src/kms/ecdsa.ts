import { createECDH, createPublicKey, randomBytes, type KeyObject } from 'node:crypto';

/*
 * ECDSA over a finished digest (MessageType DIGEST): node:crypto signs whole messages only, so this is done here with big
 * integers. Not constant-time: these keys guard nothing but a rehearsal.
 */
export interface Curve {
  /** OpenSSL's name. */
  readonly name: string;
  readonly p: bigint;
  readonly n: bigint;
  /** The curve's `a`: y² = x³ + ax + b. */
  readonly a: bigint;
  readonly bytes: number;
}

const NIST_A = -3n;
const P521 = 2n ** 521n - 1n;

/** By KMS key spec. The generator is the public key of the private key 1. */
export const CURVES = {
  ECC_NIST_P256: {
    name: 'prime256v1',
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    a: NIST_A,
    bytes: 32,
  },
  ECC_NIST_P384: {
    name: 'secp384r1',
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    a: NIST_A,
    bytes: 48,
  },
  ECC_NIST_P521: {
    name: 'secp521r1',
    p: P521,
    n: 0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    a: NIST_A,
    bytes: 66,
  },
  ECC_SECG_P256K1: {
    name: 'secp256k1',
    p: 2n ** 256n - 2n ** 32n - 977n,
    n: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
    a: 0n,
    bytes: 32,
  },
} as const satisfies Readonly<Record<string, Curve>>;

type Point = { readonly x: bigint; readonly y: bigint } | undefined;

/** @returns a DER signature. */
export function signDigest(key: KeyObject, digest: Uint8Array, curve: Curve): Buffer {
  const d = fromBase64Url(key.export({ format: 'jwk' }).d ?? '');
  const z = truncated(digest, curve);
  for (;;) {
    const k = (fromBytes(randomBytes(curve.bytes + 8)) % (curve.n - 1n)) + 1n;
    const r = mod(multiplyGenerator(k, curve).x, curve.n);
    const s = mod(inverse(k, curve.n) * (z + r * d), curve.n);
    if (r !== 0n && s !== 0n) return encodeDer(r, s);
  }
}

export function verifyDigest(
  key: KeyObject,
  digest: Uint8Array,
  signature: Uint8Array,
  curve: Curve,
): boolean {
  const { n, p } = curve;
  const parsed = decodeDer(Buffer.from(signature));
  if (!parsed) return false;
  const { r, s } = parsed;
  if (r < 1n || r >= n || s < 1n || s >= n) return false;
  const jwk = createPublicKey(key).export({ format: 'jwk' });
  const publicPoint: Point = { x: fromBase64Url(jwk.x ?? ''), y: fromBase64Url(jwk.y ?? '') };
  const w = inverse(s, n);
  const u1 = mod(truncated(digest, curve) * w, n);
  const left = u1 === 0n ? undefined : multiplyGenerator(u1, curve);
  const point = add(left, multiply(publicPoint, mod(r * w, n), curve), curve);
  return point !== undefined && mod(mod(point.x, p), n) === r;
}

/** The leftmost bits of the digest, as many as the order has. */
function truncated(digest: Uint8Array, { n }: Curve): bigint {
  const excess = digest.length * 8 - n.toString(2).length;
  return excess > 0 ? fromBytes(digest) >> BigInt(excess) : fromBytes(digest);
}

function multiplyGenerator(factor: bigint, { name, bytes }: Curve): NonNullable<Point> {
  const ecdh = createECDH(name);
  ecdh.setPrivateKey(toBytes(factor, bytes));
  const point = ecdh.getPublicKey(); // 04, x, y
  return { x: fromBytes(point.subarray(1, 1 + bytes)), y: fromBytes(point.subarray(1 + bytes)) };
}

function add(left: Point, right: Point, { p, a }: Curve): Point {
  if (!left) return right;
  if (!right) return left;
  if (left.x === right.x && mod(left.y + right.y, p) === 0n) return undefined;
  const slope =
    left.x === right.x
      ? (3n * left.x * left.x + a) * inverse(2n * left.y, p)
      : (right.y - left.y) * inverse(mod(right.x - left.x, p), p);
  const x = mod(slope * slope - left.x - right.x, p);
  return { x, y: mod(slope * (left.x - x) - left.y, p) };
}

function multiply(point: Point, factor: bigint, curve: Curve): Point {
  let result: Point;
  let addend = point;
  for (let rest = factor; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, addend, curve);
    addend = add(addend, addend, curve);
  }
  return result;
}

function mod(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest >= 0n ? rest : rest + modulus;
}

/** Extended Euclid. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b] = [mod(value, modulus), modulus];
  let [x, y] = [1n, 0n];
  while (a > 1n) {
    const quotient = b === 0n ? 0n : a / b;
    if (b === 0n) break;
    [a, b] = [b, a % b];
    [x, y] = [y, x - quotient * y];
  }
  return mod(x, modulus);
}

function fromBytes(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`);
}

function toBytes(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
}

function fromBase64Url(text: string): bigint {
  return fromBytes(Buffer.from(text, 'base64url'));
}

function encodeDer(r: bigint, s: bigint): Buffer {
  const integer = (value: bigint): Buffer => {
    const text = value.toString(16);
    const bytes = Buffer.from(text.length % 2 === 0 ? text : `0${text}`, 'hex');
    const body = (bytes[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
    return Buffer.concat([Buffer.from([0x02, body.length]), body]);
  };
  const body = Buffer.concat([integer(r), integer(s)]);
  // Lengths from 128 on (P-521) take a byte more.
  const length = body.length < 128 ? [body.length] : [0x81, body.length];
  return Buffer.concat([Buffer.from([0x30, ...length]), body]);
}

function decodeDer(bytes: Buffer): { r: bigint; s: bigint } | undefined {
  const start = bytes[1] === 0x81 ? 3 : 2;
  const length = bytes[start - 1];
  if (bytes[0] !== 0x30 || length !== bytes.length - start || bytes[start] !== 0x02) return undefined;
  const rLength = bytes[start + 1] ?? 0;
  const sStart = start + 2 + rLength;
  if (bytes[sStart] !== 0x02) return undefined;
  const sLength = bytes[sStart + 1] ?? 0;
  if (sStart + 2 + sLength !== bytes.length) return undefined;
  return { r: fromBytes(bytes.subarray(start + 2, sStart)), s: fromBytes(bytes.subarray(sStart + 2)) };
}
