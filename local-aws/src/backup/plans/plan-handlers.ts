import * as Backup from '@aws-sdk/client-backup';
import { randomBytes, randomUUID } from 'node:crypto';
import type { Call, Handlers } from '../../wire/handlers.ts';
import { tagsOf } from '../access.ts';
import type { BackupContext } from '../context.ts';
import { date } from '../describe.ts';
import { fault, required } from '../faults.ts';
import { keyOf, planArn, samePlace } from '../names.ts';
import { page } from '../paging.ts';
import { asPlanInput, planFrom } from './plan-input.ts';
import type { PlanRecord, PlanVersion } from './records.ts';
import { upcomingRuns } from './runs-preview.ts';

const MOST_PLANS = 300;

/** Backup plans and their versions. */
export function planHandlers(context: BackupContext): Handlers<typeof Backup> {
  const { platform, store } = context;
  return {
    async CreateBackupPlan(input, call) {
      const tags = input.BackupPlanTags ?? {};
      const arn = planArn(call, '*');
      platform.authorize(call, 'backup:CreateBackupPlan', arn, tagsOf(tags, 'RequestTag'));
      const plan = planFrom(input.BackupPlan, 'CreateBackupPlan');
      const own = living(call);
      const same = own.find((record) => record.plan.BackupPlanName === plan.BackupPlanName);
      if (same) {
        const retried =
          same.creatorRequestId !== undefined && same.creatorRequestId === input.CreatorRequestId;
        if (retried) return answer(same);
        throw new Backup.AlreadyExistsException({
          message: `Backup plan with the same plan document already exists: ${plan.BackupPlanName ?? ''}`,
          ...{ Arn: planArn(call, same.id), CreatorRequestId: same.creatorRequestId, $metadata: {} },
        });
      }
      if (own.length >= MOST_PLANS)
        throw fault(Backup.LimitExceededException, `There can be ${MOST_PLANS} backup plans at most.`);
      const { accountId, region } = call;
      const record: PlanRecord = {
        ...{ accountId, region, id: randomUUID(), tags, earlier: [], followed: {} },
        ...newVersion(plan),
        creatorRequestId: input.CreatorRequestId,
      };
      await store.plans.put(keyOf(call, record.id), record);
      return answer(record);
    },

    async UpdateBackupPlan(input, call) {
      const record = find(call, 'backup:UpdateBackupPlan', input.BackupPlanId);
      const plan = planFrom(input.BackupPlan, 'UpdateBackupPlan', record.plan);
      const { versionId, createdAt } = record;
      const earlier = [{ versionId, createdAt, plan: record.plan }, ...record.earlier];
      const changed: PlanRecord = { ...record, ...newVersion(plan), earlier, followed: {} };
      await store.plans.put(keyOf(call, record.id), changed);
      return answer(changed);
    },

    async GetBackupPlan(input, call) {
      const record = find(call, 'backup:GetBackupPlan', input.BackupPlanId, true);
      const wanted = input.VersionId ?? record.versionId;
      const version = [record as PlanVersion, ...record.earlier].find(
        ({ versionId }) => versionId === wanted,
      );
      if (!version)
        throw fault(Backup.ResourceNotFoundException, `Backup plan ${record.id} has no version ${wanted}.`);
      const most = input.MaxScheduledRunsPreview ?? 0;
      return {
        ...describe({ ...record, ...version }),
        BackupPlan: version.plan,
        ...(most > 0 && {
          ScheduledRunsPreview: upcomingRuns(version, platform.clock.now(), most),
        }),
      };
    },

    async DeleteBackupPlan(input, call) {
      const record = find(call, 'backup:DeleteBackupPlan', input.BackupPlanId);
      const selections = [...store.selections.values()].filter(({ planId }) => planId === record.id);
      if (selections.length > 0)
        throw fault(
          Backup.InvalidRequestException,
          'Related backup plan selections must be deleted prior to backup plan deletion',
        );
      const deletedAt = store.now();
      await store.plans.put(keyOf(call, record.id), { ...record, deletedAt });
      const { BackupPlanId, BackupPlanArn, VersionId } = describe(record);
      return { BackupPlanId, BackupPlanArn, VersionId, DeletionDate: new Date(deletedAt) };
    },

    async ListBackupPlans(input, call) {
      platform.authorize(call, 'backup:ListBackupPlans', '*');
      const listed = [...store.plans.values()].filter(
        (record) =>
          samePlace(record, call) && (input.IncludeDeleted === true || record.deletedAt === undefined),
      );
      const { items, NextToken } = page(listed, ({ createdAt, id }) => `${createdAt}/${id}`, input);
      return { BackupPlansList: items.map(describe), NextToken };
    },

    async ListBackupPlanVersions(input, call) {
      const record = find(call, 'backup:ListBackupPlanVersions', input.BackupPlanId, true);
      const versions = [record as PlanVersion, ...record.earlier];
      const { items, NextToken } = page(
        versions,
        ({ createdAt, versionId }) => `${createdAt}/${versionId}`,
        input,
      );
      return {
        BackupPlanVersionsList: items.map((version) => describe({ ...record, ...version })),
        NextToken,
      };
    },

    async ExportBackupPlanTemplate(input, call) {
      const record = find(call, 'backup:ExportBackupPlanTemplate', input.BackupPlanId);
      return { BackupPlanTemplateJson: JSON.stringify(asPlanInput(record.plan)) };
    },

    async GetBackupPlanFromJSON(input, call) {
      platform.authorize(call, 'backup:GetBackupPlanFromJSON', '*');
      const text = required(input.BackupPlanTemplateJson, 'BackupPlanTemplateJson');
      try {
        return { BackupPlan: planFrom(JSON.parse(text) as Backup.BackupPlanInput, 'GetBackupPlanFromJSON') };
      } catch (cause) {
        if (!(cause instanceof SyntaxError)) throw cause;
        throw fault(Backup.InvalidParameterValueException, `The template is no JSON: ${cause.message}`);
      }
    },
  };

  function living(call: Call): PlanRecord[] {
    return [...store.plans.values()].filter(
      (record) => samePlace(record, call) && record.deletedAt === undefined,
    );
  }

  function newVersion(plan: Backup.BackupPlan): PlanVersion {
    return { plan, versionId: randomBytes(36).toString('base64url'), createdAt: store.now() };
  }

  /** @param deletedToo deleted plans can still be read. */
  function find(call: Call, action: string, id: string | undefined, deletedToo = false): PlanRecord {
    const wanted = required(id, 'BackupPlanId');
    const record = store.plans.get(keyOf(call, wanted));
    platform.authorize(call, action, planArn(call, wanted), tagsOf(record?.tags));
    if (record && (deletedToo || record.deletedAt === undefined)) return record;
    throw fault(Backup.ResourceNotFoundException, `Cannot find Backup plan with ID ${wanted}`);
  }
}

function answer(record: PlanRecord): Backup.CreateBackupPlanOutput {
  const { BackupPlanId, BackupPlanArn, CreationDate, VersionId, AdvancedBackupSettings } = describe(record);
  return { BackupPlanId, BackupPlanArn, CreationDate, VersionId, AdvancedBackupSettings };
}

function describe(record: PlanRecord): Backup.BackupPlansListMember {
  return {
    BackupPlanArn: planArn(record, record.id),
    BackupPlanId: record.id,
    CreationDate: new Date(record.createdAt),
    DeletionDate: date(record.deletedAt),
    VersionId: record.versionId,
    BackupPlanName: record.plan.BackupPlanName,
    CreatorRequestId: record.creatorRequestId,
    LastExecutionDate: date(record.lastRunAt),
    AdvancedBackupSettings: record.plan.AdvancedBackupSettings,
  };
}
