import { nightIdPrefix, nightScheduleId, sweepIdPrefix, sweepScheduleId } from '../domain/names.ts';
import { duration } from '../domain/units.ts';
import type { Policy } from '../domain/policy/schema.ts';
import type { UnderPolicy } from '../domain/requests.ts';
import type { ControlPlane, FoundSchedule, WantedSchedule } from './control-plane.ts';
import type { LoadedPolicy } from './world.ts';

export interface ScheduleChange {
  readonly schedule: string;
  readonly change: 'created' | 'updated' | 'unchanged';
  /** One sentence per difference; empty when the schedule is new or as it was. */
  readonly says: readonly string[];
  readonly paused: boolean;
}

/** The two schedules that a policy asks for. */
export function wantedSchedules({ policy, policySha256 }: LoadedPolicy): readonly WantedSchedule[] {
  const { schedule, name } = policy;
  const argument: UnderPolicy = { policy, policySha256 };
  return [
    {
      id: nightScheduleId(name),
      when: { cron: schedule.cron, timezone: schedule.timezone },
      catchUpSeconds: duration(schedule.catchUpWindow),
      type: 'nightlyRun',
      workflowIdPrefix: nightIdPrefix(name),
      argument,
    },
    {
      id: sweepScheduleId(name),
      when: { everySeconds: duration(schedule.sweepEvery) },
      catchUpSeconds: duration(schedule.sweepEvery),
      type: 'sweepOrphans',
      workflowIdPrefix: sweepIdPrefix(name),
      argument,
    },
  ];
}

/**
 * Makes Temporal's schedules what the policy says; starts nothing. With `plan`, only says what would change.
 * A schedule that somebody paused stays paused.
 */
export async function applySchedules(
  plane: Pick<ControlPlane, 'schedule' | 'putSchedule'>,
  loaded: LoadedPolicy,
  { plan = false } = {},
): Promise<ScheduleChange[]> {
  const changes: ScheduleChange[] = [];
  for (const wanted of wantedSchedules(loaded)) {
    const found = await plane.schedule(wanted.id);
    const says = found === null ? [] : differences(found, wanted);
    const change = found === null ? 'created' : says.length > 0 ? 'updated' : 'unchanged';
    if (!plan && change !== 'unchanged') await plane.putSchedule(wanted);
    changes.push({ schedule: wanted.id, change, says, paused: found?.paused ?? false });
  }
  return changes;
}

function differences(found: FoundSchedule, wanted: WantedSchedule): string[] {
  const says: string[] = [];
  const differs = (what: string, was: string, is: string): void => {
    if (was !== is) says.push(`${what}: ${was} → ${is}`);
  };
  differs('when', found.when === null ? 'something else' : whenText(found.when), whenText(wanted.when));
  differs('catch-up window', `${found.catchUpSeconds} s`, `${wanted.catchUpSeconds} s`);
  differs('overlap', found.overlap, 'SKIP');
  differs('workflow', found.type, wanted.type);
  differs('workflow id', found.workflowIdPrefix ?? 'none', wanted.workflowIdPrefix);
  const was = found.argument as Partial<UnderPolicy> | undefined;
  const is = wanted.argument as UnderPolicy;
  if (was?.policySha256 !== is.policySha256) says.push(...policyDifferences(was?.policy, is.policy));
  return says;
}

/** What people care about in a changed policy; anything else is said in one line. */
export function policyDifferences(was: Policy | undefined, is: Policy): string[] {
  if (was === undefined) return ['policy: there was none'];
  const says: string[] = [];
  const before = new Map(was.resources.map((resource) => [resource.name, resource]));
  const after = new Map(is.resources.map((resource) => [resource.name, resource]));
  for (const [name, { arn }] of after) if (!before.has(name)) says.push(`resource added: ${name} (${arn})`);
  for (const [name, { arn }] of before)
    if (!after.has(name)) says.push(`resource no longer protected: ${name} (${arn})`);
  for (const [name, resource] of after) {
    const old = before.get(name);
    if (old !== undefined && JSON.stringify(old) !== JSON.stringify(resource))
      says.push(`resource changed: ${name}`);
  }
  if (was.retention.days !== is.retention.days)
    says.push(`retention of new points: ${was.retention.days} days → ${is.retention.days} days`);
  for (const part of [
    'objectives',
    'accounts',
    'backup',
    'copies',
    'drill',
    'probers',
    'ledger',
    'exclude',
  ] as const)
    if (JSON.stringify(was[part]) !== JSON.stringify(is[part])) says.push(`${part} changed`);
  return says.length > 0 ? says : ['policy: the text changed, nothing above did'];
}

export function whenText(when: WantedSchedule['when']): string {
  return 'cron' in when ? `"${when.cron}" (${when.timezone})` : `every ${when.everySeconds} s`;
}
