import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { CURVES } from './ecdsa.ts';

export type KeySpec =
  | 'SYMMETRIC_DEFAULT'
  | 'RSA_2048'
  | 'RSA_3072'
  | 'RSA_4096'
  | 'ECC_NIST_P256'
  | 'ECC_NIST_P384'
  | 'ECC_NIST_P521'
  | 'ECC_SECG_P256K1'
  | 'HMAC_224'
  | 'HMAC_256'
  | 'HMAC_384'
  | 'HMAC_512';

export type KeyUsage = 'ENCRYPT_DECRYPT' | 'SIGN_VERIFY' | 'GENERATE_VERIFY_MAC';

export type SigningAlgorithm =
  | 'ECDSA_SHA_256'
  | 'ECDSA_SHA_384'
  | 'ECDSA_SHA_512'
  | 'RSASSA_PSS_SHA_256'
  | 'RSASSA_PSS_SHA_384'
  | 'RSASSA_PSS_SHA_512'
  | 'RSASSA_PKCS1_V1_5_SHA_256'
  | 'RSASSA_PKCS1_V1_5_SHA_384'
  | 'RSASSA_PKCS1_V1_5_SHA_512';

export type EncryptionAlgorithm = 'SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256';
export type MacAlgorithm = 'HMAC_SHA_224' | 'HMAC_SHA_256' | 'HMAC_SHA_384' | 'HMAC_SHA_512';

interface SpecFacts {
  readonly usages: readonly KeyUsage[];
  readonly signing: readonly SigningAlgorithm[];
  readonly encryption: readonly EncryptionAlgorithm[];
  readonly mac: readonly MacAlgorithm[];
}

const RSA: SpecFacts = {
  usages: ['SIGN_VERIFY', 'ENCRYPT_DECRYPT'],
  signing: [
    'RSASSA_PKCS1_V1_5_SHA_256',
    'RSASSA_PKCS1_V1_5_SHA_384',
    'RSASSA_PKCS1_V1_5_SHA_512',
    'RSASSA_PSS_SHA_256',
    'RSASSA_PSS_SHA_384',
    'RSASSA_PSS_SHA_512',
  ],
  encryption: ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'],
  mac: [],
};
const ecc = (algorithm: SigningAlgorithm): SpecFacts => ({
  usages: ['SIGN_VERIFY'],
  signing: [algorithm],
  encryption: [],
  mac: [],
});
const hmac = (algorithm: MacAlgorithm): SpecFacts => ({
  usages: ['GENERATE_VERIFY_MAC'],
  signing: [],
  encryption: [],
  mac: [algorithm],
});

/** What each kind of key can do. The first usage is the only one, except for RSA, where it must be named. */
export const SPECS: Readonly<Record<KeySpec, SpecFacts>> = {
  SYMMETRIC_DEFAULT: { usages: ['ENCRYPT_DECRYPT'], signing: [], encryption: ['SYMMETRIC_DEFAULT'], mac: [] },
  RSA_2048: RSA,
  RSA_3072: RSA,
  RSA_4096: RSA,
  ECC_NIST_P256: ecc('ECDSA_SHA_256'),
  ECC_NIST_P384: ecc('ECDSA_SHA_384'),
  ECC_NIST_P521: ecc('ECDSA_SHA_512'),
  ECC_SECG_P256K1: ecc('ECDSA_SHA_256'),
  HMAC_224: hmac('HMAC_SHA_224'),
  HMAC_256: hmac('HMAC_SHA_256'),
  HMAC_384: hmac('HMAC_SHA_384'),
  HMAC_512: hmac('HMAC_SHA_512'),
};

export function isSpec(text: string): text is KeySpec {
  return text in SPECS;
}

const makePair = promisify(generateKeyPair);

/** Base64 of random bytes, or a PKCS #8 PEM. */
export async function newMaterial(spec: KeySpec): Promise<string> {
  if (spec === 'SYMMETRIC_DEFAULT') return randomBytes(32).toString('base64');
  if (spec.startsWith('HMAC_')) return randomBytes(Number(spec.slice(5)) / 8).toString('base64');
  return (await newPair(spec)).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export async function newPair(spec: KeySpec) {
  if (spec.startsWith('RSA_')) return makePair('rsa', { modulusLength: Number(spec.slice(4)) });
  return makePair('ec', { namedCurve: CURVES[spec as keyof typeof CURVES].name });
}
