import type { DrillResult, NightResult, ProtectResult } from '../../domain/requests.ts';
import type { ControlPlane } from '../control-plane.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { follow } from '../follow.ts';
import { nightProgress } from '../night-progress.ts';
import { drillLines, nightLines, protectLines } from '../print/results.ts';
import { resourceNamed, retentionOf, startBackup, startDrill, startNight, type Started } from '../runs.ts';
import type { Terminal } from '../terminal.ts';
import type { World } from '../world.ts';
import { withControlPlane } from './with-control-plane.ts';

interface Waiting {
  readonly detach?: boolean;
}

/** `lifeboat backup RESOURCE`: protects one resource now. A backup that failed could not be done: exit status 2. */
export async function backup(world: World, name: string, { detach }: Waiting): Promise<ExitStatus> {
  const loaded = world.policy();
  const { name: resource } = resourceNamed(loaded, name);
  return withControlPlane(world, async (plane) => {
    const run = await startBackup(plane, loaded, resource, world.now());
    const result = await waitFor(world, plane, run, detach);
    if (result === undefined) return EXIT.ok;
    world.terminal.result({ run: run.id, ...result });
    say(world.terminal, protectLines(world.terminal, result));
    return result.outcome === 'protected' ? EXIT.ok : EXIT.couldNot;
  });
}

/** `lifeboat drill RESOURCE`: restores, checks and takes down one recovery point now. */
export async function drill(
  world: World,
  name: string,
  { detach, point }: Waiting & { readonly point?: string },
): Promise<ExitStatus> {
  const loaded = world.policy();
  const { name: resource } = resourceNamed(loaded, name);
  return withControlPlane(world, async (plane) => {
    const run = await startDrill(
      plane,
      loaded,
      { resource, pointArn: point, requestedBy: world.user },
      world.now(),
    );
    const result = await waitFor(world, plane, run, detach);
    if (result === undefined) return EXIT.ok;
    world.terminal.result({ run: run.id, ...result });
    say(world.terminal, drillLines(world.terminal, result, loaded.policy.objectives));
    return exitOf(result);
  });
}

/** `lifeboat night`: the whole night now, by hand. */
export async function night(
  world: World,
  { detach, only }: Waiting & { readonly only?: 'protect' | 'drill' },
): Promise<ExitStatus> {
  const loaded = world.policy();
  return withControlPlane(world, async (plane) => {
    const run = await startNight(plane, loaded, world.now(), only);
    const result = await waitFor(world, nightProgress(plane, loaded.policy, run.slot), run, detach);
    if (result === undefined) return EXIT.ok;
    const retention = await retentionOf(plane, loaded.policy.name, run.slot);
    world.terminal.result({ run: run.id, ...result, retention });
    say(world.terminal, nightLines(world.terminal, result, retention, loaded.policy));
    return exitOf(result);
  });
}

/** Undefined when the run was only to be started. */
async function waitFor<T extends DrillResult | NightResult | ProtectResult>(
  world: World,
  plane: Pick<ControlPlane, 'progress'>,
  run: Started<T>,
  detach = false,
): Promise<T | undefined> {
  if (!detach) {
    world.terminal.note(`Started ${run.id}.`);
    return follow(plane, run.id, run.result(), world);
  }
  world.terminal.result({ run: run.id, detached: true });
  world.terminal.say(`Started ${run.id}. It goes on by itself; look at it with \`lifeboat status\`.`);
  return undefined;
}

function exitOf({ verdict }: { readonly verdict: string }): ExitStatus {
  return verdict === 'passed' ? EXIT.ok : EXIT.notVerified;
}

function say(terminal: Terminal, lines: readonly string[]): void {
  for (const line of lines) terminal.say(line);
}
