import { restoreId } from '../../domain/names.ts';
import type { RestoreDecision, RestoreState } from '../../domain/requests.ts';
import { CouldNot, EXIT, type ExitStatus } from '../exit-status.ts';
import type { World } from '../world.ts';
import { approvalLine } from './restore.ts';
import { withControlPlane } from './with-control-plane.ts';

/** `lifeboat restore approve REQUEST` and `lifeboat restore deny REQUEST`. Who may not decide is refused by the request itself. */
export async function decideRestore(
  world: World,
  request: string,
  decision: RestoreDecision['decision'],
  { as: person, reason = '' }: { readonly as?: string; readonly reason?: string },
): Promise<ExitStatus> {
  const id = restoreId(request);
  return withControlPlane(world, async (plane) => {
    const run = await plane.describe(id);
    if (run === null)
      throw new CouldNot(
        `There is no restore request "${request}".`,
        'See them all with `lifeboat restore status`.',
      );
    const by = person ?? world.user;
    const argument: RestoreDecision = { by, decision, reason };
    const state = await plane.update<RestoreState>(id, 'decide', argument);
    world.terminal.result({ request, run: id, ...state });
    world.terminal.say(`${by} ${decision} ${request}.`);
    const line = approvalLine(state);
    if (decision === 'approved' && line !== null) world.terminal.say(line);
    return EXIT.ok;
  });
}
