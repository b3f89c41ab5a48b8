import { RATES } from './rates.ts';

/** What a restored copy is billed by. */
export interface CopySize {
  readonly instanceClass: string;
  readonly instances: number;
  readonly allocatedGiB: number;
}

/** An estimate, never an invoice; `ratesOf` says from when its prices are. */
export interface CostEstimate {
  readonly amount: number;
  readonly currency: string;
  readonly ratesOf: string;
}

const HOURS_PER_MONTH = 730;
/** A started instance is billed for ten minutes at least. */
const LEAST_HOURS = 1 / 6;

/**
 * What one drill cost: its instances by the second, its storage prorated from the whole allocated size, and one copy of the point to the
 * transit vault for the two days that it may be billed.
 * @param seconds from the start of the restore until the copy was seen to be gone.
 * @returns null when the rates do not know the instance class.
 */
export function drillCost(size: CopySize, seconds: number, pointBytes: number): CostEstimate | null {
  const hourly = RATES.instanceHour[size.instanceClass];
  if (hourly === undefined) return null;
  const hours = Math.max(LEAST_HOURS, seconds / 3600);
  const compute = hours * hourly * size.instances;
  const storage = (size.allocatedGiB * RATES.storageGbMonth * hours) / HOURS_PER_MONTH;
  const transit = (pointBytes / 2 ** 30) * RATES.snapshotGbMonth * (2 / 30);
  const amount = Math.round((compute + storage + transit) * 10_000) / 10_000;
  return { amount, currency: RATES.currency, ratesOf: `${RATES.region}, ${RATES.asOf}` };
}
