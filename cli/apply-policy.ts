import { policyId, slotOf } from '../domain/names.ts';
import type { RecordPolicy } from '../domain/requests.ts';
import type { ControlPlane } from './control-plane.ts';
import { applySchedules, type ScheduleChange } from './schedules.ts';
import type { LoadedPolicy } from './world.ts';

export interface Applied {
  readonly schedules: readonly ScheduleChange[];
  /** The run that puts the change on record; null when nothing changed. */
  readonly recordedBy: string | null;
}

/** Makes Temporal's schedules what the policy says, and has it put on record who changed what is in force. Starts no night. */
export async function applyPolicy(
  plane: Pick<ControlPlane, 'schedule' | 'putSchedule' | 'start'>,
  loaded: LoadedPolicy,
  { by, now }: { readonly by: string; readonly now: Date },
): Promise<Applied> {
  const schedules = await applySchedules(plane, loaded);
  if (schedules.every(({ change }) => change === 'unchanged')) return { schedules, recordedBy: null };
  const appliedAt = slotOf(now);
  const id = policyId(loaded.policy.name, appliedAt);
  const { policy, policySha256 } = loaded;
  const argument: RecordPolicy = { policy, policySha256, appliedBy: by, appliedAt };
  await plane.start({ type: 'recordPolicy', id, argument });
  return { schedules, recordedBy: id };
}
