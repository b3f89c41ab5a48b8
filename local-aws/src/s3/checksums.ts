import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { createCRC32, createCRC64 } from 'hash-wasm';
import { awsError, notImplemented } from '../wire/errors.ts';

export const CHECKSUM_ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

export interface RunningChecksum {
  update(chunk: Uint8Array): void;
  /** Base64. Once. */
  digest(): string;
}

const CRC32C_POLYNOMIAL = 0x82f63b78;
const CRC64NVME_POLYNOMIAL = '9a6c9329ac4bc9b5';

export async function startChecksum(algorithm: ChecksumAlgorithm | 'MD5'): Promise<RunningChecksum> {
  switch (algorithm) {
    case 'CRC32': {
      let value = 0;
      const bytes = Buffer.alloc(4);
      return {
        update: (chunk) => (value = crc32(chunk, value)),
        digest: () => {
          bytes.writeUInt32BE(value >>> 0);
          return bytes.toString('base64');
        },
      };
    }
    case 'CRC32C':
      return fromHex(await createCRC32(CRC32C_POLYNOMIAL));
    case 'CRC64NVME':
      return fromHex(await createCRC64(CRC64NVME_POLYNOMIAL));
    case 'SHA1':
    case 'SHA256':
    case 'MD5': {
      const hash = createHash(algorithm.toLowerCase());
      return { update: (chunk) => hash.update(chunk), digest: () => hash.digest('base64') };
    }
  }
}

interface WasmHasher {
  init(): unknown;
  update(data: Uint8Array): unknown;
  digest(outputType: 'hex'): string;
}

function fromHex(hasher: WasmHasher): RunningChecksum {
  hasher.init();
  return {
    update: (chunk) => void hasher.update(chunk),
    digest: () => Buffer.from(hasher.digest('hex'), 'hex').toString('base64'),
  };
}

export async function checksumOf(algorithm: ChecksumAlgorithm | 'MD5', bytes: Uint8Array): Promise<string> {
  const running = await startChecksum(algorithm);
  running.update(bytes);
  return running.digest();
}

/** Members such as `ChecksumCRC32`, as requests and answers name them. */
export function checksumMember(algorithm: ChecksumAlgorithm): `Checksum${ChecksumAlgorithm}` {
  return `Checksum${algorithm}`;
}

export interface ChecksumClaim {
  readonly algorithm: ChecksumAlgorithm;
  /** Undefined when the value comes in a trailer. */
  readonly value: string | undefined;
}

type Members = Readonly<Record<string, unknown>>;

const UNSUPPORTED = [
  'ChecksumSHA512',
  'ChecksumMD5',
  'ChecksumXXHASH64',
  'ChecksumXXHASH3',
  'ChecksumXXHASH128',
];

/**
 * Which checksum the client says the body has.
 * @param trailer the `x-amz-trailer` header
 */
export function readChecksumClaim(
  input: object,
  trailer: string | undefined,
  declared: string | undefined,
): ChecksumClaim | undefined {
  const members = input as Members;
  for (const name of UNSUPPORTED)
    if (members[name] !== undefined) throw notImplemented('s3', `the checksum ${name}`);
  const given = CHECKSUM_ALGORITHMS.filter((algorithm) => members[checksumMember(algorithm)] !== undefined);
  if (given.length > 1) {
    throw awsError({
      code: 'InvalidRequest',
      status: 400,
      message: 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    });
  }
  const [algorithm] = given;
  if (algorithm) {
    const value = String(members[checksumMember(algorithm)]);
    checkForm(algorithm, value);
    return { algorithm, value };
  }
  const announced = /^x-amz-checksum-(\w+)$/.exec((trailer ?? '').trim().toLowerCase())?.[1];
  if (announced !== undefined) return { algorithm: toAlgorithm(announced), value: undefined };
  if (declared === undefined) return undefined;
  const message =
    'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.';
  throw awsError({ code: 'InvalidRequest', status: 400, message, service: 's3' });
}

const BYTES: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};

function checkForm(algorithm: ChecksumAlgorithm, value: string): void {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === BYTES[algorithm] && bytes.toString('base64') === value) return;
  const message = `Value for x-amz-checksum-${algorithm.toLowerCase()} header is invalid.`;
  throw awsError({ code: 'InvalidRequest', status: 400, message, service: 's3' });
}

export function toAlgorithm(text: string): ChecksumAlgorithm {
  const name = text.toUpperCase();
  const known = CHECKSUM_ALGORITHMS.find((algorithm) => algorithm === name);
  if (known) return known;
  if (UNSUPPORTED.includes(`Checksum${name}`)) throw notImplemented('s3', `the checksum algorithm ${text}`);
  const message = `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${CHECKSUM_ALGORITHMS.join(', ')}]`;
  throw awsError({ code: 'InvalidRequest', status: 400, message, service: 's3' });
}

export function badDigest(algorithm: string): Error {
  const message =
    algorithm === 'Content-MD5'
      ? 'The Content-MD5 you specified did not match what we received.'
      : `The ${algorithm} you specified did not match the calculated checksum.`;
  return awsError({ code: 'BadDigest', status: 400, message, service: 's3' });
}

export function invalidDigest(): Error {
  const message = 'The Content-MD5 you specified was invalid.';
  return awsError({ code: 'InvalidDigest', status: 400, message, service: 's3' });
}
