import { join } from 'node:path';
import type { ProbeHooks } from '../engine.ts';
import { keepAlive } from '../keep-alive.ts';
import type { Bucket } from './bucket.ts';
import { headBytes, openManifest, type Manifest, type ManifestHead } from './manifest.ts';
import { readBucket } from './read-bucket.ts';
import { sortRecords } from './sort-records.ts';

/** Clocks of prober and S3 may differ, and S3 shows whole seconds. */
const CLOCKS_DIFFER_MS = 15 * 60_000;

export interface ManifestRequest {
  readonly pass: 'before' | 'after';
  readonly seed: string;
  /** The first pass, compulsory for the second one. */
  readonly before?: ManifestHead;
  /** Folder for what is read so far; the manifest is left in it. An attempt with the same folder goes on where the last one was lost. */
  readonly folder: string;
  readonly turns: { readonly every: number; readonly night: number };
  readonly workers?: number;
  readonly perSecond?: number;
}

export interface TakenManifest extends Manifest {
  /** Versions that an earlier, lost attempt had read. */
  readonly resumedAt: number;
}

/**
 * Takes the manifest of a bucket: every version with digests of its name, checksum, metadata and tags, its size and its lock. Reads only.
 * @throws RangeError when the second pass does not fit the first one; DatabaseUnreachable.
 */
export async function takeManifest(
  bucket: Bucket,
  request: ManifestRequest,
  hooks: ProbeHooks,
): Promise<TakenManifest> {
  const { pass, seed, before, folder, turns, workers, perSecond } = request;
  if (pass === 'after' && before === undefined)
    throw new RangeError('the second pass needs the manifest of the first one');
  if (before !== undefined && before.seed !== seed)
    throw new RangeError('both passes of one night must use the same seed');
  const youngerThan = before === undefined ? null : Date.parse(before.takenAt) - CLOCKS_DIFFER_MS;
  return keepAlive(hooks, `${pass}: listing the bucket`, async (say) => {
    const { spool, resumedAt } = await readBucket(
      bucket,
      {
        ...{ seed, folder: join(folder, 'read'), withKeys: false, turns },
        youngerThan: youngerThan ?? Infinity,
        // A version never changes its body: what the first pass read need not be read again.
        bodiesYoungerThan: youngerThan ?? -Infinity,
        ...(workers === undefined ? {} : { workers }),
        ...(perSecond === undefined ? {} : { perSecond }),
      },
      hooks,
      (detail) => say(`${pass}: ${detail}`),
    );
    try {
      const { startedAt, locks, ...tally } = spool.progress.tally;
      const head: ManifestHead = {
        ...{ kind: 's3-bucket', pass, seed, takenAt: startedAt, turns, tally, locks: locks ?? 'off' },
        durationMs: Math.max(0, hooks.now().getTime() - Date.parse(startedAt)),
      };
      say(`${pass}: sorting ${tally.versions} versions`);
      const path = join(folder, 'manifest');
      await sortRecords(spool.recordsFile, path, { head: headBytes(head), signal: hooks.signal });
      await spool.discard();
      return { ...(await openManifest(path)), resumedAt };
    } catch (error) {
      await spool.close();
      throw error;
    }
  });
}
