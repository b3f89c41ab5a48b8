import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckHooks } from '../check.ts';
import type { Bucket } from './bucket.ts';
import type { Manifest } from './manifest.ts';
import { readBucket, type ReadingTally } from './read-bucket.ts';
import { sortRecords } from './sort-records.ts';
import { keyAt } from './spool.ts';

/** What every check of a restored bucket needs. */
export interface BucketCheckContext {
  readonly bucket: Bucket;
  /** Taken at the source just before the backup. */
  readonly before: Manifest;
  /** Taken at the source just after the backup was surely cut. */
  readonly after: Manifest;
  /**
   * On the prober's disk, of this drill and this copy alone: the checks of one drill share what was read of the copy in it, and a check
   * that was lost goes on there.
   */
  readonly folder: string;
  readonly workers?: number;
}

/** What was read of a copy. `keyOf` finds an object again, whose digest is all that leaves the prober. */
export interface CopyReading {
  readonly path: string;
  readonly tally: ReadingTally;
  keyOf(at: number): Promise<string>;
  close(): Promise<void>;
}

/** Reads the copy once for all checks of a drill. */
export async function readCopy(
  { bucket, after, folder, workers }: BucketCheckContext,
  hooks: CheckHooks,
): Promise<CopyReading> {
  const own = join(
    folder,
    createHash('sha256').update(`${bucket.name}\0${after.head.seed}`).digest('hex').slice(0, 16),
  );
  await mkdir(own, { recursive: true, mode: 0o700 });
  const path = join(own, 'sorted');
  const done = join(own, 'tally');
  const known = await readFile(done, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
  const keysFile = join(own, 'read', 'keys');
  if (known !== null) return reading(path, JSON.parse(known) as ReadingTally, await open(keysFile, 'r'));

  const { seed, turns } = after.head;
  const { spool } = await readBucket(
    bucket,
    {
      ...{ seed, folder: join(own, 'read'), withKeys: true, turns, youngerThan: Infinity },
      // Bodies are read by the check that knows which ones it needs.
      bodiesYoungerThan: Infinity,
      ...(workers === undefined ? {} : { workers }),
    },
    hooks,
    (detail) => hooks.say(`the copy: ${detail}`),
  );
  const { tally } = spool.progress;
  await spool.close();
  hooks.say(`the copy: sorting ${tally.versions} versions`);
  await sortRecords(spool.recordsFile, path, { signal: hooks.signal });
  await rm(spool.recordsFile, { force: true });
  await writeFile(`${done}.new`, JSON.stringify(tally), { mode: 0o600 });
  await rename(`${done}.new`, done);
  return reading(path, tally, await open(keysFile, 'r'));
}

function reading(path: string, tally: ReadingTally, keys: FileHandle): CopyReading {
  return { path, tally, keyOf: (at) => keyAt(keys, at), close: () => keys.close() };
}
