import type { Policy } from './policy/schema.ts';
import type { UnderPolicy } from './requests.ts';
import type { Instant } from './units.ts';

/** Input of the workflow `changeHold`: a person wants a recovery point kept past its date, or does not any more. */
export type HoldRequest = UnderPolicy & {
  /** Name of the hold; part of its title at AWS. */
  readonly hold: string;
  readonly by: string;
  readonly reason: string;
} & (
    | { readonly action: 'place'; readonly pointArn: string; readonly until: Instant }
    | { readonly action: 'release' }
  );

/** A legal hold as AWS shows it. */
export interface PlacedHold {
  readonly holdArn: string;
  /** Name of the resource in the policy, else its ARN. */
  readonly resource: string;
  /** Every point that it keeps. */
  readonly points: readonly string[];
}

export const titleOf = (policy: string, hold: string): string => `lifeboat ${policy} ${hold}`;

/** Names nobody twice: AWS keeps it with the hold, for people who find it there. */
export function descriptionOf({
  by,
  reason,
  until,
}: {
  readonly by: string;
  readonly reason: string;
  readonly until: Instant;
}): string {
  return `${reason} (${by}, to be looked at by ${until})`;
}

/** The day by which somebody wanted to look at a hold again; null when people placed it without Lifeboat. */
export function lookedAtBy(description: string | undefined): Instant | null {
  return /, to be looked at by (\S+)\)$/.exec(description ?? '')?.[1] ?? null;
}

/** People who may place and release holds. Policies older than the key name nobody. */
export function holdOwners(policy: Policy): readonly string[] {
  return (policy.holds as Policy['holds'] | undefined)?.owners ?? [];
}
