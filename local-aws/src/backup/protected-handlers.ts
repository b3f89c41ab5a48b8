import * as Backup from '@aws-sdk/client-backup';
import type { Handlers } from '../wire/handlers.ts';
import { vaultFor } from './access.ts';
import type { BackupContext } from './context.ts';
import { date } from './describe.ts';
import { fault, required } from './faults.ts';
import { resourceName, samePlace, vaultArn } from './names.ts';
import { page } from './paging.ts';
import type { PointRecord } from './records.ts';
import { refuseOtherAccount } from './vault-handlers.ts';

const MINUTE_MS = 60_000;

/** Resources that have recovery points. */
export function protectedHandlers(context: BackupContext): Handlers<typeof Backup> {
  const { platform, store } = context;
  return {
    async ListProtectedResources(input, call) {
      platform.authorize(call, 'backup:ListProtectedResources', '*');
      const { items, NextToken } = page(newest(inPlace(call)), ({ resourceArn }) => resourceArn, input);
      return { Results: items.map(describe), NextToken };
    },

    async ListProtectedResourcesByBackupVault(input, call) {
      refuseOtherAccount('ListProtectedResourcesByBackupVault', input.BackupVaultAccountId, call);
      const action = 'backup:ListProtectedResourcesByBackupVault';
      const vault = vaultFor(context, call, action, input.BackupVaultName);
      const { items, NextToken } = page(
        newest(store.pointsIn(vault)),
        ({ resourceArn }) => resourceArn,
        input,
      );
      return { Results: items.map(describe), NextToken };
    },

    async DescribeProtectedResource(input, call) {
      platform.authorize(call, 'backup:DescribeProtectedResource', '*');
      const arn = required(input.ResourceArn, 'ResourceArn');
      const [point] = newest(inPlace(call).filter(({ resourceArn }) => resourceArn === arn));
      if (!point)
        throw fault(Backup.ResourceNotFoundException, `The resource ${arn} has no recovery point here.`);
      const [restore] = [...store.restoreJobs.values()]
        .filter((job) => samePlace(job, call) && job.resourceArn === arn && job.state === 'COMPLETED')
        .sort((a, b) => b.createdAt.localeCompare(a.createdAt));
      const took =
        restore?.completedAt === undefined
          ? undefined
          : (Date.parse(restore.completedAt) - Date.parse(restore.createdAt)) / MINUTE_MS;
      return {
        ...describe(point),
        LatestRestoreExecutionTimeMinutes: took === undefined ? undefined : Math.ceil(took),
        LatestRestoreJobCreationDate: date(restore?.createdAt),
        LatestRestoreRecoveryPointCreationDate: date(restore?.pointCreatedAt),
      };
    },
  };

  function inPlace(place: { accountId: string; region: string }): PointRecord[] {
    return [...store.points.values()].filter((point) => samePlace(point, place));
  }

  function describe(point: PointRecord): Backup.ProtectedResource {
    return {
      ResourceArn: point.resourceArn,
      ResourceType: context.kinds.typeOf(point.resourceArn),
      ResourceName: resourceName(point.resourceArn),
      LastBackupTime: new Date(point.createdAt),
      LastBackupVaultArn: vaultArn({ ...point, name: point.vaultName }),
      LastRecoveryPointArn: point.arn,
    };
  }
}

/** The newest complete point of each resource. */
function newest(points: readonly PointRecord[]): PointRecord[] {
  const found = new Map<string, PointRecord>();
  for (const point of points) {
    const known = found.get(point.resourceArn);
    if (point.status !== 'CREATING' && (!known || known.createdAt < point.createdAt))
      found.set(point.resourceArn, point);
  }
  return [...found.values()];
}
