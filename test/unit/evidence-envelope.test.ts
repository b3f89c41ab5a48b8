import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { signEnvelope, signerInMemory } from '../../evidence/signer.ts';
import {
  decodeEnvelope,
  encodeEnvelope,
  keyIdOf,
  pae,
  PAYLOAD_TYPE,
  publicKeyOf,
  signatureHolds,
} from '../../evidence/verifier/envelope.ts';

test('canonical JSON is that of RFC 8785, appendix B and section 3.2.3', () => {
  const value = {
    numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"\/',
    literals: [null, true, false],
  };
  expect(canonicalBytes(value).toString()).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  const names = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };
  expect(Object.values(JSON.parse(canonicalBytes(names).toString()) as object)).toHaveLength(7);
  expect(canonicalBytes(names).toString()).toBe('{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}');
});

test('what JSON cannot say has no canonical form', () => {
  for (const value of [NaN, Infinity, undefined, '\ud800']) expect(() => canonicalBytes(value)).toThrow();
});

test('the order in which members were set never changes the canonical bytes', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const reversed = Object.fromEntries(Object.entries(value).reverse());
      expect(canonicalBytes(reversed)).toEqual(canonicalBytes(value));
    }),
  );
});

test('the pre-authentication encoding is that of the DSSE protocol', () => {
  // https://github.com/secure-systems-lab/dsse/blob/master/protocol.md#test-vectors
  expect(pae('http://example.com/HelloWorld', Buffer.from('hello world')).toString()).toBe(
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  );
});

test('the signature of the DSSE test vector holds, and over another payload it does not', () => {
  // The vector publishes its key as numbers X, Y of P-256.
  const number = (n: bigint): string =>
    Buffer.from(n.toString(16).padStart(64, '0'), 'hex').toString('base64url');
  const key = createPublicKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      x: number(46950820868899156662930047687818585632848591499744589407958293238635476079160n),
      y: number(5640078356564379163099075877009565129882514886557779369047442380624545832820n),
    },
  });
  const raw = Buffer.from(
    'A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==',
    'base64',
  );
  const verified = (payload: string): boolean => {
    const envelope = {
      payloadType: 'http://example.com/HelloWorld',
      payload: Buffer.from(payload),
      signatures: [],
    };
    return signatureHolds(envelope, { keyid: '', sig: derOf(raw).toString('base64') }, key);
  };
  expect(verified('hello world')).toBe(true);
  expect(verified('hello worle')).toBe(false);
});

/** The vector writes r and s side by side; KMS and we write them in DER. */
function derOf(raw: Buffer): Buffer {
  const integer = (bytes: Buffer): Buffer => {
    const positive = (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
    return Buffer.concat([Buffer.from([2, positive.length]), positive]);
  };
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

test.each(['P-256', 'ed25519'])(
  'an envelope signed with %s comes back as it was, and its signature holds',
  async (kind) => {
    const { privateKey } =
      kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: kind });
    const signer = signerInMemory(privateKey);
    const bytes = encodeEnvelope(await signEnvelope(Buffer.from('{"a":1}'), [signer]));
    const envelope = decodeEnvelope(bytes);
    expect(envelope.payload.toString()).toBe('{"a":1}');
    expect(signatureHolds(envelope, envelope.signatures[0]!, createPublicKey(privateKey))).toBe(true);
    expect(signer.key.keyid).toBe(keyIdOf(createPublicKey(privateKey)));
  },
);

test('an envelope has one form only: any other spelling of the same content is refused', async () => {
  const signer = signerInMemory(generateKeyPairSync('ed25519').privateKey);
  const text = encodeEnvelope(await signEnvelope(Buffer.from('{}'), [signer])).toString();
  for (const other of [
    `${text}\n`,
    ` ${text}`,
    text.replace(':', ': '),
    text.replace('"payload":"e30="', '"payload":"e31="'), // the same two bytes: the last bits are not used
    text.replace('"payload":"e30="', '"payload":"e30"'),
    text.replace('"signatures"', '"note":"","signatures"'),
    text.replace(/"signatures":\[.*\]/, '"signatures":[]'),
    text.replace(PAYLOAD_TYPE, 'text/plain'),
  ]) {
    expect(other).not.toBe(text);
    expect(() => decodeEnvelope(Buffer.from(other))).toThrow();
  }
});

test('keys of other kinds are refused', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey;
  for (const key of [rsa, p384]) {
    expect(() => publicKeyOf(key.export({ type: 'spki', format: 'pem' }).toString())).toThrow(
      'neither ECDSA P-256 nor Ed25519',
    );
  }
});

test('a signature by another key does not hold', async () => {
  const [one, other] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
  const envelope = await signEnvelope(Buffer.from('{}'), [signerInMemory(one.privateKey)]);
  const forged = sign(null, pae(PAYLOAD_TYPE, Buffer.from('{}')), other.privateKey).toString('base64');
  expect(signatureHolds(envelope, { keyid: keyIdOf(one.publicKey), sig: forged }, one.publicKey)).toBe(false);
});
