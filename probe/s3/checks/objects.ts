import { failure, type Check } from '../../check.ts';
import { compareObjects } from '../compare.ts';
import { readCopy, type BucketCheckContext } from '../copy.ts';
import { Findings, object } from '../findings.ts';
import { NOT_RESTORED, notComparable } from './about.ts';

/** Is every object there, and nothing else? */
export const objects: Check<BucketCheckContext> = {
  id: 'objects',
  question: 'Is every object there that was in the bucket when the backup was made, and nothing else?',

  async run(context, hooks) {
    const { before, after } = context;
    const total = after.head.tally.objects;
    const wrong = notComparable(context);
    if (wrong !== null)
      return {
        findings: [wrong],
        examined: [{ unit: 'objects', examined: 0, total }],
        notTested: ['every object'],
      };
    const copy = await readCopy(context, hooks);
    try {
      const findings = new Findings();
      let [expected, there, moved, seen] = [0, 0, 0, 0];
      for await (const one of compareObjects(before.path, after.path, copy.path)) {
        if (++seen % 20_000 === 0) {
          hooks.signal.throwIfAborted();
          hooks.say(`${seen} keys compared`);
        }
        const wanted = one.mayBe.length > 0;
        if (wanted) expected += 1;
        if (one.found !== null) there += 1;
        if (one.moved) moved += 1;
        if (one.found === null && wanted && !one.mayBeAbsent)
          findings.add(failure('object-missing', 'is not on the copy', object(one.key)));
        if (one.found !== null && !wanted)
          findings.add(failure('object-extra', 'is on the copy and was not in the bucket', object(one.key)));
      }
      const known = before.head.tally.objects === 0 && total === 0;
      return {
        findings: findings.kept,
        findingsOmitted: findings.omitted,
        examined: [
          { unit: 'objects', examined: expected, total: expected, ...(known ? { knownEmpty: true } : {}) },
        ],
        notTested: [
          ...NOT_RESTORED,
          ...(moved === 0
            ? []
            : [`which state ${moved} keys had that changed between the passes: any of theirs will do`]),
        ],
        measured: { objectsExpected: expected, objectsOnCopy: there, keysMoved: moved },
      };
    } finally {
      await copy.close();
    }
  },
};
