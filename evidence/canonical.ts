import canonicalize from 'canonicalize';
import { sha256 } from './verifier/envelope.ts';

/**
 * The one form of a value in bytes (RFC 8785), so that a digest of it can be computed again by anybody.
 * @throws Error for what JSON cannot say: NaN, infinities, lone surrogates, cycles, `undefined`.
 */
export function canonicalBytes(value: unknown): Buffer {
  const text = canonicalize(value);
  if (text === undefined) throw new Error('undefined has no canonical form');
  return Buffer.from(text);
}

/** SHA-256 (hex) of {@link canonicalBytes}. */
export function canonicalSha256(value: unknown): string {
  return sha256(canonicalBytes(value));
}
