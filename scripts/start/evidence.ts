import { createAwsClients } from '../../activities/aws/clients.ts';
import { createLedgerReader, type ListedSeal } from '../../activities/ledger/index.ts';
import type { DrillFact, ProtectionFact, RetentionFact } from '../../domain/facts.ts';
import type { NightResult, RetentionResult } from '../../domain/requests.ts';
import type { Policy } from '../../domain/policy/schema.ts';

/** What the ledger says about one resource's night: the signed statements themselves, read back. */
export interface NightEvidence {
  readonly resources: readonly {
    readonly resource: string;
    readonly protection: ProtectionFact | null;
    readonly drill: DrillFact | null;
  }[];
  readonly retention: RetentionFact | null;
  readonly seal: ListedSeal | null;
}

/** @param protectedBy the run whose protections count when the night itself only drilled. */
export async function readEvidence(
  policy: Policy,
  night: NightResult,
  retention: RetentionResult | null,
  protectedBy: NightResult = night,
): Promise<NightEvidence> {
  const clients = createAwsClients({ sessionName: 'lifeboat-start' });
  try {
    const ledger = createLedgerReader({ clients });
    const fact = async (key: string | undefined): Promise<unknown> =>
      key === undefined ? null : (await ledger.readStatement({ policy, key })).statement.predicate;
    const resources = await Promise.all(
      night.resources.map(async ({ resource, drill }) => {
        const protection = protectedBy.resources.find((other) => other.resource === resource)?.protection;
        return {
          resource,
          protection: (await fact(protection?.statement?.key)) as ProtectionFact | null,
          drill: (await fact(drill?.statement?.key)) as DrillFact | null,
        };
      }),
    );
    const seals = night.seal === null ? [] : await ledger.listSeals({ policy });
    return {
      resources,
      retention: (await fact(retention?.statement?.key)) as RetentionFact | null,
      seal: seals.find(({ sequence }) => sequence === night.seal?.sequence) ?? null,
    };
  } finally {
    clients.destroy();
  }
}
