import { GetObjectRetentionCommand } from '@aws-sdk/client-s3';
import { besideDrill, inForce, signOffScope } from '../../evidence/reports/find-drill.ts';
import { failure } from '../failures.ts';
import { instantOf } from './aws-time.ts';
import { statementDays } from './days.ts';
import { inParallel } from './in-parallel.ts';
import { inLedger } from './ledger.ts';
import { listStatements, readStatement } from './read.ts';
import { listSealObjects, readSeal } from './seals.ts';
import { LATEST_DAYS } from './statements.ts';
import { findObject, listObjects } from './versions.ts';
import type { SignOffFact, WaiverFact } from '../../domain/claims.ts';
import type { DrillFact, Fact } from '../../domain/facts.ts';
import type { DrillEvidence } from '../../evidence/reports/drill.ts';
import type { Ledger } from './ledger.ts';
import type { ListedStatement, ReadStatement } from './read.ts';

/** Days before a drill in which a waiver may have been granted that is still in force. */
const WAIVER_DAYS = 400;
const DAY_MS = 86_400_000;
/** Nearly always enough, and one page of a listing. */
const RECENT_DAYS = 10;
const READ_AT_ONCE = 16;

/**
 * Finds the newest drill, that of one resource, or the one of a statement's key.
 * @param which name of a resource or key of a statement; undefined: the newest drill of all.
 */
export async function findDrill(ledger: Ledger, which: string | undefined): Promise<DrillEvidence> {
  const drill = await statementNamed(ledger, which);
  const fact = drill.statement.predicate;
  if (fact.type !== 'drill') {
    throw failure(
      'LedgerRefused',
      `${drill.key} is a ${fact.type}, not a drill. List them with \`lifeboat evidence list\`.`,
    );
  }
  return {
    bucket: ledger.bucket,
    drill,
    fact,
    protection: await findProtection(ledger, fact),
    seal: await findSeal(ledger, drill),
    lock: await readLock(ledger, drill),
    proofs: {
      isolation: await factBeside(ledger, drill.key, 'isolation'),
      teardown: await factBeside(ledger, drill.key, 'teardown'),
    },
    signOffs: (
      await factsFiledAs<SignOffFact>(ledger, 'sign-off', signOffScope(drill.sha256), {
        from: fact.slot.slice(0, 10),
      })
    ).filter((one) => one.fact.statement.sha256 === drill.sha256),
    waivers: (
      await factsFiledAs<WaiverFact>(ledger, 'waiver', 'waiver-', {
        from: dayOf(Date.parse(fact.slot) - WAIVER_DAYS * DAY_MS),
        to: dayOf(Date.parse(fact.slot) + DAY_MS),
      })
    ).filter((one) => inForce(one.fact, fact)),
  };
}

async function factBeside<T extends 'isolation' | 'teardown'>(
  ledger: Ledger,
  drill: string,
  type: T,
): Promise<{ key: string; fact: Extract<Fact, { type: T }> } | null> {
  const key = besideDrill(drill, type);
  const there = await findObject(ledger, key);
  if (there === undefined) return null;
  const { predicate } = (await readStatement(ledger, key, there.versionId)).statement;
  return predicate.type === type ? { key, fact: predicate as Extract<Fact, { type: T }> } : null;
}

/** The statement of a key, or the newest drill (of a resource). */
export async function statementNamed(ledger: Ledger, which: string | undefined): Promise<ReadStatement> {
  return which?.startsWith('statements/') === true
    ? readStatement(ledger, which)
    : newestDrill(ledger, which);
}

/** Statements of one kind, looked up day by day under the beginning of their scope, so that other statements cost nothing. */
export async function factsFiledAs<F extends Fact>(
  ledger: Ledger,
  type: F['type'],
  scope: string,
  { from, to }: { readonly from: string; readonly to?: string },
): Promise<{ key: string; fact: F }[]> {
  const days = (await statementDays(ledger)).filter((day) => day >= from && (to === undefined || day <= to));
  const found = await inParallel(READ_AT_ONCE, days, async (day) => {
    const facts: { key: string; fact: F }[] = [];
    for await (const { key, versionId } of listObjects(ledger, `statements/${day}/${scope}`)) {
      const { predicate } = (await readStatement(ledger, key, versionId)).statement;
      if (predicate.type === type) facts.push({ key, fact: predicate as F });
    }
    return facts;
  });
  return found.flat();
}

