import type { ProbeHooks } from '../engine.ts';
import type { Bucket, Cursor, ListedVersion, LockVisibility } from './bucket.ts';
import { describeVersion, listedRecord, type Described } from './describe-version.ts';
import { Digests, isDue } from './digests.ts';
import { NOTHING_YET, type ManifestTally } from './manifest.ts';
import { Patience } from './patience.ts';
import { Spool } from './spool.ts';

/** Questions to S3 at once, where nothing else is said. A bucket takes 5,500 reads per second and prefix. */
const WORKERS = 16;

export interface ReadBucket {
  readonly seed: string;
  /** Kept over crashes, and the caller's to discard. */
  readonly folder: string;
  /** Keeps the keys beside the records, so that an object can be found again. Such a spool must not leave the prober. */
  readonly withKeys: boolean;
  /** Bodies of which S3 keeps nothing to compare by are read where the version is younger than this (milliseconds since 1970). */
  readonly bodiesYoungerThan: number;
  readonly turns: { readonly every: number; readonly night: number };
  /** Noncurrent versions that are younger (milliseconds since 1970) are described, too. */
  readonly youngerThan: number;
  readonly workers?: number;
  readonly perSecond?: number;
  readonly firstPauseMs?: number;
}

/** What is kept with the progress of a reading. */
export interface ReadingTally extends ManifestTally {
  /** ISO 8601, of the first attempt. */
  readonly startedAt: string;
  readonly locks: LockVisibility | null;
}

/**
 * Lists every version of a bucket and describes those that matter: current ones, and those of this night. Pages are listed while the
 * previous one is described. Goes on where an earlier attempt with the same folder was lost.
 * @returns the complete spool; `resumedAt` is the number of versions that an earlier attempt had read.
 */
export async function readBucket(
  bucket: Bucket,
  request: ReadBucket,
  hooks: ProbeHooks,
  say: (detail: string) => void,
): Promise<{ spool: Spool<ReadingTally>; resumedAt: number }> {
  const { seed, folder, withKeys, bodiesYoungerThan, turns, youngerThan, workers = WORKERS } = request;
  const { perSecond = Infinity, firstPauseMs } = request;
  const digests = new Digests(seed);
  const patience = new Patience({
    ...{ workers, perSecond, signal: hooks.signal },
    ...(firstPauseMs === undefined ? {} : { firstPauseMs }),
  });
  const first: ReadingTally = { ...NOTHING_YET, startedAt: hooks.now().toISOString(), locks: null };
  const spool = await Spool.open<ReadingTally>(folder, { withKeys, tally: first });
  const resumedAt = spool.progress.records;
  try {
    if (spool.progress.complete) return { spool, resumedAt };
    let tally = spool.progress.tally;
    const throttledBefore = tally.throttled;
    const list = (from: Cursor | null) => patience.ask(() => bucket.list(from));
    let page = await list(spool.progress.next);
    for (;;) {
      hooks.signal.throwIfAborted();
      // A failure of the next page is met when it is awaited; until then it must not count as unhandled.
      const upcoming = page.next === null ? null : list(page.next);
      upcoming?.catch(() => undefined);
      const example = page.versions.find(({ marker }) => !marker) ?? null;
      if (tally.locks !== 'shown' && tally.locks !== 'hidden')
        tally = { ...tally, locks: await patience.ask(() => bucket.locks(example)) };
      const described = await patience.each(page.versions, async (version) => {
        const due = isDue(version.key, turns);
        const wanted = due && !version.marker && (version.latest || version.modifiedAt >= youngerThan);
        if (!wanted) return { record: listedRecord(version, digests, due), refused: null, bodyRead: false };
        const readBodies = version.modifiedAt >= bodiesYoungerThan;
        return describeVersion(version, due, { bucket, digests, patience, readBodies });
      });
      tally = { ...added(tally, page.versions, described), throttled: throttledBefore + patience.throttled };
      const records = described.map(({ record }, n) => [record, page.versions[n]?.key ?? ''] as const);
      await spool.append(records, page.next, tally);
      say(`${spool.progress.records} versions read`);
      if (upcoming === null) return { spool, resumedAt };
      page = await upcoming;
    }
  } catch (error) {
    await spool.close();
    throw error;
  }
}

function added(
  tally: ReadingTally,
  versions: readonly ListedVersion[],
  described: readonly Described[],
): ReadingTally {
  const refused = { ...tally.refused };
  for (const { refused: reason } of described)
    if (reason !== null) refused[reason] = (refused[reason] ?? 0) + 1;
  const current = versions.filter(({ latest, marker }) => latest && !marker);
  const count = (which: (one: Described, version: ListedVersion) => boolean): number =>
    described.filter((one, n) => which(one, versions[n] as ListedVersion)).length;
  return {
    ...tally,
    refused,
    versions: tally.versions + versions.length,
    markers: tally.markers + versions.filter(({ marker }) => marker).length,
    objects: tally.objects + current.length,
    bytes: tally.bytes + current.reduce((sum, { size }) => sum + size, 0),
    detailed: tally.detailed + count(({ record }, { latest }) => latest && record.detailed),
    bodiesRead: tally.bodiesRead + count(({ bodyRead }) => bodyRead),
    notDue: tally.notDue + count(({ record }, { latest, marker }) => latest && !marker && !record.due),
  };
}
