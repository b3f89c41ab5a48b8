import { createHash, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

// DSSE, https://github.com/secure-systems-lab/dsse/blob/master/protocol.md

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PREDICATE_BASE = 'https://lifeboat.dev/evidence/';

export interface Signature {
  readonly keyid: string;
  /** Base64: DER for ECDSA P-256 with SHA-256, 64 bytes for Ed25519. */
  readonly sig: string;
}

export interface Envelope {
  readonly payloadType: string;
  readonly payload: Buffer;
  readonly signatures: readonly Signature[];
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What is signed: "pre-authentication encoding" of type and payload, so that neither can be taken for the other. */
export function pae(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType);
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${type.length} `),
    type,
    Buffer.from(` ${payload.length} `),
    payload,
  ]);
}

/** The one and only way to write an envelope down. Every envelope has exactly one form, so that no byte in it is without meaning. */
export function encodeEnvelope({ payloadType, payload, signatures }: Envelope): Buffer {
  const ordered = signatures.map(({ keyid, sig }) => ({ keyid, sig }));
  return Buffer.from(
    JSON.stringify({ payload: payload.toString('base64'), payloadType, signatures: ordered }),
  );
}

/** @throws Error in words when `bytes` are not exactly what {@link encodeEnvelope} would have written. */
export function decodeEnvelope(bytes: Buffer): Envelope {
  const { payload, payloadType, signatures } = asRecord(parseJson(bytes), 'the envelope');
  if (typeof payload !== 'string' || payloadType !== PAYLOAD_TYPE || !Array.isArray(signatures)) {
    throw new Error(`it is not a DSSE envelope of type ${PAYLOAD_TYPE}`);
  }
  const envelope = {
    payloadType,
    payload: Buffer.from(payload, 'base64'),
    signatures: signatures as Signature[],
  };
  if (!encodeEnvelope(envelope).equals(bytes)) throw new Error('its bytes are not in the one canonical form');
  if (signatures.length === 0) throw new Error('it is not signed');
  return envelope;
}

/** The payload of an envelope, which must be an in-toto statement of Lifeboat. */
export function decodeStatement(payload: Buffer): {
  predicateType: string;
  predicate: Record<string, unknown>;
} {
  const { _type, predicateType, predicate } = asRecord(parseJson(payload), 'the payload');
  if (
    _type !== STATEMENT_TYPE ||
    typeof predicateType !== 'string' ||
    !predicateType.startsWith(PREDICATE_BASE)
  ) {
    throw new Error(`it is not an in-toto statement with a predicate of ${PREDICATE_BASE}`);
  }
  return { predicateType, predicate: asRecord(predicate, 'the predicate') };
}

/** Names a key by the SHA-256 of its SubjectPublicKeyInfo. */
export function keyIdOf(key: KeyObject): string {
  return `sha256:${sha256(key.export({ type: 'spki', format: 'der' }))}`;
}

/** @throws Error when the key is neither ECDSA P-256 nor Ed25519. */
export function publicKeyOf(material: string | Buffer): KeyObject {
  const key =
    typeof material === 'string'
      ? createPublicKey(material)
      : createPublicKey({ key: material, format: 'der', type: 'spki' });
  const p256 = key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  if (!p256 && key.asymmetricKeyType !== 'ed25519') {
    throw new Error('the key is neither ECDSA P-256 nor Ed25519');
  }
  return key;
}

/** Does this signature over this envelope hold under this key? */
export function signatureHolds(
  { payloadType, payload }: Envelope,
  { sig }: Signature,
  key: KeyObject,
): boolean {
  const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return verify(digest, pae(payloadType, payload), key, Buffer.from(sig, 'base64'));
}

export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new Error('it is not JSON', { cause });
  }
}

export function asRecord(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${what} is not a JSON object`);
  }
  return value as Record<string, unknown>;
}
