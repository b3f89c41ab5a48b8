import * as Backup from '@aws-sdk/client-backup';
import { randomUUID } from 'node:crypto';
import { together } from '../journal/table.ts';
import type { Call, Handlers } from '../wire/handlers.ts';
import { tagsOf } from './access.ts';
import type { BackupContext } from './context.ts';
import { date, describeHold, describeSelection } from './describe.ts';
import { TYPICAL } from './durations.ts';
import { fault, required } from './faults.ts';
import { holdArn, keyOf, samePlace } from './names.ts';
import { page } from './paging.ts';
import type { HoldRecord, HoldSelection } from './records.ts';
import { ticketFor } from './tokens.ts';

const MOST_HOLDS = 50;
const DAY_MS = 86_400_000;

/** Legal holds keep what they cover past its retention, until somebody cancels them. They hold from the moment they are made. */
export function holdHandlers(context: BackupContext): Handlers<typeof Backup> {
  const { platform, store } = context;
  return {
    async CreateLegalHold(input, call) {
      const title = required(input.Title, 'Title');
      const description = required(input.Description, 'Description');
      const tags = input.Tags ?? {};
      platform.authorize(
        call,
        'backup:CreateLegalHold',
        holdArn({ ...call, id: '*' }),
        tagsOf(tags, 'RequestTag'),
      );
      const ticket = ticketFor(store, call, 'CreateLegalHold', input);
      const earlier = ticket.known === undefined ? undefined : store.holds.get(keyOf(call, ticket.known));
      if (earlier) return described(earlier);
      const active = [...store.holds.values()].filter(
        (hold) => samePlace(hold, call) && hold.status !== 'CANCELED',
      );
      if (active.length >= MOST_HOLDS)
        throw fault(Backup.LimitExceededException, `There can be ${MOST_HOLDS} active legal holds at most.`);
      const { accountId, region } = call;
      const hold: HoldRecord = {
        ...{ accountId, region, id: randomUUID(), title, description, tags, status: 'CREATING' },
        createdAt: store.now(),
        selection: selectionFrom(input.RecoveryPointSelection),
      };
      await together(store.holds.putting(keyOf(call, hold.id), hold), ...ticket.keeping(hold.id));
      settle(hold, 'CREATING', 'ACTIVE');
      return described(hold);
    },

    async GetLegalHold(input, call) {
      const hold = find(call, 'backup:GetLegalHold', input.LegalHoldId);
      return {
        ...described(hold),
        CancelDescription: hold.cancelDescription,
        CancellationDate: date(hold.cancelledAt),
        RetainRecordUntil: date(hold.retainRecordUntil),
      };
    },

    async ListLegalHolds(input, call) {
      platform.authorize(call, 'backup:ListLegalHolds', '*');
      const here = [...store.holds.values()].filter((hold) => samePlace(hold, call));
      const { items, NextToken } = page(here, ({ createdAt, id }) => `${createdAt}/${id}`, input);
      return { LegalHolds: items.map(describeHold), NextToken };
    },

    async CancelLegalHold(input, call) {
      const hold = find(call, 'backup:CancelLegalHold', input.LegalHoldId);
      const cancelDescription = required(input.CancelDescription, 'CancelDescription');
      if (hold.status === 'CANCELED' || hold.status === 'CANCELING')
        throw fault(Backup.InvalidResourceStateException, `Legal hold ${hold.id} is cancelled already.`);
      const cancelledAt = store.now();
      const retainRecordUntil =
        input.RetainRecordInDays === undefined
          ? undefined
          : new Date(Date.parse(cancelledAt) + input.RetainRecordInDays * DAY_MS).toISOString();
      const changed: HoldRecord = {
        ...hold,
        status: 'CANCELING',
        cancelledAt,
        cancelDescription,
        retainRecordUntil,
      };
      await store.holds.put(keyOf(call, hold.id), changed);
      settle(changed, 'CANCELING', 'CANCELED');
      return {};
    },

    async ListRecoveryPointsByLegalHold(input, call) {
      const hold = find(call, 'backup:ListRecoveryPointsByLegalHold', input.LegalHoldId);
      const held = [...store.points.values()].filter((point) =>
        store.holdsOn(point).some(({ id }) => id === hold.id),
      );
      const { items, NextToken } = page(held, ({ createdAt, arn }) => `${createdAt}/${arn}`, input);
      const RecoveryPoints = items.map((point) => ({
        RecoveryPointArn: point.arn,
        ResourceArn: point.resourceArn,
        ResourceType: context.kinds.typeOf(point.resourceArn),
        BackupVaultName: point.vaultName,
      }));
      return { RecoveryPoints, NextToken };
    },
  };

  function find(call: Call, action: string, id: string | undefined): HoldRecord {
    const wanted = required(id, 'LegalHoldId');
    const hold = store.holds.get(keyOf(call, wanted));
    platform.authorize(call, action, holdArn({ ...call, id: wanted }), tagsOf(hold?.tags));
    if (!hold) throw fault(Backup.ResourceNotFoundException, `Legal hold ${wanted} does not exist.`);
    return hold;
  }

  function settle(hold: HoldRecord, from: HoldRecord['status'], to: HoldRecord['status']): void {
    platform.tasks.run(`backup: legal hold ${hold.id}`, async (signal) => {
      await platform.pace.take('backup.legalHold', { typicalSeconds: TYPICAL.legalHold, signal });
      const current = store.holds.get(keyOf(hold, hold.id));
      if (current?.status === from) await store.holds.put(keyOf(hold, hold.id), { ...current, status: to });
    });
  }
}

function described(hold: HoldRecord): Backup.CreateLegalHoldOutput {
  return { ...describeHold(hold), RecoveryPointSelection: describeSelection(hold.selection) };
}

function selectionFrom(given: Backup.RecoveryPointSelection | undefined): HoldSelection {
  const { VaultNames, ResourceIdentifiers, DateRange } = given ?? {};
  return {
    ...(VaultNames && VaultNames.length > 0 && { vaultNames: VaultNames }),
    ...(ResourceIdentifiers &&
      ResourceIdentifiers.length > 0 && { resourceIdentifiers: ResourceIdentifiers }),
    ...(DateRange && rangeFrom(DateRange)),
  };
}

/** @throws InvalidParameterValueException */
function rangeFrom({ FromDate, ToDate }: Backup.DateRange): Pick<HoldSelection, 'from' | 'to'> {
  const from = required(FromDate, 'DateRange.FromDate').toISOString();
  const to = required(ToDate, 'DateRange.ToDate').toISOString();
  if (from <= to) return { from, to };
  throw fault(
    Backup.InvalidParameterValueException,
    `The date range ends (${to}) before it begins (${from}).`,
  );
}
