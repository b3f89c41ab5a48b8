import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { KeyRecord } from './keys.ts';

const MAGIC = Buffer.from('LAK1');

/** Ciphertext: magic, length of the key ARN, the ARN, nonce, tag, data. The context is authenticated, not stored. */
export function seal(
  key: KeyRecord,
  plaintext: Uint8Array,
  context: Readonly<Record<string, string>> | undefined,
): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key.material, 'base64'), nonce);
  cipher.setAAD(contextBytes(context));
  const data = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const arn = Buffer.from(key.arn);
  const length = Buffer.from([arn.length]);
  return Buffer.concat([MAGIC, length, arn, nonce, cipher.getAuthTag(), data]);
}

/** The key's ARN, readable without the key. Undefined when this is no ciphertext of ours. */
export function keyArnIn(ciphertext: Uint8Array): string | undefined {
  const bytes = Buffer.from(ciphertext);
  if (bytes.length < 5 || !bytes.subarray(0, 4).equals(MAGIC)) return undefined;
  return bytes.toString('utf8', 5, 5 + (bytes[4] ?? 0));
}

/** Tries the present material, then those before it. @throws when key, data or context are not those of `seal`. */
export function unseal(
  key: KeyRecord,
  ciphertext: Uint8Array,
  context: Readonly<Record<string, string>> | undefined,
): Buffer {
  const materials = [key.material, ...(key.retired ?? []).map(({ material }) => material)];
  for (const [index, material] of materials.entries()) {
    try {
      return unsealWith(material, ciphertext, context);
    } catch (err) {
      if (index === materials.length - 1) throw err;
    }
  }
  throw new Error('A key has at least one material.');
}

function unsealWith(
  material: string,
  ciphertext: Uint8Array,
  context: Readonly<Record<string, string>> | undefined,
): Buffer {
  const bytes = Buffer.from(ciphertext);
  const start = 5 + (bytes[4] ?? 0);
  const decipher = createDecipheriv(
    'aes-256-gcm',
    Buffer.from(material, 'base64'),
    bytes.subarray(start, start + 12),
  );
  decipher.setAAD(contextBytes(context));
  decipher.setAuthTag(bytes.subarray(start + 12, start + 28));
  return Buffer.concat([decipher.update(bytes.subarray(start + 28)), decipher.final()]);
}

function contextBytes(context: Readonly<Record<string, string>> = {}): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))));
}
