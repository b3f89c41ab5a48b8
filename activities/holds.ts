import {
  CreateLegalHoldCommand,
  DescribeRecoveryPointCommand,
  GetLegalHoldCommand,
  ListLegalHoldsCommand,
  ListRecoveryPointsByLegalHoldCommand,
  type BackupClient,
  type LegalHold,
} from '@aws-sdk/client-backup';
import { descriptionOf, holdOwners, titleOf, type HoldRequest, type PlacedHold } from '../domain/holds.ts';
import type { HoldFact } from '../domain/claims.ts';
import { token } from '../domain/names.ts';
import type { Policy } from '../domain/policy/schema.ts';
import { finalVault } from '../domain/route.ts';
import type { Instant } from '../domain/units.ts';
import { inAccount, type AwsClients } from './aws/clients.ts';
import { isNamed, refuse } from './aws/errors.ts';
import { allPages } from './aws/pages.ts';
import { pollUntil, type Polling } from './aws/poll.ts';
import { failure } from './failures.ts';
import { ledgerOf } from './ledger/index.ts';
import { newestFact } from './ledger/newest.ts';

type Place = Extract<HoldRequest, { action: 'place' }>;
type Release = Extract<HoldRequest, { action: 'release' }>;

/** Legal holds on points of the last vault, for people. AWS keeps what is held past its date, until somebody cancels the hold. */
export function createHoldActivities({ clients, polling }: { clients: AwsClients; polling: Polling }) {
  const backupOf = (policy: Policy): BackupClient => {
    const { account, region } = finalVault(policy);
    return clients.backup(inAccount(policy, account, region));
  };

  return {
    /** Places a hold on one point and reads back what it keeps. An attempt that finds its own hold takes it over. */
    async placeHold(request: Place & { readonly awsNow: Instant }): Promise<PlacedHold> {
      const { policy, pointArn, by, until, awsNow } = request;
      const doing = `hold ${pointArn}`;
      requireOwner(policy, by);
      if (Date.parse(until) <= Date.parse(awsNow))
        throw refused(`The hold would have to be looked at by ${until}, and AWS's time is ${awsNow}.`);
      const backup = backupOf(policy);
      const vault = finalVault(policy);
      try {
        const point = await backup.send(
          new DescribeRecoveryPointCommand({ BackupVaultName: vault.name, RecoveryPointArn: pointArn }),
        );
        if (point.CreationDate === undefined || point.ResourceArn === undefined)
          throw new Error(`AWS answered without date and resource when asked to ${doing}`);
        const made = await backup.send(
          new CreateLegalHoldCommand({
            Title: titleOf(policy.name, await freeName(backup, request)),
            Description: descriptionOf(request),
            IdempotencyToken: tokenOf(request),
            RecoveryPointSelection: {
              VaultNames: [vault.name],
              ResourceIdentifiers: [point.ResourceArn],
              DateRange: { FromDate: point.CreationDate, ToDate: point.CreationDate },
            },
          }),
        );
        const { LegalHoldId = '', LegalHoldArn } = made;
        const points = await pollUntil(polling, async () => {
          const kept = await pointsOf(backup, LegalHoldId);
          return kept.includes(pointArn)
            ? { done: kept }
            : { waiting: `${LegalHoldId} does not keep it yet` };
        });
        const known = policy.resources.find(({ arn }) => arn === point.ResourceArn)?.name;
        return { holdArn: LegalHoldArn ?? LegalHoldId, resource: known ?? point.ResourceArn, points };
      } catch (error) {
        if (isNamed(error, 'ResourceNotFoundException'))
          throw failure(
            'NoRecoveryPoint',
            `There is no recovery point ${pointArn} in vault ${vault.name}; holds are placed on points of the last vault.`,
            { pointArn },
            error,
          );
        return refuse(error, { doing, otherwise: 'RequestRefused', forget: clients.forget });
      }
    },

    /**
     * Sees that a hold is cancelled. The control plane never cancels one itself: its role is denied whatever weakens what is kept.
     * @throws RequestRefused while it is in force, with what somebody who may has to run.
     */
    async seeHoldReleased(
      request: Release,
    ): Promise<PlacedHold & { readonly at: Instant; readonly said: string }> {
      const { policy, hold, by } = request;
      requireOwner(policy, by);
      const backup = backupOf(policy);
      try {
        const found = (await ours(backup, policy, hold)).at(0);
        const id = found?.LegalHoldId;
        if (id === undefined)
          throw refused(
            `Nobody placed a hold "${hold}" under this policy; \`lifeboat hold list\` shows them.`,
          );
        const {
          Status,
          CancellationDate,
          CancelDescription = '',
        } = await backup.send(new GetLegalHoldCommand({ LegalHoldId: id }));
        if ((Status !== 'CANCELED' && Status !== 'CANCELING') || CancellationDate === undefined)
          throw refused(
            `The hold "${hold}" is in force, and the control plane may not cancel it: it never weakens what is kept. ` +
              `Somebody who may runs: aws backup cancel-legal-hold --region ${finalVault(policy).region} --legal-hold-id ${id} ` +
              `--cancel-description '${request.reason.replaceAll("'", '’')}'; then run this again, to have it on record.`,
          );
        const placed = await newestFact<HoldFact>(
          ledgerOf(policy, clients),
          `hold-${policy.name}-${hold}/`,
          (key) => key.endsWith('/placed.json'),
          (fact) => (fact.type === 'hold' ? fact : null),
        );
        return {
          holdArn: found?.LegalHoldArn ?? id,
          resource: placed?.fact.resource ?? 'unknown',
          points: placed?.fact.points ?? [],
          at: CancellationDate.toISOString(),
          said: CancelDescription,
        };
      } catch (error) {
        return refuse(error, {
          doing: `look at the hold ${hold}`,
          otherwise: 'RequestRefused',
          forget: clients.forget,
        });
      }
    },
  };

  /** AWS lets titles be used twice. A hold of this name that another request made is not ours to take over. */
  async function freeName(backup: BackupClient, request: Place): Promise<string> {
    const { policy, hold } = request;
    const [there] = await ours(backup, policy, hold);
    const another =
      there?.Description !== descriptionOf(request) || there.Status?.startsWith('CANCEL') === true;
    if (there !== undefined && another)
      throw refused(
        `There was a hold "${hold}" before (${there.LegalHoldId ?? ''}); give this one another --name.`,
      );
    return hold;
  }
}

