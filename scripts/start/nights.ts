import { finalVault, vaultArn } from '../../domain/route.ts';
import type { NightRequest, NightResult } from '../../domain/requests.ts';
import type { ControlPlane } from '../../cli/control-plane.ts';
import { follow } from '../../cli/follow.ts';
import { nightProgress } from '../../cli/night-progress.ts';
import { nightsOf, startNight } from '../../cli/runs.ts';
import type { LoadedPolicy, World } from '../../cli/world.ts';
import { nightIdPrefix, slotOf } from '../../domain/names.ts';
import { damageNewestPoint, type DamageKind } from './damage.ts';

export interface NightWorld extends Pick<World, 'terminal' | 'sleep' | 'onInterrupt' | 'now'> {
  readonly since: Date;
  readonly tell: (sentence: string) => void;
  /** Rejects when something that the night needs was given up; a night must not wait for a worker that never comes back. */
  readonly trouble: Promise<never>;
}

export interface NightRun {
  readonly night: NightResult;
  /** The run that took the backups: the same one, unless the night was run in halves. */
  readonly protectedBy: NightResult;
}

/**
 * Runs one night, and damages the newest copy in the last vault between its two halves when asked to. A night that an earlier start
 * left unfinished is gone on with first.
 */
export async function runNight(
  plane: ControlPlane,
  loaded: LoadedPolicy,
  world: NightWorld,
  damage?: { readonly kind: DamageKind; readonly adminEndpoint: string },
): Promise<NightRun> {
  await finishEarlier(plane, loaded, world);
  if (damage === undefined) {
    const night = await half(plane, loaded, world);
    return { night, protectedBy: night };
  }
  if (damage.kind === 'stale') {
    world.tell('first an older backup, to be put in the place of the newest one');
    await half(plane, loaded, world, 'protect');
  }
  const protectedBy = await half(plane, loaded, world, 'protect');
  const vault = vaultArn(loaded.policy, finalVault(loaded.policy));
  world.tell(await damageNewestPoint(damage.adminEndpoint, damage.kind, vault));
  return { night: await half(plane, loaded, world, 'drill'), protectedBy };
}

async function finishEarlier(plane: ControlPlane, loaded: LoadedPolicy, world: NightWorld): Promise<void> {
  const nights = await nightsOf(plane, loaded.policy.name, 5);
  for (const { id } of nights.filter(({ status }) => status === 'running')) {
    world.tell(`a night of an earlier start is not over: going on with ${id}`);
    await watched(plane, loaded, world, id, id.slice(nightIdPrefix(loaded.policy.name).length + 1));
  }
}

async function half(
  plane: ControlPlane,
  loaded: LoadedPolicy,
  world: NightWorld,
  only?: NightRequest['only'],
): Promise<NightResult> {
  // Ids end in the second: two halves never start in the same one.
  const { id, slot } = await startNight(plane, loaded, await nextSecond(plane, loaded, world), only);
  return watched(plane, loaded, world, id, slot);
}

async function nextSecond(
  plane: ControlPlane,
  { policy }: LoadedPolicy,
  { now, sleep }: NightWorld,
): Promise<Date> {
  while ((await plane.describe(`${nightIdPrefix(policy.name)}-${slotOf(now())}`)) !== null) await sleep(100);
  return now();
}

function watched(
  plane: ControlPlane,
  { policy }: LoadedPolicy,
  world: NightWorld,
  id: string,
  slot: string,
): Promise<NightResult> {
  const result = Promise.race([plane.result<NightResult>(id), world.trouble]);
  return follow(nightProgress(plane, policy, slot), id, result, world);
}
