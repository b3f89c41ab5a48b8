import { workflowInfo } from '@temporalio/workflow';
import { slotOf } from '../domain/names.ts';
import type { StatementRef, SweepFact } from '../domain/facts.ts';
import type { SweepRequest, SweepResult } from '../domain/requests.ts';
import type { Orphan } from '../activities/sweep.ts';
import { evidence, quick, untilKnown, waitUntilCopyGone, waitUntilTransitPointGone } from './activities.ts';
import { trackProgress } from './progress.ts';
import { isStepFailure, reasonOf } from './reasons.ts';

/**
 * Removes what drills left behind in the drill account, by tags and names alone. Runs on a schedule of its own, so that it works even
 * when everything else is dead. States only what it did: an hour with nothing to do leaves no statement.
 */
export async function sweepOrphans(request: SweepRequest): Promise<SweepResult> {
  const { policy } = request;
  const slot = request.slot ?? slotOf(workflowInfo().startTime);
  const progress = trackProgress(['look', 'remove', 'statement']);
  const awsNow = await quick.awsNow({ policy });
  const { remove, refused } = await progress.step('look', () => quick.findOrphans({ policy, awsNow }));
  const removed: SweepFact['removed'][number][] = [];
  await progress.step('remove', async () => {
    for (const orphan of remove) removed.push(await removal(orphan));
  });

  let statement: StatementRef | null = null;
  if (removed.length > 0 || refused.length > 0)
    statement = await progress.step('statement', () =>
      evidence.recordStatement({
        policy,
        scope: `sweep-${policy.name}-${slot}`,
        name: 'sweep',
        subjects: [],
        fact: { type: 'sweep', policy: policy.name, slot, removed, refused },
      }),
    );
  return { removed: removed.map(({ arn }) => arn), refused: refused.map(({ arn }) => arn), statement };

  /** One that cannot be removed is stated, and does not stop the others. */
  async function removal({
    what,
    kind,
    name,
    arn,
    drill,
    why,
  }: Orphan): Promise<SweepFact['removed'][number]> {
    try {
      if (what === 'transit-point' || kind === null) {
        await untilKnown.deleteTransitPoint({ policy, pointArn: arn });
        const proofs = await waitUntilTransitPointGone({ policy, pointArn: arn });
        return { arn, why, absent: proofs.every(({ absent }) => absent) };
      }
      await untilKnown.deleteCopy({ policy, kind, name, drill });
      const proofs = await waitUntilCopyGone({ policy, kind, name, secretArn: null });
      return { arn, why, absent: proofs.every(({ absent }) => absent) };
    } catch (error) {
      if (!isStepFailure(error)) throw error;
      return { arn, why: `${why}; ${reasonOf(error)}`, absent: false };
    }
  }
}
