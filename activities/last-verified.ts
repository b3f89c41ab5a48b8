import type { DrillFact } from '../domain/facts.ts';
import type { LastVerified } from '../domain/last-verified.ts';
import type { Policy } from '../domain/policy/schema.ts';
import type { Instant } from '../domain/units.ts';
import type { AwsClients } from './aws/clients.ts';
import { refuse } from './aws/errors.ts';
import { statementDays } from './ledger/days.ts';
import { ledgerOf, type Ledger } from './ledger/index.ts';
import { readStatement } from './ledger/read.ts';
import { listObjects } from './ledger/versions.ts';
import { protectionOf } from './protections.ts';

const DAY_MS = 86_400_000;
/** So many days that have statements are looked at, newest first: one listing each, whatever else the ledger holds. */
export const MOST_DAYS = 60;
/** A night that started late files its drill under the day of its slot, which lies before the day of its point. */
const SLOT_BEFORE_POINT_MS = 2 * DAY_MS;

/** Finds what earlier nights have verified. There is no index beside the ledger: its statements are filed by day and resource. */
export function createLastVerifiedActivities({ clients }: { clients: AwsClients }) {
  return {
    /**
     * The newest recovery point of this database, of those made before `before`, whose drill passed, rows compared; null when the last
     * {@link MOST_DAYS} days with statements hold none.
     * @param before default: whenever.
     * @param immutableId AWS's id of the source: a database that was made anew under the same name has no past.
     * @throws ApplicationFailure LedgerRefused
     */
    async findLastVerified(ask: {
      policy: Policy;
      resource: string;
      immutableId: string;
      before?: Instant;
    }): Promise<LastVerified | null> {
      const { policy, resource, immutableId, before } = ask;
      const ledger = ledgerOf(policy, clients);
      try {
        const days = (await statementDays(ledger)).slice(-MOST_DAYS).reverse();
        let best: VerifiedDrill | null = null;
        for (const day of days) {
          if (best !== null && Date.parse(best.point.createdAt) - SLOT_BEFORE_POINT_MS > Date.parse(day))
            break;
          for (const drill of await drillsOf(ledger, day, resource)) {
            if (!verified(drill) || drill.resource.immutableId !== immutableId) continue;
            const isOlder = before === undefined || Date.parse(drill.point.createdAt) < Date.parse(before);
            const isNewest =
              best === null || Date.parse(drill.point.createdAt) > Date.parse(best.point.createdAt);
            if (isOlder && isNewest) best = drill;
          }
        }
        if (best === null) return null;
        const { point, slot } = best;
        const protection = await protectionOf(ledger, {
          resource,
          pointArn: point.arn,
          createdAt: point.createdAt,
        });
        const fingerprints = protection?.fingerprints ?? null;
        return fingerprints === null ? null : { slot, pointArn: point.arn, fingerprints };
      } catch (error) {
        const doing = `look for the last verified point of ${resource}`;
        return refuse(error, { doing, otherwise: 'LedgerRefused', forget: clients.forget });
      }
    },
  };
}

type VerifiedDrill = DrillFact & { readonly point: NonNullable<DrillFact['point']> };

function verified(drill: DrillFact): drill is VerifiedDrill {
  const compared = drill.checks.find(({ check }) => check === 'content');
  return drill.verdict === 'passed' && drill.point !== null && compared?.status === 'passed';
}

async function drillsOf(ledger: Ledger, day: string, resource: string): Promise<DrillFact[]> {
  const drills: DrillFact[] = [];
  for await (const { key, versionId } of listObjects(ledger, `statements/${day}/drill-${resource}-`)) {
    // Beside it lie the proofs of the same drill, which are not read.
    if (!key.endsWith('/drill.json')) continue;
    const { predicate } = (await readStatement(ledger, key, versionId)).statement;
    if (predicate.type === 'drill' && predicate.resource.name === resource) drills.push(predicate);
  }
  return drills;
}
