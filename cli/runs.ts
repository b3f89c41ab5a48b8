import {
  drillId,
  nightId,
  nightIdPrefix,
  protectId,
  restoreId,
  retentionId,
  slotOf,
} from '../domain/names.ts';
import type {
  DrillRequest,
  DrillResult,
  NightRequest,
  NightResult,
  ProtectRequest,
  ProtectResult,
  RestoreRequest,
  RetentionResult,
} from '../domain/requests.ts';
import type { Instant } from '../domain/units.ts';
import type { ProtectedResource } from '../domain/policy/schema.ts';
import type { ControlPlane, Run } from './control-plane.ts';
import { CouldNot } from './exit-status.ts';
import type { LoadedPolicy } from './world.ts';

/** A run that was started by hand and can be followed to its result. */
export interface Started<T> {
  readonly id: string;
  readonly slot: Instant;
  readonly result: () => Promise<T>;
}

/** @throws CouldNot that names the resources there are. */
export function resourceNamed({ policy, file }: LoadedPolicy, name: string): ProtectedResource {
  const found = policy.resources.find((resource) => resource.name === name);
  if (found !== undefined) return found;
  const names = policy.resources.map((resource) => resource.name).join(', ');
  throw new CouldNot(`${file} has no resource "${name}".`, `It has: ${names}.`);
}

/** @param only one half of the night: the protection without the drills, or the drills of what is there. */
export function startNight(
  plane: ControlPlane,
  loaded: LoadedPolicy,
  now: Date,
  only?: NightRequest['only'],
): Promise<Started<NightResult>> {
  const slot = slotOf(now);
  const argument: NightRequest = { ...under(loaded), slot, ...(only === undefined ? {} : { only }) };
  return started(plane, 'nightlyRun', nightId(loaded.policy.name, slot), slot, argument);
}

export function startBackup(
  plane: ControlPlane,
  loaded: LoadedPolicy,
  resource: string,
  now: Date,
): Promise<Started<ProtectResult>> {
  const slot = slotOf(now);
  const argument: ProtectRequest = { ...under(loaded), slot, resource, trigger: 'by-hand' };
  return started(plane, 'protectResource', protectId(resource, slot), slot, argument);
}

export function startDrill(
  plane: ControlPlane,
  loaded: LoadedPolicy,
  {
    resource,
    pointArn,
    requestedBy,
  }: { readonly resource: string; readonly pointArn?: string | undefined; readonly requestedBy: string },
  now: Date,
): Promise<Started<DrillResult>> {
  const slot = slotOf(now);
  const point = pointArn === undefined ? {} : { pointArn };
  const argument: DrillRequest = {
    ...under(loaded),
    ...{ slot, resource, trigger: 'by-hand', requestedBy },
    ...point,
  };
  return started(plane, 'restoreDrill', drillId(resource, slot), slot, argument);
}

export async function startRestore(
  plane: ControlPlane,
  request: RestoreRequest,
): Promise<{ readonly id: string }> {
  const id = restoreId(request.request);
  await plane.start({ type: 'restoreRequest', id, argument: request });
  return { id };
}

/** What the retention pass of a night saw; null when the night did not get that far. */
export async function retentionOf(
  plane: ControlPlane,
  policy: string,
  slot: Instant,
): Promise<RetentionResult | null> {
  const id = retentionId(policy, slot);
  const run = await plane.describe(id);
  return run?.status === 'completed' ? plane.result<RetentionResult>(id) : null;
}

/** Nights of this policy, newest first; other policies whose name begins the same are left out. */
export async function nightsOf(plane: ControlPlane, policy: string, limit: number): Promise<Run[]> {
  const idPrefix = `${nightIdPrefix(policy)}-`;
  const runs = await plane.runs({ type: 'nightlyRun', idPrefix, limit: limit * 2 });
  return runs.filter(({ id }) => /^\d{4}-\d{2}-\d{2}T/.test(id.slice(idPrefix.length))).slice(0, limit);
}

async function started<T>(
  plane: ControlPlane,
  type: 'nightlyRun' | 'protectResource' | 'restoreDrill',
  id: string,
  slot: Instant,
  argument: unknown,
): Promise<Started<T>> {
  await plane.start({ type, id, argument });
  return { id, slot, result: () => plane.result<T>(id) };
}

const under = ({ policy, policySha256 }: LoadedPolicy): Pick<LoadedPolicy, 'policy' | 'policySha256'> => ({
  policy,
  policySha256,
});
