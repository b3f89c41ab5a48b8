import { EXIT, type ExitStatus } from '../exit-status.ts';
import { applyPolicy, type Applied } from '../apply-policy.ts';
import { applySchedules } from '../schedules.ts';
import type { World } from '../world.ts';
import { withControlPlane } from './with-control-plane.ts';

/** `lifeboat apply [--plan]`: Temporal's schedules become what the policy says, and the change is put on record. Starts no night. */
export async function apply(
  world: World,
  { plan = false }: { readonly plan?: boolean },
): Promise<ExitStatus> {
  const loaded = world.policy();
  const { terminal } = world;
  return withControlPlane(world, async (plane) => {
    const { schedules, recordedBy }: Applied = plan
      ? { schedules: await applySchedules(plane, loaded, { plan }), recordedBy: null }
      : await applyPolicy(plane, loaded, { by: world.user, now: world.now() });
    terminal.result({
      policy: loaded.policy.name,
      policySha256: loaded.policySha256,
      applied: !plan,
      schedules,
      recordedBy,
    });
    for (const { schedule, change, says, paused } of schedules) {
      const done = plan && change !== 'unchanged' ? `would be ${change}` : change;
      terminal.say(`${schedule} ${done}${paused ? ' (it is paused and stays so)' : ''}`);
      for (const line of says) terminal.say(`  ${line}`);
    }
    if (recordedBy !== null) terminal.say(`The control plane puts it on record (run ${recordedBy}).`);
    if (plan) terminal.say('Nothing was changed; run it without --plan to apply.');
    return EXIT.ok;
  });
}
