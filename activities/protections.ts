import type { Fact, FingerprintRef, ResourceIdentity } from '../domain/facts.ts';
import type { Policy } from '../domain/policy/schema.ts';
import { cameDue, promisedDays } from '../domain/retention.ts';
import { locationOf, type Vault } from '../domain/route.ts';
import { duration, type Instant } from '../domain/units.ts';
import type { AwsClients } from './aws/clients.ts';
import { refuse } from './aws/errors.ts';
import { statementDays } from './ledger/days.ts';
import { ledgerOf } from './ledger/index.ts';
import { listObjects } from './ledger/versions.ts';
import { readStatement } from './ledger/read.ts';
import { LATEST_DAYS } from './ledger/statements.ts';
import type { Ledger } from './ledger/ledger.ts';

/** What the ledger knows about the source of a recovery point: all that a drill needs of production. */
export interface Protection {
  readonly identity: ResourceIdentity;
  readonly endpoint: { readonly host: string; readonly port: number } | null;
  readonly fingerprints: { readonly before: FingerprintRef; readonly after: FingerprintRef } | null;
}

const DAY_MS = 86_400_000;
/** Most likely first: the day of the point, the ones around it, then as far back as a slot may lie. */
const DAYS_TO_LOOK = [0, -1, 1, ...Array.from({ length: LATEST_DAYS - 1 }, (_, index) => -2 - index)];

/** Looks up, in the ledger, what earlier nights have stated. The ledger is the only history that Lifeboat has. */
export function createProtectionActivities({ clients }: { clients: AwsClients }) {
  return {
    /**
     * The statement that names this recovery point among its copies; null when none does. A point keeps the date of its original, and
     * its statement is filed under the day of the slot, which a late start or a copy that took days may put some days before it.
     */
    async findProtection(ask: {
      policy: Policy;
      resource: string;
      pointArn: string;
      createdAt: Instant;
    }): Promise<Protection | null> {
      const { policy, ...point } = ask;
      return protectionOf(ledgerOf(policy, clients), point).catch((error: unknown) =>
        refuse(error, {
          doing: `look for the statement that protects ${point.resource}`,
          otherwise: 'LedgerRefused',
          forget: clients.forget,
        }),
      );
    },

    /** Points that were stated to lie in `vault` and came due since the previous pass, for the proof that they are gone. */
    async promisedPoints({
      policy,
      vault,
      awsNow,
    }: {
      policy: Policy;
      vault: Vault;
      awsNow: Instant;
    }): Promise<{ arn: string; dueAt: Instant }[]> {
      const ledger = ledgerOf(policy, clients);
      const doing = `read what was promised for vault ${vault.name}`;
      try {
        const days = await statementDays(ledger);
        const previous = await previousPass(ledger, days, policy);
        const grace = duration(policy.retention.lingerGrace);
        const where = locationOf(policy, vault);
        const promised: { arn: string; dueAt: Instant }[] = [];
        const { from, to } = promisedDays(awsNow, vault.keepDays, previous);
        for (const day of days.filter((filed) => filed >= from.slice(0, 10) && filed <= to.slice(0, 10))) {
          const facts = await factsOf(ledger, day, 'protect-', 'protection');
          for (const { arn, deleteAt, location } of facts
            .filter((fact) => fact.policy === policy.name)
            .flatMap(({ points }) => points)) {
            const here =
              location.accountId === where.accountId &&
              location.region === where.region &&
              location.vault === where.vault;
            if (here && deleteAt !== null && cameDue(deleteAt, awsNow, previous, grace))
              promised.push({ arn, dueAt: deleteAt });
          }
        }
        return promised;
      } catch (error) {
        return refuse(error, { doing, otherwise: 'LedgerRefused', forget: clients.forget });
      }
    },
  };
}

export async function protectionOf(
  ledger: Ledger,
  { resource, pointArn, createdAt }: { resource: string; pointArn: string; createdAt: Instant },
): Promise<Protection | null> {
  for (const offset of DAYS_TO_LOOK) {
    const day = dayOf(new Date(Date.parse(createdAt) + offset * DAY_MS));
    const facts = await factsOf(ledger, day, `protect-${resource}-`, 'protection');
    const found = facts.find(({ points }) => points.some(({ arn }) => arn === pointArn));
    if (found === undefined) continue;
    const [before, after] = found.fingerprints;
    const fingerprints = before === undefined || after === undefined ? null : { before, after };
    return { identity: found.resource, endpoint: found.endpoint, fingerprints };
  }
  return null;
}

/** AWS's time at the newest retention pass of this policy; null when there was none. */
async function previousPass(
  ledger: Ledger,
  days: readonly string[],
  policy: Policy,
): Promise<Instant | null> {
  for (const day of [...days].reverse()) {
    const passes = await factsOf(ledger, day, `retention-${policy.name}-`, 'retention');
    const times = passes.filter((fact) => fact.policy === policy.name).map((fact) => fact.awsNow);
    if (times.length > 0) return times.sort().at(-1) ?? null;
  }
  return null;
}

/** Every statement of one type whose scope begins with `scopePrefix`, of one day. */
async function factsOf<T extends Fact['type']>(
  ledger: Ledger,
  day: string,
  scopePrefix: string,
  type: T,
): Promise<Extract<Fact, { type: T }>[]> {
  const facts: Extract<Fact, { type: T }>[] = [];
  for await (const { key, versionId } of listObjects(ledger, `statements/${day}/${scopePrefix}`)) {
    const { predicate } = (await readStatement(ledger, key, versionId)).statement;
    if (predicate.type === type) facts.push(predicate as Extract<Fact, { type: T }>);
  }
  return facts;
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}