async function newestDrill(ledger: Ledger, resource: string | undefined): Promise<ReadStatement> {
  for await (const candidate of newestFirst(ledger, '/drill.json')) {
    const read = await readStatement(ledger, candidate.key, candidate.versionId);
    const fact = read.statement.predicate;
    if (fact.type === 'drill' && (resource === undefined || fact.resource.name === resource)) return read;
  }
  const of = resource === undefined ? '' : ` of ${resource}`;
  throw failure(
    'LedgerRefused',
    `The ledger ${ledger.bucket} holds no drill${of}. Run one with \`lifeboat drill RESOURCE\`.`,
  );
}

/** Looks at the last days first, and at everything only when that was not enough. */
async function* newestFirst(ledger: Ledger, suffix: string): AsyncGenerator<ListedStatement> {
  const ends = (listed: ListedStatement[]): ListedStatement[] =>
    listed.filter(({ key }) => key.endsWith(suffix)).sort((a, b) => (a.writtenAt < b.writtenAt ? 1 : -1));
  const seals = await listSealObjects(ledger);
  const last = seals.at(-1)?.writtenAt.getTime();
  const from = last === undefined ? undefined : dayOf(last - RECENT_DAYS * DAY_MS);
  const recent = ends(await listStatements(ledger, from === undefined ? {} : { from }));
  yield* recent;
  if (from === undefined) return;
  const seen = new Set(recent.map(({ key }) => key));
  yield* ends(await listStatements(ledger, {})).filter(({ key }) => !seen.has(key));
}

/** The point's own date says under which days the statement of its backup can lie: its slot is up to a week older. */
async function findProtection(
  ledger: Ledger,
  { point, resource }: DrillFact,
): Promise<DrillEvidence['protection']> {
  if (point === null) return null;
  const made = Date.parse(point.createdAt);
  const [from, to] = [dayOf(made - (LATEST_DAYS + 1) * DAY_MS), dayOf(made + (LATEST_DAYS + 2) * DAY_MS)];
  const days = (await statementDays(ledger)).filter((day) => day >= from && day <= to);
  const found = await inParallel(READ_AT_ONCE, days, async (day) => {
    for await (const { key, versionId } of listObjects(
      ledger,
      `statements/${day}/protect-${resource.name}-`,
    )) {
      if (!key.endsWith('/protection.json')) continue;
      const statement = await readStatement(ledger, key, versionId);
      const fact = statement.statement.predicate;
      if (fact.type === 'protection' && fact.points.some(({ arn }) => arn === point.arn))
        return { statement, fact };
    }
    return null;
  });
  return found.find((one) => one !== null) ?? null;
}

/** A statement is sealed by the first seal after it, or by one of the next when several control planes write. */
async function findSeal(ledger: Ledger, { key, versionId }: ReadStatement): Promise<DrillEvidence['seal']> {
  const day = Date.parse(key.split('/')[1] ?? '') - DAY_MS;
  const later = (await listSealObjects(ledger)).filter(({ writtenAt }) => writtenAt.getTime() >= day);
  for (const place of later) {
    const { seal, sha256 } = await readSeal(ledger, place);
    if (!seal.statements.some((one) => one.key === key && one.versionId === versionId)) continue;
    return { key: place.key, sequence: seal.sequence, sha256, sealedAt: seal.sealedAt };
  }
  return null;
}

async function readLock(ledger: Ledger, { key, versionId }: ReadStatement): Promise<DrillEvidence['lock']> {
  const { Retention } = await ledger.s3.send(
    new GetObjectRetentionCommand({ ...inLedger(ledger), Key: key, VersionId: versionId }),
  );
  if (Retention?.Mode === undefined || Retention.RetainUntilDate === undefined) return null;
  return { mode: Retention.Mode, until: instantOf(Retention.RetainUntilDate) };
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
