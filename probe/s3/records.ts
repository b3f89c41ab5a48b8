import type { ChecksumAlgorithm, LockState } from './bucket.ts';

/** By what two bodies are compared. `body`: read and hashed by us; `none`: nothing is known but the size. */
export type ReferenceKind = 'none' | 'md5' | ChecksumAlgorithm | 'body';

const KINDS: readonly ReferenceKind[] = [
  'none',
  'md5',
  'crc32',
  'crc32c',
  'crc64nvme',
  'sha1',
  'sha256',
  'body',
];
const MODES: readonly LockState['mode'][] = ['none', 'governance', 'compliance'];

/** One version in a manifest: digests, sizes, times. Nothing in it can be read back into a name or a value. */
export interface VersionRecord {
  /** 32 hex digits. */
  readonly key: string;
  /** 16 hex digits. */
  readonly versionId: string;
  readonly marker: boolean;
  readonly latest: boolean;
  /** False where only the listing was looked at: the fields after `modifiedAt` then mean nothing. */
  readonly detailed: boolean;
  /** Whether it had its turn in this night. */
  readonly due: boolean;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  readonly reference: { readonly kind: ReferenceKind; readonly digest: string };
  readonly metadata: string;
  readonly tags: string;
  readonly lock: LockState;
  /** Where the key stands in the list of keys beside this file; 0 in what leaves the prober. */
  readonly at: number;
}

export const NO_DIGEST = '0'.repeat(16);
export const NO_REFERENCE: VersionRecord['reference'] = { kind: 'none', digest: '0'.repeat(32) };
export const NO_LOCK: LockState = { mode: 'none', until: 0, hold: false };

/** Bytes of one record. */
export const RECORD = 88;
/** A record begins with what it is sorted by: the key, then the version. */
export const SORTED_BY = 24;

export function writeRecord(record: VersionRecord, to: Buffer, offset: number): void {
  const { marker, latest, detailed, due, lock } = record;
  to.write(record.key, offset, 16, 'hex');
  to.write(record.versionId, offset + 16, 8, 'hex');
  const flags = [marker, latest, detailed, due, lock.hold].reduce(
    (all, flag, n) => all | (flag ? 1 << n : 0),
    0,
  );
  to[offset + 24] = flags;
  to[offset + 25] = KINDS.indexOf(record.reference.kind);
  to[offset + 26] = MODES.indexOf(lock.mode);
  to[offset + 27] = 0;
  to.writeUIntBE(record.size, offset + 28, 6);
  to.writeUIntBE(record.modifiedAt, offset + 34, 6);
  to.write(record.reference.digest, offset + 40, 16, 'hex');
  to.write(record.metadata, offset + 56, 8, 'hex');
  to.write(record.tags, offset + 64, 8, 'hex');
  to.writeUIntBE(lock.until, offset + 72, 6);
  to.writeUIntBE(record.at, offset + 78, 6);
  to.writeUInt32BE(0, offset + 84);
}

/** @throws RangeError for bytes that no version of this build has written. */
export function readRecord(from: Buffer, offset: number): VersionRecord {
  const flags = from[offset + 24] ?? 0;
  const flag = (n: number): boolean => (flags & (1 << n)) !== 0;
  const kind = KINDS[from[offset + 25] ?? 255];
  const mode = MODES[from[offset + 26] ?? 255];
  if (kind === undefined || mode === undefined) throw new RangeError('not a record of a manifest');
  const hex = (start: number, bytes: number) => from.toString('hex', offset + start, offset + start + bytes);
  return {
    ...{ key: hex(0, 16), versionId: hex(16, 8) },
    ...{ marker: flag(0), latest: flag(1), detailed: flag(2), due: flag(3) },
    ...{ size: from.readUIntBE(offset + 28, 6), modifiedAt: from.readUIntBE(offset + 34, 6) },
    reference: { kind, digest: hex(40, 16) },
    ...{ metadata: hex(56, 8), tags: hex(64, 8) },
    lock: { mode, until: from.readUIntBE(offset + 72, 6), hold: flag(4) },
    at: from.readUIntBE(offset + 78, 6),
  };
}
