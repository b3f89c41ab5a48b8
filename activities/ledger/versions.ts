import { GetObjectCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { failure } from '../failures.ts';
import { inLedger } from './ledger.ts';
import type { ObjectVersion } from '@aws-sdk/client-s3';
import type { Ledger } from './ledger.ts';

/** Everything S3 has under one key. The first version ever written is the one that counts: later ones can only be additions. */
export interface LedgerObject {
  readonly key: string;
  readonly versionId: string;
  readonly writtenAt: Date;
  readonly bytes: number;
  /** Versions written after the first one, and delete markers: neither should exist. */
  readonly laterVersions: number;
  readonly deleteMarkers: number;
}

interface Collected {
  readonly versions: ObjectVersion[];
  markers: number;
}

/**
 * Lists every key below `prefix`, in order, to the very end. Lists versions, not objects: a delete marker hides an object from a plain
 * listing, and a hidden statement must still be sealed.
 * @param after keys up to and including this one are left out.
 */
export async function* listObjects(
  ledger: Ledger,
  prefix: string,
  after?: string,
): AsyncGenerator<LedgerObject> {
  const { s3 } = ledger;
  const waiting = new Map<string, Collected>();
  let marker: { KeyMarker?: string; VersionIdMarker?: string } =
    after === undefined ? {} : { KeyMarker: after };
  for (;;) {
    const page = await s3.send(
      new ListObjectVersionsCommand({ ...inLedger(ledger), Prefix: prefix, ...marker }),
    );
    // An answer without a body has no lists either; it is a fault on the way, not an empty ledger.
    if (page.IsTruncated === undefined)
      throw new Error(`S3 answered the listing of ${prefix} without a list`);
    for (const version of page.Versions ?? []) collect(waiting, version.Key).versions.push(version);
    for (const { Key } of page.DeleteMarkers ?? []) collect(waiting, Key).markers += 1;
    const unfinished = page.IsTruncated ? page.NextKeyMarker : undefined;
    for (const key of [...waiting.keys()].sort()) {
      if (key === unfinished) continue;
      const object = objectOf(key, waiting.get(key));
      waiting.delete(key);
      if (object !== undefined) yield object;
    }
    if (unfinished === undefined) return;
    marker = {
      KeyMarker: unfinished,
      ...(page.NextVersionIdMarker === undefined ? {} : { VersionIdMarker: page.NextVersionIdMarker }),
    };
  }
}

function collect(waiting: Map<string, Collected>, key = ''): Collected {
  const found = waiting.get(key) ?? { versions: [], markers: 0 };
  waiting.set(key, found);
  return found;
}

function objectOf(key: string, collected: Collected | undefined): LedgerObject | undefined {
  // S3 lists the versions of a key from the newest to the oldest.
  const first = collected?.versions.at(-1);
  if (collected === undefined || first === undefined) return undefined;
  if (first.VersionId === undefined || first.LastModified === undefined) {
    throw new Error(`S3 listed ${key} without version and date`);
  }
  return {
    key,
    versionId: first.VersionId,
    writtenAt: first.LastModified,
    bytes: first.Size ?? 0,
    laterVersions: collected.versions.length - 1,
    deleteMarkers: collected.markers,
  };
}

/** The first version ever written under `key`; undefined when there is none. */
export async function findObject(ledger: Ledger, key: string): Promise<LedgerObject | undefined> {
  for await (const object of listObjects(ledger, key)) {
    if (object.key === key) return object;
  }
  return undefined;
}

/** The bytes of exactly one version. The client verifies S3's checksum while it reads. */
export async function readVersion(ledger: Ledger, key: string, versionId: string): Promise<Buffer> {
  const { Body } = await ledger.s3.send(
    new GetObjectCommand({ ...inLedger(ledger), Key: key, VersionId: versionId, ChecksumMode: 'ENABLED' }),
  );
  if (Body === undefined) {
    throw failure('LedgerRefused', `S3 gave no content for ${ledger.bucket}/${key} version ${versionId}.`, {
      key,
    });
  }
  return Buffer.from(await Body.transformToByteArray());
}
