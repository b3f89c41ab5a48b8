import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from '../../../domain/verdict.ts';
import { doubt, failure, type Check, type CheckHooks, type Outcome } from '../../check.ts';
import { BodyDamaged, isRefused, type Bucket, type Refused } from '../bucket.ts';
import { runningChecksum } from '../checksums.ts';
import { compareObjects, likeness, type ObjectComparison } from '../compare.ts';
import { readCopy, type BucketCheckContext, type CopyReading } from '../copy.ts';
import { Digests } from '../digests.ts';
import { Findings, object } from '../findings.ts';
import { Patience } from '../patience.ts';
import type { ReferenceKind, VersionRecord } from '../records.ts';
import { notComparable, refusals } from './about.ts';

/** Bodies that are read at once, and objects that are compared between two notes of how far it came. */
const READERS = 8;
const BATCH = 256;

/** Are these the bodies? */
export const content: Check<BucketCheckContext> = {
  id: 'content',
  question: 'Is the body of every object the one that was in the bucket when the backup was made?',

  async run(context, hooks): Promise<Outcome> {
    const total = context.after.head.tally.objects;
    const wrong = notComparable(context);
    if (wrong !== null)
      return {
        findings: [wrong],
        examined: [{ unit: 'objects', examined: 0, total }],
        notTested: ['every object'],
      };
    const copy = await readCopy(context, hooks);
    try {
      return outcomeOf(context, copy, await compareBodies(context, copy, hooks));
    } finally {
      await copy.close();
    }
  },
};

/** How far the comparison came, noted on disk after every batch of bodies. */
interface Tally {
  /** Digest of the last key that is done; empty at the beginning. */
  done: string;
  /** By a checksum that both sides keep, or of no bytes at all. */
  byChecksum: number;
  /** By reading the body. */
  byReading: number;
  bytesRead: number;
  different: number;
  /** Only sizes could be compared. */
  bounded: number;
  unread: number;
  notDue: number;
  moved: number;
  kept: readonly Finding[];
  omitted: number;
}

async function compareBodies(
  context: BucketCheckContext,
  copy: CopyReading,
  hooks: CheckHooks,
): Promise<Tally> {
  const { before, after, bucket, folder, workers = READERS } = context;
  const notes = join(folder, `content-${bucket.name}`);
  const tally = await earlier(notes);
  const findings = new Findings(tally);
  const digests = new Digests(after.head.seed);
  const patience = new Patience({ workers, perSecond: Infinity, signal: hooks.signal });
  let batch: ObjectComparison[] = [];
  const finish = async (): Promise<void> => {
    await patience.each(batch, async (one) => settle(one));
    const last = batch.at(-1);
    if (last !== undefined) tally.done = last.key;
    batch = [];
    [tally.kept, tally.omitted] = [findings.kept, findings.omitted];
    await writeFile(`${notes}.new`, JSON.stringify(tally), { mode: 0o600 });
    await rename(`${notes}.new`, notes);
    hooks.say(`${tally.byChecksum + tally.byReading} bodies proven, ${tally.byReading} of them read`);
  };
  for await (const one of compareObjects(before.path, after.path, copy.path)) {
    if (one.key <= tally.done) continue;
    batch.push(one);
    if (batch.length >= BATCH) await finish();
  }
  await finish();
  return tally;

  async function settle(one: ObjectComparison): Promise<void> {
    const { found, mayBe, due, key } = one;
    if (found === null || mayBe.length === 0) return; // the check of the objects says so
    if (!due) {
      tally.notDue += 1;
      return;
    }
    if (one.moved) tally.moved += 1;
    const likenesses = mayBe.map((candidate) => likeness(candidate, found));
    if (likenesses.includes('same')) {
      tally.byChecksum += 1;
      return;
    }
    const unsure = mayBe.filter((_, n) => likenesses[n] === 'unknown');
    if (unsure.length === 0) {
      different(one, found);
      return;
    }
    const kinds = [...new Set(unsure.map(({ reference: { kind } }) => kind))];
    const readable = kinds.filter((kind) => kind !== 'none');
    if (readable.length === 0) {
      tally.bounded += 1;
      return;
    }
    const place = { key: await copy.keyOf(found.at), size: found.size };
    const read = await patience.ask(() => readBody(bucket, place.key, readable, digests));
    if (read === 'damaged') {
      tally.different += 1;
      findings.add(failure('body-damaged', 'has a body that does not fit its own checksum', object(key)));
      return;
    }
    if (!(read instanceof Map)) {
      tally.unread += 1;
      findings.add(doubt('body-unread', `could not be read on the copy: ${read.refused}`, object(key)));
      return;
    }
    tally.bytesRead += found.size;
    if (unsure.some(({ reference: { kind, digest } }) => read.get(kind) === digest)) tally.byReading += 1;
    // A version of which nothing but its size is known may be the one that was backed up.
    else if (kinds.includes('none')) tally.bounded += 1;
    else different(one, found);
  }

  function different({ key, older, mayBe }: ObjectComparison, found: VersionRecord): void {
    tally.different += 1;
    if (older.some((candidate) => likeness(candidate, found) === 'same'))
      findings.add(failure('object-stale', 'is an older version than the backup must hold', object(key)));
    else if (mayBe.every(({ size }) => size !== found.size)) {
      const sizes = [...new Set(mayBe.map(({ size }) => size))].join(' or ');
      findings.add(failure('object-size', `has ${found.size} bytes instead of ${sizes}`, object(key)));
    } else findings.add(failure('object-differs', 'has another body than at the source', object(key)));
  }
}

