import {
  DeleteRecoveryPointCommand,
  DescribeRecoveryPointCommand,
  ListLegalHoldsCommand,
} from '@aws-sdk/client-backup';
import type { RetentionFact } from '../domain/facts.ts';
import { lookedAtBy } from '../domain/holds.ts';
import type { Policy } from '../domain/policy/schema.ts';
import { judgePoints, type ListedPoint } from '../domain/retention.ts';
import { locationOf, type Vault } from '../domain/route.ts';
import { duration, type Instant } from '../domain/units.ts';
import { inAccount, type AwsClients } from './aws/clients.ts';
import { isNamed, refuse } from './aws/errors.ts';
import { allPages } from './aws/pages.ts';
import { pointsOf } from './holds.ts';
import { listPoints } from './recovery-points.ts';

export interface InspectVault {
  readonly policy: Policy;
  readonly vault: Vault;
  readonly awsNow: Instant;
  /** Points of this vault that earlier statements promise, with the date by which each must be gone. */
  readonly promised: readonly { readonly arn: string; readonly dueAt: Instant }[];
}

/** Proves that what is past its date is gone. AWS's own lifecycle deletes; nobody may under a compliance lock. */
export function createRetentionActivities({ clients }: { clients: AwsClients }) {
  return {
    async inspectVault({
      policy,
      vault,
      awsNow,
      promised,
    }: InspectVault): Promise<RetentionFact['vaults'][number]> {
      const location = locationOf(policy, vault);
      const doing = `inspect vault ${vault.name} (${location.accountId}, ${vault.region})`;
      const backup = clients.backup(inAccount(policy, vault.account, vault.region));
      try {
        const listed = (await listPoints(clients, policy, vault)).map((point): ListedPoint => ({
          arn: point.RecoveryPointArn ?? '',
          status: point.Status ?? 'unknown',
          deleteAt: point.CalculatedLifecycle?.DeleteAt?.toISOString() ?? null,
        }));
        const judged = judgePoints(listed, awsNow, duration(policy.retention.lingerGrace));
        // What is held is not late: AWS keeps it on purpose from the first moment past its date.
        const due = listed.filter(
          ({ deleteAt }) => deleteAt !== null && Date.parse(deleteAt) <= Date.parse(awsNow),
        );
        const held =
          due.length + judged.overdue.length === 0 ? new Map<string, string>() : await heldPoints();
        // Where no lock forbids it, what lingers is deleted; the next look tells whether that helped.
        if (vault.lock === 'none')
          for (const { arn } of judged.overdue.filter(({ arn }) => !held.has(arn))) await deleteQuietly(arn);
        const provenGone = [];
        for (const { arn, dueAt } of promised.filter(
          ({ dueAt }) => Date.parse(dueAt) <= Date.parse(awsNow),
        )) {
          const seen = await absence(arn);
          if (seen !== null) provenGone.push({ arn, dueAt, seen });
        }
        const lingering = [];
        for (const point of judged.overdue.filter(({ arn }) => !held.has(arn)))
          if ((await absence(point.arn)) === null) lingering.push(point);
        return {
          location,
          live: judged.live,
          provenGone,
          lingering,
          held: [...new Map([...due, ...judged.overdue].map(({ arn }) => [arn, { arn }])).values()]
            .filter(({ arn }) => held.has(arn))
            .map(({ arn }) => ({ arn, reason: held.get(arn) ?? '' })),
          withoutExpiry: judged.withoutExpiry,
        };
      } catch (error) {
        return refuse(error, { doing, otherwise: 'PermissionMissing', forget: clients.forget });
      }

      /** Null while the point exists; else how its absence was seen. */
      async function absence(arn: string): Promise<string | null> {
        try {
          await backup.send(
            new DescribeRecoveryPointCommand({ BackupVaultName: vault.name, RecoveryPointArn: arn }),
          );
          return null;
        } catch (error) {
          if (isNamed(error, 'ResourceNotFoundException')) return 'ResourceNotFoundException';
          throw error;
        }
      }

      /** A refusal is not lost: the point is looked at again, and reported as lingering. */
      async function deleteQuietly(arn: string): Promise<void> {
        try {
          await backup.send(
            new DeleteRecoveryPointCommand({ BackupVaultName: vault.name, RecoveryPointArn: arn }),
          );
        } catch (error) {
          if (
            !isNamed(
              error,
              'ResourceNotFoundException',
              'InvalidRequestException',
              'InvalidResourceStateException',
              'AccessDeniedException',
            )
          )
            throw error;
        }
      }

      /** Points under a legal hold, with the title of the hold. Holds by people are respected, and never cancelled. */
      async function heldPoints(): Promise<Map<string, string>> {
        const holds = await allPages(async (NextToken) => {
          const answer = await backup.send(
            new ListLegalHoldsCommand(NextToken === undefined ? {} : { NextToken }),
          );
          return { items: answer.LegalHolds, next: answer.NextToken };
        });
        const found = new Map<string, string>();
        for (const { LegalHoldId, Title = 'untitled', Description, Status } of holds) {
          if (LegalHoldId === undefined || Status === 'CANCELED') continue;
          const by = lookedAtBy(Description);
          const late = by !== null && Date.parse(by) < Date.parse(awsNow) ? ', which has passed' : '';
          const again = by === null ? '' : `; to be looked at by ${by}${late}`;
          for (const arn of await pointsOf(backup, LegalHoldId))
            found.set(arn, `legal hold "${Title}" (${LegalHoldId})${again}`);
        }
        return found;
      }
    },
  };
}
