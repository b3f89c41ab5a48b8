import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { FingerprintUnreadable } from '../errors.ts';
import type {
  BlockDigests,
  Catalogue,
  CatalogueObject,
  DatabaseFingerprint,
  Fingerprint,
  TableFingerprint,
} from './fingerprint.ts';

/**
 * The file: gzip over magic, version, length of the head, the head as JSON, block counts (2 bytes each), block digests (8 bytes each),
 * both little-endian in the order of the tables, and SHA-256 over everything before it.
 */
const MAGIC = Buffer.from('LBFP', 'latin1');
const VERSION = 3;
/** Earlier versions lack what is optional in a {@link Fingerprint}. What is remembered has other seeds, which earlier builds do not know. */
const READABLE = [1, 2, VERSION];
const PREFIX_BYTES = MAGIC.length + 2 + 4;
const SHA256_BYTES = 32;
/** Digests do not compress; the fastest level takes what the counts and the head give. */
const GZIP_LEVEL = 1;

interface Head extends Omit<Fingerprint, 'cluster' | 'databases'> {
  readonly cluster: CatalogueHead;
  readonly databases: readonly DatabaseHead[];
}
interface CatalogueHead {
  readonly digest: string;
  readonly objects: readonly (readonly [key: string, digest: string, version: number])[];
}
interface DatabaseHead extends Omit<DatabaseFingerprint, 'catalogue' | 'tables'> {
  readonly catalogue: CatalogueHead;
  readonly tables: readonly TableHead[];
}
interface TableHead extends Omit<TableFingerprint, 'blocks'> {
  readonly blocks: number;
}

export function encodeFingerprint(fingerprint: Fingerprint): Uint8Array {
  const tables = fingerprint.databases.flatMap((database) => database.tables);
  const head = Buffer.from(JSON.stringify(headOf(fingerprint)), 'utf8');
  const prefix = Buffer.alloc(PREFIX_BYTES);
  MAGIC.copy(prefix);
  prefix.writeUInt16LE(VERSION, MAGIC.length);
  prefix.writeUInt32LE(head.length, MAGIC.length + 2);
  const body = Buffer.concat([prefix, head, ...tables.map(countBytes), ...tables.map(digestBytes)]);
  const seal = createHash('sha256').update(body).digest();
  return gzipSync(Buffer.concat([body, seal]), { level: GZIP_LEVEL });
}

/** @throws FingerprintUnreadable when the bytes are damaged or of a version this build does not know. */
export function decodeFingerprint(bytes: Uint8Array): Fingerprint {
  const file = unzipped(bytes);
  if (file.length < PREFIX_BYTES + SHA256_BYTES || !file.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new FingerprintUnreadable('this is not a fingerprint file');
  }
  const version = file.readUInt16LE(MAGIC.length);
  if (!READABLE.includes(version)) {
    throw new FingerprintUnreadable(
      `the fingerprint has version ${version}; this build reads versions ${READABLE.join(', ')}`,
    );
  }
  const body = file.subarray(0, -SHA256_BYTES);
  if (!createHash('sha256').update(body).digest().equals(file.subarray(-SHA256_BYTES))) {
    throw new FingerprintUnreadable('the fingerprint was altered: its bytes do not fit its own digest');
  }
  const headEnd = PREFIX_BYTES + body.readUInt32LE(MAGIC.length + 2);
  const head = JSON.parse(body.toString('utf8', PREFIX_BYTES, headEnd)) as Head;
  return fingerprintOf(head, body.subarray(headEnd));
}

function unzipped(bytes: Uint8Array): Buffer {
  try {
    return gunzipSync(bytes);
  } catch {
    throw new FingerprintUnreadable('the fingerprint cannot be unpacked: it was altered or cut short');
  }
}

function headOf({ cluster, databases, ...rest }: Fingerprint): Head {
  return {
    ...rest,
    cluster: catalogueHead(cluster),
    databases: databases.map(({ catalogue, tables, ...database }) => ({
      ...database,
      catalogue: catalogueHead(catalogue),
      tables: tables.map(({ blocks, ...table }) => ({ ...table, blocks: blocks.counts.length })),
    })),
  };
}

function fingerprintOf({ cluster, databases, ...rest }: Head, blocks: Buffer): Fingerprint {
  const total = databases.flatMap(({ tables }) => tables).reduce((sum, table) => sum + table.blocks, 0);
  if (blocks.length !== total * 10)
    throw new FingerprintUnreadable('the fingerprint lacks some of its block digests');
  let at = 0;
  const take = (count: number): BlockDigests => {
    const counts = new Uint16Array(count);
    const digests = new BigUint64Array(count);
    for (let n = 0; n < count; n += 1, at += 1) {
      counts[n] = blocks.readUInt16LE(at * 2);
      digests[n] = blocks.readBigUInt64LE(total * 2 + at * 8);
    }
    return { counts, digests };
  };
  return {
    ...rest,
    cluster: catalogueFrom(cluster),
    databases: databases.map(({ catalogue, tables, ...database }) => ({
      ...database,
      catalogue: catalogueFrom(catalogue),
      tables: tables.map((table) => ({ ...table, blocks: take(table.blocks) })),
    })),
  };
}

function catalogueHead({ digest, objects }: Catalogue): CatalogueHead {
  return {
    digest,
    objects: [...objects].map(([key, object]) => [key, object.digest, object.version] as const),
  };
}

function catalogueFrom({ digest, objects }: CatalogueHead): Catalogue {
  const entries = objects.map(([key, of, version]): [string, CatalogueObject] => [
    key,
    { digest: of, version },
  ]);
  return { digest, objects: new Map(entries) };
}

function countBytes({ blocks: { counts } }: TableFingerprint): Buffer {
  const bytes = Buffer.alloc(counts.length * 2);
  counts.forEach((count, block) => bytes.writeUInt16LE(count, block * 2));
  return bytes;
}

function digestBytes({ blocks: { digests } }: TableFingerprint): Buffer {
  const bytes = Buffer.alloc(digests.length * 8);
  digests.forEach((digest, block) => bytes.writeBigUInt64LE(digest, block * 8));
  return bytes;
}
