import type { BackupRule } from '@aws-sdk/client-backup';
import { createHash } from 'node:crypto';
import type { BackupJobs } from '../backup-jobs.ts';
import type { BackupContext } from '../context.ts';
import type { CopyJobs } from '../copy-jobs.ts';
import { lifecycleFrom, windowsFrom } from '../inputs.ts';
import { newJob } from '../job-lists.ts';
import { keyOf, planArn } from '../names.ts';
import type { BackupJobRecord, CopyJobRecord } from '../records.ts';
import { DEFAULT_SCHEDULE } from './plan-input.ts';
import type { PlanRecord } from './records.ts';
import { parseSchedule } from './schedule.ts';
import { selectedResources } from './selected.ts';

/** More occurrences than this are not counted one by one when the clock jumps over them. */
const MOST_COUNTED = 10_000;

/**
 * Follows the schedules of backup plans by the simulated clock. A jump over several occurrences runs the last of them, since the
 * earlier states of the resources are not there any more; how many were passed over is recorded.
 */
export class PlanRuns {
  readonly #context: BackupContext;
  readonly #backups: BackupJobs;
  readonly #copies: CopyJobs;

  constructor(context: BackupContext, backups: BackupJobs, copies: CopyJobs) {
    this.#context = context;
    this.#backups = backups;
    this.#copies = copies;
    backups.onCompleted = (job) => this.#copy(job);
  }

  /** Copies that a crash kept from being started. */
  async resume(): Promise<void> {
    for (const job of this.#context.store.backupJobs.values())
      if (job.state === 'COMPLETED') await this.#copy(job);
  }

  async sweep(): Promise<void> {
    for (const plan of [...this.#context.store.plans.values()])
      if (plan.deletedAt === undefined)
        for (const rule of plan.plan.Rules ?? []) await this.#follow(plan.id, plan, rule);
  }

  async #follow(id: string, where: PlanRecord, rule: BackupRule): Promise<void> {
    const { store, platform } = this.#context;
    const plan = store.plans.get(keyOf(where, id));
    if (!plan) return;
    const { RuleId = '', ScheduleExpression = DEFAULT_SCHEDULE, ScheduleExpressionTimezone } = rule;
    const schedule = parseSchedule(ScheduleExpression, ScheduleExpressionTimezone, new Date(plan.createdAt));
    const now = platform.clock.now();
    let due: Date | undefined;
    let passed = -1;
    const from = new Date(plan.followed[RuleId] ?? plan.createdAt);
    for (let at = schedule.next(from); at && at <= now && passed < MOST_COUNTED; at = schedule.next(at)) {
      due = at;
      passed += 1;
    }
    if (!due) return;
    if (passed > 0)
      this.#note(plan, `${RuleId}: the clock jumped over ${passed} occurrences, which did not run`);
    await this.#run(plan, rule, due);
    const current = store.plans.get(keyOf(plan, plan.id));
    if (!current) return;
    const followed = { ...current.followed, [RuleId]: (passed < MOST_COUNTED ? due : now).toISOString() };
    await store.plans.put(keyOf(plan, plan.id), { ...current, followed, lastRunAt: store.now() });
  }

  async #run(plan: PlanRecord, rule: BackupRule, occurrence: Date): Promise<void> {
    const { store, platform } = this.#context;
    const { RuleId = '', TargetBackupVaultName: vaultName = '' } = rule;
    if (!store.vault(plan, vaultName)) {
      this.#note(plan, `${RuleId}: backup vault ${vaultName} does not exist, so nothing was backed up`);
      return;
    }
    const done = new Set<string>(); // chosen twice is backed up once
    for (const { selection, planId } of [...store.selections.values()]) {
      if (planId !== plan.id) continue;
      const roleArn = selection.IamRoleArn ?? '';
      if (!platform.roles.callAs(roleArn, plan.region, 'backup', 'StartBackupJob')) {
        this.#note(plan, `${RuleId}: the role ${roleArn} does not exist, so nothing was backed up`);
        continue;
      }
      for (const { arn } of selectedResources(this.#context, plan, selection)) {
        if (done.has(arn)) continue;
        done.add(arn);
        const job = this.#jobFor(plan, rule, { roleArn, arn, occurrence });
        if (store.backupJobs.has(keyOf(job, job.id))) continue; // started before a crash
        await store.backupJobs.put(keyOf(job, job.id), job);
        this.#backups.start(job);
      }
    }
  }

  #jobFor(
    plan: PlanRecord,
    rule: BackupRule,
    { roleArn, arn, occurrence }: { roleArn: string; arn: string; occurrence: Date },
  ): BackupJobRecord {
    const { store, platform } = this.#context;
    const { RuleId: ruleId = '', RuleName: ruleName = '', TargetBackupVaultName: vaultName = '' } = rule;
    const { id: planId, versionId: planVersion } = plan;
    const createdBy = { planId, planName: plan.plan.BackupPlanName ?? '', planVersion, ruleId, ruleName };
    return {
      ...newJob(plan, store.now(), roleArn),
      ...windowsFrom(platform.clock.now(), rule.StartWindowMinutes, rule.CompletionWindowMinutes),
      id: idFrom(planId, ruleId, occurrence.toISOString(), arn),
      ...{ state: 'CREATED', vaultName, resourceArn: arn, createdBy, tags: rule.RecoveryPointTags ?? {} },
      lifecycle: lifecycleFrom('CreateBackupPlan', rule.Lifecycle),
      copies: (rule.CopyActions ?? []).map(({ DestinationBackupVaultArn = '', Lifecycle }) => ({
        destinationVaultArn: DestinationBackupVaultArn,
        lifecycle: lifecycleFrom('CreateBackupPlan', Lifecycle),
      })),
    };
  }

  /** Starts the copies that the rule wants of a complete backup. */
  async #copy(job: BackupJobRecord): Promise<void> {
    const { store } = this.#context;
    for (const { destinationVaultArn, lifecycle } of job.copies ?? []) {
      const id = idFrom(job.id, destinationVaultArn);
      const { accountId, region, iamRoleArn, resourceArn, createdBy, pointArn } = job;
      if (store.copyJobs.has(keyOf(job, id)) || pointArn === undefined) continue;
      const copy: CopyJobRecord = {
        ...{ accountId, region, id, iamRoleArn, resourceArn, createdBy, percent: 0 },
        ...{ state: 'CREATED', createdAt: store.now(), sourceVaultName: job.vaultName },
        ...{ sourcePointArn: pointArn, destinationVaultArn, lifecycle, createdByBackupJob: job.id },
      };
      await store.copyJobs.put(keyOf(job, id), copy);
      this.#copies.start(copy);
    }
  }

  #note(plan: PlanRecord, detail: string): void {
    const { accountId, region } = plan;
    const resource = planArn(plan, plan.id);
    this.#context.platform.events.record({
      ...{ kind: 'service', service: 'backup', accountId, region, resource, detail },
    });
  }
}

/** The same for the same occurrence, so that a sweep which a crash cut short starts nothing twice. */
function idFrom(...parts: readonly string[]): string {
  const hex = createHash('sha256').update(parts.join('\n')).digest('hex').toUpperCase();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}
