import { randomBytes } from 'node:crypto';
import { decisionId, TASK_QUEUE } from '../../domain/names.ts';
import { endOfDay } from '../days.ts';
import { CouldNot, EXIT, type ExitStatus } from '../exit-status.ts';
import { withControlPlane } from './with-control-plane.ts';
import type { Decision, RecordDecision } from '../../domain/decisions.ts';
import type { StatementRef } from '../../domain/facts.ts';
import type { World } from '../world.ts';

export interface SignOffOptions {
  readonly decision: 'accepted' | 'rejected';
  readonly note: string;
  readonly as?: string;
}

/** `lifeboat evidence sign-off`. The control plane holds the key, and asks whether this person may. */
export async function signOff(world: World, which: string, options: SignOffOptions): Promise<ExitStatus> {
  const { policySha256 } = world.policy();
  const { decision, note } = options;
  const reviewer = options.as ?? world.user;
  const ref = await recorded(world, { kind: 'sign-off', policySha256, which, reviewer, decision, note });
  world.terminal.say(`${reviewer} ${decision} it; on record as ${ref.key}.`);
  return EXIT.ok;
}

export interface WaiverOptions {
  readonly what: string;
  readonly reason: string;
  readonly expires: string;
  readonly owner?: string;
  readonly resource?: string;
  readonly name?: string;
}

/** `lifeboat waiver add`. */
export async function addWaiver(world: World, options: WaiverOptions): Promise<ExitStatus> {
  const { policySha256 } = world.policy();
  const {
    what,
    reason,
    resource = null,
    owner = world.user,
    name = `w-${randomBytes(4).toString('hex')}`,
  } = options;
  const decision: Decision = {
    kind: 'waiver',
    policySha256,
    waiver: name,
    owner,
    resource,
    what,
    reason,
    expires: endOfDay('--expires', options.expires),
  };
  const ref = await recorded(world, decision);
  world.terminal.say(
    `${owner} answers for it until the end of ${options.expires}; waiver ${name}, on record as ${ref.key}.`,
  );
  return EXIT.ok;
}

async function recorded(world: World, decision: Decision): Promise<StatementRef> {
  const { policy } = world.policy();
  const argument: RecordDecision = { policy, decision };
  return withControlPlane(world, async (plane) => {
    if ((await plane.workersOn(TASK_QUEUE)) === 0)
      throw new CouldNot(
        'No worker is there to write it down.',
        'Start the control plane; `lifeboat status` shows how it stands.',
      );
    const id = decisionId(policy.name, randomBytes(4).toString('hex'));
    await plane.start({ type: 'recordDecision', id, argument });
    const ref = await plane.result<StatementRef>(id);
    world.terminal.result(ref);
    return ref;
  });
}