/** @returns the digests of the body's checksums by kind, `damaged`, or why it could not be read. */
async function readBody(
  bucket: Bucket,
  key: string,
  kinds: readonly ReferenceKind[],
  digests: Digests,
): Promise<Map<ReferenceKind, string> | Refused | 'damaged'> {
  const body = await bucket.body({ key, versionId: '' });
  if (isRefused(body)) return body;
  const own = kinds.includes('body') ? digests.body() : null;
  const sums = kinds.filter((kind) => kind !== 'body').map((kind) => ({ kind, sum: runningChecksum(kind) }));
  try {
    for await (const chunk of body) {
      own?.update(chunk);
      for (const { sum } of sums) sum.update(chunk);
    }
  } catch (error) {
    if (error instanceof BodyDamaged) return 'damaged';
    throw error;
  }
  const found = new Map<ReferenceKind, string>(
    sums.map(({ kind, sum }) => [kind, digests.reference(kind, sum.digest())]),
  );
  if (own !== null) found.set('body', digests.reference('body', own.digest('hex')));
  return found;
}

function outcomeOf({ before, after }: BucketCheckContext, copy: CopyReading, tally: Tally): Outcome {
  const { byChecksum, byReading, bytesRead, different, bounded, unread, notDue, moved } = tally;
  const proven = byChecksum + byReading;
  const due = proven + different + bounded + unread;
  const findings = [
    ...tally.kept,
    ...refusals('the source', after.head.tally.refused),
    ...refusals('the copy', copy.tally.refused),
    ...(due > 0 && proven === 0 && different === 0
      ? [doubt('nothing-proven', 'of not one body could more than its size be compared')]
      : []),
  ];
  const empty = after.head.tally.objects === 0 && before.head.tally.objects === 0;
  return {
    findings,
    findingsOmitted: tally.omitted,
    examined: [
      { unit: 'objects', examined: due - unread, total: due, ...(empty ? { knownEmpty: true } : {}) },
    ],
    coverage: { provenRows: proven, boundedRows: bounded, notExaminedRows: notDue + unread },
    notTested: [
      ...(notDue === 0 ? [] : [`the bodies of ${notDue} objects, which have their turn another night`]),
      ...(bounded === 0 ? [] : [`more than the size of ${bounded} objects, of which no checksum is known`]),
    ],
    measured: { provenByChecksum: byChecksum, provenByReading: byReading, bytesRead, objectsMoved: moved },
  };
}

async function earlier(notes: string): Promise<Tally> {
  try {
    return JSON.parse(await readFile(notes, 'utf8')) as Tally;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const none = {
      byChecksum: 0,
      byReading: 0,
      bytesRead: 0,
      different: 0,
      bounded: 0,
      unread: 0,
      notDue: 0,
    };
    return { done: '', ...none, moved: 0, kept: [], omitted: 0 };
  }
}
