import type { BackupContext } from '../backup/context.ts';
import { parseVaultArn } from '../backup/names.ts';
import type { PointRecord } from '../backup/records.ts';
import { AdminRefusal } from '../platform.ts';
import type { DamageOrder } from './order.ts';

/** The recovery point that an order names, or the newest complete one of a vault. @throws AdminRefusal */
export function findPoint({ store }: BackupContext, order: DamageOrder): PointRecord {
  const { recoveryPointArn, vaultArn, resourceArn } = order;
  if (recoveryPointArn !== undefined) {
    const point = store.points.get(recoveryPointArn);
    if (point?.status === 'COMPLETED') return point;
    throw new AdminRefusal(`There is no complete recovery point ${recoveryPointArn}.`, 404);
  }
  const named = vaultArn === undefined ? undefined : parseVaultArn(vaultArn);
  if (!named)
    throw new AdminRefusal('Say which: recoveryPointArn, or vaultArn for the newest point of a vault.');
  const vault = store.vault(named, named.name);
  if (!vault) throw new AdminRefusal(`There is no vault ${vaultArn ?? ''}.`, 404);
  const [newest] = store
    .pointsIn(vault)
    .filter(
      (point) =>
        point.status === 'COMPLETED' && (resourceArn === undefined || point.resourceArn === resourceArn),
    )
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  if (newest) return newest;
  throw new AdminRefusal(
    `Vault ${vault.name} holds no complete recovery point${resourceArn ? ` of ${resourceArn}` : ''}.`,
    404,
  );
}
