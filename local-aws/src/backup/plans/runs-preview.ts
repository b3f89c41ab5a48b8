import type { ScheduledPlanExecutionMember } from '@aws-sdk/client-backup';
import { DEFAULT_SCHEDULE } from './plan-input.ts';
import type { PlanVersion } from './records.ts';
import { parseSchedule } from './schedule.ts';

const MOST = 10;

/** The next instants at which rules of a plan are due, over all rules, soonest first. */
export function upcomingRuns(
  { plan, createdAt }: PlanVersion,
  now: Date,
  most: number,
): ScheduledPlanExecutionMember[] {
  const runs = (plan.Rules ?? []).flatMap((rule) => {
    const { ScheduleExpression = DEFAULT_SCHEDULE, ScheduleExpressionTimezone, RuleId } = rule;
    const schedule = parseSchedule(ScheduleExpression, ScheduleExpressionTimezone, new Date(createdAt));
    const found: ScheduledPlanExecutionMember[] = [];
    for (let at = schedule.next(now); at && found.length < Math.min(most, MOST); at = schedule.next(at))
      found.push({ ExecutionTime: at, RuleId, RuleExecutionType: 'SNAPSHOTS' });
    return found;
  });
  return runs
    .sort((a, b) => (a.ExecutionTime?.getTime() ?? 0) - (b.ExecutionTime?.getTime() ?? 0))
    .slice(0, Math.min(most, MOST));
}
