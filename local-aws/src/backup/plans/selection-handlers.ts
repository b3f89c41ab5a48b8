import * as Backup from '@aws-sdk/client-backup';
import { randomUUID } from 'node:crypto';
import type { Call, Handlers } from '../../wire/handlers.ts';
import { requirePassable, tagsOf } from '../access.ts';
import type { BackupContext } from '../context.ts';
import { fault, required } from '../faults.ts';
import { keyOf, planArn } from '../names.ts';
import { page } from '../paging.ts';
import type { PlanRecord, SelectionRecord } from './records.ts';

const NAME = /^[a-zA-Z0-9\-_.]{1,50}$/;
const MOST_SELECTIONS = 100;

/** Which resources a plan backs up, and as which role. */
export function selectionHandlers(context: BackupContext): Handlers<typeof Backup> {
  const { platform, store } = context;
  return {
    async CreateBackupSelection(input, call) {
      const plan = planFor(call, 'backup:CreateBackupSelection', input.BackupPlanId);
      const selection = required(input.BackupSelection, 'BackupSelection');
      const name = required(selection.SelectionName, 'BackupSelection.SelectionName');
      if (!NAME.test(name)) throw invalid(`Invalid selection name: ${name}.`);
      const IamRoleArn = requirePassable(context, call, selection.IamRoleArn);
      requireSomething(selection);
      const own = selectionsOf(plan);
      const same = own.find((record) => record.selection.SelectionName === name);
      if (same) {
        const retried =
          same.creatorRequestId !== undefined && same.creatorRequestId === input.CreatorRequestId;
        if (retried) return answer(same);
        throw new Backup.AlreadyExistsException({
          message: `Backup selection with the same name already exists: ${name}`,
          ...{ CreatorRequestId: same.creatorRequestId, $metadata: {} },
        });
      }
      if (own.length >= MOST_SELECTIONS)
        throw fault(
          Backup.LimitExceededException,
          `A backup plan can have ${MOST_SELECTIONS} selections at most.`,
        );
      const { accountId, region } = call;
      const record: SelectionRecord = {
        ...{ accountId, region, id: randomUUID(), planId: plan.id, createdAt: store.now() },
        creatorRequestId: input.CreatorRequestId,
        selection: { ...selection, IamRoleArn },
      };
      await store.selections.put(keyOf(call, record.id), record);
      return answer(record);
    },

    async GetBackupSelection(input, call) {
      const record = find(call, 'backup:GetBackupSelection', input.BackupPlanId, input.SelectionId);
      return {
        BackupSelection: record.selection,
        ...answer(record),
        CreatorRequestId: record.creatorRequestId,
      };
    },

    async DeleteBackupSelection(input, call) {
      const record = find(call, 'backup:DeleteBackupSelection', input.BackupPlanId, input.SelectionId);
      await store.selections.remove(keyOf(call, record.id));
      return {};
    },

    async ListBackupSelections(input, call) {
      const plan = planFor(call, 'backup:ListBackupSelections', input.BackupPlanId);
      const { items, NextToken } = page(
        selectionsOf(plan),
        ({ createdAt, id }) => `${createdAt}/${id}`,
        input,
      );
      const BackupSelectionsList = items.map((record) => ({
        ...answer(record),
        SelectionName: record.selection.SelectionName,
        CreatorRequestId: record.creatorRequestId,
        IamRoleArn: record.selection.IamRoleArn,
      }));
      return { BackupSelectionsList, NextToken };
    },
  };

  function planFor(call: Call, action: string, id: string | undefined): PlanRecord {
    const wanted = required(id, 'BackupPlanId');
    const plan = store.plans.get(keyOf(call, wanted));
    platform.authorize(call, action, planArn(call, wanted), tagsOf(plan?.tags));
    if (plan?.deletedAt === undefined && plan) return plan;
    throw fault(Backup.ResourceNotFoundException, `Cannot find Backup plan with ID ${wanted}`);
  }

  function selectionsOf(plan: PlanRecord): SelectionRecord[] {
    return [...store.selections.values()].filter(({ planId }) => planId === plan.id);
  }

  function find(call: Call, action: string, planId: string | undefined, id: string | undefined) {
    const plan = planFor(call, action, planId);
    const wanted = required(id, 'SelectionId');
    const record = store.selections.get(keyOf(call, wanted));
    if (record?.planId === plan.id) return record;
    throw fault(Backup.ResourceNotFoundException, `Backup plan ${plan.id} has no selection ${wanted}.`);
  }
}

function answer({ id, planId, createdAt }: SelectionRecord) {
  return { SelectionId: id, BackupPlanId: planId, CreationDate: new Date(createdAt) };
}

/** @throws InvalidParameterValueException for a selection that can never match. */
function requireSomething({ Resources, ListOfTags, Conditions }: Backup.BackupSelection): void {
  const some = (list: readonly unknown[] | undefined) => list !== undefined && list.length > 0;
  if (!some(Resources) && !some(ListOfTags) && !Object.values(Conditions ?? {}).some(some))
    throw invalid('A backup selection must name resources, tags or conditions.');
  for (const { ConditionType } of ListOfTags ?? [])
    if (ConditionType !== 'STRINGEQUALS')
      throw invalid(`ListOfTags knows the condition STRINGEQUALS only, not ${String(ConditionType)}.`);
}

function invalid(message: string): Error {
  return fault(Backup.InvalidParameterValueException, message);
}
