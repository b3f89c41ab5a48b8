import { createECDH, createPublicKey, randomBytes, sign, verify, type KeyObject } from 'node:crypto';

/*
 * ECDSA over P-256. KMS signs a message or, with MessageType DIGEST, a finished SHA-256 digest; node:crypto offers only
 * the former, so the latter is done here with big integers. Not constant-time: these keys guard nothing but a rehearsal.
 */
const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const GX = 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n;
const GY = 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n;

type Point = { readonly x: bigint; readonly y: bigint } | undefined;

export function signMessage(key: KeyObject, message: Uint8Array): Buffer {
  return sign('sha256', message, key);
}

export function verifyMessage(key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  return verify('sha256', message, createPublicKey(key), signature);
}

/** @returns a DER signature over a 32-byte digest. */
export function signDigest(key: KeyObject, digest: Uint8Array): Buffer {
  const d = fromBase64Url(key.export({ format: 'jwk' }).d ?? '');
  const z = fromBytes(digest);
  for (;;) {
    const k = (fromBytes(randomBytes(40)) % (N - 1n)) + 1n;
    const ecdh = createECDH('prime256v1');
    ecdh.setPrivateKey(toBytes(k));
    const r = fromBytes(ecdh.getPublicKey().subarray(1, 33)) % N;
    const s = mod(inverse(k, N) * (z + r * d), N);
    if (r !== 0n && s !== 0n) return encodeDer(r, s);
  }
}

export function verifyDigest(key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean {
  const parsed = decodeDer(Buffer.from(signature));
  if (!parsed) return false;
  const { r, s } = parsed;
  if (r < 1n || r >= N || s < 1n || s >= N) return false;
  const jwk = createPublicKey(key).export({ format: 'jwk' });
  const publicPoint: Point = { x: fromBase64Url(jwk.x ?? ''), y: fromBase64Url(jwk.y ?? '') };
  const w = inverse(s, N);
  const u1 = mod(fromBytes(digest) * w, N);
  const u2 = mod(r * w, N);
  const point = add(multiply({ x: GX, y: GY }, u1), multiply(publicPoint, u2));
  return point !== undefined && mod(point.x, N) === r;
}

function add(a: Point, b: Point): Point {
  if (!a) return b;
  if (!b) return a;
  if (a.x === b.x && mod(a.y + b.y, P) === 0n) return undefined;
  const slope =
    a.x === b.x ? (3n * a.x * a.x - 3n) * inverse(2n * a.y, P) : (b.y - a.y) * inverse(mod(b.x - a.x, P), P);
  const x = mod(slope * slope - a.x - b.x, P);
  return { x, y: mod(slope * (a.x - x) - a.y, P) };
}

function multiply(point: Point, factor: bigint): Point {
  let result: Point;
  let addend = point;
  for (let rest = factor; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, addend);
    addend = add(addend, addend);
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

function toBytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
}

function fromBase64Url(text: string): bigint {
  return fromBytes(Buffer.from(text, 'base64url'));
}

function encodeDer(r: bigint, s: bigint): Buffer {
  const integer = (value: bigint): Buffer => {
    const bytes = toBytes(value);
    const start = bytes.findIndex((byte) => byte !== 0);
    const trimmed = bytes.subarray(start);
    const body = (trimmed[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed;
    return Buffer.concat([Buffer.from([0x02, body.length]), body]);
  };
  const body = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

function decodeDer(bytes: Buffer): { r: bigint; s: bigint } | undefined {
  if (bytes[0] !== 0x30 || bytes[1] !== bytes.length - 2 || bytes[2] !== 0x02) return undefined;
  const rLength = bytes[3] ?? 0;
  const sStart = 4 + rLength;
  if (bytes[sStart] !== 0x02) return undefined;
  const sLength = bytes[sStart + 1] ?? 0;
  if (sStart + 2 + sLength !== bytes.length) return undefined;
  return { r: fromBytes(bytes.subarray(4, sStart)), s: fromBytes(bytes.subarray(sStart + 2)) };
}
