import type { Finding } from '../../../domain/verdict.ts';
import { doubt, failure } from '../../check.ts';
import type { BucketCheckContext } from '../copy.ts';

/** What a restore by AWS Backup does not bring back, so that no check can ask for it. */
export const NOT_RESTORED = [
  'noncurrent versions and delete markers: a restore brings back the current version of each key',
  'version ids, dates of creation, storage classes, access control lists and settings of the bucket itself',
];

/** Null when the two passes can be compared; otherwise the finding that says why nothing can. */
export function notComparable({ before, after }: BucketCheckContext): Finding | null {
  if (before.head.seed !== after.head.seed)
    return failure('not-comparable', 'digests can be compared only within one seed');
  if (before.head.pass !== 'before' || after.head.pass !== 'after')
    return failure('not-comparable', 'these are not the two passes of one night');
  return null;
}

/** What S3 would not describe at the source or on the copy. */
export function refusals(
  side: 'the source' | 'the copy',
  refused: Readonly<Record<string, number>>,
): Finding[] {
  return Object.entries(refused).map(([reason, times]) =>
    doubt('not-described', `at ${side}, S3 refused to describe ${times} versions: ${reason}`),
  );
}
