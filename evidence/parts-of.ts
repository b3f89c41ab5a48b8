import type { CopyFact, FingerprintFact, LockFact, RecoveryPointFact } from '../domain/claims.ts';
import type { ProtectionFact } from '../domain/facts.ts';

/** One fact that a larger statement tells beside others, with its place in it. */
export interface Part {
  /** JSON Pointer (RFC 6901) into the statement: `/predicate/points/1`. */
  readonly pointer: string;
  readonly fact: RecoveryPointFact | CopyFact | LockFact | FingerprintFact;
}

/**
 * What a protection says, fact by fact: the point, each hop, each lock as it was read back, each fingerprint. Locks are left out of statements
 * that are older than the fields which say when they were read and what was wanted.
 */
export function partsOf(protection: ProtectionFact): Part[] {
  const { policy, policySha256, slot, resource, points, fingerprints, timings } = protection;
  const ofSlot = { policy, policySha256, slot, resource };
  const copies = timings.filter(({ step }) => step.startsWith('copy to '));
  return [
    ...points.flatMap((point, hop): Part[] => {
      const pointer = `/predicate/points/${hop}`;
      const took = copies[hop - 1];
      const from = points[hop - 1];
      const made: Part[] =
        hop === 0
          ? [{ pointer, fact: { type: 'recovery-point', ...ofSlot, point } }]
          : took === undefined || from === undefined
            ? []
            : [
                {
                  pointer,
                  fact: {
                    ...{ type: 'copy', ...ofSlot, hop, fromArn: from.arn, point },
                    startedAt: took.startedAt,
                    endedAt: new Date(Date.parse(took.startedAt) + took.seconds * 1000).toISOString(),
                  },
                },
              ];
      const { readAt: at, wantedLock: wanted, location, lock } = point;
      if (at === undefined || wanted === undefined) return made;
      const locked: LockFact = { type: 'lock', policy, policySha256, at, wanted, location, lock };
      return [...made, { pointer: `${pointer}/lock`, fact: locked }];
    }),
    ...fingerprints.map((fingerprint, index): Part => ({
      pointer: `/predicate/fingerprints/${index}`,
      fact: { type: 'fingerprint', ...ofSlot, moment: index === 0 ? 'before' : 'after', fingerprint },
    })),
  ];
}
