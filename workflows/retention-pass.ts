import { CancellationScope } from '@temporalio/workflow';
import type { RetentionFact } from '../domain/facts.ts';
import type { RetentionRequest, RetentionResult } from '../domain/requests.ts';
import { routeOf } from '../domain/route.ts';
import { evidence, quick } from './activities.ts';
import { trackProgress } from './progress.ts';

/**
 * Proves that what is past its date is gone, vault by vault, and names what lingers, what is held and what would stay for ever.
 * AWS's own lifecycle deletes; this looks, by AWS's own clock.
 */
export async function retentionPass(request: RetentionRequest): Promise<RetentionResult> {
  const { policy, slot } = request;
  const progress = trackProgress(['vaults', 'statement']);
  const awsNow = await quick.awsNow({ policy });
  const vaults = await progress.step('vaults', async () => {
    const seen: RetentionFact['vaults'][number][] = [];
    for (const vault of routeOf(policy)) {
      const promised = await quick.promisedPoints({ policy, vault, awsNow });
      seen.push(await quick.inspectVault({ policy, vault, awsNow, promised }));
    }
    return seen;
  });
  const statement = await CancellationScope.nonCancellable(() =>
    progress.step('statement', () =>
      evidence.recordStatement({
        policy,
        scope: `retention-${policy.name}-${slot}`,
        name: 'retention',
        subjects: [],
        fact: { type: 'retention', policy: policy.name, slot, awsNow, vaults },
      }),
    ),
  );
  return {
    awsNow,
    live: vaults.reduce((sum, { live }) => sum + live, 0),
    provenGone: vaults.reduce((sum, { provenGone }) => sum + provenGone.length, 0),
    lingering: vaults.flatMap(({ lingering }) => lingering.map(({ arn }) => arn)),
    held: vaults.flatMap(({ held }) => held.map(({ arn }) => arn)),
    withoutExpiry: vaults.flatMap(({ withoutExpiry }) => withoutExpiry),
    statement,
  };
}
