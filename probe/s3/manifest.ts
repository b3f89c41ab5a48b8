import { open } from 'node:fs/promises';
import { FingerprintUnreadable } from '../errors.ts';
import type { LockVisibility } from './bucket.ts';
import { RECORD, readRecord, type VersionRecord } from './records.ts';

const MAGIC = Buffer.from('LBS3M1\0\n', 'latin1');
const PREFIX = MAGIC.length + 4;
/** Records that are read at once. */
const WINDOW = 1024;

/** What was counted while the bucket was read. */
export interface ManifestTally {
  readonly versions: number;
  readonly markers: number;
  /** Current versions that are no markers: what a restore brings back. */
  readonly objects: number;
  readonly bytes: number;
  /** Current versions of which more is known than their listing. */
  readonly detailed: number;
  /** Bodies that were read because S3 keeps nothing to compare them by. */
  readonly bodiesRead: number;
  /** Current versions that had no turn this night. */
  readonly notDue: number;
  /** How often S3 refused to describe a version, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** How often S3 asked for patience. */
  readonly throttled: number;
}

export const NOTHING_YET: ManifestTally = {
  ...{ versions: 0, markers: 0, objects: 0, bytes: 0, detailed: 0, bodiesRead: 0, notDue: 0 },
  ...{ refused: {}, throttled: 0 },
};

/** The head of a manifest. The records follow in the order of their key digests: no order of names leaves the prober. */
export interface ManifestHead {
  readonly kind: 's3-bucket';
  readonly pass: 'before' | 'after';
  readonly seed: string;
  /** When reading began, by the prober's clock. */
  readonly takenAt: string;
  readonly durationMs: number;
  readonly turns: { readonly every: number; readonly night: number };
  readonly locks: LockVisibility;
  readonly tally: ManifestTally;
}

/** A manifest on the prober's disk. */
export interface Manifest {
  readonly path: string;
  readonly head: ManifestHead;
}

export function headBytes(head: ManifestHead): Buffer {
  const json = Buffer.from(JSON.stringify(head), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([MAGIC, length, json]);
}

/** @throws FingerprintUnreadable when the file is no manifest, or is cut short. Its digest is checked by whoever fetched it. */
export async function openManifest(path: string): Promise<Manifest> {
  const file = await open(path, 'r');
  try {
    const prefix = Buffer.alloc(PREFIX);
    await file.read(prefix, 0, PREFIX, 0);
    if (!prefix.subarray(0, MAGIC.length).equals(MAGIC))
      throw new FingerprintUnreadable(
        'this is not the manifest of a bucket, or of a version this build does not know',
      );
    const json = Buffer.alloc(prefix.readUInt32BE(MAGIC.length));
    const { bytesRead } = await file.read(json, 0, json.length, PREFIX);
    const { size } = await file.stat();
    if (bytesRead < json.length) throw new FingerprintUnreadable('the manifest is cut short');
    const head = JSON.parse(json.toString('utf8')) as ManifestHead;
    if (size !== PREFIX + json.length + head.tally.versions * RECORD)
      throw new FingerprintUnreadable('the manifest does not hold as many versions as its head says');
    return { path, head };
  } finally {
    await file.close();
  }
}

/** All versions of one key. A key with very many versions is held in memory as a whole. */
export interface KeyGroup {
  readonly key: string;
  readonly versions: readonly VersionRecord[];
}

/** The keys of a sorted file of records, in order, in bounded memory. */
export async function* keyGroups(
  path: string,
  { withHead }: { withHead: boolean },
): AsyncGenerator<KeyGroup, void> {
  const file = await open(path, 'r');
  const window = Buffer.alloc(WINDOW * RECORD);
  let position = withHead ? await lengthOfHead(path) : 0;
  let versions: VersionRecord[] = [];
  try {
    for (;;) {
      const { bytesRead } = await file.read(window, 0, window.length, position);
      const whole = bytesRead - (bytesRead % RECORD);
      if (whole === 0) break;
      position += whole;
      for (let at = 0; at < whole; at += RECORD) {
        const record = readRecord(window, at);
        const key = versions[0]?.key;
        if (key !== undefined && key !== record.key) {
          yield { key, versions };
          versions = [];
        }
        versions.push(record);
      }
    }
    const key = versions[0]?.key;
    if (key !== undefined) yield { key, versions };
  } finally {
    await file.close();
  }
}

async function lengthOfHead(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    const prefix = Buffer.alloc(PREFIX);
    await file.read(prefix, 0, PREFIX, 0);
    return PREFIX + prefix.readUInt32BE(MAGIC.length);
  } finally {
    await file.close();
  }
}
