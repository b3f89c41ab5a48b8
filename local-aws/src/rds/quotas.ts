import { AdminRefusal, type Place, type Platform } from '../platform.ts';
import type { RdsStore } from './store.ts';

/** Default quotas per account and region, contract §2.1. `POST /quotas` of the admin endpoint sets others. */
export const DEFAULT_QUOTAS = {
  DBInstances: 40,
  ManualSnapshots: 100,
  AllocatedStorage: 100_000,
  DBSubnetGroups: 50,
  DBParameterGroups: 50,
  OptionGroups: 20,
  SnapshotShares: 20,
  CrossRegionCopies: 20,
  ReplicatedAutomatedBackups: 20,
  DBClusters: 40,
  ManualClusterSnapshots: 100,
  DBClusterParameterGroups: 50,
  CrossRegionClusterCopies: 5,
  ExportTasks: 5,
} as const;

export type QuotaName = keyof typeof DEFAULT_QUOTAS;

/** The quota that holds now: set for this account and region, set for all, or AWS's default. */
export function quota(store: RdsStore, { accountId, region }: Place, name: QuotaName): number {
  return store.quotas.get(`${accountId}/${region}/${name}`) ?? store.quotas.get(name) ?? DEFAULT_QUOTAS[name];
}

/**
 * `GET /quotas` tells names and values; `POST /quotas {name, value, account?, region?}` sets one, for all accounts and regions
 * unless both are given. A value of -1 brings the default back.
 */
export function registerQuotas({ admin }: Platform, store: RdsStore): void {
  const shown = () => ({ defaults: DEFAULT_QUOTAS, set: Object.fromEntries(store.quotas.entries()) });
  admin.route('GET', '/quotas', async () => shown());
  admin.route('POST', '/quotas', async ({ name, value, account, region }) => {
    const known = Object.keys(DEFAULT_QUOTAS).find((one) => one === name);
    if (known === undefined)
      throw new AdminRefusal(
        `name must be one of ${Object.keys(DEFAULT_QUOTAS).join(', ')}; got '${String(name)}'.`,
      );
    const wanted = Number(value);
    if (!Number.isInteger(wanted) || wanted < -1)
      throw new AdminRefusal(
        `value must be a whole number of 0 or more, or -1 for the default; got '${String(value)}'.`,
      );
    const everywhere = account === undefined && region === undefined;
    if (!everywhere && (typeof account !== 'string' || typeof region !== 'string'))
      throw new AdminRefusal('Give both account and region, as text, or neither.');
    const key = everywhere ? known : `${account}/${region}/${known}`;
    if (wanted === -1) await store.quotas.remove(key);
    else await store.quotas.put(key, wanted);
    return shown();
  });
}
