import {
  DescribeBackupVaultCommand,
  DescribeRecoveryPointCommand,
  ListRecoveryPointsByBackupVaultCommand,
  type BackupClient,
  type RecoveryPointByBackupVault,
} from '@aws-sdk/client-backup';
import { deletableBy } from '../domain/deletable-by.ts';
import type { LockFacts, RecoveryPointFacts } from '../domain/facts.ts';
import type { Policy } from '../domain/policy/schema.ts';
import { finalVault, locationOf, type Vault } from '../domain/route.ts';
import { choose, type Candidate } from '../domain/selection.ts';
import type { Instant } from '../domain/units.ts';
import { inAccount, type AwsClients } from './aws/clients.ts';
import { isNamed, refuse } from './aws/errors.ts';
import { allPages } from './aws/pages.ts';
import { failure } from './failures.ts';
import { keyPolicyOf, vaultPolicyOf } from './point-guards.ts';

export interface ReadBack {
  readonly policy: Policy;
  readonly vault: Vault;
  readonly pointArn: string;
  /** AWS's own time, against which a lock date is "passed" or "cooling off". */
  readonly awsNow: Instant;
}

/** Recovery points as AWS shows them now. Nothing here is inferred from what was asked for. */
export function createRecoveryPointActivities({ clients }: { clients: AwsClients }) {
  return {
    /** Status, key, size, expiry and lock of one point. @throws NoRecoveryPoint when it does not exist. */
    async readBackPoint({ policy, vault, pointArn, awsNow }: ReadBack): Promise<RecoveryPointFacts> {
      const backup = clients.backup(inAccount(policy, vault.account, vault.region));
      const doing = `read back ${pointArn} in vault ${vault.name}`;
      try {
        const point = await backup.send(
          new DescribeRecoveryPointCommand({ BackupVaultName: vault.name, RecoveryPointArn: pointArn }),
        );
        if (point.CreationDate === undefined || point.Status === undefined)
          throw new Error(`AWS answered without a status when asked to ${doing}`);
        const lock = await lockOf(backup, vault.name, awsNow);
        const deleteAt = point.CalculatedLifecycle?.DeleteAt?.toISOString() ?? null;
        const key = point.EncryptionKeyArn;
        const kms = clients.kms(inAccount(policy, vault.account, vault.region));
        const location = locationOf(policy, vault);
        return {
          arn: pointArn,
          location,
          status: point.Status,
          createdAt: point.CreationDate.toISOString(),
          deleteAt,
          encryptionKeyArn: key ?? null,
          sizeBytes: point.BackupSizeInBytes ?? null,
          lock,
          readAt: awsNow,
          deletableBy: deletableBy({
            accountId: location.accountId,
            lock,
            deleteAt,
            vaultPolicy: await vaultPolicyOf(backup, vault.name),
            keyPolicy: key === undefined ? null : await keyPolicyOf(kms, key),
          }),
        };
      } catch (error) {
        if (isNamed(error, 'ResourceNotFoundException'))
          throw failure(
            'NoRecoveryPoint',
            `There is no recovery point ${pointArn} in vault ${vault.name}.`,
            { pointArn },
            error,
          );
        return refuse(error, { doing, otherwise: 'NoRecoveryPoint', forget: clients.forget });
      }
    },

    /**
     * The point that a drill or a restore starts from: the one named, else the newest in the last vault from `at` or before.
     * @throws NoRecoveryPoint when none fits.
     */
    async choosePoint(request: {
      policy: Policy;
      resourceArn: string;
      pointArn?: string;
      at?: Instant;
    }): Promise<{ pointArn: string; rule: string; candidates: number }> {
      const { policy, resourceArn, pointArn, at } = request;
      const vault = finalVault(policy);
      const doing = `list the recovery points of ${resourceArn} in vault ${vault.name}`;
      const points = await listPoints(clients, policy, vault, resourceArn).catch((error: unknown) =>
        refuse(error, { doing, otherwise: 'NoRecoveryPoint', forget: clients.forget }),
      );
      const candidates = points.map(asCandidate).filter((candidate) => candidate !== null);
      const chosen = choose(candidates, {
        ...(pointArn === undefined ? {} : { pointArn }),
        ...(at === undefined ? {} : { at }),
      });
      if (chosen === null) {
        const wanted = pointArn ?? (at === undefined ? 'any' : `one from ${at} or before`);
        throw failure(
          'NoRecoveryPoint',
          `Vault ${vault.name} holds ${candidates.length} complete points of ${resourceArn}, but not ${wanted}.`,
          { resourceArn },
        );
      }
      return { pointArn: chosen.point.arn, rule: chosen.rule, candidates: candidates.length };
    },
  };
}

/** Every point of a vault (of one resource), read to the last page. */
export async function listPoints(
  clients: AwsClients,
  policy: Policy,
  vault: Vault,
  resourceArn?: string,
): Promise<RecoveryPointByBackupVault[]> {
  const backup = clients.backup(inAccount(policy, vault.account, vault.region));
  return allPages(async (NextToken) => {
    const answer = await backup.send(
      new ListRecoveryPointsByBackupVaultCommand({
        BackupVaultName: vault.name,
        ...(resourceArn === undefined ? {} : { ByResourceArn: resourceArn }),
        ...(NextToken === undefined ? {} : { NextToken }),
      }),
    );
    return { items: answer.RecoveryPoints, next: answer.NextToken };
  });
}

async function lockOf(backup: BackupClient, vault: string, awsNow: Instant): Promise<LockFacts> {
  try {
    const seen = await backup.send(new DescribeBackupVaultCommand({ BackupVaultName: vault }));
    if (seen.Locked !== true) return { state: 'none' };
    if (seen.LockDate === undefined) return { state: 'governance' };
    const lockDate = seen.LockDate.toISOString();
    if (Date.parse(lockDate) > Date.parse(awsNow)) return { state: 'pending', immutableFrom: lockDate };
    return {
      state: 'immutable',
      since: lockDate,
      minDays: seen.MinRetentionDays ?? null,
      maxDays: seen.MaxRetentionDays ?? null,
    };
  } catch (error) {
    if (isNamed(error, 'AccessDeniedException', 'AccessDenied'))
      return { state: 'unknown', reason: 'the role may not describe the vault' };
    throw error;
  }
}

function asCandidate({
  RecoveryPointArn,
  CreationDate,
  Status,
}: RecoveryPointByBackupVault): Candidate | null {
  const complete = Status === 'COMPLETED' || Status === 'AVAILABLE';
  if (!complete || RecoveryPointArn === undefined || CreationDate === undefined) return null;
  return { arn: RecoveryPointArn, createdAt: CreationDate.toISOString() };
}