async function ours(backup: BackupClient, policy: Policy, hold: string): Promise<LegalHold[]> {
  const all = await allPages(async (NextToken) => {
    const answer = await backup.send(new ListLegalHoldsCommand(NextToken === undefined ? {} : { NextToken }));
    return { items: answer.LegalHolds, next: answer.NextToken };
  });
  return all.filter(({ Title }) => Title === titleOf(policy.name, hold));
}

/** Every point that a hold keeps, read to the last page. */
export async function pointsOf(backup: BackupClient, LegalHoldId: string): Promise<string[]> {
  const points = await allPages(async (NextToken) => {
    const answer = await backup.send(
      new ListRecoveryPointsByLegalHoldCommand({
        LegalHoldId,
        ...(NextToken === undefined ? {} : { NextToken }),
      }),
    );
    return { items: answer.RecoveryPoints, next: answer.NextToken };
  });
  return points.map(({ RecoveryPointArn = '' }) => RecoveryPointArn);
}

const tokenOf = ({ policy, hold, pointArn, by, until }: Place): string =>
  token('hold', policy.name, hold, pointArn, by, until);

function requireOwner(policy: Policy, by: string): void {
  const owners = holdOwners(policy);
  if (!owners.includes(by))
    throw refused(`${by} may not decide about holds; holds.owners names ${owners.join(', ') || 'nobody'}.`);
}

function refused(message: string): Error {
  return failure('RequestRefused', message);
}
