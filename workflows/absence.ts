import { CancellationScope, isCancellation, patched } from '@temporalio/workflow';
import { drillCost } from '../domain/costs.ts';
import type { Inventory } from '../domain/drill-inventory.ts';
import type { TeardownProofFact } from '../domain/claims.ts';
import type { TeardownFact } from '../domain/facts.ts';
import type { Policy } from '../domain/policy/schema.ts';
import { compareInventories, quick } from './activities.ts';
import { isStepFailure, reasonOf } from './reasons.ts';
import type { Seen } from './verify-copy.ts';

/** What a statement says about the drill account before and after; null for runs that began before it was asked. */
export type Absence = Pick<TeardownProofFact, 'before' | 'after' | 'leftovers' | 'cost'> & {
  /** Inventories that nobody could read. */
  readonly unknown: readonly string[];
};

/** @returns null when the account could not be listed, or for runs that began before it was asked. */
export async function inventoryBefore(policy: Policy): Promise<Inventory | null> {
  if (!patched('inventory-of-drills')) return null;
  try {
    return await quick.takeInventory({ policy });
  } catch (error) {
    if (isCancellation(error) || !isStepFailure(error)) throw error;
    return { things: [], unread: [{ source: 'the drill account', reason: reasonOf(error) }] };
  }
}

/**
 * Looks at the drill account again after the teardown. What the drill left behind is added to `teardown` as not gone.
 */
export async function proveAbsence(
  { policy, drill, copyName }: { policy: Policy; drill: string; copyName: string },
  seen: Seen,
  teardown: TeardownFact,
): Promise<{ readonly teardown: TeardownFact; readonly absence: Absence | null }> {
  const { before, made } = seen;
  if (before === null) return { teardown, absence: null };
  const seconds = seen.restoringSince === null ? 0 : (Date.now() - seen.restoringSince) / 1000;
  const cost = seen.size === null ? null : drillCost(seen.size, seconds, seen.point?.sizeBytes ?? 0);
  try {
    const { after, leftovers } = await CancellationScope.nonCancellable(() =>
      compareInventories({ policy, before, drill, copyName, arns: made }),
    );
    const sources = new Map([...before.unread, ...after.unread].map((one) => [one.source, one.reason]));
    const found = leftovers.map((what) => ({
      what,
      absent: false,
      seen: 'still listed in the drill account',
    }));
    const looked = `${before.things.length} things listed before, ${after.things.length} after`;
    const nothing = { what: 'anything else of this drill in its account', absent: true, seen: looked };
    const removed = [...teardown.removed, ...(found.length === 0 ? [nothing] : found)];
    return {
      teardown: { complete: teardown.complete && found.length === 0, removed },
      absence: {
        before: arns(before),
        after: arns(after),
        leftovers,
        cost,
        unknown: [...sources].map(([source, reason]) => `${source} could not be read (${reason})`),
      },
    };
  } catch (error) {
    if (!isStepFailure(error)) throw error;
    const unknown = [`the drill account could not be listed again: ${reasonOf(error)}`];
    return { teardown, absence: { before: arns(before), after: [], leftovers: [], cost, unknown } };
  }
}

const arns = ({ things }: Inventory): string[] => [...new Set(things.map(({ arn }) => arn))].sort();
