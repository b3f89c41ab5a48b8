import { isCancellation, patched } from '@temporalio/workflow';
import type { Copy } from '../activities/restores.ts';
import type { ProbeFence } from '../activities/prober.ts';
import { credentialProblems, networkGaps, networkProblems } from '../domain/isolation.ts';
import { laterKeys } from '../domain/policy/later-keys.ts';
import { proberIn, quick } from './activities.ts';
import { isStepFailure, reasonOf } from './reasons.ts';
import type { Seen } from './verify-copy.ts';

/**
 * What keeps the copy apart: its settings and its network as AWS describes them, live attempts from the drill network to reach
 * production and the internet, and attempts of its prober to take production's roles. What is found open fails the drill, what could
 * not be asked leaves it inconclusive.
 */
export async function proveIsolation(copy: Copy, resource: string, seen: Seen): Promise<void> {
  const { policy } = copy;
  const { failed, unknown } = seen.isolation;
  const byNetwork = patched('isolation-by-network');
  const { facts, problems, placement, size } = await quick.readSettings(copy);
  const production = seen.protection?.endpoint ?? null;
  const targets: ProbeFence['targets'] = [
    ...(production === null ? [] : [{ kind: copy.kind, name: `production ${resource}`, ...production }]),
    ...(byNetwork ? outside(laterKeys(policy).mustNotReach) : []),
  ];
  const attempts = targets.length === 0 ? [] : await proberIn(policy, 'drill').probeFence({ targets });
  seen.fence = { attempts, settings: facts };
  failed.push(
    ...problems,
    ...attempts.filter(({ reached }) => reached).map(({ target }) => `the drill network reaches ${target}`),
  );
  if (production === null)
    unknown.push('no address of production is known, so that nothing could be tried to reach');
  if (!byNetwork) return;

  seen.size = size;
  if (placement !== null)
    await orUnknown('the network of the copy', async () => {
      const { network, caller } = await quick.readNetwork({ policy, placement });
      seen.fence = { ...(seen.fence ?? { attempts, settings: facts }), network };
      seen.callers.push(caller);
      failed.push(...networkProblems(network));
      unknown.push(...networkGaps(network, placement));
    });
  await orUnknown("the prober's credentials", async () => {
    const { role, externalId, id } = policy.accounts.production;
    const roles = [
      { role, ...(externalId === undefined ? {} : { externalId }) },
      ...[policy.backup, ...policy.copies]
        .filter(({ account }) => account === 'production')
        .map(({ serviceRole }) => ({ role: serviceRole })),
    ];
    const unique = [...new Map(roles.map((each) => [each.role, each])).values()];
    const drillAccount = policy.accounts.drill.id;
    const credentials = await proberIn(policy, 'drill').tryRoles({
      region: policy.drill.region,
      roles: unique,
    });
    seen.fence = { ...(seen.fence ?? { attempts, settings: facts }), credentials };
    const found = credentialProblems(credentials, drillAccount);
    failed.push(...found.failed.map((problem) => `${problem} (production is ${id})`));
    unknown.push(...found.unknown);
  });

  async function orUnknown(what: string, read: () => Promise<void>): Promise<void> {
    try {
      await read();
    } catch (error) {
      if (isCancellation(error) || !isStepFailure(error)) throw error;
      unknown.push(`${what} could not be read: ${reasonOf(error)}`);
    }
  }
}

function outside(addresses: readonly string[]): ProbeFence['targets'] {
  return addresses.map((address) => {
    const colon = address.lastIndexOf(':');
    return {
      kind: 'tcp' as const,
      name: 'outside',
      host: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
    };
  });
}
