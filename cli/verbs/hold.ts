import { randomBytes } from 'node:crypto';
import type { StatementRef } from '../../domain/facts.ts';
import type { HoldRequest } from '../../domain/holds.ts';
import { holdId, TASK_QUEUE } from '../../domain/names.ts';
import { some, when } from '../../domain/words.ts';
import { endOfDay } from '../days.ts';
import { CouldNot, EXIT, type ExitStatus } from '../exit-status.ts';
import { table } from '../terminal.ts';
import type { World } from '../world.ts';
import { withLedger } from './ledger.ts';
import { withControlPlane } from './with-control-plane.ts';

interface HoldOptions {
  readonly reason: string;
  readonly owner?: string;
}

/** `lifeboat hold place POINT`: AWS keeps the point past its date, until the hold is released. */
export async function placeHold(
  world: World,
  pointArn: string,
  options: HoldOptions & { readonly until: string; readonly name?: string },
): Promise<ExitStatus> {
  const hold = holdName(options.name ?? `h-${randomBytes(4).toString('hex')}`);
  const until = endOfDay('--until', options.until);
  const by = options.owner ?? world.user;
  const under = world.policy();
  const ref = await changed(world, {
    ...{ policy: under.policy, policySha256: under.policySha256, action: 'place' },
    ...{ hold, by, reason: options.reason, pointArn, until },
  });
  world.terminal.say(`The hold ${hold} keeps ${pointArn}; on record as ${ref.key}.`);
  world.terminal.say(
    `It ends by nothing but \`lifeboat hold release ${hold}\`; look at it by ${when(until)}.`,
  );
  return EXIT.ok;
}

/** `lifeboat hold release NAME`. */
export async function releaseHold(world: World, name: string, options: HoldOptions): Promise<ExitStatus> {
  const { policy, policySha256 } = world.policy();
  const { reason, owner: by = world.user } = options;
  const ref = await changed(world, {
    policy,
    policySha256,
    action: 'release',
    hold: holdName(name),
    by,
    reason,
  });
  world.terminal.say(`The hold ${name} is released; on record as ${ref.key}.`);
  return EXIT.ok;
}

/** `lifeboat hold list`: from the ledger. */
export async function listHolds(world: World): Promise<ExitStatus> {
  const { policy } = world.policy();
  const { terminal } = world;
  const holds = await withLedger((ledger) => ledger.listHolds({ policy }));
  terminal.result({ policy: policy.name, holds });
  if (holds.length === 0) terminal.say('No hold is on record.');
  else
    for (const line of table(
      ['hold', 'state', 'since', 'resource', 'keeps', 'owner', 'look at it by', 'reason'],
      holds.map(({ hold = '-', action, at, resource, points, by, until, reason }) => [
        ...[hold, action, when(at), resource, some(points.length, 'point'), by],
        ...[until === undefined ? '-' : when(until), reason],
      ]),
    ))
      terminal.say(line);
  return EXIT.ok;
}

async function changed(world: World, argument: HoldRequest): Promise<StatementRef> {
  return withControlPlane(world, async (plane) => {
    if ((await plane.workersOn(TASK_QUEUE)) === 0)
      throw new CouldNot(
        'No worker is there to do it.',
        'Start the control plane; `lifeboat status` shows how it stands.',
      );
    const id = holdId(argument.policy.name, argument.hold, randomBytes(4).toString('hex'));
    await plane.start({ type: 'changeHold', id, argument });
    const ref = await plane.result<StatementRef>(id);
    world.terminal.result(ref);
    return ref;
  });
}

function holdName(name: string): string {
  if (/^[a-z][a-z0-9-]{1,39}$/.test(name)) return name;
  throw new CouldNot(
    `"${name}" cannot be the name of a hold.`,
    'Use 2 to 40 lower-case letters, digits or hyphens, starting with a letter.',
  );
}
