import { doubt, failure, note, type Check, type Outcome } from '../../check.ts';
import { compareObjects, likeness, type ObjectComparison } from '../compare.ts';
import { readCopy, type BucketCheckContext } from '../copy.ts';
import { Findings, object } from '../findings.ts';
import type { VersionRecord } from '../records.ts';
import { notComparable, refusals } from './about.ts';

/** What is stored beside a body: metadata, tags, and locks where the copy can have them. */
export const metadata: Check<BucketCheckContext> = {
  id: 'metadata',
  question:
    'Does every object still carry its metadata, its tags and, where the copy can have one, its lock?',

  async run(context, hooks): Promise<Outcome> {
    const { before, after } = context;
    const wrong = notComparable(context);
    const total = after.head.tally.objects;
    if (wrong !== null)
      return {
        findings: [wrong],
        examined: [{ unit: 'objects', examined: 0, total }],
        notTested: ['every object'],
      };
    const copy = await readCopy(context, hooks);
    try {
      const findings = new Findings();
      for (const one of refusals('the source', after.head.tally.refused)) findings.add(one);
      for (const one of refusals('the copy', copy.tally.refused)) findings.add(one);
      const sourceLocks = after.head.locks;
      if (sourceLocks === 'hidden')
        findings.add(doubt('locks-hidden', 'the role of the prober may not see locks at the source'));
      const locksCount = sourceLocks === 'shown' && copy.tally.locks === 'shown';
      const aspects = locksCount ? [METADATA, TAGS, LOCK] : [METADATA, TAGS];
      let [asked, compared, bounded, notDue, lockedAtSource, seen] = [0, 0, 0, 0, 0, 0];
      for await (const one of compareObjects(before.path, after.path, copy.path)) {
        if (++seen % 20_000 === 0) {
          hooks.signal.throwIfAborted();
          hooks.say(`${seen} keys compared`);
        }
        const { found } = one;
        if (found === null || one.mayBe.length === 0) continue; // the check of the objects says so
        if (!one.due) {
          notDue += 1;
          continue;
        }
        const states = statesOf(one, found);
        if (states === null) continue; // another body: the check of the content says so
        asked += 1;
        if (states.length === 0 || !found.detailed) continue;
        compared += 1;
        if (states.some(({ lock }) => lock.mode !== 'none' || lock.hold)) lockedAtSource += 1;
        for (const { code, message, fixed, value, fits } of aspects) {
          if (states.some((state) => fits(state, found))) continue;
          // What changed between the passes, or began between them, may have been another state in between.
          const seenTwice = fixed || everySeenTwice(states);
          if (!seenTwice || new Set(states.map(value)).size > 1) bounded += 1;
          else findings.add(failure(code, message, object(one.key)));
        }
      }
      if (lockedAtSource > 0 && !locksCount)
        findings.add(
          note(
            'locks-not-restored',
            `${lockedAtSource} objects are under Object Lock at the source; AWS Backup restores to a bucket without, and they must be locked again`,
          ),
        );
      const empty = total === 0 && before.head.tally.objects === 0;
      return {
        findings: findings.kept,
        findingsOmitted: findings.omitted,
        examined: [
          { unit: 'objects', examined: compared, total: asked, ...(empty ? { knownEmpty: true } : {}) },
        ],
        notTested: [
          ...(notDue === 0 ? [] : [`${notDue} objects, which have their turn another night`]),
          ...(bounded === 0
            ? []
            : [`${bounded} times metadata, tags or a lock that changed between the passes`]),
          ...(locksCount ? [] : ['locks: the copy, or the source, has none to compare']),
        ],
        measured: {
          objectsCompared: compared,
          changedMeanwhile: bounded,
          objectsLockedAtSource: lockedAtSource,
        },
      };
    } finally {
      await copy.close();
    }
  },
};

interface Aspect {
  readonly code: string;
  readonly message: string;
  /** Whether it belongs to a version for good. Tags and locks can change without a new version. */
  readonly fixed: boolean;
  readonly value: (state: VersionRecord) => string;
  readonly fits: (source: VersionRecord, copy: VersionRecord) => boolean;
}

const METADATA: Aspect = {
  code: 'metadata-differs',
  message: 'has other metadata than at the source',
  fixed: true,
  value: ({ metadata: digest }) => digest,
  fits: (source, copy) => source.metadata === copy.metadata,
};
const TAGS: Aspect = {
  code: 'tags-differ',
  message: 'has other tags than at the source',
  fixed: false,
  value: ({ tags }) => tags,
  fits: (source, copy) => source.tags === copy.tags,
};
const LOCK: Aspect = {
  code: 'lock-lost',
  message: 'is not locked as at the source',
  fixed: false,
  value: ({ lock }) => JSON.stringify(lock),
  fits: ({ lock: source }, { lock: copy }) => {
    if (source.hold && !copy.hold) return false;
    return source.mode === 'none' || (copy.mode === source.mode && copy.until >= source.until);
  },
};

/** Whether both passes described every version in question. */
function everySeenTwice(states: readonly VersionRecord[]): boolean {
  return states.every(
    ({ versionId }) => states.filter((other) => other.versionId === versionId).length === 2,
  );
}

/** What the object may have looked like: all that was seen of every version that its body can be; null when it can be none of them. */
function statesOf({ mayBe }: ObjectComparison, found: VersionRecord): VersionRecord[] | null {
  const possible = mayBe.filter((candidate) => likeness(candidate, found) !== 'different');
  return possible.length === 0 ? null : possible.flatMap(({ states }) => states);
}
