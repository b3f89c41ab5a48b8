import {
  type BackupPlan,
  type BackupPlanInput,
  type BackupRule,
  type BackupRuleInput,
  InvalidParameterValueException,
} from '@aws-sdk/client-backup';
import { randomUUID } from 'node:crypto';
import { notImplemented, refuseMembers } from '../../wire/errors.ts';
import { fault, required } from '../faults.ts';
import { DEFAULT_COMPLETE_WINDOW, DEFAULT_START_WINDOW, lifecycleFrom, windowsFrom } from '../inputs.ts';
import { parseVaultArn } from '../names.ts';
import { parseSchedule } from './schedule.ts';

const NAME = /^[a-zA-Z0-9\-_.]{1,50}$/;
/** AWS's own, for rules that name none. */
export const DEFAULT_SCHEDULE = 'cron(0 5 ? * * *)';
export const DEFAULT_ZONE = 'Etc/UTC';

/**
 * Checks a plan and fills in what AWS fills in: rule ids, windows, schedule.
 * @param before the plan so far; rules of the same name keep their ids.
 * @throws InvalidParameterValueException, MissingParameterValueException, 501 for continuous backups, air-gapped targets, indexes and scans
 */
export function planFrom(
  given: BackupPlanInput | undefined,
  operation: string,
  before?: BackupPlan,
): BackupPlan {
  const plan = required(given, 'BackupPlan');
  const name = required(plan.BackupPlanName, 'BackupPlan.BackupPlanName');
  if (!NAME.test(name)) throw invalid(`Invalid backup plan name: ${name}.`);
  refuseMembers('backup', operation, { ScanSettings: nonEmpty(plan.ScanSettings) }, ['ScanSettings']);
  for (const { ResourceType } of plan.AdvancedBackupSettings ?? [])
    if (ResourceType !== 'EC2')
      throw notImplemented('backup', `${operation} with AdvancedBackupSettings of ${ResourceType ?? ''}`);
  const rules = required(plan.Rules, 'BackupPlan.Rules');
  if (rules.length === 0) throw invalid('A backup plan needs at least one rule.');
  const names = rules.map(({ RuleName }) => RuleName);
  if (new Set(names).size < names.length) throw invalid('Rules of a backup plan must have different names.');
  return {
    BackupPlanName: name,
    Rules: rules.map((rule) => ruleFrom(rule, operation, before)),
    ...(plan.AdvancedBackupSettings && { AdvancedBackupSettings: plan.AdvancedBackupSettings }),
  };
}

function ruleFrom(rule: BackupRuleInput, operation: string, before: BackupPlan | undefined): BackupRule {
  refuseMembers('backup', operation, rule, [
    'EnableContinuousBackup',
    'TargetLogicallyAirGappedBackupVaultArn',
  ]);
  refuseMembers('backup', operation, { IndexActions: nonEmpty(rule.IndexActions) }, ['IndexActions']);
  refuseMembers('backup', operation, { ScanActions: nonEmpty(rule.ScanActions) }, ['ScanActions']);
  const name = required(rule.RuleName, 'RuleName');
  if (!NAME.test(name)) throw invalid(`Invalid rule name: ${name}.`);
  const schedule = rule.ScheduleExpression ?? DEFAULT_SCHEDULE;
  const zone = rule.ScheduleExpressionTimezone ?? DEFAULT_ZONE;
  parseSchedule(schedule, zone);
  lifecycleFrom(operation, rule.Lifecycle);
  for (const { DestinationBackupVaultArn, Lifecycle } of rule.CopyActions ?? []) {
    const arn = required(DestinationBackupVaultArn, 'CopyActions.DestinationBackupVaultArn');
    if (!parseVaultArn(arn)) throw invalid(`${arn} is no ARN of a backup vault.`);
    lifecycleFrom(operation, Lifecycle);
  }
  const [start, completion] = [rule.StartWindowMinutes, rule.CompletionWindowMinutes];
  windowsFrom(new Date(0), start, completion);
  const known = before?.Rules?.find(({ RuleName }) => RuleName === name)?.RuleId;
  return {
    RuleName: name,
    TargetBackupVaultName: required(rule.TargetBackupVaultName, 'TargetBackupVaultName'),
    ScheduleExpression: schedule,
    ScheduleExpressionTimezone: zone,
    StartWindowMinutes: start ?? DEFAULT_START_WINDOW,
    CompletionWindowMinutes: completion ?? DEFAULT_COMPLETE_WINDOW,
    ...(rule.Lifecycle && { Lifecycle: rule.Lifecycle }),
    ...(rule.RecoveryPointTags && { RecoveryPointTags: rule.RecoveryPointTags }),
    RuleId: known ?? randomUUID(),
    ...(rule.CopyActions && { CopyActions: rule.CopyActions }),
    EnableContinuousBackup: false,
  };
}

/** The plan as it could be given again. */
export function asPlanInput(plan: BackupPlan): BackupPlanInput {
  const Rules = (plan.Rules ?? []).map((rule): BackupRuleInput => {
    const given = { ...rule };
    delete given.RuleId;
    return given;
  });
  return { ...plan, BackupPlanName: plan.BackupPlanName, Rules };
}

function nonEmpty<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list && list.length > 0 ? list : undefined;
}

function invalid(message: string): Error {
  return fault(InvalidParameterValueException, message);
}
