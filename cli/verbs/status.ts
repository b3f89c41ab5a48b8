import { EXIT, type ExitStatus } from '../exit-status.ts';
import { standingOf, type Standing } from '../standing.ts';
import { painted, table, type Terminal } from '../terminal.ts';
import type { World } from '../world.ts';
import { howFar, when } from '../../domain/words.ts';
import { withControlPlane } from './with-control-plane.ts';

/** `lifeboat status`: how every resource stands. Exit status 1 when one is not verified. */
export async function status(world: World): Promise<ExitStatus> {
  const loaded = world.policy();
  const standing = await withControlPlane(world, (plane) => standingOf(plane, loaded, world.now()));
  world.terminal.result(standing);
  for (const line of statusLines(world.terminal, standing, world.now())) world.terminal.say(line);
  return standing.resources.every(({ last }) => last?.end === 'passed') ? EXIT.ok : EXIT.notVerified;
}

function statusLines(terminal: Terminal, standing: Standing, now: Date): string[] {
  const { policy, temporal, resources, schedules, nights, running } = standing;
  const night = nights.find(({ verdict }) => verdict !== null);
  return [
    `policy ${terminal.paint('bold', policy)}, Temporal ${temporal.address}, namespace ${temporal.namespace}`,
    '',
    ...table(
      ['resource', 'last slot', 'age', 'end', 'last verified', 'reason'],
      resources.map(({ resource, last, lastVerified }) => [
        resource,
        last === null ? 'never' : when(last.slot),
        last === null ? '-' : howFar(last.slot, now),
        last === null ? painted(terminal, 'unknown') : painted(terminal, last.end),
        lastVerified === null ? terminal.paint('red', 'never') : howFar(lastVerified, now),
        last?.reason ?? '',
      ]),
    ),
    '',
    night === undefined
      ? 'No night has ended yet.'
      : `last night: ${night.run} ${night.verdict === null ? '' : painted(terminal, night.verdict)}, ` +
        (night.seal === null ? terminal.paint('red', 'not sealed') : `seal ${night.seal.sequence}`),
    ...schedules.map((schedule) => scheduleLine(terminal, schedule, now)),
    running.length === 0 ? 'Nothing is running.' : 'running:',
    ...running.map(({ id, startedAt }) => `  ${id}, since ${howFar(startedAt, now)}`),
  ];
}

function scheduleLine(
  terminal: Terminal,
  { schedule, state, note, next, missed, current }: Standing['schedules'][number],
  now: Date,
): string {
  if (state === 'missing') return `${schedule}: ${terminal.paint('red', 'missing')}; run \`lifeboat apply\``;
  const due = next === null ? 'no next run' : `next run ${howFar(next, now)} (${when(next)})`;
  return [
    `${schedule}: ${state === 'paused' ? terminal.paint('yellow', `paused${note === null ? '' : `: ${note}`}`) : due}`,
    ...(missed > 0 ? [terminal.paint('yellow', `${missed} missed for good`)] : []),
    ...(current
      ? []
      : [terminal.paint('yellow', 'runs another version of the policy: `lifeboat apply` is due')]),
  ].join('; ');
}
